// Package rig is what benches need around their measuring: starting processes
// and ending them, failing from any depth, loading servers with wrk in turns and
// reading what they used of the processor.
//
// A Rig belongs to one goroutine.
package rig

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// failed ends a bench from any depth; Main turns it into an exit status.
type failed string

// Rig starts what is measured and ends it again. It is what package realserver
// needs of a test.
type Rig struct {
	Context  context.Context // ends when the bench is told to
	cleanups []func()
}

// endings are the signals by which a bench is told to end, or by which it learns
// that nobody reads its output. Each would kill it before it has cleaned up.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}

// Main runs a bench and ends the process, with 1 if the bench failed. What the
// bench left to Cleanup has been done by then, whatever happened.
func Main(bench func(*Rig)) {
	ctx, stop := signal.NotifyContext(context.Background(), endings...)
	status := run(&Rig{Context: ctx}, bench)
	stop()
	os.Exit(status)
}

func run(r *Rig, bench func(*Rig)) (status int) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case failed:
			fmt.Fprintln(os.Stderr, "error:", failure)
			status = 1
		default:
			panic(failure)
		}
	}()
	r.Stage(bench)
	return 0
}

// Stage runs a part of the bench with a Rig of its own: what the part left to
// Cleanup is done when Stage returns, so that it does not disturb the next part.
func (r *Rig) Stage(part func(*Rig)) {
	stage := &Rig{Context: r.Context}
	defer stage.cleanup()
	part(stage)
}

// Helper is for tests.
func (r *Rig) Helper() {}

// Cleanup has f called at the end, the last one first.
func (r *Rig) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// Fatalf ends the bench with an error.
func (r *Rig) Fatalf(format string, args ...any) { panic(failed(fmt.Sprintf(format, args...))) }

// Skipf is Fatalf: a bench that skips shows nothing.
func (r *Rig) Skipf(format string, args ...any) { r.Fatalf(format, args...) }

// Must ends the bench if err is not nil.
func (r *Rig) Must(what string, err error) {
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}

// cleanup does all that is left to it, even if one of them fails.
func (r *Rig) cleanup() {
	if len(r.cleanups) == 0 {
		return
	}
	last := r.cleanups[len(r.cleanups)-1]
	r.cleanups = r.cleanups[:len(r.cleanups)-1]
	defer r.cleanup()
	last()
}

// Machine says what a bench ran on, for its first line.
func Machine() string { return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version()) }
