package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/config"
)

// secret is what the files of problems.txt have where a secret would be.
const secret = "s3cr3t-9Zq"

type badFile struct {
	name, yaml string
	problems   []string
}

// badFiles reads testdata/problems.txt; its first lines say how it is written.
func badFiles(t testing.TB) []badFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "problems.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var list []badFile
	_, cases, _ := strings.Cut(string(data), "\n\n=== ")
	for text := range strings.SplitSeq(cases, "\n\n=== ") {
		var f badFile
		f.name, text, _ = strings.Cut(text, "\n")
		for line := range strings.Lines(text) {
			if problem, found := strings.CutPrefix(line, ">>> "); found {
				f.problems = append(f.problems, strings.TrimSuffix(problem, "\n"))
			} else {
				f.yaml += line
			}
		}
		list = append(list, f)
	}
	return list
}

func TestProblems(t *testing.T) {
	files := badFiles(t)
	if len(files) < 100 {
		t.Fatalf("problems.txt has %d cases, want at least 100: is it read correctly?", len(files))
	}
	files = append(
		files,
		badFile{"not UTF-8", "agent:\n  token: \"\xff\"\n", []string{"1:1: the file is not UTF-8 text; save it as UTF-8"}},
		badFile{"nested too deeply", strings.Repeat("[", 200), []string{
			"1:1: the file is nested too deeply; a configuration needs no more than ten levels",
		}},
	)
	for _, tt := range files {
		t.Run(tt.name, func(t *testing.T) {
			file, err := config.Parse("inservice.yaml", []byte(tt.yaml), testOptions)
			if file != nil {
				t.Error("a File beside the problems, want nil")
			}
			if diff := cmp.Diff(tt.problems, problemLines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\nfile:\n%s", diff, tt.yaml)
			}
			checkProblems(t, tt.yaml, err)
		})
	}
}

func problemLines(t *testing.T, err error) []string {
	t.Helper()
	problems, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("error %v is no *config.Error", err)
	}
	var lines []string
	for _, p := range problems.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

// checkProblems checks what must hold for any problems of any file: each lies in the file,
// they are in its order, each is one line, and none holds a secret.
func checkProblems(t *testing.T, yaml string, err error) {
	t.Helper()
	problems, ok := errors.AsType[*config.Error](err)
	if !ok || len(problems.Problems) == 0 {
		t.Fatalf("error %v lists no problems", err)
	}
	lines := strings.Split(yaml, "\n")
	var last config.Problem
	for _, p := range problems.Problems {
		if p.Line < last.Line || p.Line == last.Line && p.Column < last.Column {
			t.Errorf("problem %q comes after %q", p, last)
		}
		last = p
		if yaml == "" {
			continue
		}
		if p.Line < 1 || p.Line > len(lines) {
			t.Errorf("problem %q: line %d of %d", p, p.Line, len(lines))
			continue
		}
		if width := utf8.RuneCountInString(strings.TrimSuffix(lines[p.Line-1], "\r")); p.Column < 1 || p.Column > width+1 {
			t.Errorf("problem %q: column %d of %d", p, p.Column, width)
		}
		if p.Message == "" || strings.ContainsAny(p.String(), "\r\n") {
			t.Errorf("problem %q is not one line with a message", p)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds a secret: %v", err)
	}
}

// TestErrorText: what people see.
func TestErrorText(t *testing.T) {
	const yaml = "agent:\n  pth: /\n  drain_timeout: 5\n"
	_, err := config.Parse("etc/inservice.yaml", []byte(yaml), testOptions, config.Override{
		Flag: "--check-tcp", Key: "agent.checks[]", Value: config.Check{TCP: &config.TCPCheck{Address: "redis"}},
	})
	const want = `etc/inservice.yaml:2:3: agent.pth: unknown key; did you mean path?
etc/inservice.yaml:3:18: agent.drain_timeout: 5 has no unit; write 5s
--check-tcp: "redis" has no port; add the port: redis:PORT`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error text (-want +got):\n%s", diff)
	}
	_, err = config.Parse("inservice.yaml", []byte{}, testOptions)
	if diff := cmp.Diff("inservice.yaml: the file is empty; write a balance: or an agent: section", err.Error()); diff != "" {
		t.Errorf("error text of an empty file (-want +got):\n%s", diff)
	}
}

// TestDSNErrorIsCleaned: even a careless CheckDSN cannot put the DSN into a problem.
func TestDSNErrorIsCleaned(t *testing.T) {
	careless := func(dsn string) error { return errors.New("cannot parse " + dsn) }
	opt := config.Options{
		CheckDSN: func(_, dsn string) error { return careless(dsn) },
		DriverOf: func(dsn string) (string, error) { return "", careless(dsn) },
	}
	for _, driver := range []string{"driver: mysql, ", ""} {
		_, err := config.Parse("x", []byte("agent: {checks: [{sql: {"+driver+"dsn: "+secret+"}}]}"), opt)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error = %v, want one without the DSN", err)
		}
	}
}

// FuzzParse: whatever the file, nothing panics, problems keep the promises of
// checkProblems, and a file without problems those of checkAccepted. The secret is put where
// secrets belong, so that none of them is known by its place alone.
func FuzzParse(f *testing.F) {
	for _, file := range badFiles(f) {
		f.Add(file.yaml)
	}
	for _, name := range []string{"complete.yaml", "balance.yaml", "agent.yaml", "gateway.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		if strings.Contains(yaml, secret) {
			// Torn out of its place by the fuzzer, it may be taken for anything.
			yaml = strings.ReplaceAll(yaml, secret, "xxxxx")
		}
		file, err := config.Parse("inservice.yaml", []byte(yaml), testOptions)
		if err != nil {
			checkProblems(t, yaml, err)
			return
		}
		checkAccepted(t, file)
	})
}

// FuzzSecrets puts a secret into the dsn, the token, the URL, the password, the command and
// the app's address of files that are damaged elsewhere: no problem may hold it.
func FuzzSecrets(f *testing.F) {
	f.Add("postgres", "postgres://u:", "@h/d", "\n  path: x\n")
	f.Add("mysql", "u:", "@tcp(h:3306", "\n  token: again\n")
	f.Add("sqlite", "", "?mode=rwc", "\n bad: [")
	f.Add("oracle", "${", "}", "\n'")
	f.Fuzz(func(t *testing.T, driver, before, after, tail string) {
		if !plain(driver) || !plain(before) || !plain(after) {
			t.Skip("not one quoted YAML text")
		}
		text := "'" + before + secret + after + "'"
		yaml := "agent:\n  app: 'http://u:" + before + secret + after + "@127.0.0.1:80'\n  checks:\n    - sql: {driver: '" + driver + "', dsn: " + text + "}\n" +
			"    - http: {url: " + text + "}\n    - redis: {password: " + text + "}\n    - exec: {command: " + text + "}\n  token: " + text + tail
		if _, err := config.Parse("inservice.yaml", []byte(yaml), testOptions); err != nil {
			checkProblems(t, yaml, err)
		}
	})
}

// plain reports whether s may stand in single quotes on one line.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '\'' || r > '~' })
}
