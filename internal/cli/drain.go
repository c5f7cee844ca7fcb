package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/agent"
	"github.com/inservice/inservice/internal/control"
)

// drainLook is how often --wait asks the agent.
const drainLook = 100 * time.Millisecond

func (p *program) drainCommand(socket *string) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "drain",
		Short: "Turn the answer of a running agent red, so that load balancers stop sending",
		Long: `Turns the answer of the agent that runs on this machine red, while everything is
served as before. Load balancers stop sending when they have fetched as many red
answers as their unhealthy threshold; with --wait the command returns when every
one of them has, and visitors have stopped coming.`,
		Example: "  inservice agent drain --wait 1m && systemctl restart mysite && inservice agent undrain",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("wait") && wait <= 0 {
				return &usageError{err: fmt.Errorf("--wait: %v is not above zero", wait)}
			}
			client, err := p.agentClient(c.Context(), *socket)
			if err != nil {
				return err
			}
			state, err := client.Drain(c.Context())
			if err != nil {
				return p.agentError(err)
			}
			if wait <= 0 {
				p.printState(state)
				return nil
			}
			return p.awaitDrained(c.Context(), client, wait)
		},
	}
	c.Flags().DurationVar(&wait, "wait", 0, "wait until nobody sends any more, at most this long")
	return c
}

func (p *program) undrainCommand(socket *string) *cobra.Command {
	return p.agentStateCommand(socket, "undrain", "Take drain back: the answer is that of the checks again", agent.Client.Undrain)
}

func (p *program) agentStatusCommand(socket *string) *cobra.Command {
	return p.agentStateCommand(socket, "status", "Show what a running agent answers, and who asks", agent.Client.State)
}

// agentStateCommand sends one command to an agent and prints the state it is in.
func (p *program) agentStateCommand(socket *string, name, short string, ask func(agent.Client, context.Context) (agent.State, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := p.agentClient(c.Context(), *socket)
			if err != nil {
				return err
			}
			state, err := ask(client, c.Context())
			if err != nil {
				return p.agentError(err)
			}
			p.printState(state)
			return nil
		},
	}
}

// agentClient finds the agent that is meant: the one of the socket, or the only
// one that answers in the folder for such sockets.
func (p *program) agentClient(ctx context.Context, socket string) (agent.Client, error) {
	if socket != "" {
		return agent.Client{Control: socket}, nil
	}
	sockets, err := filepath.Glob(filepath.Join(control.Dir(), "*.sock"))
	if err != nil {
		return agent.Client{}, err
	}
	var running []string
	for _, s := range sockets {
		if _, err := (agent.Client{Control: s}).State(ctx); err == nil {
			running = append(running, s)
		}
	}
	switch len(running) {
	case 1:
		return agent.Client{Control: running[0]}, nil
	case 0:
		return agent.Client{}, p.agentError(fmt.Errorf("%w: nobody answers in %s", agent.ErrNotRunning, control.Dir()))
	default:
		return agent.Client{}, &usageError{
			err:  fmt.Errorf("%d agents run here", len(running)),
			hint: "say which with --control and one of " + strings.Join(running, ", "),
		}
	}
}

// agentError adds what to do about it.
func (p *program) agentError(err error) error {
	if errors.Is(err, agent.ErrNotRunning) {
		return &hintError{err: err, hint: "an agent of another user, or one with agent.control in its file, is found with --control FILE"}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &hintError{err: err, hint: "run it as the user whom the agent runs as, or as root"}
	}
	return err
}

// awaitDrained returns when the agent says that it could be ended unnoticed.
func (p *program) awaitDrained(ctx context.Context, client agent.Client, wait time.Duration) error {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(drainLook)
	defer ticker.Stop()
	said := ""
	for {
		state, err := client.State(ctx)
		switch {
		case err != nil:
			return p.agentError(err)
		case !state.Draining:
			return errors.New("somebody took the draining back meanwhile")
		case state.Drained:
			p.printState(state)
			return nil
		}
		if state.Why != said {
			said = state.Why
			fmt.Fprintln(p.stderr, "waiting: "+said)
		}
		select {
		case <-ticker.C:
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &hintError{
				err:  fmt.Errorf("still not drained after %v: %s", wait, state.Why),
				hint: "the agent goes on draining; 'inservice agent status' shows who does not know yet, 'inservice agent undrain' takes it back",
			}
		}
	}
}

// printState shows an agent as people read it.
func (p *program) printState(s agent.State) {
	fmt.Fprintf(p.stdout, "agent on %s: %s\n", s.Address, stateWord(s))
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, c := range s.Checks {
		fmt.Fprintf(table, "  check %s\t%s\t%s\t%s\n", c.Name, c.Status, ago(c.Age), c.Error)
	}
	for _, a := range s.Askers {
		fmt.Fprintf(table, "  asked by %s\t%s\t%s\t%s\n", a.Name, every(a.Every), ago(a.Last), askerWord(s, a))
	}
	table.Flush()
	if len(s.Askers) == 0 {
		fmt.Fprintln(p.stdout, "  nobody asks")
	}
}

// askerWord is how far an asker has learnt that the answer is red.
func askerWord(s agent.State, a agent.Asker) string {
	switch {
	case !s.Draining:
		return ""
	case a.Knows:
		return fmt.Sprintf("knows: %d red answers, it needs %d", a.Red, a.Needs)
	default:
		return fmt.Sprintf("has fetched %d of %d red answers", a.Red, a.Needs)
	}
}

func ago(d time.Duration) string {
	if d == 0 {
		return "not yet"
	}
	return d.Round(100*time.Millisecond).String() + " ago"
}

func every(d time.Duration) string {
	if d == 0 {
		return "once"
	}
	return "every " + d.Round(100*time.Millisecond).String()
}

func stateWord(s agent.State) string {
	if !s.Draining {
		return s.Status
	}
	if s.Drained {
		return fmt.Sprintf("drained for %v, it may be ended: %s", s.DrainedFor.Round(time.Second), s.Why)
	}
	return fmt.Sprintf("draining for %v: %s", s.DrainedFor.Round(time.Second), s.Why)
}
