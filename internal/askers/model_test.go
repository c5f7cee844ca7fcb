package askers_test

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/askers"
)

// model keeps every question for ever and works out from all of them what is to
// be known, as the package's words have it.
type model map[askers.Key][]question

type question struct {
	at    time.Time
	green bool
}

// visit cuts a history where it is silent for longer than d, and returns the
// last piece.
func visit(history []question, d time.Duration) []question {
	for i := len(history) - 1; i > 0; i-- {
		if history[i].at.Sub(history[i-1].at) > d {
			return history[i:]
		}
	}
	return history
}

func (m model) asked(now time.Time, k askers.Key, green bool) askers.Change {
	history := append(m[k], question{now, green})
	m[k] = history
	switch {
	case len(visit(history, time.Hour)) == 1:
		return askers.New
	case history[len(history)-2].green == green:
		return askers.None
	case len(visit(history, time.Hour)) > 3:
		return askers.RegularChanged
	}
	return askers.Changed
}

// of says what is known of one asker, and for how long it is listed and waited
// for after its last question.
func (m model) of(k askers.Key, needs int) (a askers.Asker, listed, waited time.Duration) {
	history := visit(m[k], time.Hour)
	a = askers.Asker{Key: k, Asked: uint64(len(history)), Needs: max(needs, 0), Last: history[len(history)-1].at}
	var gaps []time.Duration
	for i := 1; i < len(history); i++ {
		gaps = append(gaps, history[i].at.Sub(history[i-1].at))
	}
	gaps = gaps[max(0, len(gaps)-7):]
	slices.Sort(gaps)
	if len(gaps) > 0 {
		a.Interval = gaps[len(gaps)/2]
	}
	told := visit(history, 5*time.Minute)
	for _, q := range slices.Backward(told) {
		if q.green {
			break
		}
		a.Red++
	}
	a.Knows = a.Red >= a.Needs

	listed, waited = time.Minute, 10*time.Second
	if k.Name != "" {
		waited = time.Minute
	}
	if len(history) >= 3 && a.Interval <= 5*time.Minute {
		listed = min(max(listed, 3*a.Interval), 5*time.Minute)
		waited = min(max(waited, 3*a.Interval), 5*time.Minute)
	}
	if !slices.ContainsFunc(told, func(q question) bool { return q.green }) {
		waited = -1
	}
	return a, listed, waited
}

func (m model) lists(now time.Time, unhealthy func(string) int) (all, ignorant []askers.Asker) {
	for k := range m {
		a, listed, waited := m.of(k, unhealthy(k.Name))
		if now.Sub(a.Last) <= listed {
			all = append(all, a)
		}
		if now.Sub(a.Last) <= waited && !a.Knows {
			ignorant = append(ignorant, a)
		}
	}
	for _, list := range [][]askers.Asker{all, ignorant} {
		slices.SortFunc(list, func(a, b askers.Asker) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), a.Peer.Compare(b.Peer))
		})
	}
	return all, ignorant
}

func unhealthy(name string) int { return len(name)%4 - 1 } // -1 to 2

// TestAgreesWithTheModel lets some askers come and go, each at its own pace.
func TestAgreesWithTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	waitedFor, knew := 0, 0
	for range 20 {
		table := askers.Table{Unhealthy: unhealthy}
		m := model{}
		now, green := start, true
		paces := []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute, 20 * time.Minute, 2 * time.Hour}
		for range 500 {
			if rng.IntN(20) == 0 {
				green = !green
			}
			pace := paces[rng.IntN(len(paces))]
			now = now.Add(time.Duration(rng.Int64N(int64(pace))) / 4)
			k := askers.Key{Peer: netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(3))}), Name: []string{"", "a", "ab", "abc"}[rng.IntN(4)]}
			if got, want := table.Asked(now, k, green), m.asked(now, k, green); got != want {
				t.Fatalf("%v after the start: %v is %v, want %v", now.Sub(start), k, got, want)
			}
			later := now.Add(time.Duration(rng.Int64N(int64(3 * time.Minute))))
			all, ignorant := m.lists(later, unhealthy)
			if diff := gocmp.Diff(all, table.List(later), sameAddr); diff != "" {
				t.Fatalf("%v after the start: list (-want +got):\n%s", later.Sub(start), diff)
			}
			if diff := gocmp.Diff(ignorant, table.Ignorant(later), sameAddr, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%v after the start: ignorant (-want +got):\n%s", later.Sub(start), diff)
			}
			waitedFor += len(ignorant)
			for _, a := range all {
				if a.Knows && a.Needs > 0 {
					knew++
				}
			}
		}
	}
	if waitedFor == 0 || knew == 0 {
		t.Errorf("the test saw %d that are waited for and %d that know", waitedFor, knew)
	}
}

// FuzzAsked reads bytes as questions. Two bytes are one: who asks and what the
// answer is, and how much later.
func FuzzAsked(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 5, 0, 5, 1, 5, 1, 5, 1, 5})
	f.Add([]byte{2, 0, 4, 1, 2, 255, 3, 255, 5, 128, 2, 200})
	f.Fuzz(func(t *testing.T, script []byte) {
		table := askers.Table{Unhealthy: unhealthy}
		m := model{}
		now := start
		for range min(len(script)/2, 500) {
			who, later := script[0], time.Duration(script[1])
			script = script[2:]
			now = now.Add(later * later * 100 * time.Millisecond) // up to 1.8 h
			k := askers.Key{Peer: netip.AddrFrom4([4]byte{10, 0, 0, who / 2 % 4}), Name: "abc"[:who/8%4]}
			if got, want := table.Asked(now, k, who%2 == 0), m.asked(now, k, who%2 == 0); got != want {
				t.Fatalf("%v after the start: %v is %v, want %v", now.Sub(start), k, got, want)
			}
		}
		all, ignorant := m.lists(now, unhealthy)
		if diff := gocmp.Diff(all, table.List(now), sameAddr); diff != "" {
			t.Fatalf("list (-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff(ignorant, table.Ignorant(now), sameAddr, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("ignorant (-want +got):\n%s", diff)
		}
	})
}

// TestNoAllocations: Asked is on the way of every health question.
func TestNoAllocations(t *testing.T) {
	var table askers.Table
	now, i := start, 0
	ask := func() {
		table.Asked(now, madeUp(i%askers.Limit), i%3000 < 1500)
		now = now.Add(10 * time.Millisecond)
		i++
	}
	for range askers.Limit {
		ask()
	}
	if n := testing.AllocsPerRun(5000, ask); n != 0 {
		t.Errorf("Asked allocates %v times", n)
	}
}

func BenchmarkAsked(b *testing.B) {
	for _, bb := range []struct {
		name   string
		askers int
	}{
		{"3 askers", 3},
		{"1000 askers", 1000},
		{"a flood", 1 << 20},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var table askers.Table
			now := start
			for i := range askers.Limit {
				table.Asked(now, madeUp(i%bb.askers), true)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				table.Asked(now, madeUp(i%bb.askers), true)
				now = now.Add(time.Millisecond)
			}
		})
	}
}

func BenchmarkIgnorant(b *testing.B) {
	var table askers.Table
	for i := range askers.Limit {
		table.Asked(start, madeUp(i), true)
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Ignorant(start)
	}
}
