package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// terminal writes the board for a person: a table, then a line for each change
// in the same columns.
type terminal struct {
	out     io.Writer
	color   bool
	command string // how this program was called, such as "inservice"
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
func (t *terminal) intro(front, page string) {
	fmt.Fprintf(t.out, "\n  %s\n\n", t.paint(bold, "Three instances of a site with a database, behind a balancer that asks them how they are."))
	breaks := t.command + " demo break web-2 errors"
	for _, line := range [][3]string{
		{"visit", front, "they answer in turn"},
		{"watch", page, "this table, live, in a browser"},
		{"break", breaks, "in another terminal; or with another fault:"},
	} {
		fmt.Fprintf(t.out, "  %s   %s   %s\n", line[0], t.paint(bold, fmt.Sprintf("%-*s", len(breaks), line[1])), line[2])
	}
	for _, f := range Faults() {
		fmt.Fprintf(t.out, "          %-10s%s\n", f, t.paint(dim, f.Effect()))
	}
	fmt.Fprintf(t.out, "\n  %s\n\n", t.paint(dim, "The TCP probe is what load balancers do by default. The HTTP probe asks each instance's agent."))
	t.heading()
}

func (t *terminal) heading() {
	fmt.Fprintln(t.out, t.paint(dim, fmt.Sprintf(columns, "time", "target", "address", "TCP probe", "HTTP probe", "users", "answer")))
}

// columns are the table's: time, target, address, two verdicts, whether it gets
// users, and what the last HTTP probe came to.
const columns = "  %-8s  %-6s  %-15s  %-14s  %-14s  %-5s  %s"

// row writes one row, and below it what there is to say.
func (t *terminal) row(at time.Time, r Row) {
	users := t.paint(green, "yes  ")
	if !r.Users {
		users = t.paint(red, "no   ")
	}
	fmt.Fprintf(t.out, "  %-8s  %-6s  %-15s  %s  %s  %s  %s\n", at.Format(time.TimeOnly), r.Name, r.Address,
		t.verdict(r.TCP), t.verdict(r.HTTP), users, t.paint(dim, r.Answer))
	if r.Why != "" {
		t.below(r.Why)
	}
	if r.fooled() {
		t.below("a balancer that only connects would still send users there")
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
	fmt.Fprintf(t.out, "  %-8s  %s\n", "", t.paint(dim, "└ "+line))
}

// table writes every row as it is now.
func (t *terminal) table(at time.Time, rows []Row) {
	for _, r := range rows {
		t.row(at, r)
	}
}

// follow writes a line for each change after the first n, until ctx ends.
func (t *terminal) follow(ctx context.Context, b *board, n int) {
	wake, end := b.watch()
	defer end()
	for {
		var changes []change
		changes, n = b.since(n)
		for _, c := range changes {
			if c.what != "" {
				fmt.Fprintf(t.out, "  %s  %-6s  %s\n", c.at.Format(time.TimeOnly), c.row.Name, t.paint(bold, c.what))
			} else {
				t.row(c.at, c.row)
			}
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return
		}
	}
}

// Table writes rows as the demo itself shows them, for `demo status`.
func Table(out io.Writer, color bool, rows []Row) {
	t := &terminal{out: out, color: color}
	t.heading()
	t.table(time.Now(), rows)
}
