// Package lbconfig reads, from a load balancer's own configuration, what it
// probes and how: HAProxy, Kubernetes (Ingress, Service, BackendConfig, HealthCheckPolicy, probes),
// Terraform (state and plan), Docker Compose and Dockerfiles.
//
// It reads one file and asks nobody: no API, no environment. What a file cannot
// say (an address that exists only when it runs, a value that is not known yet)
// is left empty and named in the Check. It never guesses, runs nothing, and
// prints no value that the file marks as secret.
//
// Everything is pure but Read, and may be used from any number of goroutines at
// once.
package lbconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/visible"
)

// Field is one field of a request's head, in the case it was written.
type Field struct{ Name, Value string }

// Check is one health check that was found. Zero values stand for "not
// configured here": the dialect's own default holds. Name, Where, Why and Notes
// are safe to print; the rest is as the file has it.
type Check struct {
	Name    string // what #name selects: "web/srv1"; "web" selects it too. Of Terraform, the resource's address
	Where   string // "haproxy.cfg:12"
	Dialect string // as package dialect names it; empty if nobody probes
	// Target is a URL as the dialect takes it (http://10.0.0.5:8000/health), or
	// empty if the file can't know the address: then Why says so, and Scheme, Port
	// and Path tell the rest.
	Target string
	Why    string
	// Scheme is http, https, tcp, tls, grpc or grpcs; empty if the question can't be
	// asked over the network (a command in a container) or nothing is asked.
	Scheme string

	Host        *string // of the Host field; empty: no Host field at all
	Path        string  // with its query
	Port        uint16
	Method      string
	Version     string // of HTTP: "1.0", "1.1", "2"
	Matcher     string // status codes as package matcher reads them: "200-399"; of gRPC, its codes
	Timeout     time.Duration
	Interval    time.Duration
	Healthy     int
	Unhealthy   int
	Headers     []Field // Host is not among them
	SNI         *string // server name sent; empty: none
	Verify      *bool   // whether the certificate must verify
	Proxy       string  // PROXY header in front: "v1", "v2" or "v2-local"
	Body        string  // what the answer's body must hold; a regular expression if it begins and ends in a slash
	SendBody    string  // what is sent after the head
	GRPCService string
	Redirect    *bool  // whether redirects are followed
	Probe       string // of a kubelet's: Readiness, Liveness or Startup, as its events begin

	Notes []string // what could not be taken over, and why, for people
}

func (c *Check) note(format string, args ...any) {
	if text := printable(fmt.Sprintf(format, args...)); !slices.Contains(c.Notes, text) {
		c.Notes = append(c.Notes, text)
	}
}

// mostBytes bounds a file: Terraform's states grow large, others do not.
const mostBytes = 64 << 20

// Read reads the checks of FILE or FILE#name. Without a name all are returned, in
// the file's order; with one, those of that name, or an error that lists the
// names there are. A file without a check is an error.
func Read(source string) ([]Check, error) {
	file, name := source, ""
	data, err := readFile(file)
	if i := strings.LastIndexByte(source, '#'); errors.Is(err, fs.ErrNotExist) && i >= 0 {
		file, name = source[:i], source[i+1:]
		data, err = readFile(file)
	}
	if err != nil {
		return nil, err
	}
	checks, err := Parse(file, data)
	if err != nil || name == "" {
		return checks, err
	}
	return choose(file, name, checks)
}

func readFile(name string) ([]byte, error) {
	data, err := readBounded(name)
	if err != nil {
		return nil, fmt.Errorf("read a load balancer's configuration: %w", err)
	}
	return data, nil
}

// readBounded reads a file, or what a pipe brings: neither need know its size.
func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err == nil && len(data) > mostBytes {
		err = fmt.Errorf("%s has more than %d MiB", name, mostBytes>>20)
	}
	return data, errors.Join(err, file.Close())
}

// choose picks the checks that a name stands for.
func choose(file, name string, checks []Check) ([]Check, error) {
	chosen := func(is func(string) bool) (found []Check) {
		for _, c := range checks {
			if is(c.Name) {
				found = append(found, c)
			}
		}
		return found
	}
	for _, is := range []func(string) bool{
		func(n string) bool { return n == name },
		func(n string) bool { return strings.HasPrefix(n, name+"/") || strings.HasPrefix(n, name+"[") },
		func(n string) bool { return strings.HasSuffix(n, "/"+name) || strings.Contains(n, "/"+name+"/") },
	} {
		if found := chosen(is); len(found) > 0 {
			return found, nil
		}
	}
	var names []string
	for _, c := range checks {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	const most = 30
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return nil, fmt.Errorf("%s: no health check is named %q; there are: %s", file, printable(name), strings.Join(names, ", "))
}

// Parse reads the checks in the contents of a file. The name tells what kind of
// file it may be, and is used in errors and Where.
func Parse(file string, data []byte) ([]Check, error) {
	if len(data) > mostBytes {
		return nil, fmt.Errorf("%s: it has more than %d bytes", file, mostBytes)
	}
	var checks []Check
	var err error
	kind := recognise(file, data)
	switch kind {
	case "haproxy":
		checks, err = parseHAProxy(file, data)
	case "dockerfile":
		checks, err = parseDockerfile(file, data)
	case "json":
		checks, err = parseJSON(file, data)
	case "yaml":
		checks, err = parseYAML(file, data)
	default:
		return nil, fmt.Errorf("%s: this is none of the files that are understood: haproxy.cfg, Kubernetes manifests (YAML or JSON), terraform.tfstate, terraform show -json, docker-compose.yml, Dockerfile", file)
	}
	if err != nil {
		return nil, err
	}
	if len(checks) == 0 {
		return nil, fmt.Errorf("%s: no health check is configured in it", file)
	}
	for i := range checks {
		c := &checks[i]
		c.Name, c.Where, c.Why = printable(c.Name), printable(c.Where), printable(c.Why)
	}
	return checks, nil
}

// recognise tells the kind of a file by its name and, where that says nothing, by
// its content.
func recognise(file string, data []byte) string {
	base := strings.ToLower(filepath.Base(file))
	switch ext := filepath.Ext(base); {
	case strings.HasPrefix(base, "dockerfile") || strings.HasPrefix(base, "containerfile") || ext == ".dockerfile":
		return "dockerfile"
	case ext == ".tfstate" || ext == ".json" || strings.HasSuffix(base, ".tfstate.backup"):
		return "json"
	case ext == ".yml" || ext == ".yaml":
		return "yaml"
	case ext == ".cfg" && strings.Contains(base, "haproxy"):
		return "haproxy"
	}
	if strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 512)])), "{") {
		return "json"
	}
	for line := range strings.Lines(string(data[:min(len(data), 64<<10)])) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case slices.Contains([]string{"global", "defaults", "frontend", "backend", "listen", "userlist", "resolvers", "peers"}, words[0]):
			return "haproxy"
		case (words[0] == "FROM" || words[0] == "ARG") && len(words) > 1:
			return "dockerfile"
		case strings.HasPrefix(words[0], "---") || strings.HasSuffix(words[0], ":"):
			return "yaml"
		}
	}
	return ""
}

// printable makes text from a file one line that is safe for a terminal.
func printable(text string) string {
	return visible.Line(strings.NewReplacer("\t", " ", "\n", " ").Replace(text), 0)
}
