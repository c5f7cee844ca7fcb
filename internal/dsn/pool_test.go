package dsn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

// TestPools: the pools of the servers have bounds.
func TestPools(t *testing.T) {
	for driver, dsn := range map[string]string{"postgres": "host=127.0.0.1", "mysql": "tcp(127.0.0.1:1)/"} {
		db, err := Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if got := db.Stats().MaxOpenConnections; got != 2 {
			t.Errorf("%s: at most %d open connections, want 2", driver, got)
		}
	}
}

// connector is a database that only lets itself be connected to.
type connector struct{ opened int }

func (c *connector) Connect(context.Context) (driver.Conn, error) { c.opened++; return idle{}, nil }
func (c *connector) Driver() driver.Driver                        { return nil }

// idle is a connection that does nothing.
type idle struct{ driver.Conn }

func (idle) Close() error { return nil }

// TestLimit: what Open promises of these bounds: two connections at once, one of them kept,
// and that for a minute.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := new(connector)
		db := sql.OpenDB(server)
		defer db.Close()
		limit(db)
		first, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := db.Conn(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third connection beside two: %v, want none until the deadline", err)
		}
		first.Close()
		second.Close()
		if got := db.Stats().Idle; got != 1 {
			t.Errorf("%d connections are kept, want 1", got)
		}
		time.Sleep(58 * time.Second)
		if err := db.PingContext(t.Context()); err != nil || server.opened != 2 {
			t.Errorf("after 59s: %v, %d connections were made, want the kept one to serve", err, server.opened)
		}
		time.Sleep(2 * time.Second)
		if err := db.PingContext(t.Context()); err != nil || server.opened != 3 {
			t.Errorf("after 61s: %v, %d connections were made, want a new one", err, server.opened)
		}
	})
}

// TestDriverSettings: connections survive a pooler such as PgBouncer unless the DSN asks
// for something else, and MySQL's driver writes nothing to standard error by itself, where
// nobody would redact it.
func TestDriverSettings(t *testing.T) {
	clearEnv(t)
	for dsn, want := range map[string]pgx.QueryExecMode{
		"host=h": pgx.QueryExecModeExec,
		"host=h default_query_exec_mode=simple_protocol": pgx.QueryExecModeSimpleProtocol,
	} {
		src, err := parse("postgres", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := src.postgres.DefaultQueryExecMode; got != want {
			t.Errorf("%s: queries are run in mode %v, want %v", dsn, got, want)
		}
	}
	for _, dsn := range []string{"u@tcp(h)/d", "mysql://u@h/d"} {
		src, err := parse("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, silent := src.mysql.Logger.(*mysql.NopLogger); !silent {
			t.Errorf("%s: the driver logs to a %T", dsn, src.mysql.Logger)
		}
	}
}
