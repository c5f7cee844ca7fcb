// Package agent is the target side as a process: it runs checks and answers a
// load balancer's health check from their results. With a [gateway.Gateway] it
// stands in front of the app and forwards everything else to it.
//
// What it guarantees: a probe of the health path is answered whatever its Host,
// even without one, with GET, HEAD and OPTIONS, with and without a trailing slash;
// an answer runs no check; nobody else gets past the gateway's rules. The other
// tongues (gRPC, HAProxy's agent check, an open port, systemd) speak of the same
// snapshot.
//
// When it is told to end, the answer turns red first. The agent goes on serving
// until everybody who asks, in whatever tongue, has fetched as many red answers as
// it takes to be believed and visitors have stopped coming, or until DrainTimeout.
// Then each answer ends its connection for a moment, and then the door is shut.
//
// Open and Run are called once, in that order, by one goroutine. The other
// methods may be called from any goroutine once Open has returned.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/doorman"
	"github.com/inservice/inservice/internal/front"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/metrics"
	"github.com/inservice/inservice/internal/tongue"
	"github.com/inservice/inservice/internal/traffic"
	"github.com/inservice/inservice/ownaddr"
)

const (
	readHeaderTimeout = 5 * time.Second
	// ownAnswer bounds how long a client may take to read an answer of ours.
	ownAnswer = 10 * time.Second
	// partingTime is how long each answer ends its connection before the door is shut:
	// busy clients use each of their connections within a second.
	partingTime = time.Second
	// closeTimeout is the least that what is under way has to finish, even when the
	// drain timeout has passed.
	closeTimeout = 2 * time.Second
)

// DefaultUnhealthyThreshold is for askers that are not recognised: more than any
// common balancer's own default (AWS and Google 2, HAProxy and Kubernetes 3).
const DefaultUnhealthyThreshold = 3

// Agent is one agent. Set the fields, then call Open and Run.
type Agent struct {
	// Listen is the address to answer on, "host:port" or ":port"; port 0 takes
	// a free one. Required.
	Listen string

	// Path is the health path, with or without a trailing slash. Required.
	Path string

	// Checks are what the answer comes from. With none it proves only that the
	// agent runs, and Run says so in the log.
	Checks []health.Check

	// StartupGrace is the field of [health.Registry].
	StartupGrace time.Duration

	// Token and TrustedNetworks say who gets details, as the fields of
	// [health.Handler]. Zero means nobody.
	Token           string
	TrustedNetworks []netip.Prefix

	// Gateway forwards what is not the health check. Run closes it. Nil means a
	// sidecar: everything else is 404.
	Gateway *gateway.Gateway

	// Own finds this machine's addresses while the agent runs. Nil finds none.
	Own *ownaddr.Finder

	// Kubernetes has /livez, /readyz and /startupz answered on Listen too. In front
	// of an app these paths are the app's, unless they are meant.
	Kubernetes bool

	// Addresses of the other tongues, as Listen. Empty means none.
	Admin string // the trusted side, over HTTP: /metrics and the details of the checks, for whoever can connect
	GRPC  string // grpc.health.v1
	Words string // HAProxy's agent check
	// Port is open only while in service. Who is refused goes unseen, so those who
	// connected to it before a drain began count as knowing when, since then, as
	// many of their usual intervals have passed as their unhealthy threshold is;
	// who had connected only once, when 10 seconds have.
	Port string

	// Weights has the words for HAProxy lower the server's weight while it is
	// degraded; see [tongue.AgentCheck] for what HAProxy's side needs.
	Weights bool

	// Control is the unix socket for `inservice agent drain`. Empty means none.
	Control string

	// ControlOptional has the agent go without that socket, and say so in the log,
	// where it can't be had.
	ControlOptional bool

	// Systemd tells the service manager. Nil tells nobody.
	Systemd *tongue.Systemd

	// UnhealthyThreshold is how many red answers in a row it takes until an asker
	// that is not recognised is taken to have learnt of it. Zero means
	// [DefaultUnhealthyThreshold].
	UnhealthyThreshold int

	// DrainTimeout bounds how long red answers are given before the agent closes,
	// from when it is told to end. Zero closes at once.
	DrainTimeout time.Duration

	// Version is this program's, for details and metrics.
	Version string

	// Log gets failures and changes. Nil discards them.
	Log *slog.Logger

	registry health.Registry
	handler  health.Handler
	herald   tongue.Herald
	metrics  *metrics.Metrics
	askers   askers.Table
	notices  notices
	readyz   http.Handler
	startupz http.Handler
	grpc     *tongue.GRPC // nil: gRPC is not spoken
	path     string       // without trailing slash, so "" for the root
	listener net.Listener
	others   []other   // what else is bound, by Open
	began    time.Time // set by Run before anything runs

	mu        sync.Mutex
	drained   time.Time      // guarded by mu; since when the answer is red on purpose, zero if it is not
	visits    uint64         // guarded by mu; how many visitors had come by then
	connected []askers.Asker // guarded by mu; who had connected to Port by then
	left      time.Time      // guarded by mu; since when it leaves, and stays red, zero if it does not
	calm      bool           // guarded by mu; when it had left nobody came any more, so there is nobody to part from
}

// Open binds all addresses. A busy port is an error, after which nothing is
// bound. Nothing is started, so connections wait in the kernel until Run.
func (a *Agent) Open() error {
	if !strings.HasPrefix(a.Path, "/") || strings.Contains(a.Path, "//") || strings.ContainsAny(a.Path, "%?#") {
		return fmt.Errorf("the health path is %q: it must begin with one slash and be written plainly, such as /health_check", a.Path)
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	a.path = strings.TrimRight(a.Path, "/")
	if a.Gateway != nil {
		if err := a.Gateway.Open(); err != nil {
			return fmt.Errorf("the gateway: %w", err)
		}
	}
	a.prepare()

	listener, err := front.Listen(context.Background(), a.Listen)
	if err != nil {
		return fmt.Errorf("the agent can't listen: %w", err)
	}
	a.listener = listener
	if err := a.openOthers(); err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

// prepare makes what reads the registry.
func (a *Agent) prepare() {
	journal := newJournal(a.Log)
	a.registry.Checks = a.Checks
	a.registry.StartupGrace = a.StartupGrace
	a.handler = health.Handler{
		Registry: &a.registry, Token: a.Token, Trusted: a.TrustedNetworks, Service: health.Service{Version: a.Version},
	}
	a.herald.Snapshot = a.registry.Snapshot
	a.readyz = a.noting(&a.handler, a.handler.Readyz())
	a.startupz = a.noting(&a.handler, a.handler.Startupz())
	a.askers.Unhealthy = a.unhealthyThreshold
	sources := metrics.Sources{Snapshot: a.registry.Snapshot, Version: a.Version, Askers: func() []askers.Asker { return a.audience(time.Now()) }}
	if g := a.Gateway; g != nil {
		sources.Visitors = func() uint64 { return g.Stats().Requests }
		sources.Refused = func() uint64 { return g.Stats().Refused }
		if g.Traffic != nil {
			a.registry.Checks = append(slices.Clone(a.Checks), g.Check())
			sources.Traffic = func() traffic.Verdict { return g.Stats().Traffic }
		}
	}
	a.metrics = metrics.New(sources)
	a.registry.OnResult = func(r health.Result) {
		journal.result(r)
		a.metrics.Result(r)
	}
	a.registry.OnChange = func(was health.Status, now health.Snapshot) {
		a.changed(was, now)
		a.herald.Nudge()
	}
}

// unhealthyThreshold is how many red answers take a server out of service there.
func (a *Agent) unhealthyThreshold(balancer string) int {
	switch p, _ := lbprofile.Lookup(balancer); {
	case balancer == byWatch, balancer == byWords:
		return 1 // they act on each word
	case p.Monitor:
		return 0 // it sends nobody here
	case p.Unhealthy > 0:
		return p.Unhealthy
	}
	return cmp.Or(a.UnhealthyThreshold, DefaultUnhealthyThreshold)
}

// Close gives up what Open has bound, without Run. After Run it does nothing.
func (a *Agent) Close() error {
	var errs []error
	if a.listener != nil {
		errs = append(errs, a.listener.Close())
	}
	for _, o := range a.others {
		if o.listener != nil {
			errs = append(errs, o.listener.Close())
		}
	}
	for i, err := range errs {
		if errors.Is(err, net.ErrClosed) {
			errs[i] = nil
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the agent: %w", err)
	}
	return nil
}

// Addr is the bound address, with the port that was taken for port 0.
func (a *Agent) Addr() net.Addr { return a.listener.Addr() }

// Snapshot is everything the agent knows now.
func (a *Agent) Snapshot() health.Snapshot { return a.registry.Snapshot() }

// Drain turns the answer red, and leaves it so until Undrain. Requests are
// served as before.
func (a *Agent) Drain() {
	a.mu.Lock()
	a.drainLocked()
	a.mu.Unlock()
	a.herald.Nudge()
}

func (a *Agent) drainLocked() {
	if a.drained.IsZero() {
		a.drained = time.Now()
		a.connected = slices.DeleteFunc(a.askers.List(a.drained), func(k askers.Asker) bool { return k.Name != byPort })
		if a.Gateway != nil {
			a.visits = a.Gateway.Stats().Requests
		}
	}
	a.registry.Drain()
}

// Undrain takes Drain back: the answer is that of the checks again. An agent that
// was told to end stays red.
func (a *Agent) Undrain() {
	a.mu.Lock()
	if a.left.IsZero() {
		a.drained = time.Time{}
		a.registry.Undrain()
	}
	a.mu.Unlock()
	a.herald.Nudge()
}

// leaving reports whether the agent was told to end.
func (a *Agent) leaving() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.left.IsZero()
}

// Run answers until ctx ends, then leaves and closes. It returns when everything
// it started has ended. Its error is a mistake in the checks, a server that
// failed, or a check that could not be stopped.
func (a *Agent) Run(ctx context.Context) error {
	a.began = time.Now()
	// All goes on while the agent drains, so it ends by a context of its own.
	c := newCrew(context.WithoutCancel(ctx))
	serving, shut := context.WithCancel(c.ctx)
	defer shut()

	c.start(a.registry.Run) // a registry that refuses to run must not leave a server that never turns green
	c.start(func(ctx context.Context) error { a.herald.Run(ctx); return nil })
	if a.Own != nil {
		c.start(a.Own.Run)
	}
	for _, o := range a.others {
		c.start(o.run)
	}
	closed := make(chan struct{})
	c.startWith(serving, func(ctx context.Context) error {
		defer close(closed)
		return a.serve(ctx)
	})

	a.Log.Info("agent answers", "address", a.listener.Addr().String(), "path", a.Path, "checks", len(a.registry.Checks))
	if len(a.registry.Checks) == 0 {
		a.Log.Warn("no check is configured: the answer proves only that the agent runs", "hint", "add some under agent.checks")
	}
	select {
	case <-ctx.Done():
		if a.Systemd != nil {
			a.Systemd.Stopping()
		}
		a.leave(c.ctx.Done())
	case <-c.ctx.Done():
	}
	shut()
	<-closed
	err := c.dismiss()
	if a.Gateway != nil {
		a.Gateway.Close()
	}
	return err
}

// serve answers on the main listener until ctx ends.
func (a *Agent) serve(ctx context.Context) error {
	f := &front.Front{
		Socket:            a.listener,
		Handler:           a,
		Doorman:           &doorman.Doorman{Path: a.Path, Answer: a.atDoor},
		Log:               a.Log,
		ReadHeaderTimeout: readHeaderTimeout,
	}
	return f.Run(ctx, a.closing)
}

// ServeHTTP answers what the doorman has let in.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		// The proxy renews the deadline for what it forwards, and leaves an old one
		// behind on the connection. A writer without deadlines gets none.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(ownAnswer))
	}
	switch p := r.URL.Path; {
	case a.isHealth(r):
		a.atDesk(w, r)
	case a.Kubernetes && p == "/livez":
		a.handler.Livez().ServeHTTP(w, r)
	case a.Kubernetes && p == "/readyz":
		a.readyz.ServeHTTP(w, r)
	case a.Kubernetes && p == "/startupz":
		a.startupz.ServeHTTP(w, r)
	case a.Gateway != nil:
		a.Gateway.ServeHTTP(w, r)
	case p == "/metrics" && a.handler.Entitled(r):
		a.metrics.ServeHTTP(w, r)
	default:
		http.Error(w, "not found", http.StatusNotFound)
	}
}

// isHealth reports whether r asks for the health path, written plainly: another
// spelling of it is the app's.
func (a *Agent) isHealth(r *http.Request) bool {
	return r.URL.RawPath == "" && (r.URL.Path == a.path || r.URL.Path == a.path+"/")
}

func (a *Agent) changed(was health.Status, now health.Snapshot) {
	level, message := slog.LevelInfo, "in service"
	if !now.Status.InService() {
		level, message = slog.LevelWarn, "out of service"
	} else if now.Status == health.Warn {
		level, message = slog.LevelWarn, "in service, degraded"
	}
	attributes := []any{"status", now.Status.String(), "was", was.String()}
	if reasons := now.Reasons(); len(reasons) > 0 {
		attributes = append(attributes, "reasons", strings.Join(reasons, "; "))
	}
	a.Log.Log(context.Background(), level, message, attributes...)
}
