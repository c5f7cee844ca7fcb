package realserver

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// webRecipe makes Python serve a folder, and what it was given.
func webRecipe() Recipe {
	return Recipe{
		Name: "Python", Debian: "python3", Program: "/usr/bin/python3",
		Args: []string{"{dir}/deep/er/serve.py", "{port}"},
		Env:  []string{"GREETING=hello from {port}"},
		Files: map[string]string{
			"deep/er/serve.py": `import http.server, os, sys
open("greeting", "w").write(os.environ["GREETING"] + ", home " + os.environ["HOME"])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
`,
			"page": "from {dir}, at {addr}\n",
		},
	}
}

func TestStart(t *testing.T) {
	var dir string
	t.Run("run", func(t *testing.T) {
		s := Start(t, webRecipe())
		dir = s.dir
		page := func(name string) string {
			t.Helper()
			resp, err := http.Get(s.DSN() + name)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		want := "from " + s.dir + ", at " + s.Addr() + "\n"
		if got := page("/page"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		_, port, _ := strings.Cut(s.Addr(), ":")
		if got, want := page("/greeting"), "hello from "+port+", home "+s.dir; got != want {
			t.Errorf("its environment: got %q, want %q", got, want)
		}
		s.Kill()
		s.Restart()
		if got := page("/page"); got != want {
			t.Errorf("restarted: got %q, want %q", got, want)
		}
	})
	if dir == "" {
		return // skipped
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left after the test: %v", dir, err)
	}
}

// TestStartFails shows what is said when it does not come up.
func TestStartFails(t *testing.T) {
	Start(t, webRecipe()) // skips where it is missing
	for name, c := range map[string]struct {
		change      func(*Recipe)
		skip, fatal string
	}{
		"no such program": {func(r *Recipe) { r.Program = "nonesuchd" }, "Python is not installed, no program nonesuchd (Debian package: python3)", ""},
		"no such file":    {func(r *Recipe) { r.Needs = []string{"/nonesuch/*.py"} }, "Python is not installed, no file /nonesuch/*.py (Debian package: python3)", ""},
		"ends at once":    {func(r *Recipe) { r.Files["deep/er/serve.py"] = "raise SystemExit('no port for me')" }, "", "no port for me"},
		"no address":      {func(r *Recipe) { r.Listens = []string{"{port}"} }, "", "not an ip:port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(RequireVariable, "")
			test := new(fakeTest)
			r := webRecipe()
			c.change(&r)
			test.run(func() { Start(test, r) })
			if !strings.Contains(test.skip, c.skip) || !strings.Contains(test.fatal, c.fatal) || test.skip+test.fatal == "" {
				t.Errorf("skipped %q, failed %q; want %q, %q", test.skip, test.fatal, c.skip, c.fatal)
			}
		})
	}
}
