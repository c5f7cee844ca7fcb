package health

import (
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// randomResult is one as a record makes them: of Unknown, those that never came
// and those whose runs have not decided.
func randomResult(random *rand.Rand) Result {
	r := Result{
		Status: Status(random.IntN(4)), Scope: Scope(random.IntN(2)), WarnOnly: random.IntN(3) == 0,
		Time: epoch.Add(time.Duration(random.IntN(10)) * time.Second), FreshFor: time.Duration(1+random.IntN(10)) * time.Second,
	}
	if r.Status == Fail { // a history of failures as record keeps it
		r.spell, r.lastFail = r.Time.Add(-time.Duration(random.IntN(5))*time.Second), r.Time
	} else if random.IntN(3) == 0 {
		r.spell = r.Time.Add(-time.Duration(1+random.IntN(10)) * time.Second)
		r.lastFail = r.spell
		r.Failures = random.IntN(2)
	}
	if r.Status == Unknown && random.IntN(2) == 0 {
		r.Time = time.Time{}
	}
	return r
}

func randomResults(random *rand.Rand) []Result {
	var results []Result
	for range random.IntN(6) {
		results = append(results, randomResult(random))
	}
	return results
}

// The verdict in other words than judge's: a server is out of service when a
// critical check of its own is not green, or a critical shared one was not
// looked at. Whatever else is not green is a warning.
func TestJudgeProperty(t *testing.T) {
	property := func(seed uint64, second uint8) bool {
		random := rand.New(rand.NewPCG(seed, 0))
		results := randomResults(random)
		now := epoch.Add(time.Duration(second%25) * time.Second)
		var failed, unknown, warned bool
		for _, r := range results {
			never := r.Time.IsZero()
			old := !never && now.Sub(r.Time) > r.FreshFor
			dark := never || old || r.Status == Unknown
			red := !dark && r.Status == Fail
			failed = failed || red && r.Scope == Instance && !r.WarnOnly
			unknown = unknown || dark && !r.WarnOnly
			warned = warned || red || !dark && r.Status == Warn || dark && r.WarnOnly && !never
		}
		want := Pass
		switch {
		case failed:
			want = Fail
		case unknown:
			want = Unknown
		case warned:
			want = Warn
		}
		got := judge(results, now)
		return got == want && got.InService() == (!failed && !unknown)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

// What is published, read at any later moment, is what would be published then:
// until changes no answer, whether a result turns stale, the grace ends or a
// failure no longer follows from a shared one. And the results of a snapshot carry
// the verdict of their moment.
func TestPublishedAgreesWithItsResults(t *testing.T) {
	property := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 1))
		start := startup{started: random.IntN(2) == 0}
		if random.IntN(3) > 0 {
			start.graceEnds = epoch.Add(time.Duration(random.IntN(20)) * time.Second)
		}
		results := randomResults(random)
		for i := range results {
			results[i].FollowsShared = time.Duration(max(0, random.IntN(10)-4)) * time.Second
		}
		begun := epoch.Add(10 * time.Second)
		p := publish(results, start, begun)
		for half := range 30 {
			now := begun.Add(time.Duration(half) * 500 * time.Millisecond)
			got := p.at(now)
			if got != publish(results, p.startup, now).verdict {
				t.Logf("%v after it was published the verdict is %+v", now.Sub(begun), got)
				return false
			}
			if s := p.snapshot(now); !s.Starting && judge(s.Results, now) != got.status {
				t.Logf("%v after it was published the snapshot is %v of %v", now.Sub(begun), got.status, s.Results)
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}

// A server is starting until its first verdict that is in service, or until both
// the grace and the first results are over; and then never again.
func TestStartingProperty(t *testing.T) {
	property := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 2))
		grace := time.Duration(random.IntN(20)) * time.Second
		start := startup{}
		if grace > 0 {
			start.graceEnds = epoch.Add(grace)
		}
		results := make([]Result, 1+random.IntN(3))
		for i := range results {
			results[i] = Result{Scope: Scope(random.IntN(2)), WarnOnly: random.IntN(3) == 0, FreshFor: time.Minute}
		}
		over, served := grace == 0, false
		now := epoch
		for range 30 {
			p := publish(append([]Result(nil), results...), start, now)
			start = p.startup
			for range 3 { // read it now and then
				all := true
				for _, r := range results {
					all = all && (r.WarnOnly || !r.Time.IsZero())
				}
				green := judge(results, now).InService()
				served = served || green
				over = over || green || all && now.Sub(epoch) > grace
				s := p.snapshot(now)
				if s.Starting == over || s.Started != served || s.Starting && s.Status != Unknown {
					t.Logf("%v after the start: starting %t, started %t, status %v; over %t, served %t",
						now.Sub(epoch), s.Starting, s.Started, s.Status, over, served)
					return false
				}
				now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
			}
			r := &results[random.IntN(len(results))]
			r.Time, r.Status = now, [...]Status{Unknown, Fail, Fail, Pass, Warn}[random.IntN(5)]
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}
