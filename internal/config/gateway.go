package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/inservice/inservice/allowedhosts"
)

// gatewayKeys are the keys that say nothing without an app.
var gatewayKeys = []string{
	"trusted_proxies", "allowed_hosts", "https_redirect", "hsts", "hsts_subdomains", "exempt_paths",
	"response_timeout", "traffic", "access_log",
}

// validateSidecar reports what only a gateway does: whoever writes it believes in it.
func validateSidecar(a *Agent, rep *report) {
	for _, name := range gatewayKeys {
		if at, given := rep.given("agent." + name); given && rep.ok(at) {
			rep.add(at, "needs agent.app", rep.advice(at, "add --app http://127.0.0.1:8000",
				"write where the app listens, such as app: http://127.0.0.1:8000, or leave this out"))
		}
	}
	for i := range a.Checks {
		if at := fmt.Sprintf("agent.checks[%d].app", i); a.Checks[i].App != nil && rep.ok(at) {
			rep.add(at, "needs agent.app", rep.advice(at, "add --app http://127.0.0.1:8000",
				"write where the app listens, such as app: http://127.0.0.1:8000, or a check of kind http"))
		}
	}
}

// validateGateway also fills in what follows from other keys.
func validateGateway(a *Agent, rep *report) {
	if at := "agent.app"; rep.ok(at) {
		app, c := appAddress(a.App, rep.at(at).hidden)
		if c != nil {
			rep.add(at, c.message, c.want)
		}
		a.App = app
	}
	validateAllowedHosts(a, rep)
	validateRedirect(a, rep)
	validateExemptPaths(a.ExemptPaths, rep)
	atLeastShortest("agent.response_timeout", a.ResponseTimeout, "60s", rep)
	oneOf("agent.access_log", a.AccessLog, []string{"off", "combined", "json"}, rep)
	if at := "agent.traffic"; a.Traffic == nil && !rep.written(at) {
		a.Traffic = new(Traffic)
		setDefaults(reflect.ValueOf(a.Traffic).Elem())
	} else if a.Traffic != nil && rep.ok(at) {
		validateTraffic(a.Traffic, at, rep)
	}
	for i := range a.Checks {
		if c := a.Checks[i].App; c != nil {
			validateAppCheck(c, a, fmt.Sprintf("agent.checks[%d].app", i), rep)
		}
	}
}

// appAddress judges where the app listens, and gives it without a slash at the end.
func appAddress(text string, hidden bool) (app string, c *complaint) {
	const want = "write http://host:port such as http://127.0.0.1:8000, or unix: and the path of a socket"
	if socket, isSocket := strings.CutPrefix(text, "unix:"); isSocket {
		return text, socketPath(socket, "unix:", hidden)
	}
	shown, open := quote(text, hidden), mayShow(text, hidden)
	rest, isHTTP := strings.CutPrefix(strings.TrimSuffix(text, "/"), "http://")
	authority, _, more := cutAny(rest, "/?#%")
	_, bad := remoteAddress(authority, !open)
	switch {
	case strings.HasPrefix(text, "https://"):
		return "", &complaint{shown + " is https, but the agent speaks plain http to the app", "write http:// and the port where the app listens without TLS"}
	case !isHTTP && open && socketPath(text, "unix:", false) == nil:
		return "", &complaint{shown + " does not start with http:// or unix:", "write unix:" + text}
	case !isHTTP && open && !more && bad == nil:
		return "", &complaint{shown + " does not start with http:// or unix:", "write http://" + authority}
	case !isHTTP:
		return "", &complaint{shown + " does not start with http:// or unix:", want}
	case strings.Contains(authority, "@"):
		return "", &complaint{shown + " holds a user name or a password", "leave it out: the app gets what visitors send"}
	case more:
		return "", &complaint{shown + " has more than a host and a port", want}
	case bad != nil:
		return "", &complaint{bad.message, want}
	}
	return "http://" + authority, nil
}

// cutAny cuts s before the first of chars.
func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

// longestSocketPath is what fits into Linux's sockaddr_un with the zero behind it; see
// unix(7).
const longestSocketPath = 107

// socketPath judges the path of a Unix socket, as it stands behind prefix.
func socketPath(text, prefix string, hidden bool) *complaint {
	shown, like := quote(prefix+text, hidden), "write a path such as "+prefix+"/run/inservice/agent.sock"
	clean := path.Clean(text)
	switch {
	case !strings.HasPrefix(text, "/"):
		return &complaint{shown + " is no absolute path", like}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &complaint{shown + " holds a control character", like}
	case len(text) > longestSocketPath:
		return &complaint{shown + " is longer than the path of a socket can be", fmt.Sprintf("write one of %d bytes at most", longestSocketPath)}
	case clean != text && mayShow(text, hidden) && clean != "/":
		return &complaint{shown + " has a slash or a dot too many", "write " + prefix + clean}
	case clean != text, clean == "/":
		return &complaint{shown + " is no path of a file", like}
	}
	return nil
}

func validateAllowedHosts(a *Agent, rep *report) {
	const key = "agent.allowed_hosts"
	if len(a.AllowedHosts) == 0 {
		// It could mean nobody, and it could mean everybody.
		if rep.written(key) && rep.ok(key) {
			rep.add(key, "the list is empty", "write the hosts of the site, such as [mysite.com], or leave the key out to allow any")
		}
		return
	}
	for i, entry := range a.AllowedHosts {
		at := fmt.Sprintf("%s[%d]", key, i)
		if _, err := allowedhosts.Parse(entry); err != nil && rep.ok(at) {
			c := hostComplaint(entry, err, rep.at(at).hidden)
			rep.add(at, c.message, c.want)
		}
	}
	if rules, err := allowedhosts.Parse(a.AllowedHosts...); err == nil {
		a.Hosts = &rules
	}
}

// hostComplaint tells what package allowedhosts has against an entry, which it quotes.
func hostComplaint(entry string, err error, hidden bool) complaint {
	if !mayShow(entry, hidden) {
		return complaint{"the value is no host to allow", "write a name such as mysite.com or .mysite.com, an address, a network, or self"}
	}
	message, want, _ := strings.Cut(err.Error(), "; ")
	return complaint{message, want}
}

func validateRedirect(a *Agent, rep *report) {
	const redirect, hsts, subdomains = "agent.https_redirect", "agent.hsts", "agent.hsts_subdomains"
	hosts, proxies := "agent.allowed_hosts", "agent.trusted_proxies"
	noHosts := len(a.AllowedHosts) == 0 && rep.ok(hosts)
	noProxies := len(a.TrustedProxies) == 0 && rep.ok(proxies)
	if a.HTTPSRedirect && noHosts {
		rep.add(redirect, "needs "+hosts+": without it, a forged Host decides where visitors are sent",
			rep.advice(redirect, "add --allowed-host mysite.com", "write the hosts of the site, such as allowed_hosts: [mysite.com]"))
	}
	if a.HTTPSRedirect && noProxies {
		rep.add(redirect, "needs "+proxies+": without it, all visitors seem to come by http, and are redirected for ever",
			rep.advice(redirect, "add --trusted-proxy 10.0.0.0/8", "write the balancer's network, such as trusted_proxies: [10.0.0.0/8]"))
	}
	switch {
	case !rep.ok(hsts):
	case a.HSTS < 0:
		rep.add(hsts, rep.quote(hsts, a.HSTS.String())+" is less than 0", "write a duration such as 8760h, or 0 not to tell browsers")
	case a.HSTS > 0 && !a.HTTPSRedirect && rep.ok(redirect):
		rep.add(hsts, "needs "+redirect, "write https_redirect: true, or leave this out")
	case a.HSTS == 0 && a.HSTSSubdomains && rep.ok(subdomains):
		rep.add(subdomains, "needs "+hsts, "write for how long, such as hsts: 8760h, or leave this out")
	}
}

func validateExemptPaths(paths []string, rep *report) {
	for i, exempt := range paths {
		at := fmt.Sprintf("agent.exempt_paths[%d]", i)
		if !rep.ok(at) {
			continue
		}
		if strings.HasPrefix(exempt, "/") && strings.Contains(exempt, "*") {
			rep.add(at, rep.quote(at, exempt)+" holds a *, which stands for nothing", "write each path that is exempt")
		} else if c := answeredPath(exempt, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
}

// validateTraffic also moves the bound that was left out to the one that was written: a
// default must not be a mistake.
func validateTraffic(t *Traffic, key string, rep *report) {
	window, warn, fail := key+".window", key+".warn", key+".fail"
	if rep.ok(window) && (t.Window < time.Second || t.Window > 5*time.Minute) {
		rep.add(window, rep.quote(window, t.Window.String())+" is not from 1s to 5m", "write a duration such as 30s, the default")
	}
	atLeastOne(key+".min_requests", t.MinRequests, "write how many requests it takes; the default is 20", rep)
	switch {
	case !rep.ok(warn) || !rep.ok(fail) || t.Warn <= t.Fail:
	case !rep.written(fail):
		t.Fail = t.Warn
	case !rep.written(warn):
		t.Warn = t.Fail
	default:
		rep.add(warn, "is more than "+fail, "a server is degraded before it is out of service: lower warn or raise fail")
	}
}

func validateAppCheck(c *AppCheck, a *Agent, key string, rep *report) {
	if at := key + ".path"; rep.ok(at) {
		if c := requestPath(c.Path, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	validateHost(key+".host", c.Host, rep)
	if c.Host == "" {
		c.Host = visitorsHost(a)
	}
}

// visitorsHost gives a host that a visitor of the site names.
func visitorsHost(a *Agent) string {
	var entries []string
	for _, entry := range a.AllowedHosts {
		entries = append(entries, strings.ToLower(strings.TrimSuffix(strings.TrimSpace(entry), ".")))
	}
	isName := func(entry string) bool { return entry != "self" && isHostName(entry) }
	if i := slices.IndexFunc(entries, isName); i >= 0 {
		return entries[i]
	}
	for _, entry := range entries {
		if name, isSuffix := strings.CutPrefix(entry, "."); isSuffix && isHostName(name) {
			return name
		}
	}
	if address, isHTTP := strings.CutPrefix(a.App, "http://"); isHTTP {
		return address
	}
	return "localhost"
}

// isOwn reports whether the agent that listens on one address is who answers on another;
// both are canonical.
func isOwn(listen, address string) bool {
	listenHost, listenPort, _ := net.SplitHostPort(listen)
	host, port, _ := net.SplitHostPort(address)
	switch {
	case port != listenPort:
		return false
	case listenHost == "":
		return isLocal(host)
	case listenHost == "localhost", host == "localhost":
		return isLocal(listenHost) && isLocal(host)
	}
	return listenHost == host
}

// isLocal reports whether a connection to host goes to this machine whatever its addresses
// are. To connect to 0.0.0.0 is to connect to it as well.
func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}
