// Command health measures what answering health checks costs: the agent as a
// sidecar with 0, 1 and 5 checks and as a gateway, beside nginx `return 200 ok`,
// and how many queries reach the database while a thousand probes a second arrive.
//
// Answers per CPU-second count the server's own processor time, as the operating
// system does. It needs wrk, nginx and PostgreSQL; `make bench` installs them.
//
// It exits 1 when the queries are not those of the checks' own clock: that, unlike
// speed, does not depend on the machine.
package main

import (
	"flag"
	"fmt"
	"time"

	"github.com/inservice/inservice/bench/internal/rig"
)

// plan is how long to measure.
type plan struct {
	rounds rig.Rounds
	probes time.Duration // of probes while queries are counted; a multiple of interval
}

var (
	full  = plan{rig.Full, time.Minute}
	short = plan{rig.Short, 20 * time.Second}
)

func main() {
	isShort := flag.Bool("short", false, "a quick run that shows that it works; its figures mean nothing")
	flag.Parse()
	p := full
	if *isShort {
		p = short
	}
	rig.Main(func(r *rig.Rig) {
		fmt.Printf("health bench: %s, %v\n\n", rig.Machine(), p.rounds)
		program := r.Build()
		r.Stage(func(r *rig.Rig) { measureAnswers(r, program, p.rounds) })
		measureQueries(r, program, p.probes)
	})
}
