package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/demo"
)

func (p *program) demoCommand() *cobra.Command {
	var options demo.Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "A site with a database behind a balancer, in one process, with faults to switch on",
		Long: `Runs three instances of a small site, each with a database and an agent, behind
a balancer, and shows two verdicts on each side by side: that of a TCP probe, as
load balancers do by default, and that of an HTTP probe that the agent answers.

Break an instance from another terminal and watch:

  inservice demo break web-2 errors`,
		Args: subcommandOnly,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(checkListen("--listen", options.Listen), checkListen("--page", options.Page)); err != nil {
				return err
			}
			out := startOutput(p.stdout) // a paused terminal must not keep Ctrl-C from ending the demo
			defer out.close()
			options.Out, options.Color, options.Command = out, paints(p.stdout), demoCommandName(p.command, options.Control)
			return p.demoError(listenHint(demo.Run(c.Context(), options), "--listen or --page"))
		},
	}
	c.Flags().StringVar(&options.Listen, "listen", "", "`ADDRESS` of the balancer (default a free port of 127.0.0.1)")
	c.Flags().StringVar(&options.Page, "page", "", "`ADDRESS` of the page that shows the table (default a free port of 127.0.0.1)")
	c.PersistentFlags().StringVar(&options.Control, "control", "", "unix socket `FILE` for commands to the demo (default one for each user)")
	c.AddCommand(p.demoBreakCommand(&options.Control), p.demoHealCommand(&options.Control), p.demoStatusCommand(&options.Control))
	return c
}

// demoCommandName is how to call this very demo from another terminal.
func demoCommandName(command, control string) string {
	if control == "" {
		return command + " demo"
	}
	return command + " demo --control " + control
}

func (p *program) demoBreakCommand(control *string) *cobra.Command {
	var faults, lines []string
	for _, f := range demo.Faults() {
		faults = append(faults, string(f))
		lines = append(lines, fmt.Sprintf("  %-10s%s", f, f.Effect()))
	}
	return &cobra.Command{
		Use:       "break INSTANCE FAULT",
		Short:     "Break an instance of the demo that runs, or heal it",
		Long:      "Breaks an instance of the demo that runs in another terminal.\n\nThe faults:\n" + strings.Join(lines, "\n"),
		Example:   "  inservice demo break web-2 errors\n  inservice demo break web-2 heal",
		Args:      arguments("an INSTANCE", "a FAULT"),
		ValidArgs: faults,
		RunE:      func(c *cobra.Command, args []string) error { return p.breakInstance(c, *control, args[0], args[1]) },
	}
}

func (p *program) demoHealCommand(control *string) *cobra.Command {
	return &cobra.Command{
		Use:   "heal INSTANCE",
		Short: "Heal an instance of the demo that runs",
		Args:  arguments("an INSTANCE"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.breakInstance(c, *control, args[0], string(demo.None))
		},
	}
}

// breakInstance sends a fault to the demo and says what it does.
func (p *program) breakInstance(c *cobra.Command, control, instance, fault string) error {
	effect, err := demo.Client{Control: control}.Break(c.Context(), instance, fault)
	if err != nil {
		return p.demoError(err)
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %s\n", instance, effect)
	return err
}

func (p *program) demoStatusCommand(control *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Print the table of the demo that runs",
		Args:  arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := demo.Client{Control: *control}.Rows(c.Context())
			if err != nil {
				return p.demoError(err)
			}
			return demo.Table(p.stdout, paints(p.stdout), rows)
		},
	}
}

// demoError adds what to do about it.
func (p *program) demoError(err error) error {
	switch {
	case errors.Is(err, demo.ErrNotRunning):
		return &hintError{err: err, hint: fmt.Sprintf("start one with '%s demo' in another terminal", p.command)}
	case errors.Is(err, demo.ErrRunning):
		return &hintError{err: err, hint: fmt.Sprintf("use it ('%s demo status'), end it with Ctrl-C, or give this one a socket of its own with --control", p.command)}
	case errors.Is(err, demo.ErrUnknown):
		return &usageError{err: err}
	default:
		return err
	}
}
