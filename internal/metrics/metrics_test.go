package metrics_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/metrics"
	"github.com/inservice/inservice/internal/traffic"
)

// now is the moment of all snapshots here.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func snapshot() health.Snapshot {
	return health.Snapshot{Time: now, Status: health.Warn, Started: true, Results: []health.Result{
		{Check: "app", Status: health.Pass, Time: now.Add(-1500 * time.Millisecond), Passes: 3},
		{Check: "data base", Status: health.Fail, Scope: health.Shared, Time: now.Add(-time.Minute), Failures: 2, Err: errors.New("password=hunter2")},
		{Check: "rare", Status: health.Unknown, Err: health.ErrNotChecked},
	}}
}

// full is what everybody tells.
func full() metrics.Sources {
	return metrics.Sources{
		Snapshot: snapshot,
		Traffic: func() traffic.Verdict {
			return traffic.Verdict{Level: traffic.Warn, Requests: 40, Bad: 7, TimedOut: 3, Share: 0.25}
		},
		Visitors: func() uint64 { return 12345678901 },
		Refused:  func() uint64 { return 17 },
		Askers: func() []askers.Asker {
			alb := askers.Key{Name: "alb", Peer: netip.MustParseAddr("10.0.0.1")}
			other := askers.Key{Name: "alb", Peer: netip.MustParseAddr("10.0.0.2")}
			return []askers.Asker{{Key: alb}, {Key: other}, {Key: askers.Key{Peer: alb.Peer}}}
		},
		Version: "1.2.3",
	}
}

func scrape(t *testing.T, m http.Handler) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("a scrape was answered %d:\n%s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// samples are the lines of a scrape with our metrics whose names begin so.
func samples(t *testing.T, m http.Handler, name string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(scrape(t, m)) {
		if strings.HasPrefix(line, "inservice_"+name) {
			lines = append(lines, strings.TrimSpace(strings.TrimPrefix(line, "inservice_")))
		}
	}
	return lines
}

func TestScrape(t *testing.T) {
	m := metrics.New(full())
	m.Asked("alb", 200)
	m.Asked("alb", 200)
	m.Asked("", 503)
	want := []string{
		`askers{balancer="alb"} 2`,
		`askers{balancer="unrecognised"} 1`,
		`build_info{goversion="` + runtime.Version() + `",version="1.2.3"} 1`,
		`check_age_seconds{check="app"} 1.5`,
		`check_age_seconds{check="data base"} 60`,
		`check_status{check="app",status="fail"} 0`,
		`check_status{check="app",status="pass"} 1`,
		`check_status{check="app",status="unknown"} 0`,
		`check_status{check="app",status="warn"} 0`,
		`check_status{check="data base",status="fail"} 1`,
		`check_status{check="data base",status="pass"} 0`,
		`check_status{check="data base",status="unknown"} 0`,
		`check_status{check="data base",status="warn"} 0`,
		`check_status{check="rare",status="fail"} 0`,
		`check_status{check="rare",status="pass"} 0`,
		`check_status{check="rare",status="unknown"} 1`,
		`check_status{check="rare",status="warn"} 0`,
		`draining 0`,
		`health_questions_total{balancer="alb",code="200"} 2`,
		`health_questions_total{balancer="unrecognised",code="503"} 1`,
		`in_service 1`,
		`refused_hosts_total 17`,
		`starting 0`,
		`status{status="fail"} 0`,
		`status{status="pass"} 0`,
		`status{status="unknown"} 0`,
		`status{status="warn"} 1`,
		`traffic_bad_share 0.25`,
		`traffic_level{level="fail"} 0`,
		`traffic_level{level="no evidence"} 0`,
		`traffic_level{level="pass"} 0`,
		`traffic_level{level="warn"} 1`,
		`traffic_requests 40`,
		`visitor_requests_total 1.2345678901e+10`,
	}
	if diff := cmp.Diff(want, samples(t, m, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	body := scrape(t, m)
	for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
		if !strings.Contains(body, "\n"+name+" ") {
			t.Errorf("the scrape has no %s", name)
		}
	}
	if strings.Contains(body, "hunter2") {
		t.Error("the scrape tells a check's error")
	}
}

func TestOutOfService(t *testing.T) {
	for name, test := range map[string]struct {
		snapshot health.Snapshot
		want     []string
	}{
		"draining": {
			health.Snapshot{Time: now, Status: health.Fail, Draining: true},
			[]string{"draining 1", "in_service 0", "starting 0", `status{status="fail"} 1`},
		},
		"starting": {
			health.Snapshot{Time: now, Starting: true},
			[]string{"draining 0", "in_service 0", "starting 1", `status{status="unknown"} 1`},
		},
		"pass": {
			health.Snapshot{Time: now, Status: health.Pass},
			[]string{"draining 0", "in_service 1", "starting 0", `status{status="pass"} 1`},
		},
	} {
		m := metrics.New(metrics.Sources{Snapshot: func() health.Snapshot { return test.snapshot }})
		got := slices.DeleteFunc(samples(t, m, ""), func(line string) bool {
			return strings.HasPrefix(line, "status") && strings.HasSuffix(line, " 0")
		})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, and nothing of sources that are not there (-want +got):\n%s", name, diff)
		}
	}
}

// A scrape must not tell the verdict of one moment and the checks of another.
func TestScrapeReadsOneSnapshot(t *testing.T) {
	read := 0
	m := metrics.New(metrics.Sources{Snapshot: func() health.Snapshot { read++; return snapshot() }})
	if read != 0 {
		t.Errorf("New reads %d snapshots", read)
	}
	scrape(t, m)
	if read != 1 {
		t.Errorf("a scrape reads %d snapshots, want one", read)
	}
}

func TestLint(t *testing.T) {
	m := metrics.New(full())
	m.Asked("alb", 200)
	m.Result(health.Result{Check: "app", Status: health.Pass, Passes: 1})
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestCheckDurations(t *testing.T) {
	m := metrics.New(full())
	for _, r := range []health.Result{
		{Status: health.Pass, Passes: 1, Duration: 3 * time.Millisecond},
		{Status: health.Pass, Failures: 1, Err: errors.New("failed 1 of 3 in a row"), Duration: 700 * time.Millisecond},
		{Status: health.Fail, Failures: 3, Err: errors.New("refused"), Duration: 800 * time.Millisecond},
		{Status: health.Fail, Passes: 1, Err: errors.New("passed 1 of 2 in a row since"), Duration: 4 * time.Millisecond},
		{Status: health.Warn, Passes: 2, Err: errors.New("slow"), Duration: 90 * time.Millisecond},
	} {
		r.Check = "app"
		m.Result(r)
	}
	got := samples(t, m, "check_duration")
	for _, want := range []string{
		`check_duration_seconds_bucket{check="app",result="fail",le="0.5"} 0`,
		`check_duration_seconds_bucket{check="app",result="fail",le="1"} 2`,
		`check_duration_seconds_sum{check="app",result="fail"} 1.5`,
		`check_duration_seconds_count{check="app",result="fail"} 2`,
		`check_duration_seconds_count{check="app",result="pass"} 2`,
		`check_duration_seconds_count{check="app",result="warn"} 1`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s among\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// Whatever a caller makes of strangers, the number of series is bounded.
func TestSeriesAreBounded(t *testing.T) {
	m := metrics.New(metrics.Sources{Snapshot: snapshot, Askers: func() []askers.Asker {
		var all []askers.Asker
		for i := range 1000 {
			all = append(all, askers.Asker{Key: askers.Key{Name: fmt.Sprint("asker", i)}})
		}
		return all
	}})
	m.Asked("\xff", 200)
	for i := range 1000 {
		m.Asked(fmt.Sprint("name", i), 200)
	}
	m.Asked("name0", 200)
	m.Asked("name0", 503)
	for _, code := range []int{0, -1, 99, 600, 1 << 40} {
		m.Asked("", code)
	}
	questions := samples(t, m, "health_questions_total")
	if len(questions) != 64+3 {
		t.Errorf("%d series of questions, want those of 64 names, another code of one, of all others, and of no code", len(questions))
	}
	for _, want := range []string{
		`health_questions_total{balancer="name0",code="200"} 2`,
		`health_questions_total{balancer="name0",code="503"} 1`,
		`health_questions_total{balancer="other",code="200"} 937`,
		`health_questions_total{balancer="unrecognised",code="other"} 5`,
	} {
		if !slices.Contains(questions, want) {
			t.Errorf("no %s among\n%s", want, strings.Join(questions, "\n"))
		}
	}
	if diff := cmp.Diff([]string{`askers{balancer="other"} 1000`}, samples(t, m, "askers")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Prometheus takes UTF-8 only, and would answer the whole scrape with an error.
func TestCheckNamesThatAreNotUTF8(t *testing.T) {
	m := metrics.New(metrics.Sources{Snapshot: func() health.Snapshot {
		return health.Snapshot{Time: now, Status: health.Pass, Results: []health.Result{
			{Check: "caf\xe9", Status: health.Pass, Time: now}, {Check: "caf\xe8", Status: health.Pass, Time: now}, {Check: "café", Status: health.Pass, Time: now},
		}}
	}})
	m.Result(health.Result{Check: "caf\xe9"})
	want := []string{
		`check_age_seconds{check="\"caf\\xe8\""} 0`, `check_age_seconds{check="\"caf\\xe9\""} 0`, `check_age_seconds{check="café"} 0`,
	}
	if diff := cmp.Diff(want, samples(t, m, "check_age")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMethods(t *testing.T) {
	m := metrics.New(full())
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodDelete: 405} {
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, httptest.NewRequest(method, "/metrics", nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", method, answer.Code, want)
		}
	}
}

// Two agents in one process, as in a test, don't share anything.
func TestNothingIsGlobal(t *testing.T) {
	one, two := metrics.New(full()), metrics.New(full())
	one.Asked("alb", 200)
	if got := samples(t, two, "health_questions_total"); len(got) > 0 {
		t.Errorf("what one was asked is told by the other: %q", got)
	}
}

func TestAskedFromManyGoroutines(t *testing.T) {
	m := metrics.New(full())
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for i := range 1000 {
				m.Asked([]string{"alb", "haproxy", ""}[i%3], 200+i%100)
			}
		})
	}
	scrape(t, m)
	asking.Wait()
	total := 0
	for _, line := range samples(t, m, "health_questions_total") {
		var n int
		fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
		total += n
	}
	if total != 8000 {
		t.Errorf("%d questions counted, want 8000", total)
	}
}

func TestAskedAllocatesNothing(t *testing.T) {
	m := metrics.New(full())
	m.Asked("alb", 200)
	if n := testing.AllocsPerRun(100, func() { m.Asked("alb", 200) }); n != 0 {
		t.Errorf("counting a question allocates %v times", n)
	}
}
