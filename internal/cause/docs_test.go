package cause

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/software"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/causes.md from the table")

const docsFile = "../../docs/causes.md"

// TestDocs: the page is the table.
func TestDocs(t *testing.T) {
	page := page()
	if *updateDocs {
		if err := os.WriteFile(docsFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page, string(content)); diff != "" {
		t.Errorf("docs/causes.md is not what the table says; go test ./internal/cause -update-docs writes it:\n%s", diff)
	}
	// Every link of the page leads somewhere.
	for _, part := range strings.Split(page, "](#")[1:] {
		anchor, _, _ := strings.Cut(part, ")")
		if !strings.Contains(page, fmt.Sprintf("<a id=%q></a>", anchor)) {
			t.Errorf("the page has no #%s", anchor)
		}
	}
	if strings.Count(page, "```")%2 != 0 {
		t.Error("a block is not closed")
	}
}

// titles are the names of what package software does not recognise.
var titles = map[string]string{
	"": "Whatever the server", "inservice": "inservice", "docker": "Docker", "aws": "AWS", "google": "Google Cloud", "azure": "Azure",
	"ufw": "ufw", "firewalld": "firewalld", "nftables": "nftables", "iptables": "iptables", "kubernetes": "Kubernetes", "hitch": "hitch",
}

func title(t testing.TB, name string) string {
	if known, ok := titles[name]; ok {
		return known
	}
	known, ok := software.Title(name)
	if !ok && t != nil {
		t.Errorf("package software knows no %q", name)
	}
	return known
}

// TestNames: a fix for a program that nobody can be told to have is never found.
func TestNames(t *testing.T) {
	for _, c := range All() {
		for _, f := range c.Fixes {
			title(t, f.Software)
		}
	}
	for name, below := range builtOn {
		if _, ok := software.Title(name); !ok && name != "koa" {
			t.Errorf("package software knows no %q", name)
		}
		for _, b := range below {
			title(t, b)
		}
	}
	known := map[string]bool{}
	for _, p := range lbprofile.All() {
		known[p.Name] = true
		if _, ok := SettingFor(p.Name, Path); !ok && p.Path != "" {
			t.Logf("%s: nothing is said about its path", p.Name)
		}
	}
	if len(known) == 0 {
		t.Error("package lbprofile knows nobody")
	}
}

func page() string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	w(`# Why is the health check red, and is the green true?

Every cause that ` + "`inservice probe`" + ` can name: how it looks, the experiment that tells it from its neighbours, and how it is
mended, in the server that was recognised or at the load balancer. This page is written from the table that the program uses
(` + "`go test ./internal/cause -update-docs`" + `), and a test holds it to that. The lines are read by the real programs where
Debian has them: ` + "`nginx -t`, `apache2 -t`, `haproxy -c`, `caddy validate`, `lighttpd -tt`, `varnishd -C`" + `, and the parsers of Python,
Ruby, PHP, Node.js and the shell. What is said of ` + "`dependency_down` and `slow_response`" + ` runs in Flask, FastAPI, Starlette, Rails and
Express, over a database that answers, refuses and hangs.

Words in angle brackets stand for what the program knows of your case, and puts in: ` + "`<path>`" + ` is the health path, ` + "`<site>`" + ` a public
name of the site, ` + "`<host>`" + ` the Host that the load balancer sends, ` + "`<app>`" + ` where the app listens behind the front server,
` + "`<subnet>`" + ` where the load balancer asks from. The rest is [at the end](#placeholders).

`)
	for _, group := range []struct {
		kinds []Kind
		title string
	}{{[]Kind{Red, Unknown}, "It fails"}, {[]Kind{Flap}, "It passes and fails"}, {[]Kind{Green}, "It passes, and should not be believed"}} {
		w("**%s**\n\n", group.title)
		for _, c := range All() {
			for _, k := range group.kinds {
				if c.Kind == k && c.ID != "healthy" {
					w("- [%s](#%s): `%s`\n", c.Title, c.ID, c.ID)
				}
			}
		}
		w("\n")
	}
	w("**[At the load balancer](#at-the-load-balancer)**: where each of them sets the path, the Host and the rest.\n")
	shown := map[[2]string]Cause{}
	for _, c := range All() {
		if c.ID != "healthy" {
			section(w, c, shown)
		}
	}
	balancers(w)
	w("\n<a id=\"placeholders\"></a>\n\n## Placeholders\n\n| | for example |\n| --- | --- |\n")
	for _, name := range sortedPlaceholders() {
		w("| `<%s>` | `%s` |\n", name, Placeholders[name])
	}
	return b.String()
}

// section writes one cause. Lines that an earlier one has shown stand there.
func section(w func(string, ...any), c Cause, shown map[[2]string]Cause) {
	w("\n<a id=\"%s\"></a>\n\n## %s\n\n`%s`: %s\n\n", c.ID, c.Title, c.ID, c.Meaning)
	w("- **Looks like:** %s\n- **Decided by:** %s\n- **Mend it:** %s\n", c.Looks, c.Decides, c.Fix)
	if c.Never != "" {
		w("- **Never:** %s\n", c.Never)
	}
	if c.Balancer != "" {
		w("- **At the load balancer:** %s", c.Balancer)
		for i, k := range c.Knobs {
			w("%s[%s](#set-%s)", map[bool]string{true: " See ", false: ", "}[i == 0], k, anchor(k))
		}
		if len(c.Knobs) > 0 {
			w(".")
		}
		w("\n")
	}
	for _, f := range c.Fixes {
		w("\n**%s.** %s\n", title(nil, f.Software), f.Text)
		if f.Lines == "" {
			continue
		}
		if first, again := shown[[2]string{f.Software, f.Lines}]; again {
			w("The lines are those [there](#%s).\n", first.ID)
			continue
		}
		shown[[2]string{f.Software, f.Lines}] = c
		where := f.File
		if f.Place != "" {
			where += ", " + places[f.Syntax+" "+f.Place]
		}
		if f.File != "shell" {
			w("\n*%s*\n", where)
		}
		w("\n```%s\n%s\n```\n", f.Syntax, f.Lines)
	}
}

// places say a Place in words.
var places = map[string]string{
	"nginx main": "outside of every block", "nginx http": "outside of server { }", "nginx server": "inside server { }", "nginx location": "inside location { }",
	"apache server": "outside of <VirtualHost>", "apache virtual host": "inside <VirtualHost>", "haproxy global": "inside global",
	"haproxy frontend": "inside the frontend", "haproxy backend": "inside the backend", "haproxy section": "as a section of its own",
	"php withMiddleware": "inside withMiddleware( )", "php withRouting": "inside withRouting( )",
	"caddy site": "inside the site's block", "caddy file": "as a block of its own", "caddy global": "at the top",
}

// TestPlaces: nobody can follow a Place that has no words.
func TestPlaces(t *testing.T) {
	for _, c := range All() {
		for _, f := range c.Fixes {
			if f.Place != "" && places[f.Syntax+" "+f.Place] == "" {
				t.Errorf("%s: %s: no words for the place %q", c.ID, f.Software, f.Place)
			}
		}
	}
}

func balancers(w func(string, ...any)) {
	w("\n<a id=\"at-the-load-balancer\"></a>\n\n## At the load balancer\n")
	for _, k := range Knobs() {
		w("\n<a id=\"set-%s\"></a>\n\n### %s%s\n\n", anchor(k), strings.ToUpper(string(k[:1])), k[1:])
		for _, s := range Settings(k) {
			w("- `%s`: %s", strings.Join(s.Balancers, "`, `"), s.Text)
			switch {
			case s.Lines == "":
			case strings.Contains(s.Lines, "\n"):
				w("\n\n  ```%s\n  %s\n  ```\n", s.Syntax, strings.ReplaceAll(s.Lines, "\n", "\n  "))
			default:
				w("<br>`%s`", s.Lines)
			}
			w("\n")
		}
	}
}

func anchor(k Knob) string { return strings.ToLower(strings.ReplaceAll(string(k), " ", "-")) }

func sortedPlaceholders() []string { return slices.Sorted(maps.Keys(Placeholders)) }
