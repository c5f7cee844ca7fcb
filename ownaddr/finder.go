package ownaddr

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of a [Finder]'s fields.
const (
	DefaultTimeout = 2 * time.Second
	DefaultRefresh = time.Minute
)

// Finder finds the addresses of this machine. The zero value is ready for use.
type Finder struct {
	// Timeout bounds a look, all sources together. Zero or less means
	// [DefaultTimeout].
	Timeout time.Duration

	// Refresh is the time from the end of one look of Run to the next. Zero or
	// less means [DefaultRefresh]. After a look in which a source failed, or
	// found no address at all, Run looks again sooner: after 5 seconds, then 10,
	// 20 and so on until Refresh.
	Refresh time.Duration

	// Sources, if not empty, are asked instead of all, and a cloud among them is
	// asked even if nothing says that this machine is in it. A variable that
	// forbids a source, such as AWS_EC2_METADATA_DISABLED, still does.
	Sources []Source

	// AllowIMDSv1 lets EC2 be asked by version 1 of its metadata service where
	// version 2 does not work. It is off because version 1 is what attackers use
	// who can make a server fetch a URL; a machine should be set to refuse it.
	AllowIMDSv1 bool

	// OnChange, if set, is told of the first look of Run, and of each later one
	// after which Addrs is different. It is called from within Run, one call at
	// a time, and the next look waits for it.
	OnChange func(Report)

	around  *surroundings // nil: outside
	running atomic.Bool
	current atomic.Pointer[[]netip.Addr] // what Addrs returns; nil until there is something

	mu    sync.Mutex
	known known // guarded by mu
}

// Find looks once and returns what it found, together with what is still known
// from earlier looks. It returns within Timeout, or when ctx ends.
func (f *Finder) Find(ctx context.Context) Report {
	began := time.Now()
	timeout := f.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	around := f.surroundings()
	l := &look{around: around, dmi: readDMI(around.sys), only: f.Sources, timeout: timeout, allowIMDSv1: f.AllowIMDSv1}
	r := Report{Started: began, Attempts: l.attempts(ctx)}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = f.known.after(r.Attempts, began)
	r.Addresses = f.known.list()
	addrs := r.Addrs()
	f.current.Store(&addrs)
	r.Took = time.Since(began)
	return r
}

// Run looks at once and then every Refresh, until ctx ends. It returns when
// everything it started has ended. Its only error is that it runs already.
func (f *Finder) Run(ctx context.Context) error {
	if !f.running.CompareAndSwap(false, true) {
		return errors.New("ownaddr: the finder is running already: call Run once")
	}
	defer f.running.Store(false)
	var told []netip.Addr
	for looks, troubles := 0, 0; ; looks++ {
		r := f.Find(ctx)
		if ctx.Err() != nil {
			return nil // what a look that was called off did not find is no news
		}
		if addrs := r.Addrs(); f.OnChange != nil && (looks == 0 || !slices.Equal(addrs, told)) {
			f.OnChange(r)
			told = addrs
		}
		if r.troubled() {
			troubles++
		} else {
			troubles = 0
		}
		timer := time.NewTimer(pause(f.Refresh, troubles))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// pause is the time until the next look, after that many looks with trouble.
func pause(refresh time.Duration, troubles int) time.Duration {
	if refresh <= 0 {
		refresh = DefaultRefresh
	}
	if troubles == 0 {
		return refresh
	}
	const first, doublings = 5 * time.Second, 20 // two months: no Refresh is longer
	return min(refresh, first<<min(troubles-1, doublings))
}

// Addrs returns the addresses that were last known, each once. It costs one
// atomic load and never waits for a look. Before the first look has ended it
// returns what is at hand without asking anybody: the addresses of the
// interfaces and of the pod. The slice is shared and must not be changed.
func (f *Finder) Addrs() []netip.Addr {
	if p := f.current.Load(); p != nil {
		return *p
	}
	l := &look{around: f.surroundings(), only: f.Sources, atHand: true}
	k := known(nil).after(l.attempts(context.Background()), time.Now())
	first := Report{Addresses: k.list()}.Addrs()
	if f.current.CompareAndSwap(nil, &first) {
		return first
	}
	return *f.current.Load() // a look has ended meanwhile, and knows more
}

func (f *Finder) surroundings() *surroundings {
	if f.around != nil {
		return f.around
	}
	return &outside
}
