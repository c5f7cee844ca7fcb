package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

func validateHTTP(h *HTTPCheck, key string, rep *report) {
	if at := key + ".url"; rep.ok(at) {
		const want = "write an absolute URL such as http://127.0.0.1:8000/health"
		u, err := url.Parse(h.URL)
		switch {
		case h.URL == "":
			rep.add(at, "is missing", want)
		case err != nil:
			rep.add(at, "is not a URL", want)
		case u.Scheme != "http" && u.Scheme != "https":
			rep.add(at, "does not start with http:// or https://", want)
		case u.Hostname() == "":
			rep.add(at, "has no host", want)
		case u.Port() != "" && !isPort(u.Port()):
			rep.add(at, "has no port from 1 to 65535", want)
		}
	}
	validateHost(key+".host", h.Host, rep)
}

func isPort(text string) bool {
	_, bad := parsePort(text, false)
	return bad == nil
}

// validateAddress looks at an address to connect to, which must be given.
func validateAddress(key, address, example string, rep *report) {
	if !rep.ok(key) {
		return
	}
	if address == "" {
		rep.add(key, "is missing", "write host:port such as "+example)
		return
	}
	if _, c := remoteAddress(address, rep.at(key).hidden); c != nil {
		rep.add(key, c.message, c.want)
	}
}

func validateRedis(r *RedisCheck, key string, rep *report) {
	if at := key + ".tls"; !strings.HasPrefix(r.Address, "/") {
		validateAddress(key+".address", r.Address, "127.0.0.1:6379", rep)
	} else if r.TLS && rep.ok(at) {
		rep.add(at, "a Unix socket has no host whose certificate could be verified", "leave it out, or write host:port as the address")
	}
	if at := key + ".database"; r.Database < 0 && rep.ok(at) {
		rep.add(at, rep.quote(at, strconv.Itoa(r.Database))+" is less than 0", "write the number of a database; the default is 0")
	}
}

func validateGRPC(g *GRPCCheck, key string, rep *report) {
	if path, isSocket := strings.CutPrefix(g.Address, "unix:"); !isSocket || path == "" {
		validateAddress(key+".address", g.Address, "127.0.0.1:50051", rep)
	}
	validateHost(key+".authority", g.Authority, rep)
}

func validateCertificate(c *CertificateCheck, key string, rep *report) {
	address, file := key+".address", key+".file"
	switch {
	case c.Address != "":
		validateAddress(address, c.Address, "mysite.com:443", rep)
		if c.File != "" && rep.ok(file) {
			rep.add(file, "there is an address too", "write a check for each")
		}
	case c.File == "" && rep.ok(address) && rep.ok(file):
		rep.add(key, "there is no certificate to look at", "write address: and the host:port of a server, or file: and a path")
	}
	if at := key + ".dates_only"; c.File != "" && c.DatesOnly && rep.ok(at) {
		rep.add(at, "has no effect: of a file, the issuer is never looked at", "leave it out")
	}
	if at := key + ".server_name"; c.ServerName != "" && rep.ok(at) && !isHostName(c.ServerName) {
		if _, err := netip.ParseAddr(c.ServerName); err != nil {
			rep.add(at, rep.quote(at, c.ServerName)+" is neither a name nor an address", "write a name such as mysite.com")
		}
	}
}
