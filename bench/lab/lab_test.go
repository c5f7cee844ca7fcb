package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeLab is a lab whose servers are one of the test's own. Its scripts note what
// they are told to do in the file "log".
type fakeLab struct{ dir string }

const (
	fakeCases = "id\tstack\tlb\tverdict\treason\tcause\talso\talso_kind\n" +
		"good\tGo\talb\tpass\t\thealthy\t\t\n" +
		"lost\tGo\talb\tfail\tTarget.ResponseCodeMismatch [404]\tnot_found\t\t\n" +
		"misjudged\tGo\talb\tfail\tTarget.ResponseCodeMismatch [404]\tapp_error\t\t\n" +
		"stuck\tGo\talb\tpass\t\thealthy\t\t\n"
	fakeVocabulary = "cause\tkind\tmeaning\nhealthy\tpass\tx\nnot_found\tfail\tx\napp_error\tfail\t\"a \"\"quoted\"\" word\"\n"
	fakeStart      = `#!/bin/sh
echo "start $*" >>"$(dirname "$0")/log"
[ -d "$LAB_STATE" ] || { echo "no state" >&2; exit 1; }
case $1 in stuck) exec sleep 60 ;; esac
path=/alive
case $1$2 in lost|misjudged) path=/gone ;; esac
echo "noise before the line"
echo "target=$FAKE_TARGET path=$path lb=alb proto=http method=GET timeout=2 matcher=200 host=10.11.12.13:80 site=app.example.test"
`
	fakeStop = `#!/bin/sh
echo "stop $*" >>"$(dirname "$0")/log"
`
)

func newFakeLab(t *testing.T) fakeLab {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "home\n") })
	mux.HandleFunc("/alive", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine\n") })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("FAKE_TARGET", server.Listener.Addr().String())
	f := fakeLab{t.TempDir()}
	for name, content := range map[string]string{
		"cases.tsv": fakeCases, "vocab.tsv": fakeVocabulary, "start": fakeStart, "stop": fakeStop,
		"cases/public/good/case.sh": "NOFIXED=1\n", "cases/public/lost/case.sh": "", "cases/public/misjudged/case.sh": "", "cases/public/stuck/case.sh": "",
	} {
		path := filepath.Join(f.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// log returns what the scripts were told, a line each.
func (f fakeLab) log(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, "log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		prints []string
		log    string
	}{
		"right": {
			[]string{"-run", "^(good|lost)$"}, 0,
			[]string{"pass: nothing", "fail: not_found", "2 of 2 right"},
			"start good\nstop good\nstart lost\nstop lost\n",
		},
		"by its cause": {[]string{"-run", "not_found"}, 0, []string{"1 of 1 right"}, "start lost\nstop lost\n"},
		"wrong": {
			[]string{"-run", "misjudged", "-v"}, 1,
			[]string{"WRONG", "cause not_found, want app_error", "0 of 1 right", "wrong: misjudged", "      not_found: "},
			"start misjudged\nstop misjudged\n",
		},
		"mended too": {
			[]string{"-run", "^(good|lost)$", "-fixed"}, 0,
			[]string{"lost (mended)", "3 of 3 right"},
			"start good\nstop good\nstart lost\nstop lost\nstart lost --fixed\nstop lost\n",
		},
		"for the documentation": {
			[]string{"-run", "lost", "-markdown"}, 0,
			[]string{"| case | server |", "| lost | Go | alb | fail: not_found | fail: not_found", "1 of 1 right"}, "start lost\nstop lost\n",
		},
		"none": {[]string{"-run", "nonesuch"}, 2, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeLab(t)
			t.Setenv("TMPDIR", t.TempDir())
			var out bytes.Buffer
			code, err := run(t.Context(), append([]string{"-lab", f.dir}, c.args...), &out, io.Discard)
			if code != c.code || (err != nil) != (c.code == 2) {
				t.Fatalf("exit status %d, %v; want %d\n%s", code, err, c.code, &out)
			}
			for _, want := range c.prints {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, &out)
				}
			}
			if got := f.log(t); got != c.log {
				t.Errorf("the lab was told\n%s\nwant\n%s", got, c.log)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestRunJSON(t *testing.T) {
	f := newFakeLab(t)
	var out bytes.Buffer
	if code, err := run(t.Context(), []string{"-lab", f.dir, "-run", "lost", "-json"}, &out, io.Discard); code != 0 {
		t.Fatal(code, err)
	}
	d := json.NewDecoder(&out)
	var row struct {
		Case     struct{ Name string }
		Verdict  string
		Found    []struct{ ID string }
		Requests int
	}
	var sum struct{ Cases, Right int }
	if err := d.Decode(&row); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(&sum); err != nil {
		t.Fatal(err)
	}
	if row.Case.Name != "lost" || row.Verdict != "fail" || len(row.Found) == 0 || row.Found[0].ID != "not_found" || row.Requests < 2 || sum.Cases != 1 || sum.Right != 1 {
		t.Errorf("got %+v, %+v", row, sum)
	}
}

// TestInterrupted: what was half started is ended.
func TestInterrupted(t *testing.T) {
	f := newFakeLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	type result struct {
		code int
		err  error
	}
	done := make(chan result)
	go func() {
		code, err := run(ctx, []string{"-lab", f.dir, "-run", "stuck"}, io.Discard, io.Discard)
		done <- result{code, err}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for f.log(t) == "" {
		<-tick.C
	}
	cancel()
	select {
	case r := <-done:
		if r.code != 2 || r.err == nil || !strings.Contains(r.err.Error(), "interrupted") {
			t.Errorf("exit status %d, %v", r.code, r.err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	if got := f.log(t); got != "start stuck\nstop stuck\n" {
		t.Errorf("the lab was told\n%s", got)
	}
}

func TestOpenFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"no lab":        {func(t *testing.T, dir string) { os.RemoveAll(dir) }, "LAB=DIR"},
		"no column":     {write("cases.tsv", "id\tstack\nx\ty\n"), `no column "lb"`},
		"empty":         {write("cases.tsv", ""), "empty"},
		"unknown cause": {write("vocab.tsv", "cause\tkind\nhealthy\tpass\n"), `its cause "not_found" is not in vocab.tsv`},
		"bad also":      {write("cases.tsv", strings.Replace(fakeCases, "not_found\t\t", "not_found\tapp_error\tperhaps", 1)), `also_kind is "perhaps"`},
		"no script":     {func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "cases/public/good")) }, "case good has 0 scripts"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeLab(t)
			c.spoil(t, f.dir)
			code, err := run(t.Context(), []string{"-lab", f.dir}, io.Discard, io.Discard)
			if code != 2 || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("exit status %d, %v; want %q in it", code, err, c.want)
			}
		})
	}
}

func write(name, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func words(line string) map[string]string {
	all := make(map[string]string)
	for word := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(word, "=")
		all[name] = value
	}
	return all
}

func TestQuestion(t *testing.T) {
	const rest = " path=/up proto=http method=GET timeout=3 matcher=200-299 host=10.11.12.13:4567 site=app.example.test"
	for lb, want := range map[string]struct{ host, method string }{
		"alb":     {"10.11.12.13:4567", "GET"},
		"haproxy": {"", "GET"},
		"nlb-tcp": {"", ""},
	} {
		q, timeout, err := question(words("target=127.0.0.1:4567 lb=" + lb + rest))
		if err != nil {
			t.Errorf("%s: %v", lb, err)
			continue
		}
		host := ""
		for _, f := range q.Probe.Request.Fields {
			if strings.EqualFold(f.Name, "Host") {
				host = f.Value
			}
		}
		r := q.Probe.Request
		if host != want.host || r.Method != want.method || r.Address != "127.0.0.1:4567" || timeout != 3*time.Second || r.Timeout != timeout || q.Site != "app.example.test" {
			t.Errorf("%s: got %+v, %v, site %s", lb, r, timeout, q.Site)
		}
		if want.method != "" && (r.Path != "/up" || q.Probe.Rules.Success != "200-299") {
			t.Errorf("%s: got path %s, success %s", lb, r.Path, q.Probe.Rules.Success)
		}
	}
	for _, line := range []string{"", "could not start", "target=127.0.0.1:1 lb=nonesuch" + rest} {
		if q, _, err := question(words(line)); err == nil {
			t.Errorf("%q: got %+v, want an error", line, q)
		}
	}
}
