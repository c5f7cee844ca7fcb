package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
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
	alsoFrom  []netip.Addr
	options   dialect.Options
	progress  io.Writer // where --wait says what it waits for
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
only (another --method is asked with once, without experiments). No experiment asks
another machine, whatever a redirect says. Run on the server itself, it may also ask
the other ports that are open there, to find an app that listens on the wrong one.

Ask the address and port that the load balancer asks, from any machine that reaches
them; 127.0.0.1 may answer otherwise. Name the site with --site, as visitors type it:
without it, an app that refuses the Host can only be suspected. The path is the URL's.
Everything else is as that load balancer does it by default: what you have configured
otherwise, say with flags, or let --from read it from the file.

Exit status: 0 it passes, 1 it does not, 2 the command line is wrong, 3 with
--strict it passes and should not be believed ("but is it true?"; not with --quick,
which does not look). With --as all: 0 whatever they say.`,
		Example: `  inservice probe http://10.0.0.5/health_check --site www.example.com
  inservice probe 10.0.0.5:8080/healthz --as haproxy
  inservice probe https://10.0.0.5/ --as all
  inservice probe --from haproxy.cfg#web
  inservice probe http://127.0.0.1:8000/health_check --wait 60s --strict --junit probe.xml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) <= 1 {
				return nil
			}
			return &usageError{err: fmt.Errorf("probe asks one URL, and got %q", args), hint: "quote a URL that holds blanks or &; put flags' values behind their flags"}
		},
	}
	o.progress = p.stderr
	set := probeFlags(c, &o)
	c.Flags().BoolVar(&list, "list", false, "list the load balancers it can ask as; with a name in place of the URL, all that is known of that one and from where")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := errors.Join(set(), together(c)); err != nil {
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
			return p.probeReplay(c.Context(), o, args[0])
		case o.as == "all":
			return p.probeAll(c.Context(), o, withScheme(args[0]))
		}
		return p.probeURL(c.Context(), o, withScheme(args[0]))
	}
	return c
}

// withScheme takes what people type: 10.0.0.5:8080/health is a URL too, and so is
// ::1.
func withScheme(target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "unix:") {
		return target
	}
	if addr, err := netip.ParseAddr(target); err == nil && addr.Is6() {
		return "http://[" + target + "]"
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
		o.await(ctx, made)
	}
	here, acts := isHere(ctx, made.Request.Address), mayAct(made.Request)
	var r diagnose.Report
	if o.quick || acts {
		r = askOnce(ctx, made)
	} else {
		q := diagnose.Question{Probe: made, Site: o.site, Local: o.alsoFrom}
		if here {
			q.Machine, _ = sockets.Read() // where that can't be had, the network alone decides
		}
		r = diagnose.Run(ctx, q)
	}
	v := report.Of(target, o.site, made, r)
	if err := context.Cause(ctx); err != nil {
		return v, fmt.Errorf("stopped before the experiments were done: %w", err)
	}
	if acts && !o.quick {
		v.Notes = append(v.Notes, plainNotes("asked_once", []string{"asked once, without experiments: each would be one more " + made.Request.Method + ", which may have an effect. --method GET makes them"})...)
	}
	if o.listening {
		v.Machine = machineNotes(ctx, made, here)
	}
	return v, nil
}

// mayAct reports whether asking again and again may do more than to ask. A
// health question by gRPC does not, though it goes over the wire as a POST.
func mayAct(r exchange.Request) bool {
	if r.Protocol != exchange.HTTP1 && r.Protocol != exchange.HTTP2 {
		return false
	}
	switch strings.ToUpper(r.Method) {
	case "", "GET", "HEAD", "OPTIONS":
		return false
	}
	return true
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
