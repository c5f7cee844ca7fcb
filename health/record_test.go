package health

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	errDown = errors.New("down")
	errSlow = errors.New("slow")
)

// outcomes are the letters of histories: pass, degraded, fail, and a gap in
// which the last result turns stale.
var outcomes = map[byte]error{'p': nil, 'd': Degraded(errSlow), 'f': errDown}

func TestThresholds(t *testing.T) {
	tests := []struct {
		name               string
		healthy, unhealthy int
		history            string
		want               []string // after each letter
	}{
		{"no thresholds", 0, 0, "pfpf", []string{"pass", "fail: down", "pass", "fail: down"}},
		{"ones", 1, 1, "pfp", []string{"pass", "fail: down", "pass"}},
		{"three failures", 0, 3, "pfffp", []string{
			"pass", "pass: failed 1 of 3 in a row: down", "pass: failed 2 of 3 in a row: down", "fail: down", "pass"}},
		{"a pass ends the row", 0, 2, "pfpff", []string{
			"pass", "pass: failed 1 of 2 in a row: down", "pass", "pass: failed 1 of 2 in a row: down", "fail: down"}},
		{"two passes heal", 2, 0, "fpfpp", []string{ // a first failure is out of service, and no first pass
			"fail: down", "fail: passed 1 of 2 in a row since: down", "fail: down",
			"fail: passed 1 of 2 in a row since: down", "pass"}},
		{"the first pass is believed", 3, 3, "p", []string{"pass"}},
		{"the first failures decide nothing", 0, 3, "ffp", []string{
			"unknown: failed 1 of 3 in a row: down", "unknown: failed 2 of 3 in a row: down", "pass"}},
		{"the first failures add up", 0, 2, "ff", []string{"unknown: failed 1 of 2 in a row: down", "fail: down"}},
		{"degraded is a pass", 2, 2, "dffdd", []string{
			"warn: slow", "warn: failed 1 of 2 in a row: down", "fail: down",
			"fail: passed 1 of 2 in a row since: down", "warn: slow"}},
		{"degraded ends a row of failures", 0, 2, "pfdf", []string{
			"pass", "pass: failed 1 of 2 in a row: down", "warn: slow", "warn: failed 1 of 2 in a row: down"}},
		{"a failure after a gap is not green", 0, 3, "p f f p", []string{
			"pass", "unknown: failed 1 of 3 in a row: down", "unknown: failed 2 of 3 in a row: down", "pass"}},
		{"failures on both sides of a gap are in a row", 0, 3, "pf ff", []string{
			"pass", "pass: failed 1 of 3 in a row: down", "unknown: failed 2 of 3 in a row: down", "fail: down"}},
		{"a gap heals nothing", 2, 0, "pf p p", []string{
			"pass", "fail: down", "fail: passed 1 of 2 in a row since: down", "pass"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRecord(Check{Name: "c", FreshFor: time.Second, HealthyThreshold: test.healthy, UnhealthyThreshold: test.unhealthy})
			now := epoch
			var got []string
			for _, letter := range []byte(test.history) {
				if letter == ' ' {
					now = now.Add(time.Second) // with the step below, just past FreshFor
					continue
				}
				now = now.Add(time.Nanosecond)
				r = r.add(run{err: outcomes[letter], time: now})
				told := r.result.Status.String()
				if r.result.Err != nil {
					told += ": " + r.result.Err.Error()
				}
				got = append(got, told)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("results of %q (-want +got):\n%s", test.history, diff)
			}
		})
	}
}

// Whatever the history: a failing run never betters what is read, a check fails
// at its threshold and not before, and comes back at its threshold and not before.
func TestThresholdProperty(t *testing.T) {
	property := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 3))
		healthy, unhealthy := 1+random.IntN(4), 1+random.IntN(4)
		r := newRecord(Check{Name: "c", FreshFor: 2 * time.Second, HealthyThreshold: healthy, UnhealthyThreshold: unhealthy})
		now := epoch
		passes, failures, down := 0, 0, false
		var history string
		for range 40 {
			now = now.Add(time.Duration(1+random.IntN(25)) * 100 * time.Millisecond)
			letter := "ppdfff"[random.IntN(6)]
			before := r.result.at(now)
			r = r.add(run{err: outcomes[letter], time: now, took: time.Millisecond})
			history += fmt.Sprintf("%c@%v ", letter, now.Sub(epoch))
			if letter == 'f' {
				passes, failures = 0, failures+1
			} else {
				passes, failures = passes+1, 0
			}
			down = down && passes < healthy || failures >= unhealthy

			at, now := now, r.result
			problem := ""
			switch {
			case (now.Status == Fail) != down:
				problem = fmt.Sprintf("fail is %t, want %t", now.Status == Fail, down)
			case letter == 'f' && now.Status.severity() < before.Status.severity():
				problem = fmt.Sprintf("a failure made %v of %v", now.Status, before.Status)
			case letter == 'p' && !down && now.Status != Pass, letter == 'd' && !down && now.Status != Warn:
				problem = fmt.Sprintf("status is %v", now.Status)
			case now.Passes != passes || now.Failures != failures:
				problem = fmt.Sprintf("the rows are %d and %d, want %d and %d", now.Passes, now.Failures, passes, failures)
			case now.Status != Pass && now.Err == nil:
				problem = fmt.Sprintf("%v without a reason", now.Status)
			case letter == 'f' && !errors.Is(now.Err, errDown):
				problem = fmt.Sprintf("the reason is %v, want what the run said", now.Err)
			case now.Time != at || now.Duration != time.Millisecond:
				problem = "the times are not those of the run"
			}
			if problem != "" {
				t.Logf("thresholds %d and %d, %s: %s", healthy, unhealthy, history, problem)
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestIsDegraded(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"failure", errDown, false},
		{"degraded", Degraded(errSlow), true},
		{"wrapped", fmt.Errorf("disk: %w", Degraded(errSlow)), true},
		{"wrapping a wrapped failure", Degraded(fmt.Errorf("disk: %w", errDown)), true},
		{"several degraded", errors.Join(Degraded(errSlow), Degraded(errDown)), true},
		{"one of several failed", errors.Join(Degraded(errSlow), errDown), false},
		{"one of several failed, in one text", fmt.Errorf("%w, %w", errDown, Degraded(errSlow)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := isDegraded(test.err); got != test.want {
				t.Errorf("degraded is %t, want %t", got, test.want)
			}
		})
	}
	if err := Degraded(nil); err != nil {
		t.Errorf("Degraded(nil) is %v, want nil", err)
	}
	if err := Degraded(errSlow); !errors.Is(err, errSlow) || err.Error() != "slow" {
		t.Errorf("Degraded(slow) is %v, want an error that says slow and is it", err)
	}
}
