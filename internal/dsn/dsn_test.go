package dsn

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secret is put into every DSN of these tests; no text may ever hold it.
const secret = "s3cr3t-9Zq"

// clearEnv takes away what PostgreSQL's client library reads from the environment.
func clearEnv(t testing.TB) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGSSLMODE"} {
		t.Setenv(name, "")
	}
}

var goodDSNs = []struct{ driver, dsn string }{
	{"postgres", "postgres://user:" + secret + "@db.example:5433/site?sslmode=disable"},
	{"postgres", "postgresql://user:" + secret + "@db.example/site"},
	{"postgres", "POSTGRES://user:" + secret + "@db.example/site"},
	{"postgres", "postgres://user:" + secret + "@[::1]:5432/site"},
	{"postgres", "postgres://user:" + secret + "%40x@db.example/site"},
	{"postgres", "postgres://db.example/site?user=u&password=" + secret},
	{"postgres", "host=db.example user=u password=" + secret + " dbname=site"},
	{"postgres", "host=db.example password='" + secret + " x' dbname=site sslmode=disable"},
	{"mysql", "user:" + secret + "@tcp(db.example:3307)/site?timeout=1s"},
	{"mysql", "user:" + secret + "@tcp(db.example)/"},
	{"mysql", "user:p@" + secret + "/x@tcp(db.example:3306)/site"},
	{"mysql", "user:" + secret + "@unix(/run/mysqld.sock)/site"},
	{"mysql", "user:" + secret + "@/site"},
	{"mysql", "mysql://user:" + secret + "@db.example:3306/site"},
	{"mysql", "mariadb://user:" + secret + "@db.example/site?loc=Europe/Berlin"},
	{"sqlite", "/var/lib/site.db"},
	{"sqlite", "site.sqlite3?_pragma=foreign_keys(1)"},
	{"sqlite", "sqlite:///var/lib/site"},
	{"sqlite", "sqlite:site?_key=" + secret},
	{"sqlite", "file:site.db?mode=ro"},
}

func TestGoodDSNs(t *testing.T) {
	clearEnv(t)
	for _, tt := range goodDSNs {
		t.Run(tt.dsn, func(t *testing.T) {
			if err := Check(tt.driver, tt.dsn); err != nil {
				t.Errorf("Check: %v", err)
			}
			if got, err := Driver(tt.dsn); got != tt.driver {
				t.Errorf("Driver = %q, %v; want %q", got, err, tt.driver)
			}
			db, err := Open(tt.driver, tt.dsn)
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			if open := db.Stats().OpenConnections; open != 0 {
				t.Errorf("Open connected %d times, want 0", open)
			}
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func TestCheckErrors(t *testing.T) {
	clearEnv(t)
	tests := []struct{ driver, dsn, want string }{
		{"postgres", "", "it is empty"},
		{"postgres", "postgres://u:" + secret + "@h:99999/d", "the port is not a number from 1 to 65535"},
		{"postgres", "postgres://u:" + secret + "@h/d?sslmode=maybe", "sslmode must be disable"},
		{"postgres", "postgres://u:" + secret + "%zz@h/d", "percent-encoded"},
		{"postgres", "postgres://u:p@" + secret + "@h/d", "percent-encoded"},
		{"postgres", "postgres://u:12/" + secret + "@h/d", "percent-encoded"},
		{"postgres", "host=h password='" + secret, "a quotation mark ' is not closed"},
		{"postgres", "host=h password " + secret, "neither a URL nor a list of key=value"},
		{"postgres", "host=h connect_timeout=soon password=" + secret, "connect_timeout must be a number of seconds"},
		{"postgres", "host=h target_session_attrs=x password=" + secret, "target_session_attrs must be"},
		{"postgres", "host=h sslrootcert=/nowhere/ca.pem sslmode=verify-ca password=" + secret, "a TLS setting is wrong"},
		{"postgres", "mysql://u:" + secret + "@h/d", "by its scheme it is for mysql"},
		{"postgres", "host=h\x00password=" + secret, "it holds a NUL byte"},
		{"mysql", "u:" + secret + "@tcp(h:3306)", "the / before the database name is missing"},
		{"mysql", "u:" + secret + "@tcp(h:3306/d", "the parenthesis after the address is not closed"},
		{"mysql", "u:" + secret + "@tcp(h:port)/d", "a port from 1 to 65535"},
		{"mysql", "u:" + secret + "@carrier(h:1)/d", "must be tcp or unix"},
		{"mysql", "u:" + secret + "@tcp(h:1)/d?parseTime=" + secret, "a parameter that is true or false has another value"},
		{"mysql", "u:" + secret + "@tcp(h:1)/d?timeout=5", "a timeout has no unit"},
		{"mysql", "u:" + secret + "@tcp(h:1)/d?timeout=" + secret, "a timeout has no unit or is no duration"},
		{"mysql", "u:" + secret + "@tcp(h:1)/d?tls=" + secret, "tls must be"},
		{"mysql", "u:" + secret + "@tcp(h:1)/d?strict=true", "strict is gone"},
		{"mysql", "mysql://u:" + secret + "@h:port/d", "percent-encoded"},
		{"mysql", "mysql://u:" + secret + "#x@h/d", "percent-encoded"},
		{"mysql", "mysql://u:" + secret + "@h/d?strict=1", "strict is gone"},
		{"mysql", "redis://u:" + secret + "@h/d", "its scheme is not mysql"},
		{"sqlite", "postgres://u:" + secret + "@h/d", "by its scheme it is for postgres"},
		{"sqlite", ":memory:", "a database in memory"},
		{"sqlite", "file::memory:?cache=shared", "a database in memory"},
		{"sqlite", "file:x?mode=memory", "mode must be rw"},
		{"sqlite", "x.db?mode=rwc", "mode must be rw"},
		{"sqlite", "x.db?mode=ro&mode=rwc", "more than one mode"},
		{"sqlite", "x.db?%zz=" + secret, "not a list of key=value"},
		{"sqlite", "x.db?vfs=memdb", "vfs is not supported"},
		{"sqlite", "sqlite://", "it names no file"},
	}
	for _, tt := range tests {
		t.Run(tt.driver+" "+tt.dsn, func(t *testing.T) {
			err := Check(tt.driver, tt.dsn)
			if err == nil {
				t.Fatalf("Check passes, want an error with %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check: %v\nwant an error with %q", err, tt.want)
			}
			if !strings.Contains(err.Error(), forms[tt.driver]) {
				t.Errorf("Check: %v\nwant the accepted forms in it", err)
			}
			checkNoSecret(t, tt.driver, tt.dsn)
		})
	}
}

func TestUnknownDriver(t *testing.T) {
	tests := []struct{ driver, want string }{
		{"", "no driver; the drivers are postgres, mysql and sqlite"},
		{"postgre", "unknown driver postgre; the drivers are postgres, mysql and sqlite"},
		{"pg", "unknown driver pg; the drivers are postgres, mysql and sqlite"},
		{"mysql2", "unknown driver mysql2; the drivers are postgres, mysql and sqlite"},
		{"sqllite", "unknown driver sqllite; the drivers are postgres, mysql and sqlite"},
		{"sqlserver", "unknown driver sqlserver; the drivers are postgres, mysql and sqlite"},
		{"oracle", "unknown driver oracle; the drivers are postgres, mysql and sqlite"},
		{"my:" + secret + "@h", "unknown driver; the drivers are postgres, mysql and sqlite"},
		{secret, "unknown driver; the drivers are postgres, mysql and sqlite"},
	}
	for _, tt := range tests {
		t.Run(tt.driver, func(t *testing.T) {
			_, err := Open(tt.driver, "postgres://u:"+secret+"@h/d")
			if err == nil {
				t.Fatal("Open passes, want an error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Open error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	for alias, dsn := range map[string]string{
		"postgresql": "host=h", "pgx": "host=h", "PostgreSQL": "host=h",
		"mariadb": "tcp(h)/", "sqlite3": "x.db",
	} {
		if err := Check(alias, dsn); err != nil {
			t.Errorf("Check(%q, %q): %v", alias, dsn, err)
		}
	}
}

func TestDriverUnknown(t *testing.T) {
	for _, dsn := range []string{"", "site", "redis://u:" + secret + "@h/0", "user:" + secret + "@host/site.db", "postgres", "mysql:x", "C:", "/etc/passwd"} {
		driver, err := Driver(dsn)
		if err == nil {
			t.Errorf("Driver(%q) = %q, want an error", dsn, driver)
			continue
		}
		for _, form := range []string{"postgres://", "mysql://", "@tcp(", "sqlite:path"} {
			if !strings.Contains(err.Error(), form) {
				t.Errorf("Driver(%q): %v; want the form %q in it", dsn, err, form)
			}
		}
		checkNoSecret(t, "", dsn)
	}
}

// TestMySQLURL: the URL form reads exactly as the driver's own form does.
func TestMySQLURL(t *testing.T) {
	src, err := parse("mysql", "mysql://us%65r:p%40%2F%3A@db.example/site?tls=true&loc=Europe/Berlin&timeout=3s")
	if err != nil {
		t.Fatal(err)
	}
	want, err := parse("mysql", "user:p@/:@tcp(db.example:3306)/site?tls=true&loc=Europe%2FBerlin&timeout=3s")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.mysql.FormatDSN(), src.mysql.FormatDSN()); diff != "" {
		t.Errorf("URL form reads differently (-want +got):\n%s", diff)
	}
	if src.mysql.TLS != nil {
		t.Error("TLS was made for the default address; its server name would be wrong")
	}
}

// TestSingleMutations damages good DSNs in every place by one byte: deleted, replaced or
// inserted. Nothing that comes out may hold the password, whether or not it still parses.
func TestSingleMutations(t *testing.T) {
	clearEnv(t)
	for _, tt := range goodDSNs {
		for i := range len(tt.dsn) + 1 {
			for _, c := range []string{"", "@", ":", "/", "?", "#", " ", "="} {
				mutations := []string{tt.dsn[:i] + c + tt.dsn[i:]}
				if i < len(tt.dsn) {
					mutations = append(mutations, tt.dsn[:i]+c+tt.dsn[i+1:])
				}
				for _, dsn := range mutations {
					checkNoSecret(t, tt.driver, dsn)
				}
			}
		}
	}
}

func FuzzNoSecret(f *testing.F) {
	clearEnv(f)
	for _, tt := range goodDSNs {
		before, after, _ := strings.Cut(tt.dsn, secret)
		f.Add(tt.driver, before, after)
	}
	f.Fuzz(func(t *testing.T, driver, before, after string) {
		dsn := before + secret + after
		_, openErr := Open(driver, dsn)
		_, driverErr := Driver(dsn)
		for _, err := range []error{Check(driver, dsn), openErr, driverErr} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("driver %q, DSN %q: an error holds the password: %v", driver, dsn, err)
			}
		}
		// Only where the password is in its place, after a colon and before an @, can
		// RedactError know it.
		if strings.HasSuffix(before, ":") && strings.HasPrefix(after, "@") {
			for _, cause := range []error{errors.New("refused"), syscall.ECONNREFUSED} {
				err := RedactError(driver, dsn, fmt.Errorf("no\n%s\n%w", secret, cause))
				if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), secret) {
					t.Errorf("DSN %q: RedactError leaves the password, or lines: %v", dsn, err)
				}
			}
		}
	})
}

// checkNoSecret passes the DSN to everything and looks for the password in what comes out.
func checkNoSecret(t *testing.T, driver, dsn string) {
	t.Helper()
	_, driverErr := Driver(dsn)
	for what, text := range map[string]string{
		"Check":  errText(Check(driver, dsn)),
		"Driver": errText(driverErr),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s(%q) holds the password: %s", what, dsn, text)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// hidden is an error without words.
type hidden struct{ error }

func (hidden) Error() string   { return "" }
func (h hidden) Unwrap() error { return h.error }

func TestRedactError(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct{ name, dsn, text, want string }{
		{"nothing to hide", "postgres://u:" + secret + "@h/d", "connection refused", "connection refused"},
		{"as it stands", "postgres://u:" + secret + "@h/d", "no " + secret + "!", "no xxxxx!"},
		{"decoded", "postgres://u:a%40bcd@h/d", "no a@bcd", "no xxxxx"},
		{"encoded", "u:a@b/c@tcp(h)/d", "no a%40b%2Fc", "no xxxxx"},
		{"quoted", `u:a"bc@tcp(h)/d`, `no "a\"bc"`, `no "xxxxx"`},
		{"torn by an @", "postgres://u:p@ss-word@h/d", "lookup ss-word@h: no such host", "lookup xxxxx@h: no such host"},
		{"key and value", "host=h password=" + secret, "no " + secret, "no xxxxx"},
		{"key and value, quoted", `host=h password='it\'s me'`, "no it's me", "no xxxxx"},
		{"key and value, ampersand", "host=h password=a&bcd", "no a&bcd", "no xxxxx"},
		{"query", "postgres://h/d?password=" + secret + "&sslmode=disable", "no " + secret, "no xxxxx"},
		{"sslpassword", "host=h sslpassword=" + secret, "no " + secret, "no xxxxx"},
		{"port kept", "postgres://u:" + secret + "@h:5432/d", "dial h:5432", "dial h:5432"},
		{"hopelessly short", "postgres://u:e@h/d", "connection refused", "the database at h:5432: its words are withheld: they may quote the password"},
		{"short but absent", "postgres://u:zq@h/d", "connection refused", "connection refused"},
		{"part of the mask", "postgres://u:xxx@h/d", "no xxx", "the database at h:5432: its words are withheld: they may quote the password"},
		{"no password", "postgres://u@h/d", "user u", "user u"},
		{"no password, port", "postgres://localhost:5432/site", "dial localhost:5432", "dial localhost:5432"},
		{"no password, forgotten @", "postgres://u:" + secret + "host/d", "lookup " + secret + "host", "lookup xxxxx"},
		{"path", "/var/lib/site.db", "unable to open database file (14)", "/var/lib/site.db: unable to open database file (14)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			driver, _ := Driver(tt.dsn) // one that can't be told can be masked all the same
			err := RedactError(driver, tt.dsn, fmt.Errorf("%s%w", tt.text, hidden{cause}))
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("RedactError (-want +got):\n%s", diff)
			}
			if !errors.Is(err, cause) {
				t.Error("errors.Is no longer finds the cause")
			}
		})
	}
	if err := RedactError("postgres", "postgres://u:p@h/d", nil); err != nil {
		t.Errorf("RedactError of nil = %v, want nil", err)
	}
}
