package realserver

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

// client is how the tests use one kind of server.
type client struct {
	start func(TB) *Server
	// keep stores a value in the server where it must outlive Kill.
	keep func(ctx context.Context, s *Server) error
	// ask returns nil when the server answers as it should and, once keep has
	// been called, still has the value.
	ask func(ctx context.Context, s *Server) error
	// question is what ask asks, as Queries sees it.
	question string
}

var clients = map[string]client{
	"postgres": {start: Postgres, keep: keepSQL("pgx"), ask: askSQL("pgx"), question: "select max(n) from kept"},
	"mariadb":  {start: MariaDB, keep: keepSQL("mysql"), ask: askSQL("mysql"), question: "select max(n) from kept"},
	"nginx": {
		start: func(t TB) *Server {
			return Nginx(t, `server { listen {addr}; location /kept { return 200 kept; } }`)
		},
		keep: func(context.Context, *Server) error { return nil }, // its data is its configuration
		ask: func(ctx context.Context, s *Server) error {
			body, err := get(ctx, s.DSN()+"/kept")
			if err == nil && body != "kept" {
				err = fmt.Errorf("answer %q, want kept", body)
			}
			return err
		},
		question: "GET /kept HTTP",
	},
	"redis": {start: Redis, keep: keepRedis, ask: askRedis, question: `"get" "kept"`},
	"haproxy": {
		start: func(t TB) *Server {
			return HAProxy(t, "frontend f\n bind {addr}\n http-request return status 200 content-type text/plain string kept if { path /kept }").Server
		},
		keep: func(context.Context, *Server) error { return nil },
		ask: func(ctx context.Context, s *Server) error {
			body, err := get(ctx, s.DSN()+"/kept")
			if err == nil && body != "kept" {
				err = fmt.Errorf("answer %q, want kept", body)
			}
			return err
		},
		question: "GET /kept HTTP",
	},
	"django": {
		start:    func(t TB) *Server { return Django(t, DjangoOptions{Postgres: Postgres(t)}).Server },
		keep:     func(context.Context, *Server) error { return nil }, // the row came with the site
		ask:      askDjango,
		question: "GET / HTTP",
	},
}

func keepSQL(driver string) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		db, err := sql.Open(driver, s.DSN())
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, "create table kept (n int)"); err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "insert into kept values (42)")
		return err
	}
}

func askSQL(driver string) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		db, err := sql.Open(driver, s.DSN())
		if err != nil {
			return err
		}
		defer db.Close()
		var n int
		if err := db.QueryRowContext(ctx, "select max(n) from kept").Scan(&n); err != nil {
			return err
		}
		if n != 42 {
			return fmt.Errorf("the table holds %d, want 42", n)
		}
		return nil
	}
}

func keepRedis(ctx context.Context, s *Server) error {
	return redis(ctx, s, "set kept 42", "+OK")
}

func askRedis(ctx context.Context, s *Server) error {
	return redis(ctx, s, "get kept", "$2\r\n42")
}

// redis logs in with the password of the DSN and wants one answer to a command.
func redis(ctx context.Context, s *Server, command, want string) error {
	u, err := url.Parse(s.DSN())
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	password, _ := u.User.Password()
	if err := redisAsk(conn, "AUTH "+u.User.Username()+" "+password, "+OK"); err != nil {
		return err
	}
	return redisAsk(conn, command, want)
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true // the server is killed between requests
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// TestServer takes each server through its life. The steps build upon each
// other, so the first that fails ends it.
func TestServer(t *testing.T) {
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tree []int
			var dir string
			t.Run("life", func(t *testing.T) {
				s := c.start(t)
				dir = s.dir
				mustAnswer := func(when string) {
					t.Helper()
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					if err := c.ask(ctx, s); err != nil {
						t.Fatalf("%s: %v\n%s", when, err, s.Log())
					}
				}
				if err := c.keep(t.Context(), s); err != nil {
					t.Fatalf("started, keep: %v\n%s", err, s.Log())
				}
				mustAnswer("started")

				s.Freeze()
				conn, err := net.DialTimeout("tcp", s.Addr(), 5*time.Second)
				if err != nil {
					t.Fatalf("frozen: dial: %v; the kernel should accept", err)
				}
				conn.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				if err := c.ask(ctx, s); err == nil || ctx.Err() == nil {
					t.Fatalf("frozen: got answer %v, want none within the deadline", err)
				}
				s.Freeze() // changes nothing
				s.Thaw()
				mustAnswer("thawed")
				s.Thaw() // changes nothing
				mustAnswer("thawed twice")

				s.Kill()
				if conn, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Fatalf("killed: dial: %v, %v; want connection refused", conn, err)
				}
				s.Kill() // changes nothing
				addr := s.Addr()
				s.Restart()
				if s.Addr() != addr {
					t.Fatalf("restarted: address %s, was %s", s.Addr(), addr)
				}
				mustAnswer("restarted")
				s.Restart() // one that runs
				mustAnswer("restarted while running")

				if tree, err = s.proc.freeze(); err != nil {
					t.Fatal(err)
				}
				// It is stopped as it stands: cleaning up must cope with a frozen server.
			})
			if len(tree) == 0 {
				return // skipped, or failed already
			}
			if n := map[string]int{"postgres": 2, "nginx": 2, "django": 3}[name]; len(tree) < n {
				t.Errorf("the server had only the processes %v, want its children too", tree)
			}
			for _, pid := range tree {
				if alive(pid) {
					t.Errorf("process %d of %v is left after the test", pid, tree)
				}
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("directory %s is left after the test: %v", dir, err)
			}
		})
	}
}

// TestFreezeReachesChildren shows that a session is frozen which a process of
// its own serves, as PostgreSQL's are, and that it goes on where it stopped.
func TestFreezeReachesChildren(t *testing.T) {
	s := Postgres(t)
	db, err := sql.Open("pgx", s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.Freeze()
	answered := make(chan error, 1)
	go func() {
		var n int
		answered <- conn.QueryRowContext(t.Context(), "select 1").Scan(&n)
	}()
	select {
	case err := <-answered:
		t.Fatalf("frozen: the open session answered (%v)", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.Thaw()
	select {
	case err := <-answered:
		if err != nil {
			t.Fatalf("thawed: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("thawed: the open session does not answer")
	}
}

func TestQueries(t *testing.T) {
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t)
			if err := c.keep(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if n := s.Queries(c.question); n != 0 {
				t.Errorf("before the first: %d queries, want 0", n)
			}
			const asked = 3
			for range asked {
				if err := c.ask(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "the queries are counted", func() error {
				if n := s.Queries(c.question); n != asked {
					return fmt.Errorf("%d queries, want %d", n, asked)
				}
				return nil
			})
			if n := s.Queries("never asked"); n != 0 {
				t.Errorf("never asked: %d queries, want 0", n)
			}
		})
	}
}

// TestQueriesPrepared runs one statement twice that was prepared once.
func TestQueriesPrepared(t *testing.T) {
	for name, driver := range map[string]string{"postgres": "pgx", "mariadb": "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := clients[name].start(t)
			db, err := sql.Open(driver, s.DSN())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1) // another connection would prepare again
			statement, err := db.PrepareContext(t.Context(), "select 4321")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var n int
				if err := statement.QueryRowContext(t.Context()).Scan(&n); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.Queries("select 4321"); n != 2 {
				t.Errorf("%d queries, want 2\n%s", n, s.Log())
			}
		})
	}
}

// TestPassword proves that a client can't do without the password of the DSN.
func TestPassword(t *testing.T) {
	refusal := map[string]string{"pgx": "password authentication failed", "mysql": "Access denied"}
	for name, driver := range map[string]string{"postgres": "pgx", "mariadb": "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := clients[name].start(t)
			wrong := strings.Replace(s.DSN(), databaseUser+":", databaseUser+":not", 1)
			if wrong == s.DSN() {
				t.Fatalf("no password in %s", wrong)
			}
			db, err := sql.Open(driver, wrong)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			err = db.PingContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), refusal[driver]) {
				t.Errorf("wrong password: %v, want %q", err, refusal[driver])
			}
		})
	}
}

// TestCPUTime makes nginx work until the kernel has counted it.
func TestCPUTime(t *testing.T) {
	s := clients["nginx"].start(t)
	before := s.CPUTime()
	eventually(t, "processor time grows", func() error {
		for range 100 {
			if _, err := get(t.Context(), s.DSN()+"/kept"); err != nil {
				return err
			}
		}
		if now := s.CPUTime(); now <= before {
			return fmt.Errorf("still %v", now)
		}
		return nil
	})
}

// TestNginxConfig shows that a configuration nginx refuses fails the test and
// says why.
func TestNginxConfig(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"unknown directive": {`server { listen {addr}; no_such_directive; }`, `unknown directive "no_such_directive"`},
		"listens nowhere":   {`server { return 200; }`, "no {addr}"},
	} {
		t.Run(name, func(t *testing.T) {
			clients["nginx"].start(t) // skips where there is no nginx
			test := new(fakeTest)
			test.run(func() { Nginx(test, c.config) })
			if !strings.Contains(test.fatal, c.want) {
				t.Errorf("failed with %q, want it to contain %q", test.fatal, c.want)
			}
		})
	}
}

// TestProgramMissing shows what becomes of a test whose server isn't installed.
func TestProgramMissing(t *testing.T) {
	for _, c := range []struct{ variable, skip, fatal string }{
		{variable: "", skip: "needs a real server: Nonesuch is not installed, no program nonesuchd (Debian package: nonesuch-server)"},
		{variable: "1", fatal: "needs a real server: Nonesuch is not installed, no program nonesuchd (Debian package: nonesuch-server); " +
			"INSERVICE_REQUIRE_SERVERS=1 does not let it be skipped"},
	} {
		t.Run(RequireVariable+"="+c.variable, func(t *testing.T) {
			t.Setenv(RequireVariable, c.variable)
			test := new(fakeTest)
			test.run(func() { programs(test, "Nonesuch", "nonesuch-server", "sh", "nonesuchd") })
			if test.skip != c.skip || test.fatal != c.fatal {
				t.Errorf("skipped %q, failed %q\nwant    %q,        %q", test.skip, test.fatal, c.skip, c.fatal)
			}
		})
	}
}

func TestTempParent(t *testing.T) {
	open, err := os.MkdirTemp("", "") // t.TempDir lies in a closed directory
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(open)
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if len(open)+len("/closed/inside") > 60 || !letsThrough(open) {
		t.Skipf("the temporary directory %s is itself out of reach", open)
	}
	inside := filepath.Join(open, "closed", "inside")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(inside), 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := &user{name: "stranger"}
	long := "/" + strings.Repeat("x", 60)
	for name, c := range map[string]struct {
		user       *user
		candidates []string
		want       string
	}{
		"below a closed directory": {stranger, []string{inside, open}, open},
		"its own":                  {nil, []string{inside, open}, inside},
		"too long for a socket":    {stranger, []string{long, open}, open},
		"missing":                  {stranger, []string{open + "/none", open}, open},
		"none":                     {stranger, []string{inside}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tempParent(c.user, c.candidates...)
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// fakeTest is a test that records how it was ended.
type fakeTest struct {
	skip, fatal string
	cleanups    []func()
}

func (f *fakeTest) Helper()           {}
func (f *fakeTest) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }

func (f *fakeTest) Skipf(format string, args ...any) {
	f.skip = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *fakeTest) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	panic(f)
}

// run runs the body of the test and its cleanups.
func (f *fakeTest) run(body func()) {
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
		for _, fn := range f.cleanups {
			fn()
		}
	}()
	body()
}

// eventually waits until the condition returns nil.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waiting until %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// alive reports whether a process runs or could run again.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z ")) && !bytes.Contains(b, []byte(") X "))
}
