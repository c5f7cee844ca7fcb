package sqlcheck_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/sqlcheck"
)

func sqlite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("create table orders (n integer)"); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestQuery(t *testing.T) {
	db := sqlite(t)
	tests := []struct {
		name  string
		query string
		want  string // in the error; empty means a pass
	}{
		{"default", "", ""},
		{"value is not judged", "select null", ""},
		{"several rows", "select 1 union select 2", ""},
		{"no row", "select n from orders", "the query returned no row"},
		{"no such table", "select n from missing", "the database did not answer: SQL logic error: no such table: missing"},
		{"row that can't be made", "select abs(-9223372036854775808)", "integer overflow"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := sqlcheck.Query(db, test.query)(t.Context())
			switch {
			case test.want == "" && err != nil:
				t.Errorf("the check failed: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
		})
	}
	if err := sqlcheck.Query(db, "select n from orders")(t.Context()); !errors.Is(err, sqlcheck.ErrNoRow) {
		t.Errorf("no row gave %v, want ErrNoRow", err)
	}
}

// endsInTime fails the test unless a query whose answer has no end is ended by
// the context, and the pool is of use afterwards.
func endsInTime(t *testing.T, db *sql.DB, endless string) {
	t.Helper()
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- sqlcheck.Query(db, endless)(ctx) }()
	select {
	case err := <-ended:
		if err == nil || ctx.Err() == nil {
			t.Errorf("error is %v, the context's %v; want the check to fail by its context", err, ctx.Err())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the check goes on after its time")
	}
	if err := sqlcheck.Query(db, "")(t.Context()); err != nil {
		t.Errorf("the next check failed: %v", err)
	}
}

func TestAnswerWithoutEnd(t *testing.T) {
	endsInTime(t, sqlite(t), "with recursive r(n) as (select 1 union all select n + 1 from r) select n from r")
}

func TestQueryGivesItsConnectionBack(t *testing.T) {
	db := sqlite(t)
	db.SetMaxOpenConns(1)
	for _, query := range []string{"select 1", "select n from orders", "select n from missing", "select 1 union select 2", "select 1"} {
		sqlcheck.Query(db, query)(t.Context()) // with a leak, the next one would wait for ever
	}
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are still in use", n)
	}
}

func ExampleQuery() {
	db, err := sql.Open("sqlite", "file::memory:") // your driver, your pool
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	check := health.Check{Name: "database", Run: sqlcheck.Query(db, "select 1"), ComponentType: "datastore"}
	fmt.Println(check.Run(context.Background()))
	// Output: <nil>
}
