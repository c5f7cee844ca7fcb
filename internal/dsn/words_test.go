package dsn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/inservice/inservice/internal/realserver"
)

func TestOneLine(t *testing.T) {
	const refused = "127.0.0.1:5432 (localhost): dial error: connection refused"
	const noTLS = "127.0.0.1:5432 (localhost): tls error: server refused TLS connection"
	const noLogin = "127.0.0.1:5432 (localhost): server error: password authentication failed"
	for _, tt := range []struct{ name, text, want string }{
		{"one", "it is away", "it is away"},
		{"with a newline", "it is away\n", "it is away"},
		{"attempts", "no connection:\n\t[::1]:5432: refused\n\t127.0.0.1:5432: timeout", "no connection: [::1]:5432: refused; 127.0.0.1:5432: timeout"},
		{"no headline", "one\ntwo\none", "one; two"},
		{"the same twice", "no connection:\n\t" + refused + "\n\t" + refused, "no connection: " + refused},
		{"without TLS it tells the cause", "no connection:\n\t" + noTLS + "\n\t" + noLogin, "no connection: " + noLogin},
		{"TLS last", "no connection:\n\t" + noLogin + "\n\t" + noTLS, "no connection: " + noLogin + "; " + noTLS},
		{"TLS alone", "no connection:\n\t" + noTLS + "\n\t" + noTLS, "no connection: " + noTLS},
		{"TLS, and another address", "no connection:\n\t" + noTLS + "\n\t[::1]:5432 (localhost): refused", "no connection: " + noTLS + "; [::1]:5432 (localhost): refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, oneLine(tt.text)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWithoutTheDatabasesWords: what can be said where its words can't be repeated.
func TestWithoutTheDatabasesWords(t *testing.T) {
	clearEnv(t)
	const short = "postgres://app:a@db.example/app"
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		name, driver, dsn string
		err               error
		want              string
	}{
		{"refused", "postgres", short, refused, "the database at db.example:5432: connection refused"},
		{"no such name", "postgres", short, &net.DNSError{Err: "no such host", Name: "db.example"}, "the database at db.example:5432: the name of the host can't be resolved"},
		{"deadline", "postgres", short, context.DeadlineExceeded, "the database at db.example:5432: timeout"},
		{"network timeout", "postgres", short, &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, "the database at db.example:5432: timeout"},
		{"login", "postgres", short, &pgconn.PgError{Code: "28P01"}, "the database at db.example:5432: authentication failed"},
		{"no such database", "postgres", short, &pgconn.PgError{Code: "3D000"}, `the database at db.example:5432: it answered with error "3D000"`},
		{"something else", "postgres", short, errors.New("a riddle"), "the database at db.example:5432: its words are withheld: they may quote the password"},
		{"two hosts", "postgres", "host=b,a port=1,2 password=a", refused, "the database at a:2, b:1: connection refused"},
		{"socket", "postgres", "host=/run/postgresql password=a", refused, "the database at /run/postgresql/.s.PGSQL.5432: connection refused"},
		{"mysql", "mysql", "app:a@tcp(db.example:3307)/app", refused, "the database at db.example:3307: connection refused"},
		{"mysql login", "mysql", "mysql://app:a@db.example/app", &mysql.MySQLError{Number: 1045}, "the database at db.example:3306: authentication failed"},
		{"mysql, no such database", "mysql", "mysql://app:a@db.example/app", &mysql.MySQLError{Number: 1049}, "the database at db.example:3306: it answered with error 1049"},
		{"not short, and masked", "postgres", "postgres://postgres:postgres@postgres/postgres", refused, "the database at postgres:5432: connection refused"},
		// The host could be the user's name, and its port a part of the password.
		{"can be read in two ways", "postgres", "postgres://app:12#postgres@db.example/app", refused, "the database: connection refused"},
		{"can't be read", "postgres", "postgres://app:a@db.example:port/app", refused, "the database: connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// It quotes what a driver quotes.
			err := RedactError(tt.driver, tt.dsn, fmt.Errorf("user=app password=a host=postgres: %w", tt.err))
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if !errors.Is(err, tt.err) {
				t.Error("errors.Is no longer finds the cause")
			}
		})
	}
}

// TestWordsOfPostgreSQL: what the driver makes of a server without TLS that refuses the
// password, and of one that is away.
func TestWordsOfPostgreSQL(t *testing.T) {
	clearEnv(t)
	server := realserver.Postgres(t)
	u, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	user, address := u.User.Username(), server.Addr()
	u.RawQuery = "sslmode=prefer" // the default: with TLS, then without
	words := func(password string) string {
		u.User = url.UserPassword(user, password)
		db, err := Open("postgres", u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return RedactError("postgres", u.String(), ask(t, db)).Error()
	}
	head := "failed to connect to `user=" + user + " database=" + strings.TrimPrefix(u.Path, "/") + "`: " + address + " (127.0.0.1): "
	refusal := `failed SASL auth: FATAL: password authentication failed for user "` + user + `" (SQLSTATE 28P01)`
	if diff := cmp.Diff(head+refusal, words(secret)); diff != "" {
		t.Errorf("another password (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("the database at "+address+": authentication failed", words(user)); diff != "" {
		t.Errorf("the user's name for a password (-want +got):\n%s", diff)
	}
	server.Kill()
	if diff := cmp.Diff(head+"dial error: dial tcp "+address+": connect: connection refused", words(secret)); diff != "" {
		t.Errorf("nobody there (-want +got):\n%s", diff)
	}
}
