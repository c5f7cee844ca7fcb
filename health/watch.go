package health

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// ErrTimeout is in the error of a result whose run did not return in time.
var ErrTimeout = errors.New("no result in time")

// PanicError is the error of a run that panicked.
type PanicError struct {
	Value any    // what was panicked with
	Stack []byte // where, as debug.Stack prints it
}

// Error is one line without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("the check panicked: %v", e.Value) }

// watch runs one check again and again. It never has two runs in flight, because
// only its own goroutine starts one and it waits for each.
type watch struct {
	check   Check // defaults filled
	index   int
	updates chan<- update
}

// update is what came of a run, on its way to the registry's owner.
type update struct {
	index int
	run   run
}

// run is what came of one run.
type run struct {
	err  error         // what it returned, or why it counts as failed
	time time.Time     // when that was known
	took time.Duration // from its start to time
}

// loop runs the check at once and then every interval, start to start, until
// ctx ends. Its error names a run that it had to leave behind.
func (w *watch) loop(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		next.Reset(w.check.Interval)
		if err := w.once(ctx); err != nil {
			return err
		}
	}
}

// once runs the check and reports what came of it: at the latest at the
// timeout, and when the run is stuck, again each interval with its age.
func (w *watch) once(ctx context.Context) error {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, w.check.Timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.check.call(limited) }()

	select {
	case err := <-done:
		if ctx.Err() != nil {
			return nil // stopped, so the result says nothing of the thing checked
		}
		if limited.Err() != nil {
			err = fmt.Errorf("%w: nothing within %v", ErrTimeout, w.check.Timeout)
		}
		w.report(ctx, begun, err)
		return nil
	case <-limited.Done():
	}

	// The run has outlived its timeout or the registry is stopping.
	if ctx.Err() == nil {
		w.report(ctx, begun, fmt.Errorf("%w: nothing within %v", ErrTimeout, w.check.Timeout))
	}
	again := time.NewTicker(w.check.Interval)
	defer again.Stop()
	for {
		select {
		case <-done:
			return nil // too late to count; the next run decides
		case <-again.C:
			age := time.Since(begun).Round(time.Millisecond)
			w.report(ctx, begun, fmt.Errorf("%w: stuck, still running after %v", ErrTimeout, age))
		case <-ctx.Done():
			return w.leave(begun, done)
		}
	}
}

// leave waits for a run that was told to stop, until its timeout has passed.
func (w *watch) leave(begun time.Time, done <-chan error) error {
	patience := time.NewTimer(time.Until(begun.Add(w.check.Timeout)))
	defer patience.Stop()
	select {
	case <-done:
		return nil
	case <-patience.C:
	}
	select {
	case <-done:
		return nil
	default:
		return fmt.Errorf("health: check %q ignores its context and is still running after %v",
			w.check.Name, time.Since(begun).Round(time.Millisecond))
	}
}

func (w *watch) report(ctx context.Context, begun time.Time, err error) {
	now := time.Now()
	select {
	case w.updates <- update{w.index, run{err: err, time: now, took: now.Sub(begun)}}:
	case <-ctx.Done():
	}
}

// call runs the check and turns a panic into an error, so that a mistake in a
// check makes the server red instead of ending it.
func (c Check) call(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return c.Run(ctx)
}
