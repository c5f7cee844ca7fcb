package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/traffic"
)

// The metrics whose values are read when a scrape asks for them. A metric with a
// status or level has one series for each, of which one is 1: so a query never
// has to know which number stands for what.
var (
	descStatus      = describe("status", "The verdict: 1 for the status that it is, 0 for the others.", "status")
	descInService   = describe("in_service", "1 while load balancers are told to send traffic, 0 otherwise.")
	descDraining    = describe("draining", "1 while the server is going away, 0 otherwise.")
	descStarting    = describe("starting", "1 until the server has been in service or its startup grace is over, 0 afterwards.")
	descCheckStatus = describe("check_status", "A check after its thresholds: 1 for the status that it has, 0 for the others.", "check", "status")
	descCheckAge    = describe("check_age_seconds", "How long ago a check's last result was known. Absent before the first.", "check")
	descRequests    = describe("traffic_requests", "Visitors' requests in the sliding window that the traffic is judged by.")
	descShare       = describe("traffic_bad_share", "The share from 0 to 1 of the requests in the window that went badly.")
	descLevel       = describe("traffic_level", "The verdict on the traffic: 1 for the level that it is, 0 for the others.", "level")
	descVisitors    = describe("visitor_requests_total", "Visitors' requests since the start.")
	descRefused     = describe("refused_hosts_total", "Requests that were refused for their Host.")
	descAskers      = describe("askers", "How many ask for health at present, by what they were recognised as.", "balancer")
	descBuild       = describe("build_info", "Always 1; the labels say which program this is.", "version", "goversion")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("inservice_"+name, help, labels, nil)
}

var (
	statuses = []health.Status{health.Pass, health.Warn, health.Fail, health.Unknown}
	levels   = []traffic.Level{traffic.NoEvidence, traffic.Pass, traffic.Warn, traffic.Fail}
)

// view reads the sources. It keeps nothing between scrapes.
type view struct {
	sources   Sources
	balancers *balancers
}

// Describe is part of [prometheus.Collector].
func (v *view) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descStatus, descInService, descDraining, descStarting, descCheckStatus, descCheckAge, descRequests,
		descShare, descLevel, descVisitors, descRefused, descAskers, descBuild,
	} {
		descs <- d
	}
}

// Collect is part of [prometheus.Collector].
func (v *view) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	collectHealth(v.sources.Snapshot(), gauge)
	if v.sources.Traffic != nil {
		verdict := v.sources.Traffic()
		gauge(descRequests, float64(verdict.Requests))
		gauge(descShare, verdict.Share)
		for _, level := range levels {
			gauge(descLevel, one(level == verdict.Level), level.String())
		}
	}
	if v.sources.Askers != nil {
		counts := make(map[string]int)
		for _, asker := range v.sources.Askers() {
			counts[v.balancers.label(asker.Name)]++
		}
		for label, n := range counts {
			gauge(descAskers, float64(n), label)
		}
	}
	if v.sources.Version != "" {
		gauge(descBuild, 1, v.sources.Version, runtime.Version())
	}
	count := func(d *prometheus.Desc, source func() uint64) {
		if source != nil {
			metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(source()))
		}
	}
	count(descVisitors, v.sources.Visitors)
	count(descRefused, v.sources.Refused)
}

func collectHealth(s health.Snapshot, gauge func(d *prometheus.Desc, value float64, labels ...string)) {
	for _, status := range statuses {
		gauge(descStatus, one(status == s.Status), status.String())
	}
	gauge(descInService, one(s.Status.InService()))
	gauge(descDraining, one(s.Draining))
	gauge(descStarting, one(s.Starting))
	for _, r := range s.Results {
		check := checkLabel(r.Check)
		for _, status := range statuses {
			gauge(descCheckStatus, one(status == r.Status), check, status.String())
		}
		if !r.Time.IsZero() {
			gauge(descCheckAge, s.Time.Sub(r.Time).Seconds(), check)
		}
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
