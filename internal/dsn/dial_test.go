package dsn

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
)

// OpenThrough has everything dialled as the DSN names it, and changes nothing else.
func TestOpenThrough(t *testing.T) {
	clearEnv(t)
	wrong := errors.New("out of reach")
	for _, test := range []struct{ driver, dsn, dials string }{
		{"postgres", "postgres://u:p@db.invalid/site?sslmode=disable", "tcp db.invalid:5432"},
		{"postgres", "host=a.invalid,b.invalid port=5433 user=u sslmode=disable", "tcp a.invalid:5433, tcp b.invalid:5433"},
		{"postgres", "host=/run/postgresql user=u", "unix /run/postgresql/.s.PGSQL.5432"},
		{"postgres", "postgres://u:p@db.invalid/site?connect_timeout=3&sslmode=disable", "tcp db.invalid:5432"},
		{"mysql", "u:p@tcp(db.invalid:3307)/site", "tcp db.invalid:3307"},
		{"mysql", "mysql://u:p@db.invalid/site", "tcp db.invalid:3306"},
		{"mysql", "u:p@unix(/run/mysqld.sock)/site", "unix /run/mysqld.sock"},
	} {
		var dialled []string
		db, err := OpenThrough(test.driver, test.dsn, func(_ context.Context, network, address string) (net.Conn, error) {
			if at := network + " " + address; !slices.Contains(dialled, at) {
				dialled = append(dialled, at)
			}
			return nil, wrong
		})
		if err != nil {
			t.Errorf("%s: %v", test.dsn, err)
			continue
		}
		if err := db.PingContext(t.Context()); !errors.Is(err, wrong) {
			t.Errorf("%s gave %v, want what dialling gave", test.dsn, err)
		}
		if got := strings.Join(dialled, ", "); got != test.dials {
			t.Errorf("%s dialled %s, want %s", test.dsn, got, test.dials)
		}
		if got := db.Stats().MaxOpenConnections; got != 2 {
			t.Errorf("%s: at most %d open connections, want the bounds of Open", test.dsn, got)
		}
		db.Close()
	}
	if _, err := OpenThrough("postgres", "", nil); err == nil {
		t.Error("an empty DSN was opened")
	}
}
