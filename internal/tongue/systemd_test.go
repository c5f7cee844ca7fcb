package tongue

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
)

// manager is systemd's end of the socket: each element is one datagram.
func manager(t *testing.T, name string) <-chan string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	datagrams := make(chan string, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			datagrams <- string(buffer[:n])
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return datagrams
}

// socketPath is short enough for the address of a socket, as that of t.TempDir
// may not be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "notify")
}

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		i := slices.Index(pairs, name)
		if i < 0 || i%2 == 1 {
			return "", false
		}
		return pairs[i+1], true
	}
}

func TestSystemdIsTold(t *testing.T) {
	path := socketPath(t)
	for name, socket := range map[string]string{"path": path, "abstract": "@inservice" + path} {
		t.Run(name, func(t *testing.T) {
			datagrams := manager(t, socket)
			b := newBoard(starting)
			h := &Herald{Snapshot: b.snapshot}
			s := &Systemd{Herald: h, Getenv: environment("NOTIFY_SOCKET", socket)}
			stop := start(t, s.Run)
			want := func(datagram string) {
				t.Helper()
				if got := next(t, datagrams); got != datagram {
					t.Errorf("sent %q, want %q", got, datagram)
				}
			}
			want("READY=1\nSTATUS=starting: disk")
			b.set(pass)
			h.Nudge()
			want("STATUS=in service")
			b.set(warn)
			h.Nudge()
			want("STATUS=in service, degraded: disk")
			s.Stopping()
			want("STOPPING=1")
			b.set(draining)
			h.Nudge()
			want("STATUS=draining")
			stop()
			s.Stopping()
			if err := notifySocket(socket).send("the test's end"); err != nil {
				t.Fatal(err)
			}
			want("the test's end") // and nothing before it
		})
	}
}

// The environment is that of the process.
func TestSystemdStopsWithRun(t *testing.T) {
	path := socketPath(t)
	datagrams := manager(t, path)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s := &Systemd{Herald: &Herald{Snapshot: newBoard(pass).snapshot}}
	stop := start(t, s.Run)
	for next(t, datagrams) != "WATCHDOG=1" {
	}
	stop()
	for next(t, datagrams) != "STOPPING=1" {
	}
}

func TestSystemdIsNotThere(t *testing.T) {
	for name, test := range map[string]struct{ socket, want string }{
		"none":     {"", ""},
		"vsock":    {"vsock:2:1234", "only a path and @name"},
		"relative": {"notify", "only a path and @name"},
		"nobody":   {socketPath(t), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := newLog()
			s := &Systemd{
				Herald: &Herald{Snapshot: newBoard(pass).snapshot}, Log: log,
				Getenv: environment("NOTIFY_SOCKET", test.socket, "WATCHDOG_USEC", "many"),
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			if test.want != "" {
				line := next(t, lines)
				if strings.Contains(line, "WATCHDOG_USEC") {
					line = next(t, lines)
				}
				if !strings.Contains(line, test.want) {
					t.Errorf("logged %q, want %q", line, test.want)
				}
			}
			cancel()
			if err := next(t, ended); err != nil {
				t.Error(err)
			}
			if test.want == "" && len(lines) > 0 {
				t.Errorf("logged %q", <-lines)
			}
		})
	}
}

// sending is what a bulletin has sent, and when.
type sending struct {
	begun  time.Time
	sent   []string
	mu     sync.Mutex
	refuse error // guarded by mu
}

func (s *sending) setRefusal(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func (s *sending) send(lines ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.sent = append(s.sent, time.Since(s.begun).String()+" "+strings.Join(lines, " "))
	return nil
}

// bulletinFor runs a bulletin in virtual time.
func bulletinFor(t *testing.T, d time.Duration, out *sending, b *board, feedEvery time.Duration, logged func(string)) {
	t.Helper()
	log, lines := newLog()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	h := &Herald{Snapshot: b.snapshot}
	changes, unsubscribe := h.subscribe()
	defer unsubscribe()
	out.begun = time.Now()
	(&bulletin{send: out.send, log: log, begun: out.begun}).run(ctx, b.snapshot, changes, feedEvery)
	for range len(lines) {
		logged(<-lines)
	}
}

func TestWatchdogIsFedWhileResultsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(d time.Duration) time.Time { return time.Now().Add(d) }
		// "app" counts for 10 s and was last run before Run; "rare" has a result at
		// 5 s and counts for an hour.
		first := health.Snapshot{Status: health.Pass, Results: []health.Result{
			{Check: "app", Status: health.Pass, Time: at(-time.Second), FreshFor: 10 * time.Second},
			{Check: "rare", Status: health.Pass, Time: at(-time.Minute), FreshFor: time.Hour},
		}}
		second := first
		second.Results = slices.Clone(first.Results)
		second.Results[1].Time = at(5 * time.Second)
		third := second
		third.Results = slices.Clone(second.Results)
		third.Results[0].Time = at(22 * time.Second)
		b := newBoard(first)
		time.AfterFunc(5*time.Second, func() { b.set(second) })
		time.AfterFunc(22*time.Second, func() { b.set(third) })

		out := new(sending)
		var logged []string
		bulletinFor(t, 26*time.Second, out, b, 3*time.Second, func(line string) { logged = append(logged, line) })
		want := []string{
			"0s READY=1 STATUS=in service",
			"3s WATCHDOG=1", "6s WATCHDOG=1", "9s WATCHDOG=1", "12s WATCHDOG=1", "15s WATCHDOG=1",
			// 18 s and 21 s are more than 10 s after the last result
			"24s WATCHDOG=1",
		}
		if diff := cmp.Diff(want, out.sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if len(logged) != 1 || !strings.Contains(logged[0], "watchdog is not fed") {
			t.Errorf("logged %q, want one line", logged)
		}
	})
}

// A server whose checks fail is fed like any other, and so is one without checks.
func TestWatchdogIsFedWhateverTheVerdict(t *testing.T) {
	for name, s := range everySnapshot {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := new(sending)
				bulletinFor(t, 2500*time.Millisecond, out, newBoard(s), time.Second, func(line string) { t.Error(line) })
				if len(out.sent) != 3 || out.sent[2] != "2s WATCHDOG=1" {
					t.Errorf("sent %q, want two signs of life", out.sent)
				}
			})
		})
	}
}

func TestSystemdIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sending{refuse: os.ErrDeadlineExceeded}
		b := newBoard(starting)
		time.AfterFunc(2500*time.Millisecond, func() { b.set(fail); out.setRefusal(nil) })
		n := 0
		bulletinFor(t, 5*time.Second, out, b, 0, func(string) { n++ })
		if diff := cmp.Diff([]string{"3s READY=1 STATUS=out of service (fail): disk"}, out.sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if n != 1 {
			t.Errorf("%d lines in the log for a row of failures, want one", n)
		}
	})
}

func TestStatusLine(t *testing.T) {
	for name, want := range map[string]string{
		"pass": "in service", "warn": "in service, degraded: disk", "fail": "out of service (fail): disk",
		"unknown": "out of service (unknown): disk", "starting": "starting: disk", "draining": "draining",
	} {
		if got := statusLine(everySnapshot[name]); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	notYet := health.Snapshot{Status: health.Pass, Results: []health.Result{{Check: "cache", WarnOnly: true}}}
	if got, want := statusLine(notYet), "in service"; got != want {
		t.Errorf("a check that only warns has no result yet: %q, want %q", got, want)
	}
	forged := health.Snapshot{Status: health.Fail, Results: []health.Result{
		{Check: "a\nMAINPID=1", Status: health.Fail}, {Check: "b", Status: health.Fail},
	}}
	if got, want := statusLine(forged), "out of service (fail): a MAINPID=1, b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFeedEveryOf(t *testing.T) {
	own, another := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getpid()+1)
	for name, test := range map[string]struct {
		environment []string
		want        time.Duration
		wrong       bool
	}{
		"none":         {nil, 0, false},
		"any process":  {[]string{"WATCHDOG_USEC", "30000000"}, 15 * time.Second, false},
		"this process": {[]string{"WATCHDOG_USEC", "30000000", "WATCHDOG_PID", own}, 15 * time.Second, false},
		"another":      {[]string{"WATCHDOG_USEC", "30000000", "WATCHDOG_PID", another}, 0, false},
		"no number":    {[]string{"WATCHDOG_USEC", "30s"}, 0, true},
		"zero":         {[]string{"WATCHDOG_USEC", "0"}, 0, true},
		"one":          {[]string{"WATCHDOG_USEC", "1"}, 0, true},
		"infinity":     {[]string{"WATCHDOG_USEC", "18446744073709551615"}, 0, true},
		"too large":    {[]string{"WATCHDOG_USEC", "9223372036854775807"}, 0, true},
	} {
		got, err := feedEveryOf(environment(test.environment...))
		if test.wrong != (err != nil) || err == nil && got != test.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
		}
	}
}
