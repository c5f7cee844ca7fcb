package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// connections is how many askers there are at once.
const connections = 32

// kind is a way of asking.
type kind struct {
	name   string
	header []string // for wrk
}

var kinds = []kind{
	{"kept connections", nil},
	{"a new connection for each answer", []string{"-H", "Connection: close"}},
}

// figure is one round's result for one server.
type figure struct{ perSecond, perCPU float64 }

func measureAnswers(r *rig, servers []server, p plan) {
	for _, k := range kinds {
		figures := make([][]figure, len(servers))
		for range p.rounds {
			for i, s := range servers {
				figures[i] = append(figures[i], load(r, s, k, p.round))
			}
		}
		fmt.Printf("%s\n\n", k.name)
		fmt.Printf("| %-20s | %12s | %16s | %8s |\n", "server", "answers/s", "answers/CPU-s", "of nginx")
		fmt.Printf("| %-20s | %12s | %16s | %8s |\n", "---", "---:", "---:", "---:")
		base := median(figures[0])
		for i, s := range servers {
			m := median(figures[i])
			fmt.Printf("| %-20s | %12.0f | %16.0f | %8.2f |\n", s.name, m.perSecond, m.perCPU, m.perCPU/base.perCPU)
		}
		fmt.Println()
	}
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkErrors   = regexp.MustCompile(`Non-2xx or 3xx responses: \d+`)
)

// load has wrk ask one server for a while.
func load(r *rig, s server, k kind, d time.Duration) figure {
	args := append([]string{"-t1", "-c" + strconv.Itoa(connections), "-d" + strconv.Itoa(int(d.Seconds())) + "s"}, k.header...)
	before, begun := s.cpu(), time.Now()
	out, err := exec.CommandContext(r.ctx, "wrk", append(args, s.url)...).CombinedOutput()
	took, used := time.Since(begun), s.cpu()-before
	if err != nil {
		r.Fatalf("wrk on %s (install it with 'make bench'): %v\n%s", s.name, err, out)
	}
	found := wrkRequests.FindSubmatch(out)
	if bad := wrkErrors.Find(out); bad != nil || found == nil {
		r.Fatalf("%s did not answer every request with 200: %s\n%s", s.name, bad, out)
	}
	answers, err := strconv.ParseFloat(string(found[1]), 64)
	r.must("wrk's count", err)
	if used <= 0 {
		r.Fatalf("%s used no processor time for %v answers: the wrong process is measured", s.name, answers)
	}
	return figure{answers / took.Seconds(), answers / used.Seconds()}
}

// median takes each column's on its own.
func median(figures []figure) figure {
	var perSecond, perCPU []float64
	for _, f := range figures {
		perSecond, perCPU = append(perSecond, f.perSecond), append(perCPU, f.perCPU)
	}
	slices.Sort(perSecond)
	slices.Sort(perCPU)
	return figure{perSecond[len(perSecond)/2], perCPU[len(perCPU)/2]}
}
