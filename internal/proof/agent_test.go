package proof

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const token = "letmeseethedetails"

// program builds the program that users get, once, and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "inservice")
	out, err := exec.Command("go", "build", "-o", path, "github.com/inservice/inservice/cmd/inservice").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// buildDir is where the program is while the tests run.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "inservice-proof-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// shorter is what the run adds to the file that the page shows, so that it ends
// soon and needs nothing of the machine.
const shorter = `agent:
  control: "off"
  drain_timeout: 0s
  traffic: {window: 10s}
`

// agent is a running "inservice agent --config FILE".
type agent struct {
	t    *testing.T
	Addr string
	log  string // a file
}

// startAgent runs the program with the configuration that the page shows, in
// which the replacements (pairs: on the page, here) are made: each must be there
// once. It returns when the agent listens.
func startAgent(t *testing.T, program, config, dsn string, replacements ...string) *agent {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, hasPassword := u.User.Password()
	if !hasPassword {
		t.Fatal("the DSN has no password, so none can be looked for")
	}
	dir := t.TempDir()
	a := &agent{t: t, log: filepath.Join(dir, "log")}
	replacements = append(replacements, "agent:\n", shorter, `":8086"`, `"127.0.0.1:0"`)
	for i := 0; i < len(replacements); i += 2 {
		if n := strings.Count(config, replacements[i]); n != 1 {
			t.Fatalf("%q stands in the configuration %d times, want once:\n%s", replacements[i], n, config)
		}
		config = strings.Replace(config, replacements[i], replacements[i+1], 1)
	}
	file := filepath.Join(dir, "inservice.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(a.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the agent has its own
	cmd := exec.Command(program, "agent", "--config", file)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dsn, "HEALTH_TOKEN="+token)
	cmd.Stdout, cmd.Stderr = log, log
	endWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		logged := a.logged()
		if strings.Contains(logged, token) || strings.Contains(logged, password) {
			t.Error("the agent's log holds a secret")
		}
		if t.Failed() {
			t.Logf("the agent's log:\n%s", logged)
		}
	})
	await(t, "the agent says where it listens", func() (answer, error) { return answer{shown: a.logged()}, nil }, func(answer) bool {
		found := listening.FindStringSubmatch(a.logged())
		if found != nil {
			a.Addr = found[1]
		}
		return found != nil
	})
	return a
}

var listening = regexp.MustCompile(`msg="agent answers" address=(\S+)`)

func (a *agent) logged() string {
	text, err := os.ReadFile(a.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// probe asks as the balancer does.
func (a *agent) probe() (answer, error) {
	return send(a.t.Context(), balancer, a.Addr, probe("8086", "/health_check"))
}

// details asks as the operator does.
func (a *agent) details() (answer, error) {
	return send(a.t.Context(), balancer, a.Addr, []string{
		"GET /health_check HTTP/1.1",
		"Host: localhost:8086",
		"Authorization: Bearer " + token,
		"Connection: close",
	})
}

// awaitProbe waits until the balancer is answered with the status, and returns
// that answer.
func (a *agent) awaitProbe(when string, status int) answer {
	a.t.Helper()
	return await(a.t, when, a.probe, func(got answer) bool { return got.Status == status })
}

// awaitDetails waits until the details contain all the words, and returns them.
func (a *agent) awaitDetails(when string, words ...string) answer {
	a.t.Helper()
	return await(a.t, when, a.details, func(got answer) bool {
		for _, word := range words {
			if !strings.Contains(got.Body, word) {
				return false
			}
		}
		return true
	})
}

// visit asks as a visitor whose request the balancer forwards.
func (a *agent) visit(scheme, host, path, client string) answer {
	a.t.Helper()
	return mustSend(a.t, balancer, a.Addr, visit(scheme, host, path, client))
}
