package rig

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

// Rounds is how often and how long each server is loaded.
type Rounds struct {
	Count int
	Each  time.Duration // whole seconds
}

// Full is for figures. Short only shows that a bench works.
var (
	Full  = Rounds{5, 3 * time.Second}
	Short = Rounds{1, time.Second}
)

func (r Rounds) String() string { return fmt.Sprintf("%d rounds of %v each, medians", r.Count, r.Each) }

// Server is one row of a table.
type Server struct {
	Name string
	URL  string               // without a path
	CPU  func() time.Duration // used so far, by all its processes and by no other
}

// Comparison is one table: what servers do under the same load.
type Comparison struct {
	Title   string
	Path    string   // asked for
	Header  []string // lines, with each request
	Servers []Server // the first is nginx, which the others are measured by
}

// Compare measures and prints the table. The servers take turns, so that what
// else the machine does falls on all of them. A single answer that is not a
// success ends the bench.
func (r *Rig) Compare(c Comparison, rounds Rounds) {
	figures := make([][]figure, len(c.Servers))
	for range rounds.Count {
		for i, s := range c.Servers {
			figures[i] = append(figures[i], r.measure(s, c, rounds.Each))
		}
	}
	const row = "| %-27s | %10s | %14s | %14s | %8s |\n"
	fmt.Printf("%s\n\n", c.Title)
	fmt.Printf(row, "server", "answers/s", "CPU per answer", "answers/CPU-s", "of nginx")
	fmt.Printf(row, "---", "---:", "---:", "---:", "---:")
	yardstick := median(figures[0])
	for i, s := range c.Servers {
		m := median(figures[i])
		fmt.Printf(row, s.Name, fmt.Sprintf("%.0f", m.perSecond), fmt.Sprintf("%.1f µs", 1e6/m.perCPUSecond),
			fmt.Sprintf("%.0f", m.perCPUSecond), fmt.Sprintf("%.2f", m.perCPUSecond/yardstick.perCPUSecond))
	}
	fmt.Println()
}

// figure is how many answers one round of load got from one server.
type figure struct{ perSecond, perCPUSecond float64 }

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkErrors   = regexp.MustCompile(`Non-2xx or 3xx responses: \d+|Socket errors: .*`)
)

// measure has wrk load a server once.
func (r *Rig) measure(s Server, c Comparison, d time.Duration) figure {
	args := []string{"-t1", "-c" + strconv.Itoa(connections), "-d" + strconv.Itoa(int(d.Seconds())) + "s"}
	for _, line := range c.Header {
		args = append(args, "-H", line)
	}
	before, began := s.CPU(), time.Now()
	out, err := exec.CommandContext(r.Context, "wrk", append(args, s.URL+c.Path)...).CombinedOutput()
	took, used := time.Since(began), s.CPU()-before
	r.Must("interrupted", r.Context.Err())
	if err != nil {
		r.Fatalf("wrk on %s (make bench installs it): %v\n%s", s.Name, err, out)
	}
	found := wrkRequests.FindSubmatch(out)
	if bad := wrkErrors.Find(out); bad != nil || found == nil {
		r.Fatalf("%s did not answer every request with success: %s\n%s", s.Name, bad, out)
	}
	answers, err := strconv.ParseFloat(string(found[1]), 64)
	r.Must("wrk's count", err)
	if used <= 0 || answers == 0 {
		r.Fatalf("%s used %v of the processor for %v answers: the wrong process is measured", s.Name, used, answers)
	}
	return figure{answers / took.Seconds(), answers / used.Seconds()}
}

// median takes each number's on its own. Of an even count it is the upper one.
func median(figures []figure) figure {
	var perSecond, perCPUSecond []float64
	for _, f := range figures {
		perSecond, perCPUSecond = append(perSecond, f.perSecond), append(perCPUSecond, f.perCPUSecond)
	}
	slices.Sort(perSecond)
	slices.Sort(perCPUSecond)
	return figure{perSecond[len(perSecond)/2], perCPUSecond[len(perCPUSecond)/2]}
}
