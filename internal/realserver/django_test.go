package realserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const djangoRow = "Welcome. This line is a row in PostgreSQL.\n"

func askDjango(ctx context.Context, s *Server) error {
	answer, err := visitDjango(ctx, s, DjangoHost, "https", "/")
	if want := "200 " + djangoRow; err == nil && answer != want {
		err = fmt.Errorf("answer %q, want %q", answer, want)
	}
	return err
}

// visitDjango returns the status of the answer, then where it redirects to or
// else, of a page that is there, the body.
func visitDjango(ctx context.Context, s *Server, host, scheme, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.DSN()+path, nil)
	if err != nil {
		return "", err
	}
	req.Host = host
	req.Close = true
	if scheme != "" {
		req.Header.Set("X-Forwarded-Proto", scheme)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	answer := fmt.Sprintf("%d %s", resp.StatusCode, resp.Header.Get("Location"))
	if resp.StatusCode == http.StatusOK {
		answer += string(body)
	}
	return answer, err
}

// visitor is one request to the site.
type visitor struct{ host, scheme, path string }

func wantAnswers(t *testing.T, s *Server, want map[visitor]string) {
	t.Helper()
	got := map[visitor]string{}
	for v := range want {
		answer, err := visitDjango(t.Context(), s, v.host, v.scheme, v.path)
		if err != nil {
			t.Fatalf("%+v: %v\n%s", v, err, s.Log())
		}
		got[v] = answer
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s\n%s", diff, s.Log())
	}
}

// TestDjangoIsStrict shows whom the site refuses, and what each option allows.
func TestDjangoIsStrict(t *testing.T) {
	const address = "10.11.12.13:8000"
	database := Postgres(t)
	t.Run("strict", func(t *testing.T) {
		wantAnswers(t, Django(t, DjangoOptions{Postgres: database}).Server, map[visitor]string{
			{DjangoHost, "https", "/"}:        "200 " + djangoRow,
			{DjangoHost, "https", "/about"}:   "200 No database was asked for this page.\n",
			{DjangoHost, "https", "/healthz"}: "200 ok\n",
			{DjangoHost, "https", "/nothing"}: "404 ",
			{DjangoHost, "http", "/?a=b%20c"}: "301 https://mysite.example/?a=b%20c",
			{DjangoHost, "", "/"}:             "301 https://mysite.example/",
			{"other.example", "https", "/"}:   "400 ",
			{address, "https", "/"}:           "400 ",
			{address, "", "/"}:                "400 ",
		})
	})
	t.Run("address allowed", func(t *testing.T) {
		wantAnswers(t, Django(t, DjangoOptions{Postgres: database, MoreAllowedHosts: []string{"10.11.12.13"}}).Server, map[visitor]string{
			{address, "", "/healthz"}:       "301 https://10.11.12.13:8000/healthz",
			{address, "https", "/healthz"}:  "200 ok\n",
			{"other.example", "https", "/"}: "400 ",
		})
	})
	t.Run("redirect exempt", func(t *testing.T) {
		wantAnswers(t, Django(t, DjangoOptions{Postgres: database, RedirectExempt: []string{"^healthz$"}}).Server, map[visitor]string{
			{DjangoHost, "", "/healthz"}: "200 ok\n",
			{DjangoHost, "", "/about"}:   "301 https://mysite.example/about",
			{address, "", "/healthz"}:    "400 ",
		})
	})
}

// TestDjangoWithoutItsDatabase: only the page that needs it fails, and the site
// heals by itself.
func TestDjangoWithoutItsDatabase(t *testing.T) {
	database := Postgres(t)
	s := Django(t, DjangoOptions{Postgres: database}).Server
	database.Kill()
	wantAnswers(t, s, map[visitor]string{
		{DjangoHost, "https", "/"}:        "500 ",
		{DjangoHost, "https", "/about"}:   "200 No database was asked for this page.\n",
		{DjangoHost, "https", "/healthz"}: "200 ok\n",
	})
	database.Restart()
	wantAnswers(t, s, map[visitor]string{{DjangoHost, "https", "/"}: "200 " + djangoRow})
}

// TestBreak breaks the site and mends it, across a restart.
func TestBreak(t *testing.T) {
	d := Django(t, DjangoOptions{Postgres: Postgres(t)})
	broken := map[visitor]string{
		{DjangoHost, "https", "/"}:        "500 ",
		{DjangoHost, "https", "/about"}:   "500 ",
		{DjangoHost, "https", "/nothing"}: "500 ",
		{DjangoHost, "https", "/healthz"}: "200 ok\n",
		{DjangoHost, "http", "/about"}:    "301 https://mysite.example/about",
		{"other.example", "https", "/"}:   "400 ",
	}
	d.Break()
	wantAnswers(t, d.Server, broken)
	d.Restart()
	d.Break() // changes nothing
	wantAnswers(t, d.Server, broken)
	d.Mend()
	d.Mend() // changes nothing
	wantAnswers(t, d.Server, map[visitor]string{
		{DjangoHost, "https", "/"}:      "200 " + djangoRow,
		{DjangoHost, "https", "/about"}: "200 No database was asked for this page.\n",
	})
}
