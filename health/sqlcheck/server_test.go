package sqlcheck_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/sqlcheck"
	"github.com/inservice/inservice/internal/dsn"
	"github.com/inservice/inservice/internal/realserver"
)

// The bound under test is interval + timeout. The slack is for a busy machine,
// and less than an interval, so that a run too many or too late shows.
const (
	interval = time.Second
	timeout  = time.Second
	slack    = 700 * time.Millisecond
)

func TestPostgres(t *testing.T) {
	testServer(t, "postgres", realserver.Postgres(t))
}

func TestMariaDB(t *testing.T) {
	testServer(t, "mysql", realserver.MariaDB(t))
}

// testServer freezes and kills a real server under a running check: the answer
// must turn red within timeout + interval each time, and green again after.
func testServer(t *testing.T, driver string, server *realserver.Server) {
	db := open(t, driver, server)
	changes := make(chan health.Status, 16)
	r := &health.Registry{
		Checks:   []health.Check{{Name: "database", Run: sqlcheck.Query(db, ""), Interval: interval, Timeout: timeout}},
		OnChange: func(_ health.Status, now health.Snapshot) { changes <- now.Status },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})

	await := func(what string, want health.Status, code int, within time.Duration) {
		t.Helper()
		begun := time.Now()
		select {
		case got := <-changes:
			if got != want {
				t.Fatalf("%s: the status became %v (%q), want %v", what, got, r.Snapshot().Reasons(), want)
			}
		case <-time.After(within + slack):
			t.Fatalf("%s: not %v after %v, want it within %v", what, want, within+slack, within)
		}
		w := httptest.NewRecorder()
		(&health.Handler{Registry: r}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != code {
			t.Errorf("%s: the answer is %d, want %d", what, w.Code, code)
		}
		t.Logf("%s: %v after %v: %q", what, want, time.Since(begun).Round(time.Millisecond), r.Snapshot().Reasons())
	}
	await("started", health.Pass, http.StatusOK, timeout)
	server.Freeze()
	await("frozen", health.Fail, http.StatusServiceUnavailable, interval+timeout)
	server.Thaw()
	await("thawed", health.Pass, http.StatusOK, interval+timeout)
	server.Kill()
	await("killed", health.Fail, http.StatusServiceUnavailable, interval+timeout)
	server.Restart()
	await("started again", health.Pass, http.StatusOK, interval+timeout)
}

func open(t *testing.T, driver string, server *realserver.Server) *sql.DB {
	t.Helper()
	db, err := dsn.Open(driver, server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// The app's own pool is worth checking: when the app has used up its
// connections, users wait although the database is well.
func TestExhaustedPoolShows(t *testing.T) {
	db := open(t, "postgres", realserver.Postgres(t))
	db.SetMaxOpenConns(1)
	check := sqlcheck.Query(db, "select 1")
	run := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return check(ctx)
	}
	taken, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := run(); err == nil {
		t.Error("the check passed while no connection was left")
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := run(); err != nil {
		t.Errorf("the check failed with a connection to be had: %v", err)
	}
}

// Their drivers read what is left of an answer when it is closed.
func TestAnswerOfAServerWithoutEnd(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		endsInTime(t, open(t, "postgres", realserver.Postgres(t)), "select generate_series(1, 1000000000000)")
	})
	t.Run("mysql", func(t *testing.T) {
		endsInTime(t, open(t, "mysql", realserver.MariaDB(t)), "select seq from seq_1_to_1000000000000")
	})
}
