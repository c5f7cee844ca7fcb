package cli

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/certcheck"
	"github.com/inservice/inservice/health/diskcheck"
	"github.com/inservice/inservice/health/execcheck"
	"github.com/inservice/inservice/health/grpccheck"
	"github.com/inservice/inservice/health/httpcheck"
	"github.com/inservice/inservice/health/memorycheck"
	"github.com/inservice/inservice/health/redischeck"
	"github.com/inservice/inservice/health/sqlcheck"
	"github.com/inservice/inservice/health/tcpcheck"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/dsn"
)

// dialFunc opens a connection. Nil stands for a plain net.Dialer.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// makeChecks turns the configured checks into ones that run. The databases that
// they ask are closed by the function returned. Connections are opened by what
// through gives for the name of a check; if through is nil, in the usual way.
func makeChecks(c *config.Agent, through func(check string) dialFunc) (checks []health.Check, closeDatabases func() error, err error) {
	var databases []*sql.DB
	closeDatabases = func() error {
		var errs []error
		for _, db := range databases {
			errs = append(errs, db.Close())
		}
		return errors.Join(errs...)
	}
	for _, check := range c.Checks {
		var dial dialFunc
		if through != nil {
			dial = through(check.Name)
		}
		made, db, err := makeCheck(check, c.App, dial)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("check %s: %w", check.Name, err), closeDatabases())
		}
		if db != nil {
			databases = append(databases, db)
		}
		checks = append(checks, made)
	}
	return checks, closeDatabases, nil
}

// makeCheck turns a configured check into one that runs. A check of a database
// has a pool of its own, which the caller closes. The app is the one that the
// agent stands in front of; empty for a sidecar. Whatever the check connects to, it
// does by dial.
func makeCheck(c config.Check, app string, dial dialFunc) (health.Check, *sql.DB, error) {
	made := health.Check{
		Name: c.Name, Interval: c.Interval, Timeout: c.Timeout,
		HealthyThreshold: c.HealthyThreshold, UnhealthyThreshold: c.UnhealthyThreshold, WarnOnly: c.WarnOnly,
		ComponentType: "component",
	}
	if c.Shared {
		made.Scope = health.Shared
	}
	switch {
	case c.SQL != nil:
		db, err := dsn.OpenThrough(c.SQL.Driver, c.SQL.DSN, dial)
		if err != nil {
			return health.Check{}, nil, err
		}
		query := sqlcheck.Query(db, c.SQL.Query)
		made.ComponentType = "datastore"
		made.Run = func(ctx context.Context) error { return dsn.RedactError(c.SQL.Driver, c.SQL.DSN, query(ctx)) }
		return made, db, nil
	case c.HTTP != nil:
		made.Run = httpcheck.Request{URL: c.HTTP.URL, Host: c.HTTP.Host, Accept: c.HTTP.Status.Match, Dial: dial}.Run
	case c.App != nil:
		made.FollowsShared = aftermath
		request := appRequest(c.App, app)
		request.Dial = dial
		made.Run = askApp(request)
	case c.TCP != nil:
		made.Run = tcpcheck.Server{Address: c.TCP.Address, Dial: dial}.Run
	case c.Redis != nil:
		made.ComponentType = "datastore"
		server := redisServer(c.Redis)
		server.Dial = dial
		made.Run = server.Run
	case c.GRPC != nil:
		made.Run = grpccheck.Server{
			Address: c.GRPC.Address, Service: c.GRPC.Service, Authority: c.GRPC.Authority, TLS: clientTLS(c.GRPC.TLS),
			Dial: dial,
		}.Run
	case c.Disk != nil:
		made.ComponentType = "system"
		made.Run = filesystem(c.Disk).Run
	case c.Memory != nil:
		made.ComponentType = "system"
		made.Run = memoryBounds(c.Memory).Run
	case c.Exec != nil:
		made.Run = execcheck.Program{Path: c.Exec.Command[0], Args: c.Exec.Command[1:], Dir: c.Exec.Dir, Env: childEnvironment()}.Run
	case c.Certificate != nil:
		made.Run = certificate(c.Certificate, dial)
	}
	return made, nil, nil
}

// aftermath is for how long after a failure of what all servers share the app may
// go on to fail: a pool of connections to fill again, a circuit breaker.
const aftermath = 30 * time.Second

// appRequest asks the app itself, past the gateway, as a visitor would whom a
// trusted proxy has sent: a strict app answers such a request, and a dead one
// does not.
func appRequest(c *config.AppCheck, app string) httpcheck.Request {
	proto := "http"
	if c.HTTPS {
		proto = "https"
	}
	r := httpcheck.Request{
		URL: app + c.Path, Host: c.Host, Accept: c.Status.Match,
		Header: http.Header{"X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {c.Host}, "X-Forwarded-For": {"127.0.0.1"}},
	}
	if socket, ok := strings.CutPrefix(app, "unix:"); ok {
		r.URL, r.Socket = "http://localhost"+c.Path, socket
	}
	return r
}

// askApp is a check that adds, to the answers that speak for a check that asks
// wrongly, what to look at.
func askApp(request httpcheck.Request) func(context.Context) error {
	return func(ctx context.Context) error {
		r, refused := request, 0 // of this run
		r.Accept = func(status int) bool {
			if request.Accept(status) {
				return true
			}
			refused = status
			return false
		}
		err := r.Run(ctx)
		switch refused {
		case http.StatusBadRequest:
			err = fmt.Errorf("%w; does the app allow this host? set host in the check", err)
		case http.StatusNotFound:
			err = fmt.Errorf("%w; set path in the check, or --app-path, to a page that is there", err)
		}
		return err
	}
}

// childEnvironment is that of this process without what systemd has put there for
// the agent alone: a child that uses it would speak in the agent's name.
func childEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" || name == "WATCHDOG_PID"
	})
}

func redisServer(c *config.RedisCheck) redischeck.Server {
	return redischeck.Server{
		Address: c.Address, Username: c.Username, Password: c.Password, Database: c.Database, TLS: clientTLS(c.TLS),
	}
}

// clientTLS is how to speak TLS with the usual verification, nil for plain text.
func clientTLS(on bool) *tls.Config {
	if !on {
		return nil
	}
	return new(tls.Config)
}

func filesystem(c *config.DiskCheck) diskcheck.Filesystem {
	return diskcheck.Filesystem{
		Path:     c.Path,
		MinBytes: c.MinFree.Number, MinPercent: c.MinFree.Percent,
		MinInodes: c.MinInodes.Number, MinInodesPercent: c.MinInodes.Percent,
		Writable: c.Writable,
	}
}

func memoryBounds(c *config.MemoryCheck) memorycheck.Bounds {
	return memorycheck.Bounds{MaxUsed: c.MaxUsed, MaxStalled: c.MaxStalled, MaxSomeStalled: c.MaxSomeStalled}
}

func certificate(c *config.CertificateCheck, dial dialFunc) func(context.Context) error {
	if c.File != "" {
		return certcheck.File{Path: c.File, ServerName: c.ServerName, MinDays: c.MinDays}.Run
	}
	return certcheck.Server{Address: c.Address, ServerName: c.ServerName, MinDays: c.MinDays, DatesOnly: c.DatesOnly, Dial: dial}.Run
}
