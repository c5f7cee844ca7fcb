package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/report"
	"github.com/inservice/inservice/internal/sockets"
)

// exitNotTrue is for --strict: the probe passes, and should not be believed.
const exitNotTrue = 3

// again is how long probe --wait waits from the beginning of a probe to the
// beginning of the next.
const again = time.Second

// probing is what one call of the probe command was told.
type probing struct {
	as        string
	asSet     bool // as was given, and is no default
	site      string
	wait      time.Duration
	quick     bool
	strict    bool
	listening bool
	all       bool // show every exchange
	asJSON    bool
	junit     string
	from      string
	target    string
	replay    string
	alsoFrom  []string
	options   dialect.Options
}

func (p *program) probeCommand() *cobra.Command {
	var o probing
	var list bool
	c := &cobra.Command{
		Use:   "probe [URL]",
		Short: "Ask as a load balancer asks, and find out why a health check is red",
		Long: `Asks a server exactly as a load balancer's health check asks it, and says what that
load balancer would make of the answer. When it fails, experiments that each
change one thing find the cause; when it passes, they find out whether the green
is true. It asks politely: a few dozen requests at most, GET, HEAD and OPTIONS
only, and never follows a redirect to another server for an experiment.

The path is the URL's; without one, the load balancer's own default. Name the
site with --site: what changes when it is asked for tells a lot.

Exit status: 0 it passes, 1 it does not, 2 the command line is wrong, 3 with
--strict it passes and is not true.`,
		Example: `  inservice probe http://10.0.0.5/health_check --site www.example.com
  inservice probe 10.0.0.5:8080/healthz --as haproxy
  inservice probe https://10.0.0.5/ --as all
  inservice probe --from haproxy.cfg#web
  inservice probe http://127.0.0.1:8000/health_check --wait 60s --strict --junit probe.xml`,
		Args: cobra.MaximumNArgs(1),
	}
	set := probeFlags(c, &o)
	c.Flags().BoolVar(&list, "list", false, "list the load balancers it can ask as, with what is known of them and from where")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := set(); err != nil {
			return err
		}
		switch {
		case list:
			return p.listDialects(o, args)
		case o.from != "":
			return p.probeFrom(c.Context(), o, args)
		case len(args) == 0:
			return &usageError{err: errors.New("probe needs a URL to ask"), hint: c.CommandPath() + " http://10.0.0.5/health_check --as alb"}
		case o.replay != "":
			return p.probeReplay(c.Context(), o, withScheme(args[0]))
		case o.as == "all":
			return p.probeAll(c.Context(), o, withScheme(args[0]))
		}
		return p.probeURL(c.Context(), o, withScheme(args[0]))
	}
	return c
}

// probeFlags declares the flags of probe. The function returned puts the values
// that need work into o, once they are parsed.
func probeFlags(c *cobra.Command, o *probing) (set func() error) {
	var host, timeout, sni, proxy, source, port string
	var headers []string
	var verify, follow bool
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.as, "as", "alb", "ask as this load balancer: a `NAME` of --list, or all")
	f.StringVar(&o.site, "site", "", "public `NAME` of the site, for sharper experiments")
	f.StringVar(&host, "host", "", "`HOST` field to send; empty sends none")
	f.StringVar(&o.options.Path, "path", "", "`PATH` to ask for, with its query")
	f.StringVar(&port, "port", "", "`PORT` to ask at")
	f.StringVar(&o.options.Method, "method", "", "`METHOD` to ask with")
	f.StringVar(&o.options.Matcher, "matcher", "", "status `CODES` that pass, such as 200-299,301")
	f.StringVar(&o.options.Body, "body-match", "", "`TEXT` that the body must hold, or /a regular expression/")
	f.StringVar(&timeout, "timeout", "", "`DURATION` after which a probe has failed, such as 5s")
	f.StringArrayVarP(&headers, "header", "H", nil, "`'NAME: VALUE'` to send as well, or instead; without a value it is left out")
	f.StringVar(&o.options.Version, "http", "", "HTTP `VERSION` to speak: 1.0, 1.1 or 2")
	f.StringVar(&sni, "sni", "", "server `NAME` to send in the TLS handshake; empty sends none")
	f.BoolVar(&verify, "verify", false, "whether the certificate must verify; default: as that load balancer does")
	f.BoolVar(&follow, "follow", false, "whether redirects are followed; default: as that load balancer does")
	f.StringVar(&o.options.Service, "service", "", "`NAME` of the service to ask for, of gRPC")
	f.StringVar(&o.options.Resolve, "resolve", "", "`ADDRESS` to connect to in place of the URL's, with a port or without")
	f.StringVar(&proxy, "proxy-protocol", "", "`VERSION` of the PROXY header to send first: v1, v2 or v2-local")
	f.StringVar(&source, "source", "", "`ADDRESS` of this machine to ask from")
	f.StringArrayVar(&o.alsoFrom, "also-from", nil, "another `ADDRESS` of this machine that the experiments may ask from")
	f.StringVar(&o.from, "from", "", "read what is asked from a load balancer's own `FILE[#NAME]`: haproxy.cfg, Kubernetes or Compose YAML, Terraform state or plan as JSON, a Dockerfile")
	f.StringVar(&o.target, "target", "", "`URL` or host:port to ask where the file of --from does not know it")
	f.StringVar(&o.replay, "replay", "", "send the request that 'listen --record `FILE`' has recorded")
	f.DurationVar(&o.wait, "wait", 0, "ask once a second until it passes, for a `DURATION` at most")
	f.BoolVar(&o.quick, "quick", false, "ask once and make no experiments")
	f.BoolVar(&o.listening, "listening", false, "on the machine itself: say who listens where, whether queues are full, which firewall rules there are")
	f.BoolVarP(&o.all, "verbose", "v", false, "show every experiment's exchange")
	f.BoolVar(&o.strict, "strict", false, "exit with 3 if it passes and the green is not true")
	f.BoolVar(&o.asJSON, "json", false, "print one object for programs (docs/probe.schema.json)")
	f.StringVar(&o.junit, "junit", "", "write the result to `FILE` as JUnit's XML as well")
	return func() error {
		o.asSet = f.Changed("as")
		if f.Changed("host") {
			o.options.Host = &host
		}
		if f.Changed("sni") {
			o.options.SNI = &sni
		}
		if f.Changed("verify") {
			o.options.Verify = &verify
		}
		if f.Changed("follow") {
			o.options.Redirect = &follow
		}
		return errors.Join(
			setPort(&o.options, port), setTimeout(&o.options, timeout), setProxy(&o.options, proxy),
			setFields(&o.options, headers), setSource(&o.options, source),
		)
	}
}

func setPort(o *dialect.Options, port string) error {
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return &usageError{err: fmt.Errorf("--port: %q is no port; write a number from 1 to 65535", port)}
	}
	o.Port = uint16(n)
	return nil
}

// setTimeout takes a duration, or a bare number of seconds: that is how load
// balancers are configured.
func setTimeout(o *dialect.Options, timeout string) error {
	if timeout == "" {
		return nil
	}
	d, err := time.ParseDuration(timeout)
	if seconds, atof := strconv.ParseFloat(timeout, 64); atof == nil && seconds < 1e6 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return &usageError{err: fmt.Errorf("--timeout: %q is no time to wait; write a duration such as 5s", timeout)}
	}
	o.Timeout = d
	return nil
}

func setProxy(o *dialect.Options, version string) error {
	kinds := []exchange.ProxyHeader{exchange.ProxyV1, exchange.ProxyV2, exchange.ProxyV2Local}
	if version == "" {
		return nil
	}
	kind := exchange.ProxyHeader(version)
	if !slices.Contains(kinds, kind) {
		return &usageError{err: fmt.Errorf("--proxy-protocol: %q is not allowed here; allowed: v1, v2, v2-local", version)}
	}
	o.Proxy = &kind
	return nil
}

func setFields(o *dialect.Options, headers []string) error {
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return &usageError{err: fmt.Errorf("--header: %q is no field; write 'NAME: VALUE'", h)}
		}
		o.Fields = append(o.Fields, exchange.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	return nil
}

func setSource(o *dialect.Options, source string) (err error) {
	if source == "" {
		return nil
	}
	if o.Source, err = netip.ParseAddr(source); err != nil {
		return &usageError{err: fmt.Errorf("--source: %q is no address; write one of this machine's, such as 10.0.0.7", source), hint: "ip -br address"}
	}
	return nil
}

// withScheme takes what people type: 10.0.0.5:8080/health is a URL too.
func withScheme(target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "unix:") {
		return target
	}
	return "http://" + target
}

// newProbe turns what was told into a probe; every mistake is the caller's.
func newProbe(o probing, target string) (dialect.Probe, error) {
	made, err := dialect.New(o.as, target, o.options)
	if err == nil && made.Profile.Host == lbprofile.HostNode && !o.options.Source.IsValid() {
		// It says its own address, as the target sees it.
		o.options.Local = localFor(made.Request.Address)
		made, err = dialect.New(o.as, target, o.options)
	}
	if err != nil {
		return dialect.Probe{}, &usageError{err: err, hint: "inservice probe --help, inservice probe --list"}
	}
	return made, nil
}

// localFor is the address of this machine from which connections to another
// address come; not valid if there is none. Nothing is sent to find out.
func localFor(address string) netip.Addr {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return local.Addr().Unmap()
}

// probeURL asks one target as one load balancer.
func (p *program) probeURL(ctx context.Context, o probing, target string) error {
	made, err := newProbe(o, target)
	if err != nil {
		return err
	}
	v, err := o.diagnose(ctx, made, target)
	if err != nil {
		return err
	}
	return p.tell(o, []report.View{v})
}

// diagnose asks, waits until it passes if that is wanted, and finds out why it
// does not.
func (o probing) diagnose(ctx context.Context, made dialect.Probe, target string) (report.View, error) {
	if o.wait > 0 {
		await(ctx, made, o.wait)
	}
	if o.quick {
		return report.Of(target, o.site, made, askOnce(ctx, made)), context.Cause(ctx)
	}
	q := diagnose.Question{Probe: made, Site: o.site}
	for _, a := range o.alsoFrom {
		addr, err := netip.ParseAddr(a)
		if err != nil {
			return report.View{}, &usageError{err: fmt.Errorf("--also-from: %q is no address; write one of this machine's", a)}
		}
		q.Local = append(q.Local, addr)
	}
	here := isHere(ctx, made.Request.Address)
	if here {
		q.Machine, _ = sockets.Read() // where that can't be had, the network alone decides
	}
	v := report.Of(target, o.site, made, diagnose.Run(ctx, q))
	if err := context.Cause(ctx); err != nil {
		return v, fmt.Errorf("stopped before the experiments were done: %w", err)
	}
	if o.listening {
		v.Machine = machineNotes(ctx, made, here)
	}
	return v, nil
}

// askOnce is a diagnosis without experiments.
func askOnce(ctx context.Context, made dialect.Probe) diagnose.Report {
	begun := time.Now()
	answers, verdict := dialect.Ask(ctx, made, exchange.Do)
	return diagnose.Report{
		Verdict: diagnose.Verdict(verdict.Outcome), Reason: verdict.Reason, Text: verdict.Text, Took: time.Since(begun),
		Observations: []diagnose.Observation{{Experiment: diagnose.Experiment{Name: "base", Probe: made}, Answers: answers, Verdict: verdict}},
	}
}

// await asks until the probe passes, or the time is over.
func await(ctx context.Context, made dialect.Probe, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		begun := time.Now()
		if _, v := dialect.Ask(ctx, made, exchange.Do); v.Outcome == dialect.Pass {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again - min(again, time.Since(begun))):
		}
	}
}

// isHere reports whether an address to connect to is this machine's own.
func isHere(ctx context.Context, address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false // a unix socket has no neighbours
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return sockets.OwnAddress(addr)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && len(found) > 0 && sockets.OwnAddress(found[0].Unmap())
}

// tell prints what was found in the form that was asked for, and chooses the
// exit status.
func (p *program) tell(o probing, views []report.View) error {
	if err := p.print(o, views); err != nil {
		return err
	}
	if o.junit != "" {
		if err := writeJUnit(o, views); err != nil {
			return err
		}
	}
	status := exitOK
	for _, v := range views {
		switch {
		case v.Verdict != diagnose.Pass:
			status = exitFailed
		case o.strict && len(v.Warnings) > 0:
			status = cmp.Or(status, exitNotTrue)
		}
	}
	if status != exitOK {
		return exitStatus(status)
	}
	return nil
}

func (p *program) print(o probing, views []report.View) error {
	if o.asJSON {
		if len(views) == 1 {
			return report.JSON(p.stdout, views[0])
		}
		return report.JSON(p.stdout, views)
	}
	text := report.Text{Color: paints(p.stdout), Width: width(p.stdout), All: o.all}
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		if err := text.Write(p.stdout, v); err != nil {
			return err
		}
	}
	return nil
}

func writeJUnit(o probing, views []report.View) error {
	file, err := os.Create(o.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	err = report.JUnit(file, views, o.strict)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("--junit: writing %s: %w", o.junit, err)
	}
	return nil
}

// exitStatus is an end that has been explained on stdout already.
type exitStatus int

func (e exitStatus) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// width is how many characters fit into a line of w; 0 if it is no terminal.
func width(w any) int {
	if file, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return 0
}
