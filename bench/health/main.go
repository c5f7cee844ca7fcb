// Command health measures what answering health checks costs: the agent with 0,
// 1 and 5 checks beside nginx `return 200 ok`, in one run, and how many queries
// reach the database while a thousand probes a second arrive.
//
// Rounds are interleaved, so that what else the machine does falls on all of
// them, and medians are reported. Answers per CPU-second count the server's own
// processor time, as the operating system does. It needs wrk, nginx and
// PostgreSQL; `make bench` installs them.
//
// It exits 1 when the queries are not those of the checks' own clock: that, unlike
// speed, does not depend on the machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"
)

// plan is how long to measure.
type plan struct {
	rounds int
	round  time.Duration // of load on one server
	probes time.Duration // of probes while queries are counted; a multiple of interval
}

var (
	full  = plan{rounds: 5, round: 3 * time.Second, probes: time.Minute}
	short = plan{rounds: 1, round: time.Second, probes: 20 * time.Second}
)

func main() {
	isShort := flag.Bool("short", false, "a quick run that shows that it works; its figures mean nothing")
	flag.Parse()
	p := full
	if *isShort {
		p = short
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, p))
}

// run measures and returns the exit status. What it started has ended when it
// returns.
func run(ctx context.Context, p plan) (status int) {
	r := &rig{ctx: ctx}
	defer r.cleanup()
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
	fmt.Printf("health bench: %d cores, %s, %d rounds of %v each, medians\n\n", runtime.NumCPU(), runtime.Version(), p.rounds, p.round)
	servers := r.start()
	measureAnswers(r, servers, p)
	return measureQueries(r, p)
}
