package balance_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/threshold"
)

const (
	initial = threshold.Initial
	in      = threshold.InService
	out     = threshold.OutOfService
)

func TestEligible(t *testing.T) {
	tests := []struct {
		name     string
		statuses []threshold.Status
		failOpen bool
		want     []int
		mode     balance.Mode
	}{
		{"all in service", []threshold.Status{in, in, in}, true, []int{0, 1, 2}, balance.Normal},
		{"only those in service", []threshold.Status{out, in, initial, in}, true, []int{1, 3}, balance.Normal},
		{"one is enough", []threshold.Status{out, out, in}, true, []int{2}, balance.Normal},
		{"closing changes nothing while one is in service", []threshold.Status{out, in}, false, []int{1}, balance.Normal},
		{"all out of service, open", []threshold.Status{out, out}, true, []int{0, 1}, balance.FailOpen},
		{"all out of service, closed", []threshold.Status{out, out}, false, nil, balance.Closed},
		{"all initial, open", []threshold.Status{initial, initial}, true, []int{0, 1}, balance.FailOpen},
		{"all initial, closed", []threshold.Status{initial, initial}, false, nil, balance.Closed},
		{"initial and out of service, open", []threshold.Status{out, initial}, true, []int{0, 1}, balance.FailOpen},
		{"no targets, open", nil, true, nil, balance.Closed},
		{"no targets, closed", nil, false, nil, balance.Closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, mode := balance.Eligible(tt.statuses, tt.failOpen)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("indexes (-want +got):\n%s", diff)
			}
			if mode != tt.mode {
				t.Errorf("mode = %v, want %v", mode, tt.mode)
			}
		})
	}
}

// TestEligibleProperties checks, on random groups, what holds for every group.
func TestEligibleProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		statuses := make([]threshold.Status, rng.IntN(8))
		for i := range statuses {
			statuses[i] = threshold.Status(rng.IntN(3))
		}
		failOpen := rng.IntN(2) == 0
		before := slices.Clone(statuses)
		got, mode := balance.Eligible(statuses, failOpen)

		if !slices.Equal(before, statuses) {
			t.Fatalf("Eligible changed its argument: %v became %v", before, statuses)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%v: indexes %v are not ascending and unique", statuses, got)
		}
		if (len(got) == 0) != (mode == balance.Closed) {
			t.Fatalf("%v, failOpen %v: %v with indexes %v", statuses, failOpen, mode, got)
		}
		if slices.Contains(statuses, in) != (mode == balance.Normal) {
			t.Fatalf("%v, failOpen %v: %v", statuses, failOpen, mode)
		}
		for i, s := range statuses {
			want := s == in || mode == balance.FailOpen
			if slices.Contains(got, i) != want {
				t.Fatalf("%v, failOpen %v, %v: indexes %v, target %d should be in: %v", statuses, failOpen, mode, got, i, want)
			}
		}
		if mode == balance.FailOpen && !failOpen {
			t.Fatalf("%v: opened although it must not", statuses)
		}
	}
}

func TestRoundRobinSpreadsEvenly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 12; n++ {
		for range 50 {
			rounds := 1 + rng.IntN(5)
			start := rng.Uint64N(math.MaxUint64 - 1000)
			counts := make([]int, n)
			for i := range n * rounds {
				counts[balance.RoundRobin(start+uint64(i), n)]++
			}
			for who, got := range counts {
				if got != rounds {
					t.Fatalf("n = %d, %d rounds from turn %d: %d got %d turns; all: %v", n, rounds, start, who, got, counts)
				}
			}
		}
	}
}

func TestRoundRobinStaysInRange(t *testing.T) {
	for _, turn := range []uint64{0, 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		for _, n := range []int{math.MinInt, -3, -1, 0, 1, 2, 3, 7, math.MaxInt} {
			got := balance.RoundRobin(turn, n)
			if n < 1 && got != 0 {
				t.Errorf("RoundRobin(%d, %d) = %d, want 0", turn, n, got)
			}
			if n >= 1 && (got < 0 || got >= n) {
				t.Errorf("RoundRobin(%d, %d) = %d, out of range", turn, n, got)
			}
		}
	}
}

// TestRoundRobinOverflow walks a counter over its end.
func TestRoundRobinOverflow(t *testing.T) {
	turn := uint64(math.MaxUint64 - 3)
	counts := make([]int, 4)
	for range 8 {
		counts[balance.RoundRobin(turn, 4)]++
		turn++
	}
	if diff := cmp.Diff([]int{2, 2, 2, 2}, counts); diff != "" {
		t.Errorf("turns over the overflow (-want +got):\n%s", diff)
	}
}

func TestModeString(t *testing.T) {
	for mode, want := range map[balance.Mode]string{
		balance.Normal:   "normal",
		balance.FailOpen: "fail open",
		balance.Closed:   "closed",
		balance.Mode(9):  "Mode(9)",
	} {
		if got := mode.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
