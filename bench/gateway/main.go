// Command gateway measures what standing in front of an app costs: processor time
// of the gateway for each request, beside nginx that proxies to the same app with
// kept connections and the same forwarding fields.
//
// The app is another nginx that returns a file, in processes of its own, whose
// time counts for nobody. Rounds are interleaved, so that what else the machine
// does falls on all of them, and medians are reported. It needs wrk and nginx;
// `make bench` installs them. It exits 1 only when something failed: the figures
// decide nothing.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/inservice/inservice/bench/internal/rig"
)

// plan is how long to measure.
type plan struct {
	rounds int
	round  time.Duration // of load on one server
}

var (
	full  = plan{rounds: 5, round: 3 * time.Second}
	short = plan{rounds: 1, round: time.Second}
)

// A kind is a way of visiting.
type kind struct {
	name   string
	path   string
	header []string
}

// byHTTPS is what the load balancer in front tells of every visitor.
const byHTTPS = "X-Forwarded-Proto: https"

var kinds = []kind{
	{"short answers, kept connections", small, []string{byHTTPS}},
	{"64 KiB answers, kept connections", large, []string{byHTTPS}},
	{"short answers, a new connection for each", small, []string{byHTTPS, "Connection: close"}},
}

func main() {
	isShort := flag.Bool("short", false, "a quick run that shows that it works; its figures mean nothing")
	serve := flag.String("serve", "", "be the gateway in front of this app; how this program starts what it measures")
	strict := flag.Bool("strict", false, "with -serve: allowed hosts, redirect to https and watching traffic")
	flag.Parse()
	if *serve != "" {
		if err := serveGateway(*serve, *strict); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	p := full
	if *isShort {
		p = short
	}
	rig.Main(func(r *rig.Rig) { measure(r, p) })
}

// connections is how many visitors there are at once.
const connections = 32

func measure(r *rig.Rig, p plan) {
	fmt.Printf("gateway bench: %d cores, %s, %d rounds of %v each, medians\n\n", runtime.NumCPU(), runtime.Version(), p.rounds, p.round)
	servers := start(r)
	for _, k := range kinds {
		figures := make([][]rig.Figure, len(servers))
		for range p.rounds {
			for i, s := range servers {
				s.URL += k.path
				figures[i] = append(figures[i], r.Measure(s, rig.Load{Connections: connections, Header: k.header, Duration: p.round}))
			}
		}
		fmt.Printf("%s\n\n", k.name)
		fmt.Printf("| %-24s | %12s | %16s | %8s |\n", "server", "answers/s", "CPU per request", "of nginx")
		fmt.Printf("| %-24s | %12s | %16s | %8s |\n", "---", "---:", "---:", "---:")
		base := rig.Median(figures[0])
		for i, s := range servers {
			m := rig.Median(figures[i])
			fmt.Printf("| %-24s | %12.0f | %16v | %8.2f |\n", s.Name, m.PerSecond, m.CPU.Round(100*time.Nanosecond), float64(m.CPU)/float64(base.CPU))
		}
		fmt.Println()
	}
}
