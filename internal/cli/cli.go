// Package cli is the command line: one file for each sub-command, and the only
// place where configuration meets the packages that do the work.
//
// [Run] is called once in a process, by main: it takes over SIGINT and SIGTERM.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // it was understood, and went wrong
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was started
)

// program is what sub-commands share.
type program struct {
	out, err io.Writer
	command  string // how people call this program, for hints
}

// Run executes one command line, without the program's name, and returns the
// exit status. Results go to out, errors and logs to err.
func Run(args []string, out, err io.Writer) int {
	p := &program{out: out, err: err, command: commandName()}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, as it would without us.
	context.AfterFunc(ctx, stop)

	root := p.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(err)
	return p.report(root.ExecuteContext(ctx))
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "inservice",
		Short: "Health checks that tell the truth, on both sides of the load balancer",
		Long: `Health checks that tell the truth, on both sides of the load balancer.

Begin with "inservice demo": a site with a database behind a balancer, in one
process, with faults to switch on and watch.`,
		SilenceErrors: true, // report prints them, with hints
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{err: err, hint: c.CommandPath() + " --help"}
	})
	root.AddCommand(p.agentCommand(), p.balanceCommand(), p.configCommand(), p.demoCommand(), p.versionCommand())
	return root
}

// subcommandOnly refuses a word that is no sub-command, and names the nearest.
func subcommandOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := c.CommandPath() + " --help"
	c.SuggestionsMinimumDistance = 2 // cobra's own default, which it sets only where it prints suggestions itself
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean '" + c.CommandPath() + " " + near[0] + "'?"
	}
	return &usageError{err: fmt.Errorf("%s has no sub-command %q", c.CommandPath(), args[0]), hint: hint}
}

// usageError is a mistake of whoever called: exit status 2.
type usageError struct {
	err  error
	hint string // what to do next; may be empty
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hintError is an error with advice.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// report prints err as a person wants to read it and chooses the exit status.
func (p *program) report(err error) int {
	if err == nil {
		return exitOK
	}
	status, hint := exitFailed, ""
	if e, ok := errors.AsType[*hintError](err); ok {
		hint = e.hint
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		status, hint = exitUsage, e.hint
	} else if cobraUsage(err) {
		status, hint = exitUsage, p.command+" --help"
	}
	fmt.Fprintf(p.err, "error: %v\n", err)
	if hint != "" {
		fmt.Fprintf(p.err, "hint: %s\n", hint)
	}
	return status
}

// cobraUsage recognises what cobra says of a wrong command line; it has no type
// for it.
func cobraUsage(err error) bool {
	text := err.Error()
	for _, prefix := range []string{"unknown command", "accepts ", "requires ", "invalid argument"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// listenHint adds, to an error about an address in use, how to find out by whom.
func listenHint(err error, flag string) error {
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return &hintError{err: err, hint: fmt.Sprintf("see who has it with 'ss -ltnp', or choose another address with %s (port 0 takes a free one)", flag)}
}

// commandName is how this program was called: by its name, or through `go run`.
func commandName() string {
	executable, err := os.Executable()
	if err == nil && strings.Contains(executable, string(os.PathSeparator)+"go-build") {
		return "go run ./cmd/inservice"
	}
	return "inservice"
}

// paints reports whether w is a terminal that takes colours.
func paints(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
