package pool_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/balance"
	"github.com/inservice/inservice/internal/pool"
	"github.com/inservice/inservice/internal/threshold"
)

const (
	initial = threshold.Initial
	in      = threshold.InService
	out     = threshold.OutOfService
)

var unexported = cmpopts.IgnoreUnexported(pool.Snapshot{})

func TestNewIsInitial(t *testing.T) {
	before := time.Now()
	p := pool.New("web", []string{"a:1", "b:1", "a:1"}, false)
	after := time.Now()

	s := p.Snapshot()
	want := &pool.Snapshot{
		Group:   "web",
		Targets: []pool.Target{{Address: "a:1"}, {Address: "b:1"}},
		Mode:    balance.Closed,
	}
	if diff := cmp.Diff(want, s, unexported, cmpopts.IgnoreFields(pool.Target{}, "Since")); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	for _, target := range s.Targets {
		if target.Since.Before(before) || target.Since.After(after) {
			t.Errorf("%s is initial since %v, want the time of New", target.Address, target.Since)
		}
	}
}

func TestUpdate(t *testing.T) {
	p := pool.New("web", []string{"a:1", "b:1"}, true)
	made := p.Snapshot().Targets[0].Since
	at := func(s int) time.Time { return made.Add(time.Duration(s) * time.Second) }

	steps := []struct {
		name    string
		address string
		status  threshold.Status
		reason  string
		at      time.Time
		want    pool.Target
		mode    balance.Mode
	}{
		{"a failure that changes nothing", "a:1", initial, "refused", at(1), pool.Target{Address: "a:1", Status: initial, Reason: "refused", Since: made}, balance.FailOpen},
		{"admitted", "a:1", in, "", at(2), pool.Target{Address: "a:1", Status: in, Since: at(2)}, balance.Normal},
		{"still in service", "a:1", in, "503", at(3), pool.Target{Address: "a:1", Status: in, Reason: "503", Since: at(2)}, balance.Normal},
		{"out of service", "a:1", out, "500", at(4), pool.Target{Address: "a:1", Status: out, Reason: "500", Since: at(4)}, balance.FailOpen},
		{"another reason", "a:1", out, "timeout", at(5), pool.Target{Address: "a:1", Status: out, Reason: "timeout", Since: at(4)}, balance.FailOpen},
		{"the other one", "b:1", in, "", at(6), pool.Target{Address: "b:1", Status: in, Since: at(6)}, balance.Normal},
	}
	for _, st := range steps {
		before := p.Snapshot()
		kept := slices.Clone(before.Targets)
		p.Update(st.address, st.status, st.reason, st.at)

		after := p.Snapshot()
		i := slices.IndexFunc(after.Targets, func(t pool.Target) bool { return t.Address == st.address })
		if diff := cmp.Diff(st.want, after.Targets[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", st.name, diff)
		}
		if after.Mode != st.mode {
			t.Errorf("%s: mode = %v, want %v", st.name, after.Mode, st.mode)
		}
		if diff := cmp.Diff(kept, before.Targets); diff != "" {
			t.Errorf("%s: the snapshot taken before has changed (-was +now):\n%s", st.name, diff)
		}
	}
}

func TestUpdateIgnoresUnknownAddress(t *testing.T) {
	p := pool.New("web", []string{"a:1"}, true)
	before := p.Snapshot()
	p.Update("gone:1", in, "", time.Now())
	if after := p.Snapshot(); after != before {
		t.Errorf("an update of an unknown target replaced the snapshot: %+v", after)
	}
}

func TestPick(t *testing.T) {
	tests := []struct {
		name     string
		failOpen bool
		statuses []threshold.Status // of targets 0, 1, …
		want     []string           // picks in turn; nil: an error
	}{
		{"in turn", true, []threshold.Status{in, in, in}, []string{"0", "1", "2", "0", "1", "2"}},
		{"only those in service", true, []threshold.Status{in, out, in, initial}, []string{"0", "2", "0"}},
		{"fail open", true, []threshold.Status{out, initial}, []string{"0", "1", "0"}},
		{"closed", false, []threshold.Status{out, initial}, nil},
		{"no targets", true, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var addresses []string
			for i := range tt.statuses {
				addresses = append(addresses, strconv.Itoa(i))
			}
			p := pool.New("web", addresses, tt.failOpen)
			for i, s := range tt.statuses {
				p.Update(addresses[i], s, "", time.Now())
			}
			if tt.want == nil {
				if got, err := p.Pick(); err == nil || got != "" {
					t.Errorf("Pick() = %q, %v, want an error", got, err)
				}
			}
			for i, want := range tt.want {
				if got, err := p.Pick(); got != want || err != nil {
					t.Errorf("pick %d = %q, %v, want %q", i, got, err, want)
				}
			}
		})
	}
}

// TestPickOther has one target fail whenever it is picked. The others must get
// what it could not take in equal shares, and whoever picks must notice nothing.
func TestPickOther(t *testing.T) {
	p := pool.New("web", []string{"a", "b", "c", "d"}, true)
	p.Update("a", in, "", time.Now())
	p.Update("b", in, "", time.Now())
	p.Update("c", in, "", time.Now())
	instead := make(map[string]int)
	for i := range 12 {
		got, err := p.Pick()
		if want := string("abc"[i%3]); got != want || err != nil {
			t.Fatalf("pick %d = %q, %v, want %s", i, got, err, want)
		}
		if got != "b" {
			continue
		}
		other, err := p.PickOther("b")
		if err != nil {
			t.Fatal(err)
		}
		instead[other]++
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "c": 2}, instead); diff != "" {
		t.Errorf("picked instead of b (-want +got):\n%s", diff)
	}

	p.Update("a", out, "", time.Now())
	p.Update("b", out, "", time.Now())
	if got, err := p.PickOther("b"); got != "c" || err != nil {
		t.Errorf("other than one that has left: %q, %v, want c", got, err)
	}
	if got, err := p.PickOther("c"); err == nil {
		t.Errorf("other than the only one: %q, want an error", got)
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	p := pool.New("web", []string{"a:1", "b:1", "c:1"}, true)
	p.Update("b:1", in, "", time.Now())
	p.Update("c:1", in, "", time.Now())
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := p.Pick(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("Pick allocates %v times a call, want 0", allocs)
	}
}

func BenchmarkPick(b *testing.B) {
	p := pool.New("web", []string{"a:1", "b:1", "c:1"}, true)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Pick(); err != nil {
				b.Error(err)
			}
		}
	})
}
