package ownaddr

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run starts Run in a bubble. The returned function ends it and waits.
func run(t *testing.T, f *Finder) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func equal(t *testing.T, what string, got, want []netip.Addr) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestRunPicksUpAChange moves a public address while Run runs.
func TestRunPicksUpAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		service := newEC2()
		service.set("mac", "")
		m.serve(t, metadata, service)
		f := m.finder()
		began := time.Now()
		var changes []time.Duration
		f.OnChange = func(r Report) { changes = append(changes, time.Since(began)) }
		defer run(t, f)()

		synctest.Wait()
		equal(t, "at first", f.Addrs(), addrs("10.0.0.5", "198.51.100.7"))
		time.Sleep(90 * time.Second)
		service.set("public-ipv4", "198.51.100.8")
		time.Sleep(29 * time.Second)
		equal(t, "before the refresh", f.Addrs(), addrs("10.0.0.5", "198.51.100.7"))
		time.Sleep(2 * time.Second)
		equal(t, "after the refresh", f.Addrs(), addrs("10.0.0.5", "198.51.100.8"))
		service.set("public-ipv4", "") // a 404: the instance has none any more
		time.Sleep(time.Minute)
		equal(t, "after it was taken away", f.Addrs(), addrs("10.0.0.5"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []time.Duration{0, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(changes, want) {
			t.Errorf("told of changes at %v, want %v", changes, want)
		}
	})
}

// TestTokensExpireBetweenLooks refreshes more slowly than a token lives: no
// request is ever refused, because no token is used again.
func TestTokensExpireBetweenLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		service := newEC2()
		service.tokensRequired = true
		m.serve(t, metadata, service)
		f := m.finder()
		f.Refresh = 7 * time.Hour // no token lives longer than 6
		stop := run(t, f)
		time.Sleep(22 * time.Hour)
		stop()
		if len(service.puts) != 4 || service.refused != 0 {
			t.Errorf("%d tokens, %d requests refused; want 4 and 0", len(service.puts), service.refused)
		}
		equal(t, "addresses", f.Addrs(), addrs("10.0.0.5", "198.51.100.7", "2001:db8:8:4::2", "2001:db8:8:4::3"))
	})
}

// TestKeepsWhatItFound takes the service away: what it said counts for an hour,
// and comes back with the service.
func TestKeepsWhatItFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		service := newEC2()
		service.set("mac", "")
		stopService := m.serve(t, metadata, service)
		f := m.finder()
		var changes []Report
		f.OnChange = func(r Report) { changes = append(changes, r) }
		defer run(t, f)()

		all := addrs("10.0.0.5", "198.51.100.7")
		synctest.Wait()
		equal(t, "at first", f.Addrs(), all)
		stopService()
		time.Sleep(59 * time.Minute)
		equal(t, "after 59 minutes of outage", f.Addrs(), all)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		equal(t, "after an hour of outage", f.Addrs(), addrs("10.0.0.5"))
		if len(changes) != 2 {
			t.Fatalf("told of %d changes, want 2: an outage alone is none", len(changes))
		}
		if a := attempt(t, changes[1], EC2); a.Outcome != Failed || a.Hint == "" {
			t.Errorf("the change is reported with %s, hint %q", a.Outcome, a.Hint)
		}
		m.serve(t, metadata, service)
		time.Sleep(time.Minute)
		equal(t, "with the service back", f.Addrs(), all)
	})
}

// TestKeptAddressesAreMarked shows an address that this look did not see.
func TestKeptAddressesAreMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		service := newEC2()
		stop := m.serve(t, metadata, service)
		f := m.finder()
		first := f.Find(t.Context())
		stop()
		time.Sleep(10 * time.Minute)
		second := f.Find(t.Context())
		if len(second.Addresses) != len(first.Addresses) {
			t.Errorf("%d addresses after the outage, want %d", len(second.Addresses), len(first.Addresses))
		}
		for _, a := range second.Addresses {
			if kept := a.Seen.Before(second.Started); kept != (a.Source == EC2) {
				t.Errorf("%s by %s: kept is %v", a.Addr, a.Source, kept)
			}
		}
	})
}

// TestLooksSoonerAfterTrouble counts token requests to a service with a wrong
// answer: soon at first, then less and less often.
func TestLooksSoonerAfterTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		service := newEC2()
		service.onlyV1 = true
		m.serve(t, metadata, service)
		f := m.finder()
		began := time.Now()
		stop := run(t, f)
		time.Sleep(4 * time.Minute)
		stop()
		var at []time.Duration
		for _, put := range service.puts {
			at = append(at, put.Sub(began))
		}
		s := time.Second
		if want := []time.Duration{0, 5 * s, 15 * s, 35 * s, 75 * s, 135 * s, 195 * s}; !slices.Equal(at, want) {
			t.Errorf("looked at %v, want %v", at, want)
		}
	})
}

// TestANetworkThatComesLater starts before DHCP has answered.
func TestANetworkThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nil)
		f := m.finder()
		var mu sync.Mutex
		up := false
		f.around.interfaces = func() ([]nic, error) {
			mu.Lock()
			defer mu.Unlock()
			if up {
				return m.nics, nil
			}
			return m.nics[:1], nil
		}
		defer run(t, f)()
		synctest.Wait()
		equal(t, "before", f.Addrs(), nil)
		mu.Lock()
		up = true
		mu.Unlock()
		time.Sleep(6 * time.Second)
		equal(t, "after", f.Addrs(), addrs("10.0.0.5"))
	})
}

// TestTimeout has every service accept and say nothing: the look is over in
// time, and the interfaces are known all the same.
func TestTimeout(t *testing.T) {
	for name, tt := range map[string]struct{ timeout, want time.Duration }{
		"default": {0, 2 * time.Second},
		"chosen":  {300 * time.Millisecond, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				m.env = map[string]string{ecsVariable4: "http://169.254.170.2/v4/x", googleVariable: "192.0.2.3"}
				m.swallow(t, metadata)
				m.swallow(t, "169.254.170.2:80")
				m.unroutable(t, "192.0.2.3:80")
				f := m.finder()
				f.Timeout = tt.timeout
				began := time.Now()
				r := f.Find(t.Context())
				if r.Took != tt.want || time.Since(began) != tt.want {
					t.Errorf("took %v, it says %v, want %v", time.Since(began), r.Took, tt.want)
				}
				for _, s := range []Source{ECS, EC2, Google} {
					if a := attempt(t, r, s); a.Outcome != Failed || a.Took != tt.want {
						t.Errorf("%s: %s after %v, error %v", s, a.Outcome, a.Took, a.Err)
					}
				}
				equal(t, "addresses", f.Addrs(), addrs("10.0.0.5"))
			})
		})
	}
}

// TestSourcesAreAskedAtOnce has three services that take 1.5 s each.
func TestSourcesAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		m.env = map[string]string{ecsVariable4: "http://169.254.170.2/v4/x", googleVariable: "192.0.2.3"}
		service := newEC2()
		service.delay = 300 * time.Millisecond
		m.serve(t, metadata, service)
		m.serve(t, "169.254.170.2:80", after(1500*time.Millisecond, says(200, ecsContainer)))
		m.serve(t, "192.0.2.3:80", after(1500*time.Millisecond, &googleService{body: googleNIC}))
		r := m.finder().Find(t.Context())
		if want := 1500 * time.Millisecond; r.Took != want {
			t.Errorf("took %v, want %v", r.Took, want)
		}
		equal(t, "addresses", r.Addrs(), addrs("10.0.0.5", "10.0.2.100", "10.128.0.70",
			"198.51.100.7", "203.0.113.9", "203.0.113.80", "2001:db8:4::70", "2001:db8:8:4::2", "2001:db8:8:4::3", "2001:db8:e::100"))
	})
}

// TestAddrsNeverWaits asks before the first look, during it and after it.
func TestAddrsNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		m.env = map[string]string{"POD_IP": "10.244.1.7"}
		service := newEC2()
		service.set("mac", "")
		service.delay = 400 * time.Millisecond
		m.serve(t, metadata, service)
		f := m.finder()
		at := func(what string, want ...string) {
			began := time.Now()
			got := f.Addrs()
			if waited := time.Since(began); waited != 0 {
				t.Errorf("%s: waited %v", what, waited)
			}
			equal(t, what, got, addrs(want...))
		}
		at("before the first look", "10.0.0.5", "10.244.1.7")
		if dials := m.dialled(); len(dials) > 0 {
			t.Errorf("Addrs dialled %v", dials)
		}
		defer run(t, f)()
		time.Sleep(time.Second)
		at("during the first look", "10.0.0.5", "10.244.1.7")
		time.Sleep(time.Second)
		at("after the first look", "10.0.0.5", "10.244.1.7", "198.51.100.7")
	})
}

func TestAddrsAllocatesNothing(t *testing.T) {
	f := newMachine(nil).finder()
	f.Addrs()
	if n := testing.AllocsPerRun(100, func() { f.Addrs() }); n != 0 {
		t.Errorf("Addrs allocates %v times", n)
	}
}

// TestALookOvertakesAddrs ends a look while Addrs reads the interfaces for the
// first time: what the look found must not be overwritten.
func TestALookOvertakesAddrs(t *testing.T) {
	m := newMachine(nil)
	f := m.finder()
	reads := 0
	f.around.interfaces = func() ([]nic, error) {
		reads++
		if reads == 1 {
			f.Find(t.Context())
			return m.nics, nil
		}
		return []nic{{name: "eth0", addrs: addrs("10.0.0.99")}}, nil
	}
	equal(t, "overtaken", f.Addrs(), addrs("10.0.0.99"))
	equal(t, "afterwards", f.Addrs(), addrs("10.0.0.99"))
}

// TestAddrsRespectsSources has no interfaces among the sources.
func TestAddrsRespectsSources(t *testing.T) {
	m := newMachine(nil)
	f := m.finder()
	f.Sources = []Source{EC2}
	equal(t, "addresses", f.Addrs(), nil)
	if dials := m.dialled(); len(dials) > 0 {
		t.Errorf("Addrs dialled %v", dials)
	}
}

// TestStopsDuringALook ends Run while a service keeps it waiting.
func TestStopsDuringALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		m.swallow(t, metadata)
		f := m.finder()
		f.OnChange = func(Report) { t.Error("a look that was called off is no news") }
		stop := run(t, f)
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		stop()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("Run ended after %v, want at once", waited)
		}
	})
}

// TestCallerGivesUp ends Find by its context; the report says so.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(nitro)
		m.swallow(t, metadata)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		r := m.finder().Find(ctx)
		if want := 200 * time.Millisecond; r.Took != want {
			t.Errorf("took %v, want %v", r.Took, want)
		}
		a := attempt(t, r, EC2)
		expect(t, a, "the look was called off", "failed")
		mentions(t, "hint", a.Hint, "")
		if !errors.Is(a.Err, context.Canceled) {
			t.Errorf("error %v does not wrap %v", a.Err, context.Canceled)
		}
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMachine(nil).finder()
		stop := run(t, f)
		synctest.Wait()
		if err := f.Run(t.Context()); err == nil {
			t.Error("a second Run began")
		}
		stop()
		defer run(t, f)() // and again is fine
	})
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	m := newMachine(nil)
	m.env = map[string]string{"POD_IP": "10.244.1.7"}
	f := m.finder()
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() { f.Find(t.Context()) })
		users.Go(func() {
			if got := f.Addrs(); len(got) != 2 {
				t.Errorf("addresses %v, want 2", got)
			}
		})
	}
	users.Wait()
}

func TestPause(t *testing.T) {
	s, h := time.Second, time.Hour
	for _, tt := range []struct {
		refresh  time.Duration
		troubles int
		want     time.Duration
	}{
		{0, 0, DefaultRefresh}, {-s, 0, DefaultRefresh}, {h, 0, h},
		{0, 1, 5 * s}, {0, 2, 10 * s}, {0, 4, 40 * s}, {0, 5, DefaultRefresh}, {0, 1 << 40, DefaultRefresh},
		{s, 1, s}, {h, 100, h},
	} {
		if got := pause(tt.refresh, tt.troubles); got != tt.want {
			t.Errorf("pause(%v, %d) = %v, want %v", tt.refresh, tt.troubles, got, tt.want)
		}
	}
}
