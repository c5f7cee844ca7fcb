package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/matcher"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/prove"
)

// proving is what one call of the prove command was told.
type proving struct {
	file, health, host, matcher     string
	between, only, faults           []string
	bound, timeout, interval, delay time.Duration
	asJSON                          bool
	junit                           string
}

func (p *program) proveCommand() *cobra.Command {
	var o proving
	c := &cobra.Command{
		Use:   "prove",
		Short: "Break what the health answer depends on, and see that it turns red and recovers",
		Long: `Reads the file that the agent reads, runs its checks in this process, and puts a
forwarder between them and each thing that they connect to. Then it breaks one
after another: refuses, resets, hangs, slows down. The answer must turn red, or tell
that it is degraded where the file says so, within the bound that intervals, timeouts
and thresholds give, and be green again after. A check that cannot fail, or fails
too late, is a defect.

With --health it proves the health view of any other app. A forwarder listens on the
left of --between and forwards to the right: start this first, then the app, with the
left as the address of its dependency. The dependency itself is left alone.

The exit status is 0 when all that a forwarder can break is proven, 1 when there is a
defect or something could not be proven, 2 for a mistake in the call.`,
		Example: `  inservice prove --config inservice.yaml
  inservice prove --config inservice.yaml --interval 200ms --only database --fault refuse,hang
  inservice prove --health http://127.0.0.1:8000/health --between 127.0.0.1:6432=db.internal:5432
  inservice prove --health http://127.0.0.1:8000/health --between 127.0.0.1:6380=cache:6379,degraded`,
		Args: arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(c.Flags().Changed); err != nil {
				return err
			}
			return p.prove(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.file, "config", "c", "", "configuration `FILE` of the agent whose checks are proven")
	f.StringVar(&o.health, "health", "", "health view to prove in place of the agent's, a `URL`")
	f.StringArrayVar(&o.between, "between", nil, "forward `LISTEN=TARGET`, two addresses such as 127.0.0.1:6432=db.internal:5432 or unix:/path; with ,degraded at the end the app must stay in service without it, and say that it is degraded; may be repeated")
	f.StringSliceVar(&o.only, "only", nil, "prove only what this check (or TARGET of --between) asks, a `NAME`; other checks of the same address are broken with it and must see it too; several with commas")
	f.StringSliceVar(&o.faults, "fault", nil, "try this `FAULT` only: refuse, reset, hang or slow; several with commas")
	f.DurationVar(&o.interval, "interval", 0, "`DURATION` from one run of a check to the next, for a quicker proof; with --health, from one probe to the next (default as configured; 500ms with --health)")
	f.DurationVar(&o.bound, "bound", prove.DefaultBound, "with --health: the `DURATION` in which the answer must turn, and turn back")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "with --health: `DURATION` to wait for an answer")
	f.DurationVar(&o.delay, "delay", 0, "with --health: the `DURATION` by which slow is slow, in each direction (default a quarter more than --timeout)")
	f.StringVar(&o.matcher, "matcher", "200", "with --health: status `CODES` that are green, such as 200-299")
	f.StringVar(&o.host, "host", "", "with --health: the Host header, a `NAME`")
	f.BoolVar(&o.asJSON, "json", false, "print one object for programs")
	f.StringVar(&o.junit, "junit", "", "write a report for CI systems to this `FILE`")
	return c
}

// validate refuses flags that do not go together.
func (o *proving) validate(given func(flag string) bool) error {
	usage := func(format string, args ...any) error { return &usageError{err: fmt.Errorf(format, args...)} }
	switch {
	case o.file == "" && o.health == "":
		return &usageError{
			err:  errors.New("there is nothing to prove"),
			hint: "add --config FILE for the checks of an agent, or --health URL and --between LISTEN=TARGET for any other app",
		}
	case o.file != "" && o.health != "":
		return usage("--config proves the checks of an agent, and --health another health view: give one of them")
	case o.health != "" && len(o.between) == 0:
		return &usageError{err: errors.New("--health needs --between: without a forwarder nothing can be broken"), hint: "add --between 127.0.0.1:6432=db.internal:5432, and point the app at 127.0.0.1:6432"}
	}
	if o.health == "" {
		for _, flag := range []string{"between", "bound", "timeout", "delay", "matcher", "host"} {
			if given(flag) {
				return usage("--%s goes with --health; the file says all that there is to know of an agent", flag)
			}
		}
	}
	for flag, d := range map[string]time.Duration{"interval": o.interval, "bound": o.bound, "timeout": o.timeout, "delay": o.delay} {
		if given(flag) && d < 10*time.Millisecond {
			return usage("--%s: %v is less than 10ms", flag, d)
		}
	}
	if least := 2*o.timeout + 2*o.probeInterval(); o.health != "" && o.bound < least {
		return usage("--bound: %v is less than two probes take that are not answered, %v; allow more, or set --timeout", o.bound, least)
	}
	if _, err := prove.ParseFaults(o.faults); err != nil {
		return usage("--fault: %w", err)
	}
	return nil
}

func (o *proving) probeInterval() time.Duration { return cmp.Or(o.interval, 500*time.Millisecond) }

// prover is an agent or an app to prove.
type prover interface {
	Run(context.Context) (prove.Report, error)
}

func (p *program) prove(ctx context.Context, o proving) error {
	text := &prove.Text{Out: p.stdout, Color: paints(p.stdout)}
	if o.asJSON {
		text = &prove.Text{Out: io.Discard}
	}
	if paints(p.stderr) {
		text.Live = p.stderr
	}
	subject, err := p.prover(o, text.Observe)
	if err != nil {
		return err
	}
	report, err := subject.Run(ctx)
	text.Clear()
	if ctx.Err() != nil {
		return errors.New("ended before all was proven; whatever was broken is whole again")
	}
	if err != nil {
		return listenHint(err, "--between")
	}
	if err := text.End(report); err != nil {
		return err
	}
	if o.asJSON {
		if err := prove.WriteJSON(p.stdout, report); err != nil {
			return err
		}
	}
	if o.junit != "" {
		if err := writeFile(o.junit, func(w io.Writer) error { return prove.WriteJUnit(w, report) }); err != nil {
			return err
		}
	}
	return unproven(report)
}

// unproven is the error of a report that is not good, nil if it is.
func unproven(r prove.Report) error {
	switch _, _, defects := r.Count(); {
	case r.Proven():
		return nil
	case defects == 0:
		return errors.New("not everything could be proven")
	default:
		return errors.New("the health answer does not tell the truth: " + count(defects, "defect"))
	}
}

// writeFile makes a file of what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

func (p *program) prover(o proving, observe func(prove.Event)) (prover, error) {
	faults, err := prove.ParseFaults(o.faults)
	if err != nil {
		return nil, &usageError{err: err}
	}
	if o.health != "" {
		app, err := o.app(p.stderr)
		if err != nil {
			return nil, &usageError{err: err}
		}
		app.Faults, app.Observe = faults, observe
		return app, nil
	}
	file, err := loadConfig(o.file)
	if err != nil {
		return nil, err
	}
	if file.Agent == nil {
		return nil, missingSection(o.file, "agent")
	}
	if file.Agent.Checks == nil {
		return nil, &usageError{err: errors.New("the agent has nothing to check, so its answer would always be 200"), hint: "add checks to the file"}
	}
	var names []string
	for _, check := range file.Agent.Checks {
		names = append(names, check.Name)
	}
	if err := known(o.only, names); err != nil {
		return nil, err
	}
	return &prove.Agent{
		Make: func(dial func(string) prove.DialFunc) ([]health.Check, func() error, error) {
			return makeChecks(file.Agent, dial)
		},
		Kinds: checkKinds(file.Agent), StartupGrace: file.Agent.StartupGrace,
		Only: o.only, Faults: faults, Interval: o.interval, Observe: observe,
	}, nil
}

// known refuses names that are not there.
func known(names, there []string) error {
	for _, name := range names {
		if !slices.Contains(there, name) {
			e := &usageError{err: fmt.Errorf("--only: there is no %q; there are %s", name, strings.Join(there, ", "))}
			if near := config.Nearest(name, there); near != "" {
				e.hint = "did you mean " + near + "?"
			}
			return e
		}
	}
	return nil
}

// checkKinds are the kinds of the checks by name, as package prove wants them.
func checkKinds(c *config.Agent) map[string]string {
	kinds := map[string]string{}
	for _, check := range c.Checks {
		switch {
		case check.SQL != nil && check.SQL.Driver == "sqlite":
			kinds[check.Name] = "sqlite"
		case check.SQL != nil:
			kinds[check.Name] = "sql"
		case check.HTTP != nil:
			kinds[check.Name] = "http"
		case check.TCP != nil:
			kinds[check.Name] = "tcp"
		case check.Redis != nil:
			kinds[check.Name] = "redis"
		case check.GRPC != nil:
			kinds[check.Name] = "grpc"
		case check.Disk != nil:
			kinds[check.Name] = "disk"
		case check.Memory != nil:
			kinds[check.Name] = "memory"
		case check.Exec != nil:
			kinds[check.Name] = "exec"
		case check.Certificate != nil && check.Certificate.File != "":
			kinds[check.Name] = "certificate-file"
		case check.Certificate != nil:
			kinds[check.Name] = "certificate"
		case check.App != nil:
			kinds[check.Name] = "app"
		}
	}
	return kinds
}

// app is the health view that the flags describe. What is risky is said on warn.
func (o *proving) app(warn io.Writer) (*prove.App, error) {
	asked, err := healthProbe(o.health)
	if err != nil {
		return nil, fmt.Errorf("--health: %w", err)
	}
	if asked.Matcher, err = matcher.Parse(o.matcher); err != nil {
		return nil, fmt.Errorf("--matcher: %w", err)
	}
	asked.Timeout = o.timeout
	asked.Host = cmp.Or(o.host, asked.Host)
	app := &prove.App{Name: o.health, Probe: asked, Interval: o.probeInterval(), Bound: o.bound, Delay: o.delay}
	var targets []string
	for _, text := range o.between {
		r, err := parseRoute(text)
		if err != nil {
			return nil, fmt.Errorf("--between: %w", err)
		}
		targets = append(targets, r.Address)
		if len(o.only) > 0 && !slices.Contains(o.only, r.Address) {
			continue
		}
		if host, _, err := net.SplitHostPort(r.Listen); err == nil && !isLoopback(host) {
			fmt.Fprintf(warn, "warning: whoever reaches %s reaches %s through it while this runs\n", r.Listen, r.Address)
		}
		app.Between = append(app.Between, r)
	}
	return app, known(o.only, targets)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// healthProbe is the probe of a URL.
func healthProbe(text string) (probe.Probe, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return probe.Probe{}, errors.New("write an absolute URL such as http://127.0.0.1:8000/health")
	}
	q := probe.Probe{Host: u.Host, Path: u.RequestURI()}
	port := ""
	switch u.Scheme {
	case "http":
		q.Protocol, port = probe.HTTP, "80"
	case "https":
		q.Protocol, port = probe.HTTPS, "443"
	default:
		return probe.Probe{}, fmt.Errorf("%q is no scheme to ask by; write http:// or https://", u.Scheme)
	}
	q.Address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return q, nil
}

// parseRoute reads LISTEN=TARGET[,degraded].
func parseRoute(text string) (prove.Route, error) {
	var r prove.Route
	addresses, option, hasOption := strings.Cut(text, ",")
	if hasOption && option != "degraded" {
		return r, fmt.Errorf("%q: %q is not allowed behind the comma; allowed: degraded", text, option)
	}
	r.Degraded = hasOption
	listen, target, ok := strings.Cut(addresses, "=")
	if !ok {
		return r, fmt.Errorf("%q is not LISTEN=TARGET, such as 127.0.0.1:6432=db.internal:5432", text)
	}
	r.Listen, r.Address = listen, target
	if !strings.HasPrefix(listen, "unix:/") {
		if host, _, err := hostPort(listen); err != nil || host == "" {
			return r, fmt.Errorf("%q: %q is no address to listen on; write host:port such as 127.0.0.1:6432, or unix:/path", text, listen)
		}
	}
	if path, isSocket := strings.CutPrefix(target, "unix:"); isSocket && strings.HasPrefix(path, "/") {
		r.Network, r.Address = "unix", path
		return r, nil
	}
	host, _, err := hostPort(target)
	switch {
	case err != nil || host == "":
		return r, fmt.Errorf("%q: %q is no address to forward to; write host:port such as db.internal:5432, or unix:/path", text, target)
	case listen == target:
		return r, fmt.Errorf("%q forwards to itself", text)
	}
	return r, nil
}

// hostPort splits an address with a port of 1 to 65535.
func hostPort(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", err
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 || strings.Trim(port, "0123456789") != "" {
		return "", "", fmt.Errorf("%q is no port", port)
	}
	return host, port, nil
}
