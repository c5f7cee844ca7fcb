package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/dsn"
)

func (p *program) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Look at configuration files",
		Args:  subcommandOnly,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "validate FILE",
		Short: "Say everything that is wrong with a file, or what it configures",
		Long: `Reads a file as agent and balance do, starts nothing, and says everything that is
wrong with it at once, with line and column. The exit status is 2 when something
is.`,
		Args: arguments("one FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "%s is valid: %s\n", args[0], describe(file))
			return err
		},
	})
	return c
}

// loadConfig reads a file, or only flags when path is empty. Its error is a
// usage error.
func loadConfig(path string, overrides ...config.Override) (*config.File, error) {
	file, err := config.Load(path, config.Options{CheckDSN: dsn.Check, DriverOf: dsn.Driver}, overrides...)
	if problems, ok := errors.AsType[*config.Error](err); ok {
		return nil, &usageError{err: &configError{problems}}
	}
	if err != nil {
		return nil, &usageError{err: err}
	}
	return file, nil
}

// configError tells problems as a list under a headline when there are several.
type configError struct{ problems *config.Error }

func (e *configError) Error() string {
	n := len(e.problems.Problems)
	if n == 1 {
		return e.problems.Error()
	}
	return fmt.Sprintf("%d problems in the configuration\n  %s", n, strings.ReplaceAll(e.problems.Error(), "\n", "\n  "))
}

func (e *configError) Unwrap() error { return e.problems }

// missingSection is the error of a file that configures something else.
func missingSection(path, section string) error {
	return &usageError{
		err:  fmt.Errorf("%s has no section %s", path, section),
		hint: fmt.Sprintf("add \"%s:\" to it, or name another file with --config", section),
	}
}

// describe says in a line what a file configures.
func describe(f *config.File) string {
	var parts []string
	if b := f.Balance; b != nil {
		targets := 0
		for _, g := range b.TargetGroups {
			targets += len(g.Targets)
		}
		parts = append(parts, fmt.Sprintf("balance with %s, %s, %s",
			count(len(b.Listeners), "listener"), count(len(b.TargetGroups), "target group"), count(targets, "target")))
	}
	if a := f.Agent; a != nil {
		parts = append(parts, fmt.Sprintf("agent on %s%s with %s", a.Listen, a.Path, count(len(a.Checks), "check")))
	}
	return strings.Join(parts, "; ")
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
