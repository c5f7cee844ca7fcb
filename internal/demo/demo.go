// Package demo is the main job in one process: three instances of a small site,
// each a real HTTP server with a real SQLite database and an agent beside it,
// behind a balancer. Faults can be switched on while it runs, and two verdicts
// are shown side by side: that of a TCP probe, and that of the HTTP probe which
// the agents answer.
//
// [Run] starts everything and returns when all of it has ended. [Client] talks to
// a demo that runs in another process. Both may be used from any goroutine.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/httpcheck"
	"github.com/inservice/inservice/health/sqlcheck"
	"github.com/inservice/inservice/internal/agent"
	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/monitor"
	"github.com/inservice/inservice/internal/pool"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

// The demo asks often, so that a person sees what happens while they look.
const (
	interval     = time.Second
	timeout      = 500 * time.Millisecond
	healthPath   = "/health_check"
	group        = "web"
	firstVerdict = 5 * time.Second // how long the table waits for them
)

// Options are what can be chosen.
type Options struct {
	Listen  string       // front address; empty means a free port of 127.0.0.1
	Page    string       // address of the page that shows the table; empty likewise
	Control string       // unix socket to take commands on; empty means DefaultControl
	Out     io.Writer    // where the table goes; required
	Color   bool         // paint it
	Command string       // how this demo was called, as in "inservice demo", for the hints; empty means that
	Log     *slog.Logger // nil discards
}

// demo is everything that Run has opened.
type demo struct {
	options  Options
	dir      string
	sites    []*site
	agents   []*agent.Agent // one for each site
	balancer *balancer.Balancer
	page     net.Listener
	control  net.Listener
	board    *board
	terminal *terminal
}

// Run opens everything, shows it and keeps it going until ctx ends. Nothing is
// shown unless all of it could be opened. A busy port is an error.
func Run(ctx context.Context, options Options) (err error) {
	d := &demo{options: options}
	d.defaults()
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(ctx); err != nil {
		return err
	}
	actors := []func(context.Context) error{
		d.balancer.Run,
		d.connects().Run,
		d.serve(d.page, d.pageHandler()),
		d.serve(d.control, d.controlHandler()),
		d.show,
	}
	for _, s := range d.sites {
		actors = append(actors, s.run)
	}
	for _, a := range d.agents {
		actors = append(actors, a.Run)
	}
	return together(ctx, actors)
}

func (d *demo) defaults() {
	o := &d.options
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Page == "" {
		o.Page = "127.0.0.1:0"
	}
	if o.Control == "" {
		o.Control = DefaultControl()
	}
	if o.Command == "" {
		o.Command = "inservice demo"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d.terminal = &terminal{out: o.Out, color: o.Color, command: o.Command}
}

// together runs actors until ctx ends or one of them returns, then stops the
// others and waits for all.
func together(ctx context.Context, actors []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(actors))
	for _, actor := range actors {
		go func() { ended <- actor(ctx) }()
	}
	var errs []error
	for range actors {
		errs = append(errs, <-ended)
		cancel()
	}
	return errors.Join(errs...)
}

// open binds every port, in the order in which a person cares about them.
func (d *demo) open(ctx context.Context) error {
	var err error
	if d.control, err = listenControl(d.options.Control); err != nil {
		return err
	}
	if d.page, err = net.Listen("tcp", d.options.Page); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	if d.dir, err = os.MkdirTemp("", "inservice-demo-"); err != nil {
		return fmt.Errorf("a folder for the databases: %w", err)
	}
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		if err := d.openInstance(ctx, name); err != nil {
			return err
		}
	}
	d.board = newBoard(d.sites)
	d.balancer = d.newBalancer()
	if err := d.balancer.Open(); err != nil {
		return fmt.Errorf("the front: %w", err)
	}
	return nil
}

// openInstance opens a site and, beside it, an agent with two checks: the
// database answers, and so does the app.
func (d *demo) openInstance(ctx context.Context, name string) error {
	s, err := newSite(ctx, name, d.dir, d.options.Log)
	if err != nil {
		return err
	}
	d.sites = append(d.sites, s)
	a := &agent.Agent{
		Listen: "127.0.0.1:0",
		Path:   healthPath,
		Log:    d.options.Log.With("agent", name),
		Checks: []health.Check{
			{Name: "database", Run: sqlcheck.Query(s.db, "select 1"), Interval: interval, Timeout: timeout, ComponentType: "datastore"},
			{Name: "app", Run: httpcheck.Get("http://" + s.address + "/"), Interval: interval, Timeout: timeout, ComponentType: "component"},
		},
	}
	if err := a.Open(); err != nil {
		return fmt.Errorf("the agent of %s: %w", name, err)
	}
	d.agents = append(d.agents, a)
	return nil
}

// newBalancer asks the agents, and sends users to the sites.
func (d *demo) newBalancer() *balancer.Balancer {
	web := balancer.Group{
		Name:      group,
		Probe:     probe.Probe{Protocol: probe.HTTP, Path: healthPath, Timeout: timeout},
		Interval:  interval,
		Threshold: threshold.Policy{Healthy: 2, Unhealthy: 2},
	}
	for i, s := range d.sites {
		web.Targets = append(web.Targets, balancer.Target{Address: s.address, ProbeAddress: d.agents[i].Addr().String()})
	}
	return &balancer.Balancer{
		Listeners:    []balancer.Listener{{Address: d.options.Listen, Group: group}},
		Groups:       []balancer.Group{web},
		DrainTimeout: time.Second, // a person who has pressed Ctrl-C wants it to end
		Log:          d.options.Log,
		OnEvent:      func(_ string, e monitor.Event) { d.asked(e) },
	}
}

// connects is the other balancer: the one that only connects. Nothing but the
// table listens to it.
func (d *demo) connects() *monitor.Monitor {
	m := &monitor.Monitor{
		Interval:  interval,
		Threshold: threshold.Policy{Healthy: 2, Unhealthy: 2},
		Observer:  observer(d.connected),
	}
	for _, s := range d.sites {
		m.Targets = append(m.Targets, monitor.Target{Name: s.name, Probe: probe.Probe{Protocol: probe.TCP, Address: s.address, Timeout: timeout}})
	}
	return m
}

// observer is a function as a monitor's observer.
type observer func(monitor.Event)

func (f observer) Observe(e monitor.Event) { f(e) }

// connected takes a result of the TCP probe to the board.
func (d *demo) connected(e monitor.Event) {
	d.board.edit("", func(rows []Row) (tell []int) {
		for i := range rows {
			if rows[i].Name == e.Target && e.Changed {
				rows[i].TCP = e.Now.String()
				tell = append(tell, i)
			}
		}
		return tell
	})
}

// asked takes a result of the balancer's own probe to the board. One result can
// change who gets users everywhere: when the last target goes, the group fails
// open.
func (d *demo) asked(e monitor.Event) {
	why := d.why(e)
	d.board.edit("", func(rows []Row) (tell []int) {
		now := d.balancer.Snapshot(group)
		for i := range rows {
			r := &rows[i]
			was := *r
			if r.Address == e.Target {
				r.HTTP, r.Answer, r.Why = e.Now.String(), answer(e.Result), why
			}
			r.Users = getsUsers(now, r.Address)
			if r.HTTP != was.HTTP || r.Users != was.Users {
				tell = append(tell, i)
			}
		}
		return tell
	})
}

// answer tells in a word or two what a probe came to.
func answer(r probe.Result) string {
	if r.Status == 0 {
		return string(r.Reason)
	}
	return fmt.Sprintf("%d in %v", r.Status, r.Phases.Total.Round(100*time.Microsecond))
}

// why tells what is behind a failed probe: what the agent that answered it knows,
// or how the probe failed.
func (d *demo) why(e monitor.Event) string {
	if e.Result.Pass {
		return ""
	}
	i := slices.IndexFunc(d.sites, func(s *site) bool { return s.address == e.Target })
	if i < 0 || e.Result.Status == 0 {
		return e.Result.Description
	}
	reasons := d.agents[i].Snapshot().Reasons()
	if len(reasons) == 0 { // it has recovered since it answered
		return e.Result.Description
	}
	return "its agent says: " + strings.Join(reasons, "; ")
}

// getsUsers reports whether the balancer sends users to address.
func getsUsers(s *pool.Snapshot, address string) bool {
	return slices.ContainsFunc(s.Targets, func(t pool.Target) bool {
		return t.Address == address && (t.Status == threshold.InService || s.Mode == balance.FailOpen)
	})
}

// show waits for the first verdicts, then writes the table and what changes.
func (d *demo) show(ctx context.Context) error {
	if err := d.awaitVerdicts(ctx); err != nil {
		return nil // told to end before there was anything to show
	}
	d.terminal.intro("http://"+d.balancer.Addrs()[0].String()+"/", "http://"+d.page.Addr().String()+"/",
		"http://"+d.agents[0].Addr().String()+healthPath)
	rows, told := d.board.state()
	d.terminal.table(time.Now(), rows)
	d.terminal.follow(ctx, d.board, told)
	d.terminal.printf("\n  Ended.\n")
	return d.terminal.err
}

func (d *demo) awaitVerdicts(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, firstVerdict, errLate)
	defer cancel()
	wake, end := d.board.watch()
	defer end()
	for !d.board.settled() {
		select {
		case <-wake:
		case <-ctx.Done():
			if context.Cause(ctx) == errLate {
				return nil // show what there is
			}
			return ctx.Err()
		}
	}
	return nil
}

var errLate = errors.New("the first verdicts are late")

// serve is an HTTP server as an actor.
func (d *demo) serve(listener net.Listener, handler http.Handler) func(context.Context) error {
	return func(ctx context.Context) error {
		server := &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 5 * time.Second,
			BaseContext:       func(net.Listener) context.Context { return ctx }, // so that a live page ends too
			ErrorLog:          slog.NewLogLogger(d.options.Log.Handler(), slog.LevelDebug),
		}
		closed := make(chan struct{})
		defer func() { <-closed }()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer close(closed)
			<-ctx.Done()
			server.Close()
		}()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
		}
		return nil
	}
}

// close gives back what open took, in whatever state that is.
func (d *demo) close() error {
	var errs []error
	for _, l := range []net.Listener{d.page, d.control} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	for _, a := range d.agents {
		errs = append(errs, a.Close())
	}
	for _, s := range d.sites {
		errs = append(errs, s.close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
