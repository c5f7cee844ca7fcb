package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/ownaddr"
)

func (p *program) whoamiCommand() *cobra.Command {
	var finder ownaddr.Finder
	var sources []string
	var asJSON bool
	var names []string
	for _, s := range ownaddr.Sources() {
		names = append(names, string(s))
	}
	c := &cobra.Command{
		Use:   "whoami",
		Short: "Say by which addresses this machine is called, and who says so",
		Long: `Prints the addresses of this machine: those of its interfaces, and those that its
cloud or container platform knows. With "self" among the allowed hosts, these are
the ones that the agent allows.

A metadata service is asked only if the firmware (DMI) or the environment says
that there is one, or if --source names it. The sources:
  ` + strings.Join(names, ", "),
		Example: `  inservice whoami
  inservice whoami --source interfaces,ec2 --json`,
		Args: arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, s := range sources {
				if !slices.Contains(names, s) {
					return &usageError{err: fmt.Errorf("--source: %q is not allowed here; allowed: %s", s, strings.Join(names, ", "))}
				}
				finder.Sources = append(finder.Sources, ownaddr.Source(s))
			}
			if finder.Timeout <= 0 {
				return &usageError{err: fmt.Errorf("--timeout: %v is not more than 0; write a duration such as 2s, the default", finder.Timeout)}
			}
			return p.whoami(finder.Find(c.Context()), asJSON)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&sources, "source", nil, "ask only this `SOURCE`, and even if nothing says that it is there; several with commas")
	f.DurationVar(&finder.Timeout, "timeout", ownaddr.DefaultTimeout, "how long to look, a `DURATION` for all sources together")
	f.BoolVar(&finder.AllowIMDSv1, "allow-imdsv1", false, "let EC2 be asked by version 1 of its metadata service where version 2 does not work")
	f.BoolVar(&asJSON, "json", false, "print for programs")
	return c
}

// whoami prints a report. A machine without any address is a failure, which
// comes after what there is to say about it.
func (p *program) whoami(r ownaddr.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(whoamiOf(r)); err != nil {
			return err
		}
	} else if err := (identity{out: p.stdout, color: paints(p.stdout)}).print(r); err != nil {
		return err
	}
	if len(r.Addresses) == 0 {
		return errors.New("no source names an address of this machine")
	}
	return nil
}

// identity writes a report for a person.
type identity struct {
	out   io.Writer
	color bool
}

// Styles of a terminal.
const (
	bold = "1"
	dim  = "2"
	red  = "31"
)

func (i identity) paint(style, s string) string {
	if !i.color {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (i identity) print(r ownaddr.Report) error {
	var b strings.Builder
	var width int
	for _, a := range r.Addresses {
		width = max(width, len(a.Addr.String()))
	}
	for _, addr := range r.Addrs() {
		kinds, names := called(r, addr)
		fmt.Fprintf(&b, "  %s  %-8s  %s\n", i.paint(bold, fmt.Sprintf("%-*s", width, addr)), kinds, names)
	}
	if len(r.Addresses) > 0 {
		fmt.Fprintln(&b)
	}

	var asked, not strings.Builder
	for _, a := range r.Attempts {
		if a.Outcome == ownaddr.NotTried {
			fmt.Fprintf(&not, "  %-10s  %s\n", a.Source, i.paint(dim, a.Why))
		} else {
			i.attempt(&asked, a)
		}
	}
	if asked.Len() > 0 {
		fmt.Fprintf(&b, "Asked, all at once, in %v:\n%s", readable(r.Took), asked.String())
	}
	if not.Len() > 0 {
		fmt.Fprintf(&b, "Not asked:\n%s", not.String())
	}
	_, err := io.WriteString(i.out, b.String())
	return err
}

// called says for whom an address is and who calls the machine by it.
func called(r ownaddr.Report, addr netip.Addr) (kinds, names string) {
	var k, n []string
	for _, a := range r.Addresses {
		if a.Addr == addr {
			if !slices.Contains(k, string(a.Kind)) {
				k = append(k, string(a.Kind))
			}
			n = append(n, string(a.Source)+" "+a.Name)
		}
	}
	return strings.Join(k, ", "), strings.Join(n, ", ")
}

// attempt writes one source that was asked: what came of it and why it was
// asked, then what there is to add.
func (i identity) attempt(w io.Writer, a ownaddr.Attempt) {
	outcome := string(a.Outcome)
	switch a.Outcome {
	case ownaddr.Found:
		outcome = fmt.Sprintf("found %d", len(a.Addresses))
	case ownaddr.Failed:
		outcome = i.paint(red, outcome)
	}
	why := a.Why
	if a.Endpoint != "" {
		why += "; at " + a.Endpoint
	}
	fmt.Fprintf(w, "  %-10s  %s in %v  %s\n", a.Source, outcome, readable(a.Took), i.paint(dim, "("+why+")"))
	below := func(format string, args ...any) { fmt.Fprintf(w, "%14s"+format+"\n", append([]any{""}, args...)...) }
	for _, kind := range []ownaddr.Kind{ownaddr.Loopback, ownaddr.LinkLocal} {
		var left []string
		for _, x := range a.LeftOut {
			if x.Kind == kind {
				left = append(left, x.Addr.String())
			}
		}
		if len(left) > 0 {
			below("%s", i.paint(dim, fmt.Sprintf("left out: %s (%s)", strings.Join(left, ", "), kind)))
		}
	}
	if a.Err != nil {
		below("error: %s", strings.ReplaceAll(a.Err.Error(), "\n", "; "))
	}
	if a.Hint != "" {
		below("hint: %s", a.Hint)
	}
}

// readable is a duration without digits that nobody reads.
func readable(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// The form of --json. Fields may be added, none is taken away.
type (
	whoamiReport struct {
		Addresses []whoamiAddress `json:"addresses"`
		Sources   []whoamiSource  `json:"sources"`
		TookMS    float64         `json:"took_ms"`
	}
	whoamiAddress struct {
		Address string `json:"address"`
		Kind    string `json:"kind"`
		Source  string `json:"source"`
		Name    string `json:"name"`
	}
	whoamiSource struct {
		Source   string          `json:"source"`
		Outcome  string          `json:"outcome"`
		Why      string          `json:"why"`
		Endpoint string          `json:"endpoint,omitempty"`
		TookMS   float64         `json:"took_ms"`
		LeftOut  []whoamiAddress `json:"left_out,omitempty"`
		Error    string          `json:"error,omitempty"`
		Hint     string          `json:"hint,omitempty"`
	}
)

func whoamiOf(r ownaddr.Report) whoamiReport {
	view := whoamiReport{Addresses: whoamiAddresses(r.Addresses), TookMS: milliseconds(r.Took)}
	for _, a := range r.Attempts {
		s := whoamiSource{
			Source: string(a.Source), Outcome: string(a.Outcome), Why: a.Why, Endpoint: a.Endpoint,
			TookMS: milliseconds(a.Took), LeftOut: whoamiAddresses(a.LeftOut), Hint: a.Hint,
		}
		if a.Err != nil {
			s.Error = a.Err.Error()
		}
		view.Sources = append(view.Sources, s)
	}
	return view
}

func whoamiAddresses(list []ownaddr.Address) []whoamiAddress {
	views := []whoamiAddress{} // an empty list, not null
	for _, a := range list {
		views = append(views, whoamiAddress{a.Addr.String(), string(a.Kind), string(a.Source), a.Name})
	}
	return views
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
