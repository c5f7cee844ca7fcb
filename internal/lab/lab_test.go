package lab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/lab"
)

// small makes a lab of one case. Its scripts note what they are told, and where
// they may keep what they started.
func small(t *testing.T, start string) string {
	t.Helper()
	dir := t.TempDir()
	const note = "#!/bin/sh\necho \"${0##*/} $* $(test -d \"$LAB_STATE\" && echo with state)\" >>\"$(dirname \"$0\")/log\"\n"
	for name, content := range map[string]string{
		"start": note + start, "stop": note, "cases/own/web/case.sh": "the case", "cases.tsv": "id\tcause\nweb\t\"a \"\"quoted\"\" word\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCase(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := small(t, "echo noise\necho 'target=127.0.0.1:80 path=/up?a=b lb=alb'\n")
	l, err := lab.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	said, err := l.Start(t.Context(), "web", true)
	if diff := cmp.Diff(map[string]string{"target": "127.0.0.1:80", "path": "/up?a=b", "lb": "alb"}, said); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	l.Stop("web")
	rows, err := l.Table("cases.tsv", "id", "cause")
	if diff := cmp.Diff([]map[string]string{{"id": "web", "cause": `a "quoted" word`}}, rows); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	if text, err := l.Script("web"); err != nil || string(text) != "the case" {
		t.Errorf("the script is %q, %v", text, err)
	}
	l.Close()
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if want := "start web --fixed with state\nstop web with state\n"; err != nil || string(log) != want {
		t.Errorf("the scripts were told %q, %v; want %q", log, err, want)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMistakes(t *testing.T) {
	if _, err := lab.Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "say where it is with -lab DIR") {
		t.Errorf("no lab: %v", err)
	}
	l, err := lab.Open(small(t, "echo 'nginx is not installed' >&2\nexit 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Start(t.Context(), "web", false); err == nil || !strings.Contains(err.Error(), "nginx is not installed") {
		t.Errorf("a script that fails: %v", err)
	}
	if _, err := l.Table("cases.tsv", "verdict"); err == nil || !strings.Contains(err.Error(), `no column "verdict"`) {
		t.Errorf("no column: %v", err)
	}
	if _, err := l.Script("nobody"); err == nil {
		t.Error("a case that is not there has a script")
	}
	mute, err := lab.Open(small(t, "echo ready\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := mute.Start(t.Context(), "web", false); err == nil || !strings.Contains(err.Error(), "names no target") {
		t.Errorf("a script that says nothing: %v", err)
	}
}
