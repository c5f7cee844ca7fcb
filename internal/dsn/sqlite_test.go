package dsn

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSQLiteURI(t *testing.T) {
	const added = "_pragma=busy_timeout%281000%29&_pragma=schema_version&mode=rw"
	tests := []struct{ name, dsn, want string }{
		{"relative path", "site.db", "file:site.db?" + added},
		{"absolute path", "/var/lib/site.db", "file:///var/lib/site.db?" + added},
		{"sqlite scheme", "sqlite:site", "file:site?" + added},
		{"sqlite scheme, slashes", "sqlite:///var/site", "file:///var/site?" + added},
		{"one slash too many stays a path", "sqlite:////var/site", "file:////var/site?" + added},
		{"sqlite3 scheme", "sqlite3://site", "file:site?" + added},
		{"file URI is left alone", "file:///var/a%20b.db", "file:///var/a%20b.db?" + added},
		{"a path is encoded", "/var/a%20#b.db", "file:///var/a%2520%23b.db?" + added},
		{"own mode", "site.db?mode=ro", "file:site.db?_pragma=busy_timeout%281000%29&_pragma=schema_version&mode=ro"},
		{"own wait", "site.db?_busy_timeout=5", "file:site.db?_busy_timeout=5&_pragma=schema_version&mode=rw"},
		{"own wait as a pragma", "site.db?_pragma=BUSY_TIMEOUT=5", "file:site.db?_pragma=BUSY_TIMEOUT%3D5&_pragma=schema_version&mode=rw"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSQLite(tt.dsn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("URI (-want +got):\n%s", diff)
			}
		})
	}
}

// createSQLite makes a database file with one table, and keeps nothing open.
func createSQLite(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "create table page (id integer)"); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, db *sql.DB) error {
	t.Helper()
	var one int
	return db.QueryRowContext(t.Context(), "select 1").Scan(&one)
}

// TestSQLiteNoticesLoss: a database file that goes away fails the next query, is not
// created by asking, and passes again when it is back.
func TestSQLiteNoticesLoss(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a site%20#1.db")
	createSQLite(t, path)
	for _, dsn := range []string{path, "sqlite://" + path, path + "?mode=ro"} {
		db, err := Open("sqlite", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := ask(t, db); err != nil {
			t.Fatalf("%s: with the file there: %v", dsn, err)
		}
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if err := ask(t, db); err == nil {
			t.Errorf("%s: select 1 passes although the file is gone", dsn)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: asking created the missing file (stat: %v)", dsn, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		if err := ask(t, db); err != nil {
			t.Errorf("%s: with the file back: %v", dsn, err)
		}
	}
}

// TestSQLiteNoticesGarbage: "select 1" needs no table, and fails all the same on a file
// that is no database.
func TestSQLiteNoticesGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := ask(t, db); err == nil {
		t.Error("select 1 passes on a file that is no database")
	}
}

// TestSQLiteKeepsNothing: between questions the pool is empty, with WAL files or without.
func TestSQLiteKeepsNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.db")
	createSQLite(t, path)
	db, err := Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 3 {
		if err := ask(t, db); err != nil {
			t.Fatal(err)
		}
		if n := db.Stats().OpenConnections; n != 0 {
			t.Errorf("%d connections stay open after a query, want 0", n)
		}
	}
	files, err := fs.Glob(os.DirFS(dir), "*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"site.db"}, files); diff != "" {
		t.Errorf("files after asking (-want +got):\n%s", diff)
	}
}
