package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// noted is what a passing model draws: the note of an id, if it does.
func noted(t *testing.T, m *model, q Question, id string) (Note, bool) {
	t.Helper()
	r := m.diagnosed(t, q)
	if r.Verdict != Pass || len(r.Warnings) > 0 {
		t.Errorf("a note is no warning:\n%s", summary(r))
	}
	i := slices.IndexFunc(r.Notes, func(n Note) bool { return n.ID == id })
	if i < 0 {
		return Note{}, false
	}
	return r.Notes[i], true
}

// TestHeadDisagrees: HEAD is asked once where GET passes; one that a server says it
// does not have is no news.
func TestHeadDisagrees(t *testing.T) {
	isHead := func(a ask) bool { return a.method() != "HEAD" }
	for name, c := range map[string]struct {
		head  func(*model, ask) exchange.Answer
		grade Grade
	}{
		"500": {says(500), Caution}, "closed": {fails(exchange.Closed, exchange.Waiting), Caution}, "404": {says(404), Hint},
		"405": {says(405), ""}, "501": {says(501), ""}, "200": {says(200), ""}, "too many": {says(429), ""},
	} {
		m := &model{}
		m.layers = []layer{unless(isHead, c.head)(m)}
		if n, _ := noted(t, m, albQuestion(t, true), "head"); n.Grade != c.grade {
			t.Errorf("%s: %+v, want the grade %q", name, n, c.grade)
		}
	}
}

// TestLane: somebody else waits for a first byte while the health answer comes at once.
func TestLane(t *testing.T) {
	waits := func(d time.Duration, answered bool) *sockets.Traffic {
		return &sockets.Traffic{Clients: []sockets.Conn{{Unanswered: d, Answered: answered}}}
	}
	late := unless(func(a ask) bool { return a.path() == "/health" }, func(m *model, a ask) exchange.Answer {
		return took(1500*time.Millisecond, m.page(200, a))
	})
	for name, c := range map[string]struct {
		after *sockets.Traffic
		layer func(*model) layer
		grade Grade
	}{
		"waits": {waits(3*time.Second, false), nil, Hint}, "our own wait, too": {waits(3*time.Second, false), late, Caution},
		"a conversation": {waits(3*time.Second, true), nil, ""}, "not for long": {waits(kept/2, false), nil, ""}, "not seen": {nil, nil, ""},
	} {
		m := &model{}
		if c.layer != nil {
			m.layers = []layer{c.layer(m)}
		}
		q := albQuestion(t, true)
		q.after = c.after
		if n, _ := noted(t, m, q, "lane"); n.Grade != c.grade {
			t.Errorf("%s: %+v, want the grade %q", name, n, c.grade)
		}
	}
}

// TestLeak: versions are told in one note, a name alone in none.
func TestLeak(t *testing.T) {
	for fields, want := range map[string]int{
		"Server: nginx/1.22.1|X-Powered-By: PHP/8.2.7|X-AspNet-Version: 4.0.30319": 3,
		"Server: nginx|X-Powered-By: Express":                                      0, "X-Api-Version: 1.2|Date: Fri, 02 Jan 2026 03:04:05 GMT": 0,
	} {
		m := &model{}
		m.layers = []layer{unless(onPath("/health"), body(200, "fine", strings.Split(fields, "|")...))(m)}
		n, _ := noted(t, m, albQuestion(t, true), "leak")
		if len(n.Evidence) != want || want > 0 && n.Grade != Hint {
			t.Errorf("%s: %+v, want %d of them", fields, n, want)
		}
	}
}

// TestWaitsForTheAnswer: Route 53 has 2 s for the answer and 4 s for the connection:
// that is what is told, and not both together.
func TestWaitsForTheAnswer(t *testing.T) {
	m := &model{}
	m.layers = []layer{unless(onPath("/health"), func(*model, ask) exchange.Answer { return took(1500*time.Millisecond, answer(200, "fine")) })(m)}
	q := question(t, "route53", "http://"+target+"/health", dialect.Options{Timeout: 6 * time.Second}, false)
	q.Probe.Request.AnswerTimeout = 2 * time.Second
	if n, ok := noted(t, m, q, "slow"); !ok || !strings.Contains(n.Text, "of the 2.0 s") {
		t.Errorf("%+v", n)
	}
	d := newDesk(q, nil)
	if e := d.want(setting{}.with(byGET)); e.Probe.Request.AnswerTimeout != 0 {
		t.Errorf("an experiment has the time-out of the load balancer's answer: %v", e.Probe.Request.AnswerTimeout)
	}
	late := took(3500*time.Millisecond, answer(200, "fine"))
	late.Late = true
	base := Observation{Experiment: setting{}.experiment(q.Probe), Answers: []exchange.Answer{late}, Verdict: q.Probe.Judge([]exchange.Answer{late})}
	if f := Conclude(q, []Observation{base}).Causes; len(f) == 0 || f[0].Cause != "slow_response" || !strings.Contains(f[0].Evidence[0], "waits 2.0 s") {
		t.Errorf("%+v", f)
	}
}
