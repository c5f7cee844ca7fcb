package dialect

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
)

// fallbackTimeout is that of a dialect without a default of its own.
const fallbackTimeout = 5 * time.Second

// oldest is the version of TLS from which on every dialect offers. What a prober
// offers is hardly ever published; Go's and OpenSSL's clients begin here today.
// AWS's policies for connections to targets still have 1.0
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html),
// so a target with nothing newer may pass there, and is told to be incompatible
// here.
const oldest = tls.VersionTLS12

// uncapped is how many redirects are followed for a prober that has no limit:
// more than any of the others, and an end to a loop.
const uncapped = 20

// New returns the question that the named dialect asks of target, with o in place
// of what it would do by itself. A name may be an alias; "" is Default.
//
// Target is a URL: http, https, h2c (HTTP/2 by prior knowledge), tcp (connect
// only), tls (shake hands only), grpc, grpcs; a bare host:port is http; a unix
// socket is unix:/path or http://unix:/path:/request-path. The path asked is that
// of Options, else that of the URL if it has one, were it only a slash, else the
// dialect's default. A dialect that only ever connects takes any URL and asks its
// port; what an HTTP question to that URL would be stays in Request, unsent. One
// that has a relative for tcp, tls, grpc or grpcs (kubelet has kubelet-tcp and
// kubelet-grpc) becomes that for such a URL.
//
// An error says what does not fit, and what would.
func New(name string, rawURL string, o Options) (Probe, error) {
	p, err := lookup(name)
	if err != nil {
		return Probe{}, err
	}
	return build(p, rawURL, o)
}

func lookup(name string) (lbprofile.Profile, error) {
	if name == "" {
		name = Default
	}
	p, ok := lbprofile.Lookup(strings.ToLower(name))
	switch {
	case !ok:
		return p, fmt.Errorf("no dialect %q%s; all of them: %s", name, didYouMean(name), strings.Join(Names(), ", "))
	case !askable(p):
		return p, fmt.Errorf("how %s (%s) asks is not known well enough to ask like it", p.Name, p.Title)
	}
	return p, nil
}

func build(profile lbprofile.Profile, rawURL string, o Options) (Probe, error) {
	t, err := parseTarget(rawURL)
	if err != nil {
		return Probe{}, err
	}
	profile = relative(profile, t)
	if t, err = fit(profile, t); err != nil {
		return Probe{}, err
	}
	if o.Port != 0 {
		if t.unix != "" {
			return Probe{}, fmt.Errorf("a socket has no port: leave out %d", o.Port)
		}
		t.port, t.stated = strconv.Itoa(int(o.Port)), true
	}
	if profile.Client == lbprofile.ClientGo && profile.Host == lbprofile.HostTargetPort {
		t.stated = true // its URLs always have a port
	}
	p := Probe{Profile: profile, unknown: slices.Clone(profile.Unknown)}
	if err := o.check(profile, t); err != nil {
		return Probe{}, err
	}
	p.Rules = rulesOf(profile, o, t)
	p.Request = exchange.Request{
		Address: address(t, o.Resolve),
		Source:  o.Source,
	}
	if o.Proxy != nil {
		p.Request.Proxy = *o.Proxy
	}
	if host, _, err := net.SplitHostPort(p.Request.Address); err == nil && profile.IPv4 && nameOnly(host) != "" {
		p.Request.Network = "tcp4"
	}
	limit(&p.Request, profile, t, o)
	if profile.BodyBytes > 0 {
		p.Request.MaxBody = max(profile.BodyBytes, 64<<10)
	}
	switch t.scheme {
	case "tcp", "tls":
		p.URL = t.scheme + "://" + t.long()
		p.mean(t, o)
	case "grpc", "grpcs":
		p.askGRPC(t, o)
	default:
		p.askHTTP(t, o)
	}
	if t.tls() {
		p.Request.TLS = p.handshake(t, o)
	}
	if o.Version != "" {
		p = p.WithVersion(o.Version)
		p.dropUnknown("version of HTTP")
	}
	return p, nil
}

// limit writes the time-outs of a probe.
func limit(r *exchange.Request, p lbprofile.Profile, t target, o Options) {
	switch {
	case o.Timeout > 0:
		bound(r, o.Timeout)
	case (t.scheme == "tcp" || t.scheme == "tls") && p.TimeoutTCP > 0:
		bound(r, p.TimeoutTCP)
	case t.scheme == "https" && p.TimeoutTLS > 0:
		bound(r, p.TimeoutTLS)
	case p.Timeout > 0:
		r.Timeout, r.ConnectTimeout, r.AnswerTimeout = p.Timeout, p.Connect, p.Answer
	default:
		bound(r, fallbackTimeout)
	}
}

// bound makes timeout the bound of the whole, and the only one.
func bound(r *exchange.Request, timeout time.Duration) {
	r.Timeout, r.ConnectTimeout, r.AnswerTimeout = timeout, 0, 0
}

// mean notes what an HTTP question to the same target would be. This prober only
// connects; whoever doubts its green asks further.
func (p *Probe) mean(t target, o Options) {
	if !t.http {
		return
	}
	p.Request.Method, p.Request.Path = o.Method, cmp.Or(o.Path, t.path)
	if o.Host != nil && *o.Host != "" {
		p.Request.Fields = []exchange.Field{{Name: "Host", Value: *o.Host}}
	}
	p.Request.Fields = append(p.Request.Fields, o.Fields...)
}

// relative is the profile of p's other kind of probe, where it has one of its own
// for what t asks.
func relative(p lbprofile.Profile, t target) lbprofile.Profile {
	suffix := map[string]string{"tcp": "-tcp", "tls": "-tcp", "grpc": "-grpc", "grpcs": "-grpc"}[t.scheme]
	if other, ok := lbprofile.Lookup(p.Name + suffix); ok && suffix != "" {
		return other
	}
	return p
}

func rulesOf(p lbprofile.Profile, o Options, t target) Rules {
	switch t.scheme {
	case "tcp", "tls":
		return Rules{}
	case "grpc", "grpcs":
		return Rules{GRPC: cmp.Or(o.Matcher, p.GRPC)}
	}
	r := Rules{Success: cmp.Or(o.Matcher, p.Success), Body: o.Body, Redirects: p.Redirects, Hops: p.MaxHops}
	if o.Redirect != nil {
		if *o.Redirect {
			if r.Redirects != lbprofile.RedirectsSameHost {
				r.Redirects = lbprofile.RedirectsFollowed
			}
		} else {
			r.Redirects = lbprofile.RedirectsJudged
		}
	}
	follows := r.Redirects == lbprofile.RedirectsFollowed || r.Redirects == lbprofile.RedirectsSameHost
	if !follows {
		r.Hops = 0
	} else if r.Hops == 0 {
		r.Hops = uncapped
	}
	return r
}

// address is what to dial.
func address(t target, resolve string) string {
	if t.unix != "" && resolve == "" {
		return "unix:" + t.unix
	}
	if resolve == "" {
		return net.JoinHostPort(t.host+t.zone, t.port)
	}
	if strings.HasPrefix(resolve, "unix:/") {
		return resolve
	}
	if host, port, err := net.SplitHostPort(resolve); err == nil {
		return net.JoinHostPort(host, port)
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.TrimPrefix(resolve, "["), "]"), t.port)
}

func (p *Probe) askGRPC(t target, o Options) {
	r := &p.Request
	r.Protocol = exchange.GRPC
	r.Service = o.Service
	r.Path = healthCheck
	if p.Profile.GRPC != "" { // it asks a path of its own, not the health protocol's
		r.Path = p.Profile.Path
		if t.path != "" && t.path != "/" {
			r.Path = t.path
		}
	}
	if o.Path != "" {
		r.Path = o.Path
	}
	host := t.long()
	if o.Host != nil {
		host = *o.Host
	}
	r.Fields = []exchange.Field{{Name: "Host", Value: host}}
	fields := p.Profile.FieldsGRPC
	if calls(p.Profile) {
		fields = p.Profile.Fields
	}
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Host") {
			r.Fields = append(r.Fields, exchange.Field{Name: f.Name, Value: p.filled(f.Value, t, "")})
		}
	}
	if p.Profile.Client == lbprofile.ClientGo {
		r.Pseudo = slices.Clone(pseudoGRPC)
	}
	for _, f := range o.Fields {
		p.setField(f.Name, f.Value)
	}
	p.URL = t.scheme + "://" + t.authority() + r.Path
}

// healthCheck is the method of the gRPC health protocol.
const healthCheck = "/grpc.health.v1.Health/Check"

func (p *Probe) askHTTP(t target, o Options) {
	profile, r := p.Profile, &p.Request
	r.Protocol = exchange.HTTP1
	if t.scheme == "h2c" {
		r.Protocol = exchange.HTTP2
	}
	r.Method, r.Path = profile.Method, profile.Path
	if r.Method == "" {
		r.Method = "GET"
	}
	if t.path != "" {
		r.Path = t.path
	}
	if o.Path != "" {
		r.Path = o.Path
	}
	if r.Path == "" {
		r.Path = "/"
	}
	if r.Path != "*" && profile.Path == "*" {
		r.Method = "GET" // of a path, this prober does not ask with OPTIONS
	}
	if o.Method != "" {
		r.Method = o.Method
		p.dropUnknown("method")
	}
	r.Version = profile.Version
	if r.Version == "" {
		r.Version = "HTTP/1.1"
	}
	p.setFields(t, o)
	if r.Method == "HEAD" {
		p.fitHead()
	}
	p.fitVersion()
	scheme := "http"
	if t.tls() {
		scheme = "https"
	}
	p.URL = scheme + "://" + t.authority() + strings.TrimSuffix(r.Path, "*")
}

// setFields writes the fields of an HTTP probe.
func (p *Probe) setFields(t target, o Options) {
	host, sent := p.hostOf(t, o)
	fields := p.Profile.Fields
	if o.Version == "1.1" && p.Profile.Fields11 != nil {
		fields = p.Profile.Fields11
	}
	p.Request.Fields = make([]exchange.Field, 0, len(fields)+1)
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Host") {
			p.Request.Fields = append(p.Request.Fields, exchange.Field{Name: f.Name, Value: p.filled(f.Value, t, host)})
		} else if sent {
			p.Request.Fields = append(p.Request.Fields, exchange.Field{Name: f.Name, Value: host})
		}
	}
	if sent && !slices.ContainsFunc(p.Request.Fields, isHost) {
		p.setField("Host", host)
	}
	for _, f := range o.Fields {
		if isHost(f) {
			p.dropUnknown("Host")
		}
		p.setField(f.Name, f.Value)
	}
}

// hostOf is the value of the Host field, and whether there is one.
func (p *Probe) hostOf(t target, o Options) (value string, sent bool) {
	if o.Host != nil {
		p.dropUnknown("Host")
		return *o.Host, *o.Host != ""
	}
	switch p.Profile.Host {
	case lbprofile.HostNone, lbprofile.HostOptional:
		return "", false
	case lbprofile.HostTargetPort:
		return t.long(), true
	case lbprofile.HostLoopback:
		return "127.0.0.1", true
	case lbprofile.HostNoPort:
		return bracketed(t.host), true
	case lbprofile.HostNode:
		from := o.Local
		if !from.IsValid() {
			from = o.Source
		}
		if !from.IsValid() || t.unix != "" {
			return t.long(), true
		}
		return net.JoinHostPort(from.Unmap().WithZone("").String(), t.port), true
	case lbprofile.HostConfigured:
		if p.Profile.Client == lbprofile.ClientGo { // it takes the URL's, as it is written
			return t.authority(), true
		}
	}
	return t.short(), true
}

// filled puts values in place of a profile's placeholders.
func (p Probe) filled(text string, t target, host string) string {
	for _, f := range p.Profile.Fill {
		text = strings.ReplaceAll(text, f.Name, f.Value)
	}
	left := strconv.FormatInt(p.Request.Timeout.Microseconds(), 10) + "u" // as grpc-timeout is written
	return strings.NewReplacer("<address>", t.host, "<port>", t.port, "<host>", host, "<timeout>", left).Replace(text)
}

// handshake is how p shakes hands with t.
func (p *Probe) handshake(t target, o Options) *exchange.TLS {
	h := exchange.TLS{Min: oldest}
	p.note("TLS versions: asked from 1.2 on, as clients of today do; what it offers is hardly ever published")
	switch {
	case p.Request.Protocol == exchange.HTTP2 || p.Request.Protocol == exchange.GRPC:
		h.ALPN = []string{"h2"}
	case len(p.Profile.ALPN) > 0: // an exchange speaks what it was told to, whatever the server would pick
		h.ALPN = []string{"http/1.1"}
		p.note("ALPN: it offers " + list(p.Profile.ALPN) + "; http/1.1 alone is offered here, or h2 alone where HTTP/2 is asked for")
	}
	switch p.Profile.SNI {
	case lbprofile.SNITarget:
		h.ServerName = nameOnly(t.host)
	case lbprofile.SNIHost:
		h.ServerName = nameOnly(hostname(p.host()))
	}
	if o.SNI != nil {
		h.ServerName = *o.SNI
		p.dropUnknown("SNI")
	}
	switch p.Profile.TLS {
	case lbprofile.TLSVerified, lbprofile.TLSDefaultOn:
		h.Verify = true
	}
	if o.Verify != nil {
		h.Verify = *o.Verify
	}
	if h.Verify && h.ServerName == "" {
		h.VerifyName = t.host
	}
	return &h
}

// host is the value of the Host field; empty if there is none.
func (p Probe) host() string {
	if i := slices.IndexFunc(p.Request.Fields, isHost); i >= 0 {
		return p.Request.Fields[i].Value
	}
	return ""
}

func isHost(f exchange.Field) bool { return strings.EqualFold(f.Name, "Host") }

// hostname drops the port of a Host field's value.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// nameOnly returns name unless it is an address, which no TLS handshake names.
func nameOnly(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}

// note adds to what is not as it is known to be.
func (p *Probe) note(text string) {
	if !slices.Contains(p.unknown, text) {
		p.unknown = append(p.unknown, text)
	}
}

// dropUnknown forgets that something is not known: the caller knows.
func (p *Probe) dropUnknown(about string) {
	p.unknown = slices.DeleteFunc(p.unknown, func(u string) bool { return strings.HasPrefix(u, about) })
}
