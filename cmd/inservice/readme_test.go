package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/dsn"
)

// blocks are a page's code blocks of one language.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	readme, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1) {
		found = append(found, match[1])
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return found
}

func TestConfigurationInDocsIsValid(t *testing.T) {
	environment := map[string]string{"HEALTH_TOKEN": "t", "DATABASE_URL": "postgres://app:pw@db.example/site"}
	options := config.Options{
		CheckDSN: dsn.Check, DriverOf: dsn.Driver,
		Getenv: func(name string) (string, bool) { value, found := environment[name]; return value, found },
	}
	for _, page := range []string{"README.md", "docs/agent.md", "docs/prove.md"} {
		for _, block := range blocks(t, page, "yaml") {
			if _, err := config.Parse(page, []byte(block), options); err != nil {
				t.Errorf("%v\n%s", err, block)
			}
		}
	}
}

// What the README shows of `config validate` is what it prints.
func TestREADMEProblemsAreReal(t *testing.T) {
	const file = `balance:
  listeners:
    - {address: ":8080", target_group: web}
  target_groups:
    web:
      targets: ["10.0.0.5:80", "10.0.0.6:80"]
      health_check:
        intervall: 5s
        matcher: 2xx
`
	_, err := config.Parse("inservice.yaml", []byte(file), config.Options{})
	if err == nil {
		t.Fatal("the file is valid")
	}
	shown := ""
	for _, block := range blocks(t, "README.md", "console") {
		if strings.Contains(block, "config validate") {
			shown = block
		}
	}
	want := "$ inservice config validate inservice.yaml\nerror: 2 problems in the configuration\n"
	for line := range strings.Lines(err.Error()) {
		want += "  " + strings.TrimSuffix(line, "\n") + "\n"
	}
	if shown != want {
		t.Errorf("the README shows\n%s\nand it prints\n%s", shown, want)
	}
}

// The lines of Go in the README compile, in a server that has what they use.
func TestREADMEProgramBuilds(t *testing.T) {
	program := `package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/sqlcheck"
)

func main() {
	var ctx context.Context
	var db *sql.DB
	mux := http.NewServeMux()
	` + blocks(t, "README.md", "go")[0] + `
}
`
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the README shows of probe is a part of what docs/probe.md shows, which is
// held to what is printed.
func TestREADMEProbeIsReal(t *testing.T) {
	part := blocks(t, "README.md", "console")
	whole := strings.Join(blocks(t, "docs/probe.md", "console"), "")
	found := 0
	for _, block := range part {
		if !strings.HasPrefix(block, "why ") {
			continue
		}
		if found++; !strings.Contains(whole, block) {
			t.Errorf("docs/probe.md does not show\n%s", block)
		}
	}
	if found != 1 {
		t.Errorf("README.md shows %d findings of probe, want 1", found)
	}
}
