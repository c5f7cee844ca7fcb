package conformance

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/lbprofile"
)

var updateDocs = flag.Bool("update-docs", false, "write the table of dialects into docs/dialects.md")

const (
	docsFile  = "../docs/dialects.md"
	docsBegin = "<!-- dialects -->\n"
	docsEnd   = "<!-- /dialects -->\n"
)

// TestDocs: the table of dialects is what the program knows.
func TestDocs(t *testing.T) {
	content, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(content), docsBegin)
	old, after, ends := strings.Cut(rest, docsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no lines %q and %q", docsFile, docsBegin, docsEnd)
	}
	table := dialects()
	if *updateDocs {
		if err := os.WriteFile(docsFile, []byte(before+docsBegin+table+docsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(table, old); diff != "" {
		t.Errorf("the table is not what package lbprofile says; go test . -run TestDocs -update-docs writes it:\n%s", diff)
	}
}

// dialects is a table with a row for each dialect.
func dialects() string {
	var b strings.Builder
	b.WriteString("| dialect | who | asks | Host | passes | a 3xx | certificate | time-out | how well known |\n" + strings.Repeat("| --- ", 9) + "|\n")
	for _, name := range dialect.Names() {
		p, _ := lbprofile.Lookup(name)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", p.Name, p.Title, asks(p), orDash(string(p.Host)), passes(p),
			redirects(p), orDash(string(p.TLS)), orDash(timeout(p)), known(p))
	}
	return b.String()
}

func orDash(s string) string { return cmp.Or(s, "–") }

func asksHTTP(p lbprofile.Profile) bool {
	return slices.Contains(p.Protocols, "http") || slices.Contains(p.Protocols, "https")
}

func asks(p lbprofile.Profile) string {
	if !asksHTTP(p) {
		if slices.Contains(p.Protocols, "grpc") {
			return "gRPC `" + cmp.Or(p.Path, "/grpc.health.v1.Health/Check") + "`"
		}
		return "connects"
	}
	version := " " + cmp.Or(p.Version, "HTTP/1.1")
	if p.Version == "HTTP/0.9" {
		version = "" // it writes none
	}
	return "`" + cmp.Or(p.Method, "GET") + " " + cmp.Or(p.Path, "/") + version + "`"
}

func passes(p lbprofile.Profile) string {
	switch {
	case !asksHTTP(p) && slices.Contains(p.Protocols, "grpc"):
		return "gRPC " + cmp.Or(p.GRPC, "0, SERVING")
	case !asksHTTP(p):
		return "a connection"
	case p.Warn != "":
		return p.Success + ", " + p.Warn + " with a warning"
	}
	return cmp.Or(p.Success, "by what the answer holds")
}

func redirects(p lbprofile.Profile) string {
	if !asksHTTP(p) {
		return "–"
	}
	text, _, _ := strings.Cut(string(p.Redirects), ":")
	if p.MaxHops > 0 {
		text += fmt.Sprintf(", at most %d times", p.MaxHops)
	}
	return orDash(text)
}

func timeout(p lbprofile.Profile) string {
	if p.Timeout == 0 {
		return ""
	}
	return p.Timeout.String()
}

// held are the dialects that are held against the real prober here.
var held = []string{"haproxy", "haproxy-tcp", "varnish", "apache", "caddy", "docker", "kubelet", "kubelet-tcp", "kubelet-grpc", "traefik", "consul", "blackbox"}

// known counts the facts by how well they are known.
func known(p lbprofile.Profile) string {
	var words []string
	if slices.Contains(held, p.Name) {
		words = append(words, "**held against the real one**")
	}
	for _, m := range []struct {
		mark lbprofile.Mark
		what string
	}{{lbprofile.Measured, "measured"}, {lbprofile.Documented, "documented"}, {lbprofile.SourceCode, "from source"}, {lbprofile.Observed, "observed"}, {lbprofile.Unverified, "from memory"}} {
		n := 0
		for _, f := range p.Facts {
			if f.Mark == m.mark {
				n++
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, m.what))
		}
	}
	return strings.Join(words, ", ")
}

// TestHeld: what the page calls held against the real one, is.
func TestHeld(t *testing.T) {
	var all []string
	for _, s := range senders() {
		p, err := dialectOf(s)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, name := range held {
		if !slices.Contains(all, name) {
			t.Errorf("nothing holds %s against the real one", name)
		}
	}
}

// dialectOf is the name of the dialect that s is compared with.
func dialectOf(s sender) (string, error) {
	prober, _ := real.Lookup(s.prober)
	q := s.ask
	q.Address = "127.0.0.1:1"
	p, err := prober.Dialect(q, nil)
	return p.Profile.Name, err
}
