package health

import (
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"
)

// The verdict in other words than judge's: a server is out of service when any
// check of its own is not green, or a shared one was not looked at.
func TestJudgeProperty(t *testing.T) {
	property := func(seed uint64, n uint8) bool {
		random := rand.New(rand.NewPCG(seed, 0))
		var results []Result
		var failed, unknown, warned bool
		for range n % 12 {
			r := Result{Status: [...]Status{Unknown, Pass, Fail}[random.IntN(3)], Scope: Scope(random.IntN(2))}
			results = append(results, r)
			failed = failed || r.Status == Fail && r.Scope == Instance
			warned = warned || r.Status == Fail && r.Scope == Shared
			unknown = unknown || r.Status == Unknown
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
		got := judge(results)
		return got == want && got.InService() == (!failed && !unknown)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

// A published verdict, read at any moment, is the verdict of its results read at
// that moment: the shortcut of staleAt changes no answer.
func TestPublishedAgreesWithItsResults(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	property := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 1))
		var results []Result
		for range random.IntN(6) {
			r := Result{Status: [...]Status{Unknown, Pass, Fail}[random.IntN(3)], Scope: Scope(random.IntN(2))}
			if r.Status != Unknown {
				r.Time = epoch.Add(time.Duration(random.IntN(10)) * time.Second)
				r.FreshFor = time.Duration(1+random.IntN(10)) * time.Second
			}
			results = append(results, r)
		}
		p := publish(results)
		for second := range 25 {
			now := epoch.Add(time.Duration(second) * time.Second)
			got := p.status
			if p.staleAt(now) {
				got = judge(p.at(now))
			}
			if got != judge(p.at(now)) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}
