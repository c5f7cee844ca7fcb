// Command matrix asks every case of a lab by every real prober and by our
// dialects, compares the verdicts, and writes the table of docs/dialects.md.
//
//	go run ./matrix -lab ../../shared/lab [-run REGEXP] [-docs ../docs/dialects.md]
//
// It exits with status 1 if there is a disagreement that notes.go does not
// explain.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/inservice/inservice/conformance/real"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := flag.String("lab", "../../shared/lab", "the lab's `directory`")
	only := flag.String("run", "", "only cases whose name matches the `regexp`; the other rows stay")
	docs := flag.String("docs", "../docs/dialects.md", "the `file` whose table is written")
	flag.Parse()
	if err := run(ctx, *dir, *only, *docs); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, only, docs string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	l, err := lab.Open(dir)
	if err != nil {
		return err
	}
	defer l.Close()
	cases, err := readCases(l)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	var rows []row
	unexplained := 0
	for _, c := range cases {
		if !wanted.MatchString(c.name) {
			continue
		}
		began := time.Now()
		r, err := ask(ctx, l, c)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows, r)
		fmt.Printf("%-28s %5.1fs %s\n", c.name, time.Since(began).Seconds(), r)
		for i, made := range r.cells {
			if made.differs() && note(c.name, real.All()[i].Name) == 0 {
				unexplained++
				fmt.Printf("    %s: real %s (%s); dialect %s (%s)\n", real.All()[i].Name, made.theirs.Outcome, made.theirs.Said+made.theirs.Problem, made.ours.Outcome, made.ours.Text)
			}
		}
	}
	if err := write(docs, rows, only == ""); err != nil {
		return err
	}
	fmt.Printf("%d cases; %d verdicts compared; %d differ, of which %d are not explained\n", len(rows), count(rows, cell.compared), count(rows, cell.differs), unexplained)
	if unexplained > 0 {
		return errors.New("there are disagreements that notes.go does not explain")
	}
	return nil
}

// row is one case, with a cell for each of real.All.
type row struct {
	name  string
	cells []cell
}

func (r row) String() string {
	var words []string
	for _, c := range r.cells {
		words = append(words, c.String())
	}
	return strings.Join(words, " | ")
}

// cell is what a real prober and its dialect made of a case.
type cell struct {
	asked  bool // the prober can ask such a thing
	theirs real.Answer
	ours   dialect.Verdict
}

func (c cell) compared() bool { return c.asked }

func (c cell) differs() bool { return c.asked && c.theirs.Outcome != string(c.ours.Outcome) }

// words are those of the table.
var words = map[string]string{"pass": "up", "fail": "down", "unknown": "thrown away", "": "no result"}

func (c cell) String() string {
	switch {
	case !c.asked:
		return "–"
	case c.differs():
		return "**" + words[c.theirs.Outcome] + "**, dialect " + words[string(c.ours.Outcome)]
	}
	return words[c.theirs.Outcome]
}

func count(rows []row, what func(cell) bool) int {
	n := 0
	for _, r := range rows {
		for _, c := range r.cells {
			if what(c) {
				n++
			}
		}
	}
	return n
}

// ask asks one case by everybody. Where a question changes the answer to the
// next, each of them has a fresh start of the case.
func ask(ctx context.Context, l *lab.Lab, c testCase) (row, error) {
	probers := real.All()
	r := row{name: c.name, cells: make([]cell, len(probers))}
	defer l.Stop(c.name)
	q, err := start(ctx, l, c.name)
	if err != nil {
		return r, err
	}
	if c.stateful {
		return r, askFresh(ctx, l, &r, q)
	}
	// The probers ask at the same time, each beside its dialect.
	var all sync.WaitGroup
	for i, p := range probers {
		all.Go(func() { r.cells[i] = both(ctx, p, q) })
	}
	all.Wait()
	// One that differs is asked again, alone: it may have been held up by others.
	for i, p := range probers {
		if r.cells[i].differs() {
			r.cells[i] = both(ctx, p, q)
		}
	}
	return r, nil
}

func both(ctx context.Context, p real.Prober, q real.Question) cell {
	q, ok := p.Fit(q)
	if !ok {
		return cell{}
	}
	return cell{asked: true, ours: ourVerdict(ctx, p, q), theirs: theirAnswer(p, q)}
}

func askFresh(ctx context.Context, l *lab.Lab, r *row, q real.Question) error {
	for i, p := range real.All() {
		if _, ok := p.Fit(q); !ok {
			continue
		}
		for _, ask := range []func(real.Question){
			func(q real.Question) { r.cells[i].ours = ourVerdict(ctx, p, q) },
			func(q real.Question) { r.cells[i].theirs = theirAnswer(p, q) },
		} {
			l.Stop(r.name)
			again, err := start(ctx, l, r.name)
			if err != nil {
				return err
			}
			fitted, _ := p.Fit(again)
			ask(fitted)
		}
		r.cells[i].asked = true
	}
	return nil
}

func ourVerdict(ctx context.Context, p real.Prober, q real.Question) dialect.Verdict {
	probe, err := p.Dialect(q, nil)
	if err != nil {
		return dialect.Verdict{Text: err.Error()}
	}
	_, v := dialect.Ask(ctx, probe, exchange.Do)
	return v
}

// theirAnswer asks by the real prober. What it started has ended on return.
func theirAnswer(p real.Prober, q real.Question) (a real.Answer) {
	s := &stage{}
	defer s.end()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			a = real.Answer{Problem: string(r)}
		default:
			panic(r)
		}
	}()
	return p.Ask(s, q)[0]
}

// stage is what a test is to the servers that it starts.
type stage struct{ cleanups []func() }

// failure is the end of a stage that something was wrong on.
type failure string

func (s *stage) Helper()                           {}
func (s *stage) Cleanup(f func())                  { s.cleanups = append(s.cleanups, f) }
func (s *stage) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }
func (s *stage) Skipf(format string, args ...any)  { s.Fatalf(format, args...) }

func (s *stage) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}
