// Command drain measures rolling restarts under load: what clients lose, and how
// long a server takes to leave, behind each of several load balancers. The agent's
// own way to leave is compared with the best fixed sleep, which is what one has
// otherwise: the least of some values with which nothing was lost in as many
// restarts.
//
// It needs HAProxy and nginx; `make bench-drain` installs them. It exits 1 when the
// agent has lost a request. What a fixed sleep loses is no failure.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/bench/internal/rig"
	"github.com/inservice/inservice/internal/rollout"
)

// plan is how much to measure.
type plan struct {
	restarts int
	sleeps   []time.Duration // to try, the shortest first
	only     string          // part of a balancer's name
	log      bool
}

// sleeps go beyond what the slowest of the balancers needs.
var sleeps = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second}

func main() {
	isShort := flag.Bool("short", false, "one restart behind each balancer and no fixed sleep: only shows that nothing is lost")
	restarts := flag.Int("restarts", 20, "how many `restarts` behind each balancer")
	only := flag.String("balancer", "", "only the balancer whose `name` contains this")
	log := flag.Bool("log", false, "print what the agents logged when a request was lost")
	flag.Parse()
	p := plan{*restarts, sleeps, *only, *log}
	if *isShort {
		p.restarts, p.sleeps = 1, nil
	}
	rig.Main(func(r *rig.Rig) { measure(r, p) })
}

func measure(r *rig.Rig, p plan) {
	program := r.Build()
	fmt.Printf("drain bench: %s, restarts behind each: %d, 200 requests a second\n\n", rig.Machine(), p.restarts)
	var rows []row
	for _, balancer := range rollout.Balancers() {
		if !strings.Contains(balancer.Name, p.only) {
			continue
		}
		config := rollout.Config{Program: program, Balancer: balancer}
		rows = append(rows, roll(r, p, config))
		if len(p.sleeps) > 0 {
			rows = append(rows, bestSleep(r, p, config))
		}
	}
	printTable(rows)
	for _, row := range rows {
		if row.agent && len(row.losses) > 0 {
			r.Fatalf("behind %s %d of %d requests were lost", row.balancer, len(row.losses), row.requests)
		}
	}
}

// row is what one way to leave did behind one balancer.
type row struct {
	balancer, way string
	agent         bool // the way is the agent's own
	requests      int
	losses        []rollout.Loss
	drains        []time.Duration // sorted
}

// roll restarts a site's servers.
func roll(r *rig.Rig, p plan, c rollout.Config) row {
	result := row{balancer: c.Balancer.Name, way: "agent", agent: c.Sleep == 0}
	if !result.agent {
		result.way = fmt.Sprintf("sleep %v", c.Sleep)
	}
	r.Stage(func(r *rig.Rig) {
		site := rollout.Open(r.Context, r, c)
		result.restart(site, p)
		tally := site.Finish()
		result.requests, result.losses = tally.Requests, tally.Losses
	})
	slices.Sort(result.drains)
	return result
}

// restart restarts one server after another. A fixed sleep is given up once it has
// lost something.
func (row *row) restart(site *rollout.Site, p plan) {
	for n := range p.restarts {
		before := len(site.Losses())
		restart := site.Restart(n)
		row.drains = append(row.drains, restart.Drain)
		lost := site.Losses()[before:]
		fmt.Fprintf(os.Stderr, "%s, %s: restart %d: drained for %v, back after %v, lost %d\n", row.balancer, row.way, n+1,
			restart.Drain.Round(time.Millisecond), restart.Return.Round(time.Millisecond), len(lost))
		for _, loss := range lost {
			fmt.Fprintf(os.Stderr, "	%v\n", loss)
		}
		if len(lost) == 0 {
			continue
		}
		if p.log {
			fmt.Fprintf(os.Stderr, "%s\n", site.Log(n))
		}
		if !row.agent {
			return
		}
	}
}

// bestSleep returns the row of the least sleep that loses nothing, or of the
// longest if all do.
func bestSleep(r *rig.Rig, p plan, c rollout.Config) row {
	var best row
	for _, c.Sleep = range p.sleeps {
		if best = roll(r, p, c); len(best.losses) == 0 {
			break
		}
	}
	return best
}

func printTable(rows []row) {
	fmt.Printf("| %-18s | %-12s | %8s | %8s | %6s | %12s | %12s |\n", "behind", "way to leave", "restarts", "requests", "lost", "drain median", "drain max")
	fmt.Printf("| %-18s | %-12s | %8s | %8s | %6s | %12s | %12s |\n", "---", "---", "---:", "---:", "---:", "---:", "---:")
	for _, row := range rows {
		fmt.Printf("| %-18s | %-12s | %8d | %8d | %6d | %12v | %12v |\n", row.balancer, row.way, len(row.drains), row.requests, len(row.losses),
			row.drains[len(row.drains)/2].Round(10*time.Millisecond), row.drains[len(row.drains)-1].Round(10*time.Millisecond))
	}
}
