package tongue

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/inservice/inservice/health"
)

// statusEvery is how often systemd's status line is compared with the verdict,
// whose reasons can change while it stays. It is also how long a message that
// could not be sent is left.
const statusEvery = time.Second

// Systemd tells systemd how the process is, as in sd_notify(3) and
// sd_watchdog_enabled(3). Without NOTIFY_SOCKET in the environment it does
// nothing. A unit uses it with Type=notify and, for the watchdog, WatchdogSec=.
//
// READY=1 says that the agent answers, not that the server is in service: systemd
// ends a service that is not ready in time, and an agent that says "fail" because
// the database is down must not be ended for it.
//
// STATUS= is the verdict and the names of the checks that are not well, for
// "systemctl status".
//
// WATCHDOG=1 is sent at half the time that systemd asks for, and only while
// results arrive. When none has come for as long as the one that turns stale
// first counts, checks have stopped running, the answer can never turn green
// again, and only a new process helps. A check that fails or hangs does not do
// that: its failures are results.
type Systemd struct {
	// Herald watches the verdict. Required.
	Herald *Herald

	// Getenv reads the environment. Nil means [os.LookupEnv].
	Getenv func(string) (string, bool)

	// Log gets what goes wrong. Nil discards it.
	Log *slog.Logger

	stopping sync.Once
}

// Run sends READY=1, and then what changes until ctx ends, when it sends
// STOPPING=1 unless that was said. To keep the watchdog fed while the process
// drains, end ctx after that and call Stopping before.
func (s *Systemd) Run(ctx context.Context) error {
	if s.Herald == nil {
		return fmt.Errorf("systemd: %w", errNoHerald)
	}
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	socket, err := notifySocketOf(s.getenv)
	if err != nil {
		log.Warn("systemd can't be told anything", "error", err)
	}
	if socket == "" {
		<-ctx.Done()
		return nil
	}
	feedEvery, err := feedEveryOf(s.getenv)
	if err != nil {
		log.Warn("systemd's watchdog will not be fed", "error", err)
	}
	changes, cancel := s.Herald.subscribe()
	defer cancel()
	b := &bulletin{send: socket.send, log: log, begun: time.Now()}
	b.run(ctx, s.Herald.Snapshot, changes, feedEvery)
	s.Stopping()
	return nil
}

// Stopping sends STOPPING=1: the process was told to end. Only the first call
// does anything. It may be called from any goroutine.
func (s *Systemd) Stopping() {
	s.stopping.Do(func() {
		socket, err := notifySocketOf(s.getenv)
		if err != nil || socket == "" {
			return // Run says why
		}
		if err := socket.send("STOPPING=1"); err != nil && s.Log != nil {
			s.Log.Warn("systemd could not be told that the process is stopping", "error", err)
		}
	})
}

func (s *Systemd) getenv(name string) (string, bool) {
	if s.Getenv == nil {
		return os.LookupEnv(name)
	}
	return s.Getenv(name)
}

// feedEveryOf returns how often to feed systemd's watchdog: at half the time that
// it waits. Zero means that it does not wait, or for another process than this.
func feedEveryOf(getenv func(string) (string, bool)) (time.Duration, error) {
	value, ok := getenv("WATCHDOG_USEC")
	if !ok {
		return 0, nil
	}
	if pid, ok := getenv("WATCHDOG_PID"); ok && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	microseconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || microseconds < 2 || microseconds > int64(maxWatchdog/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC is %q: it must be a number of microseconds", value)
	}
	return time.Duration(microseconds) * time.Microsecond / 2, nil
}

// maxWatchdog keeps what systemd calls infinity out of the arithmetic.
const maxWatchdog = 365 * 24 * time.Hour

// bulletin is what systemd has been told. One goroutine uses it.
type bulletin struct {
	send  func(lines ...string) error
	log   *slog.Logger
	begun time.Time

	ready  bool
	status string
	failed bool // the last message could not be sent
	hung   bool // the watchdog is not fed
}

// run tells until ctx ends. Without feedEvery the watchdog is not fed.
func (b *bulletin) run(ctx context.Context, snapshot func() health.Snapshot, changes <-chan verdict, feedEvery time.Duration) {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	var feed <-chan time.Time
	if feedEvery > 0 {
		feeder := time.NewTicker(feedEvery)
		defer feeder.Stop()
		feed = feeder.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
			b.tell(snapshot())
		case <-ticker.C:
			b.tell(snapshot())
		case <-feed:
			b.feed(snapshot())
		}
	}
}

// tell sends what systemd does not know yet. What could not be sent is tried
// again by the next call.
func (b *bulletin) tell(s health.Snapshot) {
	var lines []string
	if !b.ready {
		lines = append(lines, "READY=1")
	}
	status := statusLine(s)
	if status != b.status {
		lines = append(lines, "STATUS="+status)
	}
	if len(lines) > 0 && b.sent(lines...) {
		b.ready, b.status = true, status
	}
}

// feed sends a sign of life, if there is life.
func (b *bulletin) feed(s health.Snapshot) {
	hung := overdue(s, b.begun)
	if hung && !b.hung {
		b.log.Error("no check has had a result for too long: systemd's watchdog is not fed until one has")
	}
	b.hung = hung
	if !hung {
		b.sent("WATCHDOG=1")
	}
}

// sent sends, and logs the first failure of a row.
func (b *bulletin) sent(lines ...string) bool {
	err := b.send(lines...)
	if err != nil && !b.failed {
		b.log.Warn("systemd could not be told", "error", err)
	}
	b.failed = err != nil
	return !b.failed
}

// overdue reports whether results have stopped arriving, since begun at the
// latest. Every check reports within its interval and timeout, a stuck one too,
// and a result counts for longer than that.
func overdue(s health.Snapshot, begun time.Time) bool {
	newest, first := begun, time.Duration(0)
	for _, r := range s.Results {
		if r.Time.After(newest) {
			newest = r.Time
		}
		if first == 0 || r.FreshFor < first {
			first = r.FreshFor
		}
	}
	return first > 0 && s.Time.Sub(newest) > first
}

// statusLine is one line for the people of this machine.
func statusLine(s health.Snapshot) string {
	v := verdictOf(s)
	var line string
	switch {
	case v.draining:
		line = "draining"
	case v.starting:
		line = "starting"
	case v.status == health.Pass:
		line = "in service"
	case v.status == health.Warn:
		line = "in service, degraded"
	default:
		line = "out of service (" + v.status.String() + ")"
	}
	separator := ": "
	for _, r := range s.Results {
		if v.status != health.Pass && r.Status != health.Pass {
			line += separator + r.Check
			separator = ", "
		}
	}
	// A line end in a name would begin another assignment.
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, line)
}
