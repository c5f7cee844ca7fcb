// Package cli is the command line: one file for each sub-command, and the only
// place where configuration meets the packages that do the work.
//
// [Run] is called once in a process, by main: it takes over SIGINT and SIGTERM.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/inservice/inservice/internal/config"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // it was understood, and went wrong
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was started
)

// program is what sub-commands share.
type program struct {
	stdout, stderr io.Writer
	command        string // how people call this program, for hints
}

// Run executes one command line, without the program's name, and returns the
// exit status. Results go to stdout, errors and logs to stderr.
func Run(args []string, stdout, stderr io.Writer) int {
	p := &program{stdout: stdout, stderr: stderr, command: commandName()}
	// A reader of our output that goes away is an error of that write. It must not
	// end an agent that a load balancer relies on.
	signal.Ignore(syscall.SIGPIPE)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	// A second signal ends the process at once, as it would without us.
	context.AfterFunc(ctx, stop)

	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
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
		Version:       version(),
		Args:          subcommandOnly,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{err: err, hint: flagHint(c, err)}
	})
	root.AddCommand(p.agentCommand(), p.balanceCommand(), p.configCommand(), p.demoCommand(), p.probeCommand(), p.listenCommand(), p.proveCommand(), p.whoamiCommand(), p.versionCommand())
	return root
}

// flagHint names the flag that was likely meant, or else where all are listed.
func flagHint(c *cobra.Command, err error) string {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		// A word behind one dash is read as a row of letters, each a flag.
		word := cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName())
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := config.Nearest(word, names); near != "" {
			return "did you mean --" + near + "?"
		}
	}
	return c.CommandPath() + " --help"
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
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status) // what there is to say stands on stdout
	}
	if pipe, ok := errors.AsType[*fs.PathError](err); ok && pipe.Path == os.Stdout.Name() && errors.Is(err, syscall.EPIPE) {
		return exitFailed // whoever reads has enough, as head(1) does
	}
	status, hint := exitFailed, ""
	if e, ok := errors.AsType[*hintError](err); ok {
		hint = e.hint
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		status, hint = exitUsage, e.hint
	}
	fmt.Fprintf(p.stderr, "error: %v\n", err)
	if hint != "" {
		fmt.Fprintf(p.stderr, "hint: %s\n", hint)
	}
	return status
}

// arguments makes a command take exactly the arguments that are named, such as
// "FILE".
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		takes := "no arguments"
		if len(names) > 0 {
			takes = strings.Join(names, " and ")
		}
		return &usageError{
			err:  fmt.Errorf("%s takes %s, and got %q", c.CommandPath(), takes, args),
			hint: c.CommandPath() + " --help",
		}
	}
}

// listenHint adds, to an error about an address in use, how to find out by whom,
// and to one about another machine's, what this one's are.
func listenHint(err error, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &hintError{err: err, hint: fmt.Sprintf("see who has it with 'ss -ltnp', or choose another address with %s (port 0 takes a free one)", flag)}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		address := "of that kind"
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
			if host, _, err := net.SplitHostPort(op.Addr.String()); err == nil {
				address = host
			}
		}
		return &hintError{err: err, hint: fmt.Sprintf("this machine has no address %s; see 'ip -br address'", address)}
	}
	return err
}

// goRun matches where `go run` puts what it has built: a temporary folder, or the
// build cache.
var goRun = regexp.MustCompile(`[/\\]go-build|[/\\][0-9a-f]{2}[/\\][0-9a-f]{64}-d[/\\]`)

// commandName is how this program was called, so that what is printed can be
// typed.
func commandName() string {
	switch called := os.Args[0]; {
	case goRun.MatchString(called):
		return "go run ./cmd/inservice"
	case strings.ContainsRune(called, os.PathSeparator):
		return called
	default:
		return "inservice"
	}
}

// checkListen refuses an address that can't be listened on, before anything is
// opened.
func checkListen(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if n, atoi := strconv.Atoi(port); address != "" && (err != nil || atoi != nil || n < 0 || n > 65535) {
		return &usageError{err: fmt.Errorf("%s: %q is no address to listen on; write host:port such as 127.0.0.1:8080", flag, address)}
	}
	return nil
}

// paints reports whether w is a terminal that takes colours.
func paints(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
