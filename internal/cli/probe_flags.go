package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
)

// probeFlags declares the flags of probe. The function returned puts the values
// that need work into o, once they are parsed.
func probeFlags(c *cobra.Command, o *probing) (set func() error) {
	var host, timeout, sni, proxy, source, port string
	var headers, alsoFrom []string
	var verify, follow bool
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.as, "as", "alb", "ask as this load balancer: a `NAME` of --list, or all")
	f.StringVar(&o.site, "site", "", "public `NAME` of the site, such as www.example.com, for sharper experiments")
	f.StringVar(&host, "host", "", "`HOST` to send as Host; empty sends none")
	f.StringVar(&o.options.Path, "path", "", "`PATH` to ask for, with its query")
	f.StringVar(&port, "port", "", "`PORT` to ask at")
	f.StringVar(&o.options.Method, "method", "", "`METHOD` to ask with; default: as that load balancer does")
	f.StringVar(&o.options.Matcher, "matcher", "", "status `CODES` that pass, such as 200-299,301")
	f.StringVar(&o.options.Body, "body-match", "", "`TEXT` that the body must hold, or /a regular expression/")
	f.StringVar(&timeout, "timeout", "", "`DURATION` after which a probe has failed, such as 5s; default: as that load balancer does")
	f.StringArrayVarP(&headers, "header", "H", nil, "`'NAME: VALUE'` of a field to send as well, or in place of the one that is sent; without a value the field is left out")
	f.StringVar(&o.options.Version, "http", "", "HTTP `VERSION` to speak: 1.0, 1.1 or 2")
	f.StringVar(&sni, "sni", "", "server `NAME` to send in the TLS handshake; empty sends none")
	f.BoolVar(&verify, "verify", false, "whether the certificate must verify; default: as that load balancer does")
	f.BoolVar(&follow, "follow", false, "whether redirects are followed; default: as that load balancer does")
	f.StringVar(&o.options.Service, "service", "", "with gRPC: `NAME` of the service to ask for")
	f.StringVar(&o.options.Resolve, "resolve", "", "`ADDRESS` to connect to in place of the URL's, with a port or without")
	f.StringVar(&proxy, "proxy-protocol", "", "`VERSION` of the PROXY header to send first: v1, v2 or v2-local")
	f.StringVar(&source, "source", "", "`ADDRESS` of this machine to ask from")
	f.StringArrayVar(&alsoFrom, "also-from", nil, "another `ADDRESS` of this machine that the experiments may ask from")
	f.StringVar(&o.from, "from", "", "read what is asked from a load balancer's own `FILE[#NAME]`: haproxy.cfg, Kubernetes or Compose YAML, Terraform state or plan as JSON, a Dockerfile; without #NAME all of its checks")
	f.StringVar(&o.target, "target", "", "`URL` or host:port to ask where the file of --from does not know it")
	f.StringVar(&o.replay, "replay", "", "send the requests that 'listen --record `FILE`' has recorded, each by itself, 20 at most")
	f.DurationVar(&o.wait, "wait", 0, "ask once a second until it passes, for a `DURATION` at most")
	f.BoolVar(&o.quick, "quick", false, "ask once and make no experiments")
	f.BoolVar(&o.listening, "listening", false, "on the machine itself: say who listens where, whether queues are full, which firewall rules there are")
	f.BoolVarP(&o.all, "verbose", "v", false, "show every experiment's exchange, and what is not known of the load balancer")
	f.BoolVar(&o.strict, "strict", false, "exit with 3 if it passes and the green is not true; --quick does not find that out")
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
			setFields(&o.options, headers), setSource(&o.options, source), setAlsoFrom(o, alsoFrom), setWait(o, f.Changed("wait")), setSite(o),
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
			return &usageError{err: errors.New("--header: a field is written 'NAME: VALUE', and one has no name or no colon")} // nor is it shown: it may hold a password
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return &usageError{err: fmt.Errorf("--header: the value of %q holds the end of a line; write one field for each --header", name)}
		}
		if slices.ContainsFunc(o.Fields, func(f exchange.Field) bool { return strings.EqualFold(f.Name, name) }) {
			return &usageError{err: fmt.Errorf("--header: %q is given twice; a field is sent once, with a comma between its values where it takes more than one", name)}
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

func setAlsoFrom(o *probing, sources []string) error {
	for _, s := range sources {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return &usageError{err: fmt.Errorf("--also-from: %q is no address; write one of this machine's", s), hint: "ip -br address"}
		}
		o.alsoFrom = append(o.alsoFrom, addr)
	}
	return nil
}

// setSite takes what visitors type: a name, or the whole URL.
func setSite(o *probing) error {
	if o.site == "" {
		return nil
	}
	_, rest, isURL := strings.Cut(o.site, "://")
	if !isURL {
		rest = o.site
	}
	u, err := url.Parse("//" + rest)
	if err != nil || u.User != nil || u.Hostname() == "" || strings.ContainsFunc(u.Host, notInName) {
		return &usageError{err: fmt.Errorf("--site: %q is no name of a site; write one such as www.example.com (xn--… for letters that DNS does not know)", o.site)}
	}
	o.site = u.Host
	return nil
}

// notInName reports whether c stands in no name, address or port.
func notInName(c rune) bool {
	return !strings.ContainsRune("-._:[]", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

func setWait(o *probing, given bool) error {
	if given && o.wait <= 0 {
		return &usageError{err: fmt.Errorf("--wait: %v is not above zero", o.wait)}
	}
	return nil
}

// together refuses flags of which one would be left out without a word.
func together(c *cobra.Command) error {
	given := func(name string) bool { return c.Flags().Changed(name) }
	if given("list") {
		return listsAlone(c)
	}
	if c.Flags().Lookup("as").Value.String() == "all" {
		if given("from") || given("replay") {
			return &usageError{err: errors.New("--as all goes with a URL; name one load balancer here, or leave --as out")}
		}
		for _, name := range []string{"site", "also-from", "wait", "quick", "listening", "verbose", "strict", "junit"} {
			if given(name) {
				return &usageError{err: fmt.Errorf("--as all asks once for each and makes no experiments: it can't be given --%s", name), hint: "name one load balancer with --as"}
			}
		}
	}
	if given("from") && given("replay") {
		return &usageError{err: errors.New("--from and --replay exclude each other")}
	}
	if given("target") && !given("from") {
		return &usageError{err: errors.New("--target goes with --from; without it, the target is the URL itself")}
	}
	return nil
}

// listsAlone refuses what --list has no use for.
func listsAlone(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"list", "json", "verbose"}, f.Name) && err == nil {
			err = &usageError{err: fmt.Errorf("--list asks nothing: it can't be given --%s", f.Name), hint: c.CommandPath() + " --list NAME tells all that is known of one"}
		}
	})
	return err
}
