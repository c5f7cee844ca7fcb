package lbconfig

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// request is what is sent. HAProxy makes one of option httpchk and the first
// http-check send: what the later line has replaces what the earlier one had.
type request struct {
	method, path, version, body string
	fields                      []Field
}

func (r *request) replace(by request) {
	r.method, r.path, r.version, r.body = cmp.Or(by.method, r.method), cmp.Or(by.path, r.path), cmp.Or(by.version, r.version), cmp.Or(by.body, r.body)
	if len(by.fields) > 0 {
		r.fields = by.fields
	}
}

// optionRequest reads what option httpchk says.
func optionRequest(words []string) (r request) {
	switch len(words) {
	case 0:
		return r
	case 1:
		r.path = words[0]
	default:
		r.method, r.path = words[0], words[1]
	}
	if len(words) > 2 {
		// What stands behind the version, with \r\n, once was the only way to add fields.
		head, body, _ := strings.Cut(words[2], "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		r.version, r.body = strings.TrimPrefix(lines[0], "HTTP/"), body
		for _, line := range lines[1:] {
			if name, value, ok := strings.Cut(line, ":"); ok {
				r.fields = append(r.fields, Field{name, strings.TrimSpace(value)})
			}
		}
	}
	if len(words) > 3 {
		r.fields = append(r.fields, Field{"Host", words[3]})
	}
	return r
}

// httpCheck takes over option httpchk and the http-check rules.
func (p *haproxyParser) httpCheck(c *Check, s *section, tls *bool, port, host *string) {
	option := optionRequest(s.httpchk)
	var sent request
	if s.optionAfter == 0 {
		sent = option
	}
	connects, sends, expects := 0, 0, 0
	for i, r := range s.rules {
		if s.optionAfter == i && i > 0 {
			sent.replace(option)
		}
		if r.kind != "http-check" {
			continue
		}
		switch r.words[0] {
		case "connect":
			if connects++; connects == 1 && sends == 0 {
				p.connect(c, r, tls, port, host)
			}
		case "send":
			if sends++; sends == 1 {
				sent.replace(p.send(c, r))
			}
		case "expect":
			if expects++; expects == 1 {
				p.expect(c, r)
			} else if sends <= 1 {
				c.note("of several expectations only the first is taken over")
			}
		case "disable-on-404":
			c.note("http-check disable-on-404: a 404 drains the server rather than failing it")
		case "send-state":
			c.note("http-check send-state: the field X-Haproxy-Server-State is not taken over")
		}
	}
	if s.optionAfter == len(s.rules) && s.optionAfter > 0 {
		sent.replace(option)
	}
	if sends > 1 || connects > 1 {
		c.note("of several requests only the first is taken over (http-check connect, send)")
	}
	c.Method, c.Path, c.Version, c.SendBody = sent.method, sent.path, sent.version, sent.body
	for _, f := range sent.fields {
		p.field(c, f)
	}
}

// field adds one of the request's.
func (p *haproxyParser) field(c *Check, f Field) {
	if strings.Contains(f.Value, "%[") || strings.Contains(f.Value, "$") {
		c.note("the value of %s is only known when HAProxy runs: %s", f.Name, f.Value)
		return
	}
	if strings.EqualFold(f.Name, "Host") {
		if c.Host == nil {
			c.Host = &f.Value
		}
		return
	}
	c.Headers = append(c.Headers, f)
}

// send reads http-check send.
func (p *haproxyParser) send(c *Check, r checkRule) (sent request) {
	w := r.words
	value := func(i int) string {
		if i >= len(w) {
			p.at(r.line, "http-check send: %s has no value", w[len(w)-1])
			return ""
		}
		return w[i]
	}
	for i := 1; i < len(w); i++ {
		switch w[i] {
		case "meth":
			i++
			sent.method = value(i)
		case "uri":
			i++
			sent.path = value(i)
		case "ver":
			i++
			sent.version = strings.TrimPrefix(value(i), "HTTP/")
		case "hdr":
			sent.fields = append(sent.fields, Field{value(i + 1), value(i + 2)})
			i += 2
		case "body":
			i++
			sent.body = value(i)
		case "uri-lf", "body-lf":
			i++
			c.note("http-check send %s is only known when HAProxy runs: %s", w[i-1], value(i))
		case "comment":
			i++
		default:
			p.at(r.line, "http-check send: %q is not one of meth, uri, uri-lf, ver, hdr, body, body-lf", w[i])
			return sent
		}
	}
	return sent
}

// connect reads http-check connect and tcp-check connect.
func (p *haproxyParser) connect(c *Check, r checkRule, tls *bool, port, host *string) {
	w := r.words
	if !slices.Contains(w, "default") { // it says all, and takes nothing from the server line
		*tls, c.Proxy, c.SNI = false, "", nil
	}
	for i := 1; i < len(w); i++ {
		word, value := w[i], ""
		if slices.Contains([]string{"port", "addr", "sni", "alpn", "proto", "comment"}, word) {
			if i+1 == len(w) {
				p.at(r.line, "%s connect: %s has no value", r.kind, word)
				return
			}
			i++
			value = w[i]
		}
		switch word {
		case "ssl":
			*tls = true
		case "send-proxy":
			c.Proxy = "v1"
		case "port":
			*port = value
		case "addr":
			var other, why string
			if other, *port, why = addressAndPort(value, *port); why != "" {
				c.note("%s connect addr: %s", r.kind, why)
			} else {
				*host = other
			}
		case "sni":
			c.SNI = &value
		case "alpn", "proto":
			c.note("%s connect %s %s is not taken over", r.kind, word, value)
		case "via-socks4", "linger":
			c.note("%s connect %s is not taken over", r.kind, word)
		}
	}
}

func addressAndPort(text, old string) (host, port, why string) {
	host, port, why = haproxyAddress(text)
	if port == "" {
		port = old
	}
	return host, port, why
}

// expect reads http-check expect.
func (p *haproxyParser) expect(c *Check, r checkRule) {
	w, negated, ok := p.expectation(r)
	if !ok {
		return
	}
	not := map[bool]string{true: "! "}[negated]
	if w[0] != "status" && w[0] != "rstatus" && c.Matcher == "" {
		c.Matcher = "100-599" // the status is not looked at
	}
	switch w[0] {
	case "status":
		ranges, err := statusRanges(w[1])
		if err != nil {
			p.at(r.line, "http-check expect status: %v", err)
			return
		}
		c.Matcher = ranges
		if negated {
			c.Matcher = codesWhere(func(code int) bool { return !inRanges(ranges, code) })
		}
	case "rstatus":
		re, err := regexp.Compile(w[1])
		if err != nil {
			c.note("http-check expect %srstatus %s is not taken over", not, w[1])
			return
		}
		if c.Matcher = codesWhere(func(code int) bool { return re.MatchString(strconv.Itoa(code)) != negated }); c.Matcher == "" {
			c.note("http-check expect %srstatus %s is met by no status", not, w[1])
		}
	case "string", "rstring":
		if negated {
			c.note("http-check expect ! %s %s is not taken over: the body must not hold it", w[0], w[1])
			return
		}
		c.Body = "/" + w[1] + "/"
		if w[0] == "string" {
			c.Body = literal(w[1])
		}
	default:
		c.note("http-check expect %s%s is not taken over", not, strings.Join(w, " "))
	}
}

// expectation is the match of http-check expect and its pattern, without what stands
// before them. ok is false if they are missing, which is noted.
func (p *haproxyParser) expectation(r checkRule) (w []string, negated, ok bool) {
	for w = r.words[1:]; len(w) > 1; {
		switch w[0] {
		case "min-recv", "comment", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code":
			w = w[2:]
			continue
		case "!":
			negated = true
			w = w[1:]
			continue
		}
		return w, negated, true
	}
	p.at(r.line, "http-check expect: want a match and its pattern, such as status 200-399")
	return nil, false, false
}

// literal is a Check's Body for a text as it is: in slashes it would be an
// expression.
func literal(text string) string {
	if len(text) > 1 && strings.HasPrefix(text, "/") && strings.HasSuffix(text, "/") {
		return "/" + regexp.QuoteMeta(text) + "/"
	}
	return text
}

// tcpCheck takes over what it can of tcp-check rules: the first connection.
func (p *haproxyParser) tcpCheck(c *Check, s *section, tls *bool, port, host *string) {
	connects, talks := 0, false
	for _, r := range s.rules {
		if r.kind != "tcp-check" {
			continue
		}
		switch r.words[0] {
		case "connect":
			if connects++; connects == 1 {
				p.connect(c, r, tls, port, host)
			}
		case "send", "send-lf", "send-binary", "send-binary-lf", "expect":
			talks = true
		}
	}
	if talks {
		c.note("what tcp-check sends and expects is not taken over: the probe only connects")
	}
	if connects > 1 {
		c.note("of several tcp-check connects only the first is taken over")
	}
}

// statusRanges checks a list of codes and ranges, "200,204-299".
func statusRanges(text string) (string, error) {
	beyond := false
	for _, part := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		l, err1 := strconv.Atoi(low)
		h, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || l < 100 || h > 999 || l > h {
			return "", fmt.Errorf("%q: want codes and ranges from 100 to 999, such as 200,204-299", text)
		}
		beyond = beyond || h > 599
	}
	if beyond { // which HTTP has not
		return codesWhere(func(code int) bool { return inRanges(text, code) }), nil
	}
	return text, nil
}

func inRanges(text string, code int) bool {
	for _, part := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		l, _ := strconv.Atoi(low)
		h, _ := strconv.Atoi(high)
		if l <= code && code <= h {
			return true
		}
	}
	return false
}

// codesWhere lists the status codes of HTTP that are so, as ranges.
func codesWhere(is func(int) bool) string {
	var parts []string
	for code := 100; code <= 599; code++ {
		if !is(code) {
			continue
		}
		first := code
		for code < 599 && is(code+1) {
			code++
		}
		if first == code {
			parts = append(parts, strconv.Itoa(code))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", first, code))
		}
	}
	return strings.Join(parts, ",")
}
