package tongue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/health"
)

// wantNews fails the test unless exactly this verdict waits to be fetched.
func wantNews(t *testing.T, changes <-chan verdict, want verdict) {
	t.Helper()
	select {
	case got := <-changes:
		if got != want {
			t.Errorf("told %+v, want %+v", got, want)
		}
	default:
		t.Errorf("told nothing, want %+v", want)
	}
	wantNoNews(t, changes)
}

func wantNoNews(t *testing.T, changes <-chan verdict) {
	t.Helper()
	select {
	case got := <-changes:
		t.Errorf("told %+v, want nothing", got)
	default:
	}
}

func TestHeraldLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(unknown)
		h := &Herald{Snapshot: b.snapshot}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go h.Run(ctx)
		changes, unsubscribe := h.subscribe()
		defer unsubscribe()
		wantNews(t, changes, verdict{status: health.Unknown})

		last := unknown
		for _, now := range []health.Snapshot{starting, pass, warn, fail, draining, pass} {
			b.set(now)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			wantNews(t, changes, verdictOf(now))
			if verdictOf(now) == verdictOf(last) {
				t.Fatalf("the test takes %+v for a change from %+v", now, last)
			}
			last = now
		}

		other := pass
		other.Results = results(health.Warn) // the verdict stays
		b.set(other)
		time.Sleep(time.Second)
		synctest.Wait()
		wantNoNews(t, changes)
	})
}

func TestHeraldIsNudged(t *testing.T) {
	b := newBoard(pass)
	h := &Herald{Snapshot: b.snapshot}
	changes, unsubscribe := h.subscribe()
	wantNews(t, changes, verdictOf(pass))
	b.set(draining)
	h.Nudge()
	wantNews(t, changes, verdictOf(draining))
	h.Nudge()
	wantNoNews(t, changes)

	unsubscribe()
	b.set(pass)
	h.Nudge()
	wantNoNews(t, changes)
}

func TestSlowSubscriberGetsTheLatest(t *testing.T) {
	b := newBoard(pass)
	h := &Herald{Snapshot: b.snapshot}
	slow, unsubscribe := h.subscribe()
	defer unsubscribe()
	for _, s := range []health.Snapshot{fail, pass, warn, draining} {
		b.set(s)
		h.Nudge()
	}
	wantNews(t, slow, verdictOf(draining))
}

// Whoever subscribes between two looks sees what no look has seen, and must hear
// when it is over.
func TestHeraldMissesNothingOfAFlap(t *testing.T) {
	b := newBoard(pass)
	h := &Herald{Snapshot: b.snapshot}
	early, unsubscribe := h.subscribe()
	defer unsubscribe()
	wantNews(t, early, verdictOf(pass))

	b.set(fail)
	late, unsubscribeLate := h.subscribe()
	defer unsubscribeLate()
	wantNews(t, late, verdictOf(fail))
	wantNews(t, early, verdictOf(fail))
	b.set(pass)
	h.Nudge()
	wantNews(t, late, verdictOf(pass))
	wantNews(t, early, verdictOf(pass))
}
