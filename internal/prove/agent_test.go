package prove_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/httpcheck"
	"github.com/inservice/inservice/health/tcpcheck"
	"github.com/inservice/inservice/internal/prove"
)

// site is a web server that counts what it is asked.
func site(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(w, "ok")
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }

// maker makes one check.
type maker func(dial func(string) prove.DialFunc) health.Check

// web is a check that asks a URL.
func web(name, url string, change ...func(*health.Check)) maker {
	return func(dial func(string) prove.DialFunc) health.Check {
		return quick(name, httpcheck.Request{URL: url, Dial: dial(name)}.Run, change)
	}
}

func port(name, address string, change ...func(*health.Check)) maker {
	return func(dial func(string) prove.DialFunc) health.Check {
		return quick(name, tcpcheck.Server{Address: address, Dial: dial(name)}.Run, change)
	}
}

// own is a check that does as it likes.
func own(name string, run func(ctx context.Context, dial prove.DialFunc) error, change ...func(*health.Check)) maker {
	return func(dial func(string) prove.DialFunc) health.Check {
		return quick(name, func(ctx context.Context) error { return run(ctx, dial(name)) }, change)
	}
}

func quick(name string, run func(context.Context) error, change []func(*health.Check)) health.Check {
	c := health.Check{Name: name, Run: run, Interval: 50 * time.Millisecond, Timeout: 300 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	return c
}

func shared(c *health.Check)   { c.Scope = health.Shared }
func warnOnly(c *health.Check) { c.WarnOnly = true }
func follows(c *health.Check)  { c.FollowsShared = time.Minute }

// agent is one of these checks.
func agent(kinds map[string]string, makers ...maker) *prove.Agent {
	return &prove.Agent{Kinds: kinds, Make: func(dial func(string) prove.DialFunc) ([]health.Check, func() error, error) {
		var checks []health.Check
		for _, m := range makers {
			checks = append(checks, m(dial))
		}
		return checks, func() error { return nil }, nil
	}}
}

func run(t *testing.T, a *prove.Agent) prove.Report {
	t.Helper()
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// outcome is a report in lines: dependencies with their trials' defects, and the rest.
func outcome(r prove.Report) []string {
	var lines []string
	for _, d := range r.Dependencies {
		line := d.Name() + " " + string(d.Expect) + ":"
		for _, t := range d.Trials {
			line += " " + string(t.Fault)
			for _, x := range t.Defects {
				line += "!" + strings.Trim(x.Check+"/"+string(x.Kind), "/")
			}
		}
		if d.Why != "" {
			line += " not proven"
		}
		lines = append(lines, line)
	}
	for _, u := range r.Unprovable {
		lines = append(lines, u.Check+" unprovable")
	}
	for _, d := range r.Defects {
		lines = append(lines, d.Check+" "+string(d.Kind))
	}
	return lines
}

func want(t *testing.T, r prove.Report, proven bool, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, outcome(r)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if r.Proven() != proven {
		t.Errorf("proven is %v, want %v", r.Proven(), proven)
	}
}

func TestGoodChecksAreProven(t *testing.T) {
	t.Parallel()
	one, asked := site(t)
	two, _ := site(t)
	r := run(t, agent(nil, web("one", one), web("two", two, shared)))
	want(t, r, true, "one red: refuse reset hang slow", "two degraded: refuse reset hang slow")
	for _, d := range r.Dependencies {
		for _, x := range d.Trials {
			answer := "503 fail"
			if d.Expect == prove.Degraded {
				answer = "200 ok, degraded"
			}
			if x.Answer != answer || len(x.Reasons) != 1 || !strings.HasPrefix(x.Reasons[0], d.Checks[0]+": ") {
				t.Errorf("%s, %s: the answer is %s for %q", d.Name(), x.Fault, x.Answer, x.Reasons)
			}
			if x.After <= 0 || x.After > x.Bound || x.Healed <= 0 || x.Healed > x.HealBound {
				t.Errorf("%s, %s: turned after %v and back after %v", d.Name(), x.Fault, x.After, x.Healed)
			}
			if strings.Contains(strings.Join(x.Reasons, ""), "127.0.0.1") && !strings.Contains(strings.Join(x.Reasons, ""), d.Addresses[0]) {
				t.Errorf("%s, %s: reasons name an address that nobody knows: %q", d.Name(), x.Fault, x.Reasons)
			}
			slow := x.Fault == prove.Slow
			if slow != (x.Delay > 300*time.Millisecond) || slow != (len(x.Slowness) == 1) {
				t.Errorf("%s: %s by %v: %v", d.Name(), x.Fault, x.Delay, x.Slowness)
			}
			// An answer comes after two delays at least, and 300ms are allowed. A machine
			// that is busy needs less.
			if slow && (x.Slowness[0].Fails == 0 || x.Slowness[0].Fails > 150*time.Millisecond || x.Slowness[0].Passes >= x.Slowness[0].Fails) {
				t.Errorf("%s: %+v", d.Name(), x.Slowness[0])
			}
		}
	}
	if asked.Load() == 0 {
		t.Error("the site was never asked")
	}
	if r.Took > r.Estimate {
		t.Errorf("it took %v, and at most %v was told", r.Took, r.Estimate)
	}
}

func TestWarnOnlyIsDegraded(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	a := agent(nil, web("spare", url, warnOnly))
	a.Faults = []prove.Fault{prove.Hang}
	r := run(t, a)
	want(t, r, true, "spare degraded: hang")
	if got := r.Dependencies[0].Trials[0].Answer; got != "200 ok, degraded" {
		t.Errorf("the answer is %s", got)
	}
}

// A TCP check passes when the kernel accepts.
func TestTCPCheckCannotFail(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	r := run(t, agent(map[string]string{"port": "tcp"}, port("port", host(url))))
	want(t, r, false, "port red: refuse reset!port/stays-green hang!port/stays-green slow!port/stays-green")
	if hint := r.Dependencies[0].Trials[2].Defects[0].Hint; !strings.Contains(hint, "kernel accepts") {
		t.Errorf("the hint is %q", hint)
	}
	if got := r.Dependencies[0].Trials[2]; got.After != 0 || got.Answer != "200 ok" {
		t.Errorf("the answer is %q after %v", got.Answer, got.After)
	}
	if s := r.Dependencies[0].Trials[3].Slowness; len(s) != 1 || s[0].Fails != 0 {
		t.Errorf("it fails when slow: %+v", s)
	}
}

// Checks of one dependency are broken together, and each of them must react.
func TestChecksOfOneDependency(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	a := agent(map[string]string{"port": "tcp"}, web("page", url), port("port", host(url)), web("again", url, shared))
	a.Faults = []prove.Fault{prove.Refuse, prove.Hang}
	r := run(t, a)
	want(t, r, false, "page, port, again red: refuse hang!port/stays-green")
	if got := len(r.Dependencies[0].Trials[0].Reactions); got != 3 {
		t.Errorf("%d reactions, want 3", got)
	}
}

func TestCheckThatAsksNobody(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	a := agent(map[string]string{"idle": "http", "disk": "disk", "file": "certificate-file", "program": "exec", "db": "sqlite"},
		own("idle", func(context.Context, prove.DialFunc) error { return nil }),
		own("disk", func(context.Context, prove.DialFunc) error { return nil }),
		own("file", func(context.Context, prove.DialFunc) error { return nil }),
		own("program", func(context.Context, prove.DialFunc) error { return nil }),
		own("db", func(context.Context, prove.DialFunc) error { return nil }),
		web("page", url))
	a.Faults = []prove.Fault{prove.Refuse}
	r := run(t, a)
	want(t, r, false, "page red: refuse", "disk unprovable", "file unprovable", "program unprovable", "db unprovable", "idle never-asks")
	for _, u := range r.Unprovable {
		if u.Why == "" || u.Kind != a.Kinds[u.Check] {
			t.Errorf("%s: %+v", u.Check, u)
		}
	}

	a = agent(map[string]string{"disk": "disk"}, own("disk", func(context.Context, prove.DialFunc) error { return nil }))
	want(t, run(t, a), true, "disk unprovable")
	want(t, run(t, agent(nil)), false, " no-checks")
}

// A check that asks once and believes for ever.
func TestCheckThatRemembers(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	var known atomic.Bool
	a := agent(nil, own("cached", func(ctx context.Context, dial prove.DialFunc) error {
		if known.Load() {
			return nil
		}
		known.Store(true)
		return httpcheck.Request{URL: url, Dial: dial}.Run(ctx)
	}))
	a.Faults = []prove.Fault{prove.Refuse}
	r := run(t, a)
	want(t, r, false, "cached red: refuse!cached/stays-green")
}

// A check that never recovers, such as one that keeps a broken connection.
func TestCheckThatStaysRed(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	var dead atomic.Bool
	a := agent(nil, own("latch", func(ctx context.Context, dial prove.DialFunc) error {
		if dead.Load() {
			return errors.New("the connection is dead")
		}
		err := httpcheck.Request{URL: url, Dial: dial}.Run(ctx)
		dead.Store(err != nil)
		return err
	}))
	a.Faults = []prove.Fault{prove.Refuse, prove.Hang}
	r := run(t, a)
	want(t, r, false, "latch red: refuse!stays-red not proven")
	if why := r.Dependencies[0].Why; !strings.Contains(why, "not green before hang") || !strings.Contains(why, "the connection is dead") {
		t.Errorf("the second fault: %q", why)
	}
}

// A check that takes longer to notice than its interval, timeout and threshold say.
func TestCheckThatIsLate(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	var since time.Time // runs never overlap
	a := agent(nil, own("late", func(ctx context.Context, dial prove.DialFunc) error {
		err := httpcheck.Request{URL: url, Dial: dial}.Run(ctx)
		if errors.Is(err, syscall.ECONNREFUSED) && since.IsZero() {
			since = time.Now()
		}
		if err != nil && time.Since(since) < 1700*time.Millisecond { // the bound is 1.35s, and twice that is waited
			return nil
		}
		return err
	}))
	a.Faults = []prove.Fault{prove.Refuse}
	want(t, run(t, a), false, "late red: refuse!late/too-late")
}

// Declared shared, and something critical fails with it that nobody has declared.
func TestAnswerThatTurnsRedThoughDeclaredDegraded(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	var broken atomic.Bool
	a := agent(map[string]string{"page": "exec"},
		own("database", func(ctx context.Context, dial prove.DialFunc) error {
			err := httpcheck.Request{URL: url, Dial: dial}.Run(ctx)
			broken.Store(err != nil)
			return err
		}, shared),
		own("page", func(context.Context, prove.DialFunc) error {
			if broken.Load() {
				return errors.New("500")
			}
			return nil
		}))
	a.Faults = []prove.Fault{prove.Refuse}
	want(t, run(t, a), false, "database degraded: refuse!turns-red", "page unprovable")
}

// The app may follow from a shared failure: it is red all the same when it breaks by
// itself, whatever broke before it.
func TestAppThatFollows(t *testing.T) {
	t.Parallel()
	database, _ := site(t)
	app, _ := site(t)
	seldom := func(c *health.Check) { c.Interval = 2 * time.Second } // for that long the app is excused
	a := agent(nil, web("database", database, shared, seldom), web("app", app, follows))
	a.Faults = []prove.Fault{prove.Refuse}
	r := run(t, a)
	want(t, r, true, "database degraded: refuse", "app red: refuse")
	if x := r.Dependencies[1].Trials[0]; x.After < x.Reactions[0].After+time.Second || x.Bound <= x.Reactions[0].Bound {
		t.Errorf("the app failed after %v of %v, the answer was red after %v of %v", x.Reactions[0].After, x.Reactions[0].Bound, x.After, x.Bound)
	}
}

// Who turns to another address when the first is broken finds that broken too.
func TestCheckWithASpare(t *testing.T) {
	t.Parallel()
	first, _ := site(t)
	spare, asked := site(t)
	a := agent(nil, own("pair", func(ctx context.Context, dial prove.DialFunc) error {
		err := httpcheck.Request{URL: first, Dial: dial}.Run(ctx)
		if err != nil {
			err = httpcheck.Request{URL: spare, Dial: dial}.Run(ctx)
		}
		return err
	}))
	a.Faults = []prove.Fault{prove.Refuse, prove.Reset}
	r := run(t, a)
	want(t, r, true, "pair red: refuse reset")
	if got := r.Dependencies[0].Trials[0].Also; !slices.Equal(got, []string{host(spare)}) {
		t.Errorf("broken as well: %q", got)
	}
	if asked.Load() > 0 {
		t.Errorf("the spare was asked %d times", asked.Load())
	}
}

// What is not green before anything is broken can't be proven; the rest can.
func TestNotGreenAtFirst(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	a := agent(map[string]string{"disk": "disk"}, web("dead", "http://"+address), web("page", url),
		own("disk", func(context.Context, prove.DialFunc) error { return errors.New("full") }))
	a.Faults = []prove.Fault{prove.Refuse}
	r := run(t, a)
	want(t, r, false, "dead red: not proven", "page red: refuse", "disk red: not proven", "disk unprovable")
	if why := r.Dependencies[0].Why; !strings.Contains(why, address+" can't be reached") || !strings.Contains(why, "connection refused") {
		t.Errorf("why is %q", why)
	}
	if why := r.Dependencies[2].Why; !strings.Contains(why, "disk: full") {
		t.Errorf("why is %q", why)
	}
}

// A forwarder accepts for a dependency that is dead, and a check that only connects
// would pass: it is red in truth, and not proven.
func TestDeadBehindAForwarder(t *testing.T) {
	t.Parallel()
	dead := free(t)
	a := agent(map[string]string{"port": "tcp"}, port("port", dead))
	a.Faults = []prove.Fault{prove.Refuse}
	r := run(t, a)
	want(t, r, false, "port red: not proven")
	if why := r.Dependencies[0].Why; !strings.Contains(why, "nothing is behind that") || !strings.Contains(why, dead+" can't be reached") {
		t.Errorf("why is %q", why)
	}
}

// What has a spare that is reached is well, though it is not reached itself.
func TestDeadWithASpare(t *testing.T) {
	t.Parallel()
	dead := free(t)
	spare, _ := site(t)
	a := agent(nil, own("pair", func(ctx context.Context, dial prove.DialFunc) error {
		if conn, err := dial(ctx, "tcp", dead); err == nil {
			conn.Close()
		}
		return httpcheck.Request{URL: spare, Dial: dial}.Run(ctx)
	}))
	a.Faults = []prove.Fault{prove.Refuse}
	want(t, run(t, a), true, "pair red: refuse")
}

func TestOnlyAndInterval(t *testing.T) {
	t.Parallel()
	one, _ := site(t)
	two, asked := site(t)
	slowly := func(c *health.Check) { c.Interval = time.Hour }
	a := agent(nil, web("one", one, slowly), web("two", two, slowly), port("three", host(two)))
	a.Only, a.Interval, a.Faults = []string{"one"}, 100*time.Millisecond, []prove.Fault{prove.Reset}
	var steps []string
	a.Observe = func(e prove.Event) {
		step := string(e.Step)
		if e.Dependency != nil {
			step += " " + e.Dependency.Name()
		}
		steps = append(steps, step)
	}
	r := run(t, a)
	want(t, r, true, "one red: reset")
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "100ms") || !strings.Contains(r.Notes[0], "one 1h0m0s, two 1h0m0s") {
		t.Errorf("notes are %q", r.Notes)
	}
	if got := r.Dependencies[0].Bound; got != 1400*time.Millisecond {
		t.Errorf("the bound is %v, want that of the interval used", got)
	}
	if diff := cmp.Diff([]string{"waiting", "planned", "breaking one", "tried one", "finished one"}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if asked.Load() == 0 {
		t.Error("the other check did not run, as it does in the agent")
	}
}

func TestAgentEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url, _ := site(t)
	a := agent(nil, port("port", host(url)))
	a.Faults = []prove.Fault{prove.Hang}
	ctx, cancel := context.WithCancel(t.Context())
	a.Observe = func(e prove.Event) {
		if e.Step == prove.Breaking {
			cancel()
		}
	}
	begun := time.Now()
	if _, err := a.Run(ctx); err == nil || err.Error() != context.Canceled.Error() { // and nothing else went wrong
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("ended after %v", took)
	}
}

func TestMakingFails(t *testing.T) {
	wrong := errors.New("no such driver")
	a := &prove.Agent{Make: func(func(string) prove.DialFunc) ([]health.Check, func() error, error) { return nil, nil, wrong }}
	if _, err := a.Run(t.Context()); !errors.Is(err, wrong) {
		t.Errorf("ended with %v", err)
	}
	twice := func(context.Context, prove.DialFunc) error { return nil }
	if _, err := agent(nil, own("twice", twice), own("twice", twice)).Run(t.Context()); err == nil || !strings.Contains(err.Error(), `two checks are named "twice"`) {
		t.Errorf("ended with %v", err)
	}
	left := errors.New("left open")
	a = agent(nil)
	a.Make = func(func(string) prove.DialFunc) ([]health.Check, func() error, error) {
		return nil, func() error { return left }, nil
	}
	if _, err := a.Run(t.Context()); !errors.Is(err, left) {
		t.Errorf("ended with %v", err)
	}
}

func TestParseFaults(t *testing.T) {
	got, err := prove.ParseFaults([]string{"slow", " refuse", "slow"})
	if err != nil || !slices.Equal(got, []prove.Fault{prove.Refuse, prove.Slow}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := prove.ParseFaults([]string{"burn"}); err == nil || !strings.Contains(err.Error(), `"burn"`) {
		t.Errorf("got %v", err)
	}
}
