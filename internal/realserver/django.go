package realserver

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// djangoSite is the project, as a site's repository holds it.
//
//go:embed all:django
var djangoSite embed.FS

// DjangoHost is the one name that the Django site answers to.
const DjangoHost = "mysite.example"

// Debian's own Python and the gunicorn for it: only they see the Python
// packages of Debian. Others may come before them in PATH.
const (
	debianPython   = "/usr/bin/python3"
	debianGunicorn = "/usr/bin/gunicorn"
)

// brokenFile is what makes the site fail, see pages/middleware.py.
const brokenFile = "broken"

// DjangoOptions says what a Django site is given.
type DjangoOptions struct {
	// Postgres is the server that the site keeps its pages in. It must run when the
	// site is started for the first time. Must be given.
	Postgres *Server
	// MoreAllowedHosts go into ALLOWED_HOSTS after DjangoHost.
	MoreAllowedHosts []string
	// RedirectExempt is SECURE_REDIRECT_EXEMPT: regular expressions of paths,
	// without their first slash, that are not redirected to https.
	RedirectExempt []string
}

// DjangoServer is a running Django site: a Server whose pages can be broken.
// Break and Mend must be called from the goroutine of the test.
type DjangoServer struct{ *Server }

// Django starts a Django site, run by gunicorn with two workers, as it stands
// in front of users: DEBUG off, ALLOWED_HOSTS only DjangoHost, visitors who did
// not come by https redirected there, X-Forwarded-Proto believed. Its pages:
//
//	/         text from a row in PostgreSQL
//	/about    text from the program alone
//	/healthz  the site's own health view: ok while Python runs
//
// Queries counts requests by their request lines, as for nginx. Freeze stops
// gunicorn and its workers.
func Django(t TB, o DjangoOptions) *DjangoServer {
	t.Helper()
	programs(t, "gunicorn", "gunicorn", debianGunicorn)
	programs(t, "Python", "python3", debianPython)
	for _, needed := range []struct{ name, module, debian string }{
		// Modules within the packages, as what is left of a package that was removed
		// can be an empty folder, which Python imports.
		{"Django", "django.conf", "python3-django"},
		{"Psycopg", "psycopg2.extensions", "python3-psycopg2"},
	} {
		if exec.Command(debianPython, "-I", "-c", "import "+needed.module).Run() != nil {
			absent(t, "%s is not installed, %s has no module %s (Debian package: %s)", needed.name, debianPython, needed.module, needed.debian)
		}
	}
	return &DjangoServer{start(t, kind{
		name:    "Django",
		debian:  "gunicorn",
		users:   []string{"www-data"},
		prepare: func(s *Server) error { return prepareDjango(s, o) },
		command: func(s *Server) (*exec.Cmd, error) {
			return exec.Command(debianGunicorn, "--workers", "2", "--bind", s.Addr(), "--access-logfile", "requests",
				// gunicorn would believe X-Forwarded-Proto from this machine, but not from a
				// load balancer: whom to believe is the site's affair.
				"--forwarded-allow-ips", "", "mysite.wsgi"), nil
		},
		ready:     djangoReady,
		dsn:       func(s *Server) string { return "http://" + s.Addr() },
		queryLog:  "requests",
		statement: nginxRequest, // gunicorn's access log is in the same format
	})}
}

// Break makes every page but the health view answer 500 from now on, for
// https visitors with the right Host; what Django refuses or redirects it still
// does. It lasts until Mend, over Restart too. No effect on a broken site.
func (d *DjangoServer) Break() {
	d.t.Helper()
	if err := d.writeFile(brokenFile, ""); err != nil {
		d.t.Fatalf("realserver: break Django: %v", err)
	}
}

// Mend ends what Break began. No effect on a site that isn't broken.
func (d *DjangoServer) Mend() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, brokenFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatalf("realserver: mend Django: %v", err)
	}
}

// prepareDjango writes the project and makes its tables.
func prepareDjango(s *Server, o DjangoOptions) error {
	err := fs.WalkDir(djangoSite, "django", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, "django"), "/")
		if entry.IsDir() {
			dir := filepath.Join(s.dir, name)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			return s.user.own(dir)
		}
		content, err := djangoSite.ReadFile(path)
		if err != nil {
			return err
		}
		return s.writeFile(name, string(content))
	})
	if err != nil {
		return err
	}
	local, err := djangoLocal(o)
	if err != nil {
		return err
	}
	if err := s.writeFile("local.json", local); err != nil {
		return err
	}
	return s.run(debianPython, "manage.py", "migrate", "--verbosity=0")
}

// djangoLocal is what mysite/settings.py reads from local.json.
func djangoLocal(o DjangoOptions) (string, error) {
	u, err := url.Parse(o.Postgres.DSN())
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	local, err := json.Marshal(map[string]any{
		"secret_key":         rand.Text(),
		"more_allowed_hosts": append([]string{}, o.MoreAllowedHosts...), // null is no list
		"redirect_exempt":    append([]string{}, o.RedirectExempt...),
		"database": map[string]string{
			"HOST": u.Hostname(), "PORT": u.Port(), "NAME": strings.TrimPrefix(u.Path, "/"),
			"USER": u.User.Username(), "PASSWORD": password,
		},
	})
	return string(local), err
}

// djangoReady asks for the health view as a visitor by https does.
func djangoReady(s *Server) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.Addr()+"/healthz", nil)
	if err != nil {
		return err
	}
	req.Host = DjangoHost
	req.Header.Set("X-Forwarded-Proto", "https")
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("its health view answers %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
