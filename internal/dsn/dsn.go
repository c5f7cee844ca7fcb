// Package dsn opens the databases that a check may ask: it knows the three database
// drivers, reads their data source names, and keeps the passwords in them out of every
// text that people or logs get to see.
//
// A data source name (DSN) is written in one of these forms:
//
//	postgres   postgres://user:password@host:5432/database?sslmode=require
//	           host=db.example user=app password=… dbname=site
//	mysql      mysql://user:password@host:3306/database     (also mariadb://)
//	           user:password@tcp(host:3306)/database
//	sqlite     /var/lib/site/site.db, file:site.db?mode=ro, sqlite:site.db
//
// # What is guaranteed
//
// Nothing here connects, and nothing here panics, whatever the DSN. Errors of [Check],
// [Open] and [Driver] are in this package's own words and never quote the DSN or a
// library's opinion of it, so they hold no password even when the DSN is mangled.
// [RedactError] does the same for errors that a database gives later.
//
// All functions are safe for use by any number of goroutines.
package dsn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// The canonical driver names.
const (
	postgres = "postgres"
	mySQL    = "mysql"
	sqlite   = "sqlite"
)

// aliases maps each accepted driver name to its canonical one.
var aliases = map[string]string{
	postgres: postgres, "postgresql": postgres, "pgx": postgres,
	mySQL: mySQL, "mariadb": mySQL,
	sqlite: sqlite, "sqlite3": sqlite,
}

// forms says, for each driver, how its DSN may be written.
var forms = map[string]string{
	postgres: "postgres://user:password@host:5432/database or host=… user=… password=… dbname=…",
	mySQL:    "mysql://user:password@host:3306/database or user:password@tcp(host:3306)/database",
	sqlite:   "the path of a database file, file:path or sqlite:path",
}

// Check reports whether the DSN can be used with the driver, without connecting and
// without looking for the database. The driver is postgres (also postgresql, pgx), mysql
// (also mariadb) or sqlite (also sqlite3). The error says what is wrong and how the DSN is
// written; it never holds any part of the DSN.
func Check(driver, dsn string) error {
	_, err := parse(driver, dsn)
	return err
}

// Open gives a pool of connections that suits a check: one question every few seconds.
// It does not connect; the first query does. It fails exactly when [Check] does. The
// caller closes the pool. Errors of its queries may quote the DSN: pass them through
// [RedactError] before anybody reads them.
//
// PostgreSQL and MySQL: at most 2 connections, of which 1 is kept between questions. A
// connection is replaced after a minute, so that a server which has stopped admitting new
// ones is noticed. PostgreSQL is asked without prepared statements, which connection
// poolers such as PgBouncer do not carry from one question to the next.
//
// SQLite: no connection is kept, and a missing file is an error and is never created
// (mode=rw). Both are what makes the check able to fail: an open handle goes on answering
// long after its file has been deleted, and the library's default is to create what is
// missing, so either would report a lost database as healthy. Each new connection also
// reads the file's header, so that even "select 1" notices a file that is no database, and
// waits up to a second for a writer that holds the lock. The DSN may say mode=ro; it may
// not ask for a database in memory, which could not be lost.
func Open(driver, dsn string) (*sql.DB, error) { return OpenThrough(driver, dsn, nil) }

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// OpenThrough is [Open] with connections that dial opens, of which the DSN knows
// nothing: names, TLS and logins stay as they are written there. It is called with "tcp"
// and the host:port that the DSN names, unresolved, or with "unix" and the path of a
// socket. SQLite dials nothing. A dial of nil stands for that of [Open].
func OpenThrough(driver, dsn string, dial DialFunc) (*sql.DB, error) {
	src, err := parse(driver, dsn)
	if err != nil {
		return nil, err
	}
	var db *sql.DB
	switch {
	case src.postgres != nil:
		if dial != nil {
			src.postgres.DialFunc = pgconn.DialFunc(dial)
			// The library would look the name up first and dial what it stands for.
			src.postgres.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		}
		db = stdlib.OpenDB(*src.postgres)
	case src.mysql != nil:
		if dial != nil {
			src.mysql.DialFunc = dial
		}
		connector, err := mysql.NewConnector(src.mysql)
		if err != nil {
			return nil, refusal(mySQL, "the driver refuses its parameters")
		}
		db = sql.OpenDB(connector)
	default:
		if db, err = sql.Open(sqlite, src.sqlite); err != nil {
			return nil, refusal(sqlite, "the driver refuses it")
		}
		// No bound on open connections: at a bound, a waiting question would be
		// handed the connection of the one before it.
		db.SetMaxIdleConns(0)
		return db, nil
	}
	limit(db)
	return db, nil
}

// limit sets the bounds of a pool whose server is elsewhere; see [Open].
func limit(db *sql.DB) {
	db.SetMaxOpenConns(2)
	db.SetMaxIdleConns(1)
	db.SetConnMaxLifetime(time.Minute)
}

// mysqlNative matches the form user:password@tcp(host:3306)/database and its shorter
// variants: what sets it apart is the network before a parenthesis, or "@/".
var mysqlNative = regexp.MustCompile(`(?:^|@)(?:tcp|tcp4|tcp6|unix)\([^)]*\)/|@/`)

// keyValue matches a list of key=value that has a key only PostgreSQL uses.
var keyValue = regexp.MustCompile(`(?:^|\s)(?:host|hostaddr|dbname|service)\s*=`)

// Driver guesses the canonical driver name from the look of a DSN. A path counts as
// SQLite's when it ends in .db, .sqlite or .sqlite3; any other file needs sqlite: before
// it. The error lists the accepted forms.
func Driver(dsn string) (string, error) {
	switch scheme, _, _ := strings.Cut(dsn, ":"); strings.ToLower(scheme) {
	case "postgres", "postgresql":
		if hasScheme(dsn, scheme) {
			return postgres, nil
		}
	case "mysql", "mariadb":
		if hasScheme(dsn, scheme) {
			return mySQL, nil
		}
	case "sqlite", "sqlite3", "file":
		return sqlite, nil
	}
	path, _, _ := strings.Cut(dsn, "?")
	switch {
	case strings.Contains(path, "://"):
	case mysqlNative.MatchString(dsn):
		return mySQL, nil
	case keyValue.MatchString(dsn):
		return postgres, nil
	case strings.ContainsAny(path, "@="):
		// More like a mistyped address than the name of a file.
	case strings.HasSuffix(path, ".db"), strings.HasSuffix(path, ".sqlite"), strings.HasSuffix(path, ".sqlite3"):
		return sqlite, nil
	}
	return "", fmt.Errorf("cannot tell the database from the DSN; write %s, %s, or sqlite:path", forms[postgres], forms[mySQL])
}

// source is a DSN that was read. Exactly one field is set.
type source struct {
	postgres *postgresConfig
	mysql    *mysql.Config
	sqlite   string // the URI to open
}

func parse(driver, dsn string) (source, error) {
	name, known := aliases[strings.ToLower(driver)]
	if !known {
		return source{}, unknownDriver(driver, dsn)
	}
	if strings.TrimSpace(dsn) == "" {
		return source{}, refusal(name, "it is empty")
	}
	if strings.ContainsRune(dsn, 0) {
		return source{}, refusal(name, "it holds a NUL byte")
	}
	if other, err := Driver(dsn); err == nil && other != name && strings.Contains(dsn, "://") {
		return source{}, refusal(name, "by its scheme it is for "+other)
	}
	var src source
	var err error
	switch name {
	case postgres:
		src.postgres, err = parsePostgres(dsn)
	case mySQL:
		src.mysql, err = parseMySQL(dsn)
	default:
		src.sqlite, err = parseSQLite(dsn)
	}
	if err != nil {
		return source{}, refusal(name, err.Error())
	}
	return src, nil
}

// refusal words an error about a DSN. The reason must not hold any part of the DSN.
func refusal(driver, reason string) error {
	return fmt.Errorf("the %s DSN cannot be used: %s; write %s", driver, reason, forms[driver])
}

// unknownDriver repeats the name that was given unless that may be (part of) a secret, as
// when driver and DSN were mixed up.
func unknownDriver(driver, dsn string) error {
	const known = "the drivers are postgres, mysql and sqlite"
	switch {
	case driver == "":
		return errors.New("no driver; " + known)
	case plainName.MatchString(driver) && redactText(dsn, driver) == driver:
		return fmt.Errorf("unknown driver %s; %s", driver, known)
	}
	return errors.New("unknown driver; " + known)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,20}$`)

// hasScheme reports whether dsn starts with the scheme and "://".
func hasScheme(dsn, scheme string) bool { return strings.HasPrefix(dsn[len(scheme):], "://") }
