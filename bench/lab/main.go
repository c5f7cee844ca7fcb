// Command lab runs the diagnosis on every case of a lab: a directory of broken
// and healthy real servers of which the truth is written down. It starts a case,
// asks as the case's load balancer would and diagnoses what it sees, as
// `inservice probe` does, ends the case and compares.
//
//	lab [-lab DIR] [-run REGEXP] [-fixed] [-json | -markdown] [-v]
//
// It prints a row for each case and a last line of totals, and exits 1 if any is
// wrong, 2 if it could not look. With -fixed it also starts the variant of each
// case in which the fault is mended, and nothing may be found wrong there.
//
// Cases run one after another: they share the loopback addresses, and a
// diagnosis looks at the neighbours. What was started is ended by the lab's own
// stop script, also when this command is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/inservice/inservice/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, out, problems io.Writer) (int, error) {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(problems)
	dir := flags.String("lab", "../shared/lab", "the lab's `directory`")
	only := flags.String("run", "", "only cases whose name or cause matches the `regexp`")
	fixed := flags.Bool("fixed", false, "run the mended variant of each case too")
	asJSON := flags.Bool("json", false, "print one JSON object for each case")
	asMarkdown := flags.Bool("markdown", false, "print a table in Markdown")
	verbose := flags.Bool("v", false, "print the evidence below each case")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if flags.NArg() > 0 || *asJSON && *asMarkdown {
		return 2, errors.New("it takes no arguments, and -json or -markdown but not both")
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return 2, fmt.Errorf("-run: %w", err)
	}
	l, err := lab.Open(*dir)
	if err != nil {
		return 2, err
	}
	defer l.Close()
	cases, err := readCases(l)
	if err != nil {
		return 2, fmt.Errorf("%s: %w", *dir, err)
	}

	var p printer = &text{out: out, verbose: *verbose}
	switch {
	case *asJSON:
		p = &lines{out: out}
	case *asMarkdown:
		p = &markdown{out: out}
	}
	var sum totals
	for _, c := range cases {
		if !wanted.MatchString(c.Name) && !wanted.MatchString(c.Cause) {
			continue
		}
		for _, mended := range variants(c, *fixed) {
			got := try(ctx, l, c, mended)
			if ctx.Err() != nil {
				return 2, errors.New("interrupted")
			}
			sum.add(got)
			p.row(got)
		}
	}
	if sum.Cases == 0 {
		return 2, fmt.Errorf("no case of %s matches %q", *dir, *only)
	}
	p.end(sum)
	if sum.Right < sum.Cases {
		return 1, nil
	}
	return 0, nil
}

// variants returns which variants of a case to run: broken, mended.
func variants(c testCase, fixed bool) []bool {
	if fixed && c.Mendable {
		return []bool{false, true}
	}
	return []bool{false}
}
