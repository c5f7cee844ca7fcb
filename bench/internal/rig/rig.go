// Package rig is what benches need around their measuring: starting processes
// and ending them, failing from any depth, loading a server with wrk and reading
// what it used of the processor.
//
// A Rig belongs to one goroutine.
package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// failed ends a bench from any depth; Main turns it into an exit status.
type failed string

// Rig starts what is measured and ends it again. It is what package realserver
// needs of a test.
type Rig struct {
	Context  context.Context // ends at an interrupt
	cleanups []func()
}

// Main runs a bench and ends the process. What the bench left to Cleanup has been
// done by then, whatever happened.
func Main(bench func(*Rig)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(&Rig{Context: ctx}, bench)
	stop()
	os.Exit(status)
}

func run(r *Rig, bench func(*Rig)) (status int) {
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
	bench(r)
	return 0
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

func (r *Rig) cleanup() {
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		last()
	}
}

// Server is one row of a table.
type Server struct {
	Name string
	URL  string
	CPU  func() time.Duration // used so far, by all its processes and by no other
}

// Load is how a server is loaded.
type Load struct {
	Connections int
	Header      []string // lines
	Duration    time.Duration
}

// Figure is what one round of load showed of one server.
type Figure struct {
	PerSecond float64       // answers
	CPU       time.Duration // of the server, for each answer
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkErrors   = regexp.MustCompile(`Non-2xx or 3xx responses: \d+|Socket errors: .*`)
)

// Measure has wrk load a server once. A single answer that is not a success ends
// the bench.
func (r *Rig) Measure(s Server, l Load) Figure {
	args := []string{"-t1", "-c" + strconv.Itoa(l.Connections), "-d" + strconv.Itoa(int(l.Duration.Seconds())) + "s"}
	for _, line := range l.Header {
		args = append(args, "-H", line)
	}
	before, began := s.CPU(), time.Now()
	out, err := exec.CommandContext(r.Context, "wrk", append(args, s.URL)...).CombinedOutput()
	took, used := time.Since(began), s.CPU()-before
	if err != nil {
		r.Fatalf("wrk on %s (install it with 'make bench'): %v\n%s", s.Name, err, out)
	}
	found := wrkRequests.FindSubmatch(out)
	if bad := wrkErrors.Find(out); bad != nil || found == nil {
		r.Fatalf("%s did not answer every request with success: %s\n%s", s.Name, bad, out)
	}
	answers, err := strconv.Atoi(string(found[1]))
	r.Must("wrk's count", err)
	if used <= 0 || answers == 0 {
		r.Fatalf("%s used %v of the processor for %d answers: the wrong process is measured", s.Name, used, answers)
	}
	return Figure{float64(answers) / took.Seconds(), used / time.Duration(answers)}
}

// Median takes each number's on its own. Of an even count it is the upper one.
func Median(figures []Figure) Figure {
	var perSecond []float64
	var cpu []time.Duration
	for _, f := range figures {
		perSecond, cpu = append(perSecond, f.PerSecond), append(cpu, f.CPU)
	}
	slices.Sort(perSecond)
	slices.Sort(cpu)
	return Figure{perSecond[len(perSecond)/2], cpu[len(cpu)/2]}
}

// CPUTime is the processor time that a process has used, without its children,
// from proc(5): fields 14 and 15 of stat, in hundredths of a second on Linux.
func (r *Rig) CPUTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	r.Must("reading the processor time", err)
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		r.Fatalf("reading the processor time: short line %q", stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		r.Must("reading the processor time", err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
