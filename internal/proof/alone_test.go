package proof

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/realserver"
)

// TestDjangoAlone sends the balancer's probe to the site itself: as it is, and
// with each of the two exceptions that operators make to get the probe through.
// With both the probe passes, and goes on passing when the site does not work.
func TestDjangoAlone(t *testing.T) {
	t.Parallel()
	database := realserver.Postgres(t)
	c := newChapter(t, "alone")
	c.show("settings", strictSettings(t))
	for _, step := range []struct {
		name string
		o    realserver.DjangoOptions
		path string
		want answer
	}{
		{"as-it-is", realserver.DjangoOptions{}, "/health_check", answer{Status: 400}},
		{
			"address-allowed", realserver.DjangoOptions{MoreAllowedHosts: []string{targetAddress}}, "/health_check",
			answer{Status: 301, Location: "https://10.11.12.13:8000/health_check"},
		},
		{
			"redirect-exempt", realserver.DjangoOptions{RedirectExempt: []string{"^health_check$"}}, "/health_check",
			answer{Status: 400},
		},
	} {
		step.o.Postgres = database
		site := realserver.Django(t, step.o)
		got := mustSend(t, balancer, site.Addr(), probe("8000", step.path))
		same(t, step.name, step.want, got)
		c.show(step.name, got.shown)
		if step.name == "as-it-is" {
			// The line by which operators know this trouble.
			line := regexp.MustCompile(`(?m)^Invalid HTTP_HOST header.*$`).FindString(site.Log())
			if line == "" {
				t.Errorf("Django does not say why:\n%s", site.Log())
			}
			c.show("log", line)
		}
	}

	loosened := realserver.Django(t, realserver.DjangoOptions{
		Postgres: database, MoreAllowedHosts: []string{targetAddress}, RedirectExempt: []string{"^healthz$"},
	})
	got := mustSend(t, balancer, loosened.Addr(), probe("8000", "/healthz"))
	same(t, "both", answer{Status: 200, Body: "ok\n"}, got)
	database.Kill()
	got = mustSend(t, balancer, loosened.Addr(), probe("8000", "/healthz"))
	same(t, "both, without the database", answer{Status: 200, Body: "ok\n"}, got)
	visited := mustSend(t, balancer, loosened.Addr(), visit("https", siteHost, "/", "203.0.113.7"))
	same(t, "visitor, without the database", answer{Status: 500}, visited)
	c.show("both-and-blind", got.shown, visited.shown)
}

// strictSettings are the lines of the site's settings.py that a probe meets, as
// they are where nobody has made an exception.
func strictSettings(t *testing.T) string {
	t.Helper()
	settings, err := os.ReadFile("../realserver/django/mysite/settings.py")
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(settings)) {
		line = strings.Replace(line, ` + LOCAL["more_allowed_hosts"]`, "", 1)
		if regexp.MustCompile(`^(DEBUG|ALLOWED_HOSTS|SECURE_SSL_REDIRECT|SECURE_PROXY_SSL_HEADER) = `).MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// same compares an answer with what is wanted of it. The body is not compared
// where none is wanted: error pages are Django's own.
func same(t *testing.T, what string, want, got answer) {
	t.Helper()
	options := cmp.Options{cmpopts.IgnoreUnexported(answer{})}
	if want.Body == "" {
		options = append(options, cmpopts.IgnoreFields(answer{}, "Body"))
	}
	if diff := cmp.Diff(want, got, options); diff != "" {
		t.Errorf("%s (-want +got):\n%s\n%s", what, diff, got.shown)
	}
}
