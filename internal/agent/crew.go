package agent

import (
	"context"
	"errors"
	"sync"
)

// A crew is what runs together: the first member that fails stops all.
type crew struct {
	ctx  context.Context // ends when a member has failed, or with dismiss
	stop context.CancelCauseFunc

	members sync.WaitGroup
	mu      sync.Mutex
	errs    []error // guarded by mu
}

func newCrew(ctx context.Context) *crew {
	c := &crew{}
	c.ctx, c.stop = context.WithCancelCause(ctx)
	return c
}

// start runs a member until the crew's context ends.
func (c *crew) start(run func(context.Context) error) { c.startWith(c.ctx, run) }

// startWith runs a member that ends with a context of its own, made from the
// crew's.
func (c *crew) startWith(ctx context.Context, run func(context.Context) error) {
	c.members.Go(func() {
		if err := run(ctx); err != nil {
			c.mu.Lock()
			c.errs = append(c.errs, err)
			c.mu.Unlock()
			c.stop(err)
		}
	})
}

// dismiss ends all members, waits for them, and returns what went wrong.
func (c *crew) dismiss() error {
	c.stop(nil)
	c.members.Wait()
	return errors.Join(c.errs...)
}
