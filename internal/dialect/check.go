package dialect

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/matcher"
)

// check finds what in o cannot be, or does nothing, in that dialect.
func (o Options) check(p lbprofile.Profile, t target) error {
	http := t.scheme == "http" || t.scheme == "https" || t.scheme == "h2c"
	grpc := t.scheme == "grpc" || t.scheme == "grpcs"
	switch {
	case o.SNI != nil && !t.tls():
		return fmt.Errorf("a server name (SNI) is sent in a TLS handshake only, and %s://%s has none; write https://", t.scheme, t.long())
	case o.Verify != nil && !t.tls():
		return fmt.Errorf("there is no certificate to verify on %s://%s; write https://", t.scheme, t.long())
	case o.SNI != nil && *o.SNI != "" && strings.ContainsFunc(*o.SNI, notPrintable):
		return fmt.Errorf("server name (SNI) %q: write a name such as app.example.com", *o.SNI)
	case !http && !grpc && !t.http && (o.Path != "" || o.Method != "" || o.Host != nil || len(o.Fields) > 0 || o.Matcher != "" || o.Version != "" || o.Body != ""):
		return fmt.Errorf("%s only connects to %s: path, method, host, fields, version, matcher and body are not asked", p.Name, t.long())
	case grpc && (o.Method != "" || o.Version != "" || o.Body != ""):
		return fmt.Errorf("%s calls %s by gRPC: method, version and body cannot be chosen", p.Name, t.long())
	case !grpc && o.Service != "":
		return fmt.Errorf("a service is asked for by gRPC only; write grpc://%s", t.long())
	case o.Path != "" && !strings.HasPrefix(o.Path, "/") && o.Path != "*":
		return fmt.Errorf("path %q: begin it with a slash: /%s", o.Path, o.Path)
	case strings.ContainsFunc(o.Path, notInLine):
		return fmt.Errorf("path %q: no blanks or control characters; write %%20 for a blank", o.Path)
	case o.Method != "" && !isToken(o.Method):
		return fmt.Errorf("method %q is none; write one such as GET, HEAD or OPTIONS", o.Method)
	case o.Host != nil && strings.ContainsFunc(*o.Host, notInLine):
		return fmt.Errorf("host %q: no blanks or control characters", *o.Host)
	case o.Timeout < 0:
		return fmt.Errorf("timeout %s: it cannot be below zero", o.Timeout)
	case o.Version != "" && !slices.Contains([]string{"1.0", "1.1", "2"}, o.Version):
		return fmt.Errorf("HTTP version %q: use 1.0, 1.1 or 2", o.Version)
	case o.Body != "" && p.Body == lbprofile.BodyIgnored:
		return fmt.Errorf("%s does not look into the body, so it cannot be told what the body must hold", p.Name)
	case p.Path == "*" && o.Method == "OPTIONS" && o.asksPath(t):
		return fmt.Errorf("%s asks OPTIONS of * only; ask %s with GET or HEAD", p.Name, cmp.Or(o.Path, t.path))
	case o.Redirect != nil && *o.Redirect && !http:
		return fmt.Errorf("only an HTTP probe can follow a redirect, not %s://%s", t.scheme, t.long())
	}
	for _, f := range o.Fields {
		if !isToken(f.Name) || strings.ContainsFunc(f.Value, notInField) {
			return fmt.Errorf("field %q with value %q: write Name: value on one line, without control characters", f.Name, f.Value)
		}
	}
	if o.Body != "" {
		if _, err := bodyPattern(o.Body, p.Body); err != nil {
			return err
		}
	}
	if o.Resolve != "" {
		if err := checkResolve(o.Resolve); err != nil {
			return err
		}
	}
	return checkMatcher(o.Matcher, grpc)
}

// asksPath reports whether a path is asked for that is not "*".
func (o Options) asksPath(t target) bool {
	path := cmp.Or(o.Path, t.path)
	return path != "" && path != "*"
}

func checkMatcher(text string, grpc bool) error {
	if text == "" {
		return nil
	}
	if grpc {
		_, err := parseCodes(text)
		return err
	}
	if _, err := matcher.Parse(text); err != nil {
		return fmt.Errorf("matcher: %w", err)
	}
	return nil
}

func checkResolve(to string) error {
	if strings.HasPrefix(to, "unix:/") {
		return nil
	}
	host, port, err := net.SplitHostPort(to)
	if err != nil { // a bare host, or an IPv6 address
		host, port = strings.TrimSuffix(strings.TrimPrefix(to, "["), "]"), ""
		if strings.Contains(host, ":") {
			if _, err := netip.ParseAddr(host); err != nil {
				return fmt.Errorf("dial %q instead: write host, host:port or [IPv6]:port", to)
			}
		}
	}
	if host == "" || strings.ContainsFunc(host, notInLine) {
		return fmt.Errorf("dial %q instead: there is no host in it; write host or host:port", to)
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("dial %q instead: port %q is none; use 1 to 65535", to, port)
		}
	}
	return nil
}

func notInLine(c rune) bool    { return c <= ' ' || c == 0x7f }
func notInField(c rune) bool   { return c < ' ' && c != '\t' || c == 0x7f }
func notPrintable(c rune) bool { return c <= ' ' || c > '~' }

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("!#$%&'*+-.^_`|~0123456789", c) && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// bodyPattern compiles what a body must hold, or returns nil for a plain text.
func bodyPattern(body string, rule lbprofile.BodyRule) (*regexp.Regexp, error) {
	inner, isPattern := strings.CutPrefix(body, "/")
	inner, closed := strings.CutSuffix(inner, "/")
	isPattern = isPattern && closed && len(body) > 2
	if !isPattern {
		if rule != lbprofile.BodyMatches {
			return nil, nil
		}
		inner = body
	}
	re, err := regexp.Compile(inner)
	if err != nil {
		return nil, fmt.Errorf("body %q is no regular expression: %w", body, err)
	}
	return re, nil
}
