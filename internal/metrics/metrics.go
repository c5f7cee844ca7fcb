// Package metrics shows Prometheus what the agent knows: the verdict, each check,
// the traffic, who asks for health and how often.
//
// What it guarantees: nothing is registered outside of the value that [New]
// returns; a scrape reads one snapshot, runs no check and starts no goroutine that
// outlives it; the number of time series is bounded by the configuration (checks)
// and by this package (balancers), never by what a stranger sends.
//
// All methods may be called from any goroutine. Whoever serves [Metrics] decides
// who may read it: it names the checks, and is not for strangers.
package metrics

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/traffic"
)

// Bounds of what a scrape costs.
const (
	scrapesAtATime = 4
	scrapeTimeout  = 5 * time.Second
)

// durations are the bounds of the histogram of checks, in seconds: from what a
// local socket takes to beyond the usual timeouts.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Sources are what a scrape reads. The functions are called by any number of
// goroutines, and must be quick.
type Sources struct {
	// Snapshot reads what is known of the checks, as [health.Registry.Snapshot].
	// Required.
	Snapshot func() health.Snapshot

	// Traffic reads the verdict on real traffic. Nil leaves its metrics out.
	Traffic func() traffic.Verdict

	// Visitors counts visitors' requests since the start. Nil leaves it out.
	Visitors func() uint64

	// Refused counts requests that were refused for their Host. Nil leaves it out.
	Refused func() uint64

	// Askers lists those who ask for health. Nil leaves it out.
	Askers func() []askers.Asker

	// Version is this program's. Empty leaves the metric out.
	Version string
}

// Metrics is an [http.Handler] that answers scrapes. New makes it.
type Metrics struct {
	handler   http.Handler
	duration  *prometheus.HistogramVec
	questions *prometheus.CounterVec
	balancers balancers

	counters atomic.Pointer[map[question]prometheus.Counter] // a map is not changed once it is here
	adding   sync.Mutex                                      // held by who replaces counters
}

// question is what questions are counted by.
type question struct {
	balancer string
	code     int
}

// New makes the metrics of one agent. It starts nothing.
func New(sources Sources) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "inservice_check_duration_seconds",
			Help:    "How long the runs of a check took, by what each run said.",
			Buckets: durations,
		}, []string{"check", "result"}),
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inservice_health_questions_total",
			Help: "Health questions that were answered, by who asked as far as recognised and by the status code of the answer.",
		}, []string{"balancer", "code"}),
	}
	m.counters.Store(&map[question]prometheus.Counter{})

	registry := prometheus.NewRegistry()
	registry.MustRegister(
		m.duration, m.questions, &view{sources: sources, balancers: &m.balancers},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// A metric that can't be had must not hide the others. It is counted, in
		// promhttp_metric_handler_errors_total.
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            registry,
		MaxRequestsInFlight: scrapesAtATime,
		Timeout:             scrapeTimeout,
	})
	return m
}

// ServeHTTP answers a scrape, in the format that the request asks for. Methods
// other than GET and HEAD are refused with 405.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	m.handler.ServeHTTP(w, r)
}

// Result records one finished run of a check, as [health.Registry.OnResult] tells
// it.
func (m *Metrics) Result(r health.Result) {
	m.duration.WithLabelValues(checkLabel(r.Check), runResult(r)).Observe(r.Duration.Seconds())
}

// runResult is what the run itself said, which thresholds may keep from the
// check's status. A degraded run of a check that is out of service still counts
// as a pass here, as it does for the thresholds.
func runResult(r health.Result) string {
	switch {
	case r.Failures > 0:
		return "fail"
	case r.Status == health.Warn:
		return "warn"
	default:
		return "pass"
	}
}

// Asked counts one health question. The balancer is the name of the one that was
// recognised, empty for anybody else, or that of a tongue other than HTTP; the code
// is the status code of the answer, or what HTTP has for it: 200 or 503.
// Counting what was counted before takes no lock and allocates nothing.
func (m *Metrics) Asked(balancer string, code int) {
	if counter, ok := (*m.counters.Load())[question{balancer, code}]; ok {
		counter.Inc()
		return
	}
	m.counter(question{balancer, code}).Inc()
}

// counter makes a counter known to Asked. The map stays small: beyond the names
// that balancers has room for, and for what is no status code, nothing is kept.
func (m *Metrics) counter(q question) prometheus.Counter {
	label, code := m.balancers.label(q.balancer), strconv.Itoa(q.code)
	if q.code < 100 || q.code > 599 {
		code = other
	}
	counter := m.questions.WithLabelValues(label, code)
	if label == other || code == other {
		return counter
	}
	m.adding.Lock()
	defer m.adding.Unlock()
	counters := maps.Clone(*m.counters.Load())
	counters[q] = counter
	m.counters.Store(&counters)
	return counter
}
