package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// terminal writes the board for a person: a table, then a line for each change
// in the same columns. One goroutine uses it.
type terminal struct {
	out     io.Writer
	color   bool
	command string // how the demo was called, such as "inservice demo"
	err     error  // the first that writing met; nothing is written after it
}

func (t *terminal) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format, args...)
	}
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

func (t *terminal) paint(style, s string) string {
	if !t.color {
		return s
	}
	return style + s + plain
}

// intro tells where things are and what to try.
func (t *terminal) intro(front, page, agent string) {
	t.printf("\n  %s\n\n", t.paint(bold, "Three instances of a site with a database, behind a balancer that asks how they are."))
	breaks := t.command + " break web-2 errors"
	width := max(len(breaks), len(agent))
	for _, line := range [][3]string{
		{"visit", front, "they answer in turn"},
		{"watch", page, "this table, live, in a browser"},
		{"ask", agent, "what the balancer asks web-1's agent"},
		{"break", breaks, "in another terminal; or with another fault:"},
	} {
		t.printf("  %-5s   %s   %s\n", line[0], t.paint(bold, fmt.Sprintf("%-*s", width, line[1])), line[2])
	}
	for _, f := range Faults() {
		t.printf("          %-10s%s\n", f, t.paint(dim, f.Effect()))
	}
	t.printf("\n  %s\n\n", t.paint(dim, "A TCP probe is what load balancers do by default. The HTTP probe asks each agent."))
	t.heading()
}

func (t *terminal) heading() {
	t.printf("%s\n", t.paint(dim, fmt.Sprintf(columns, "time", "target", "address", "TCP probe", "HTTP probe", "users", "agent")))
}

// columns are the table's: time, target, address, two verdicts, whether it gets
// users, and what its agent answered to the last HTTP probe.
const columns = "  %-8s  %-6s  %-15s  %-14s  %-14s  %-5s  %s"

// row writes one row, and below it what there is to say.
func (t *terminal) row(at time.Time, r Row) {
	users := t.paint(green, fmt.Sprintf("%-5s", "yes"))
	if !r.Users {
		users = t.paint(red, fmt.Sprintf("%-5s", "no"))
	}
	t.printf(columns+"\n", at.Format(time.TimeOnly), r.Name, r.Address, t.verdict(r.TCP), t.verdict(r.HTTP), users, t.paint(dim, r.Answer))
	if r.Why != "" {
		t.below(r.Why)
	}
	if r.fooled() {
		t.below("a balancer that only connects would still send users there")
	}
	if r.opened() {
		t.below("no target is in service: the balancer fails open, users go to all of them")
	}
}

// verdict is a status, padded to its column before it is painted.
func (t *terminal) verdict(status string) string {
	style := dim
	switch status {
	case inService:
		style = green
	case outOfService:
		style = red
	}
	return t.paint(style, fmt.Sprintf("%-14s", status))
}

func (t *terminal) below(line string) {
	t.printf("  %-8s  %s\n", "", t.paint(dim, "└ "+line))
}

// table writes every row as it is now.
func (t *terminal) table(at time.Time, rows []Row) {
	for _, r := range rows {
		t.row(at, r)
	}
}

// follow writes a line for each change after the first n, until ctx ends or
// nothing can be written.
func (t *terminal) follow(ctx context.Context, b *board, n int) {
	wake, end := b.watch()
	defer end()
	for {
		var changes []change
		changes, n = b.since(n)
		for _, c := range changes {
			if c.what != "" {
				t.printf("  %s  %-6s  %s\n", c.at.Format(time.TimeOnly), c.row.Name, t.paint(bold, c.what))
			} else {
				t.row(c.at, c.row)
			}
		}
		if t.err != nil {
			return // nobody reads it any more
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return
		}
	}
}

// Table writes rows as the demo itself shows them, for `demo status`.
func Table(out io.Writer, color bool, rows []Row) error {
	t := &terminal{out: out, color: color}
	t.heading()
	t.table(time.Now(), rows)
	return t.err
}
