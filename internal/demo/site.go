package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/dsn"
)

// site is one instance of the website: a real HTTP server with a real SQLite
// database, which does what its fault makes it do.
//
// The address is kept over a crash, so that healing brings back the same target.
type site struct {
	name    string
	address string // host:port, once opened
	file    string // the database
	db      *sql.DB
	log     *slog.Logger

	mu       sync.Mutex
	fault    Fault         // guarded by mu
	server   *http.Server  // guarded by mu; nil before run and while crashed
	listener net.Listener  // guarded by mu; the last one
	healed   chan struct{} // guarded by mu; closed when a hang ends

	serves sync.WaitGroup // the goroutine that accepts
}

// newSite makes the database in dir and binds a free port. Visitors wait in the
// kernel until run.
func newSite(ctx context.Context, name, dir string, log *slog.Logger) (*site, error) {
	s := &site{name: name, file: filepath.Join(dir, name+".db"), log: log, fault: None}
	if err := createDatabase(ctx, s.file); err != nil {
		return nil, fmt.Errorf("making the database of %s: %w", name, err)
	}
	var err error
	if s.db, err = dsn.Open("sqlite", s.file); err != nil {
		return nil, fmt.Errorf("opening the database of %s: %w", name, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a port for %s: %w", name, err), s.db.Close())
	}
	s.address, s.listener = listener.Addr().String(), listener
	return s, nil
}

// run serves until ctx ends.
func (s *site) run(ctx context.Context) error {
	s.mu.Lock()
	s.serveLocked(s.listener)
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopLocked()
	return nil
}

func createDatabase(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=rwc")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `create table visits (n integer not null); insert into visits values (0)`)
	return errors.Join(err, db.Close())
}

func (s *site) serveLocked(listener net.Listener) {
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.listener = listener
	s.healed = make(chan struct{})
	server := s.server
	s.serves.Go(func() { server.Serve(listener) }) // ends when the server is closed, which is no failure here
}

// close gives back what newSite took. The site must not run any more.
func (s *site) close() error {
	s.listener.Close() // closed already if it has run
	return s.db.Close()
}

// stopLocked closes the listener and all connections, and waits until nobody
// accepts any more.
func (s *site) stopLocked() {
	if s.server == nil {
		return
	}
	s.releaseLocked()
	s.listener.Close() // a server that was started just now may not know its listener yet
	s.server.Close()
	s.serves.Wait()
	s.server = nil
}

// releaseLocked lets requests go on that a hang has held.
func (s *site) releaseLocked() {
	select {
	case <-s.healed:
	default:
		close(s.healed)
	}
}

// set switches to a fault, from whatever was wrong before.
func (s *site) set(fault Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault == s.fault {
		return nil
	}
	if err := s.healLocked(); err != nil {
		return fmt.Errorf("healing %s of %q: %w", s.name, s.fault, err)
	}
	s.fault = None
	switch fault {
	case Crash:
		s.stopLocked()
	case Database:
		if err := os.Rename(s.file, s.file+".gone"); err != nil {
			return fmt.Errorf("taking the database of %s away: %w", s.name, err)
		}
	}
	s.fault = fault
	return nil
}

func (s *site) healLocked() error {
	switch s.fault {
	case Hang:
		s.releaseLocked()
		s.healed = make(chan struct{})
	case Database:
		if err := os.Rename(s.file+".gone", s.file); err != nil {
			return err
		}
	case Crash:
		listener, err := net.Listen("tcp", s.address)
		if err != nil {
			return err
		}
		s.serveLocked(listener)
	}
	return nil
}

// state is the fault, and what a hanging request has to wait for.
func (s *site) state() (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault, s.healed
}

var sitePage = template.Must(template.New("site").Parse(`<!doctype html>
<title>{{.Name}}</title>
<p>This is <b>{{.Name}}</b>. Visits counted in its database: {{.Visits}}.
`))

// ServeHTTP is every page of the site.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, healed := s.state()
	switch fault {
	case Hang:
		select {
		case <-healed:
		case <-r.Context().Done():
			return
		}
	case Errors:
		http.Error(w, s.name+": something went wrong", http.StatusInternalServerError)
		return
	}
	visits, err := s.visit(r)
	if err != nil {
		http.Error(w, s.name+": no database", http.StatusInternalServerError)
		s.log.Debug("page failed", "site", s.name, "error", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	sitePage.Execute(w, struct {
		Name   string
		Visits int
	}{s.name, visits}) // a visitor who has gone needs no page
}

// visit counts a visitor's request, and only reads the count for the agent's.
func (s *site) visit(r *http.Request) (visits int, err error) {
	query := `update visits set n = n + 1 returning n`
	if strings.HasPrefix(r.UserAgent(), "inservice-check/") {
		query = `select n from visits`
	}
	err = s.db.QueryRowContext(r.Context(), query).Scan(&visits)
	return visits, err
}
