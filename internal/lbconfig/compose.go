package lbconfig

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// compose reads the healthchecks of a Compose file (the Compose specification,
// services).
func compose(file string, root *node) ([]Check, error) {
	p := &problem{file: file}
	services := root.get("services")
	if services.kind != isMapping {
		return nil, fmt.Errorf("%s:%d: services must be a section of keys", file, services.line)
	}
	var checks []Check
	for _, name := range services.keys {
		service := services.get(name)
		check := service.get("healthcheck")
		if check == nil || check.get("disable").isTrue() {
			continue
		}
		if c, ok := p.composeCheck(name, service, check); ok {
			checks = append(checks, c)
		}
	}
	return checks, p.err
}

func (p *problem) composeCheck(name string, service, check *node) (Check, bool) {
	test := check.get("test")
	line := check.line
	c := Check{Name: printable(name), Where: fmt.Sprintf("%s:%d", p.file, line), Interval: 30 * time.Second, Timeout: 30 * time.Second}
	// What Compose puts in from its own environment is not known; its defaults are.
	text := func(n *node) string { return c.interpolate(n.str()) }
	if d := check.get("interval"); d != nil {
		c.Interval = p.dockerTime(d.line, "interval", text(d))
	}
	if d := check.get("timeout"); d != nil {
		c.Timeout = p.dockerTime(d.line, "timeout", text(d))
	}
	if n := check.get("retries"); n != nil {
		c.Unhealthy = p.number(&node{kind: isNumber, line: n.line, text: text(n)}, "retries", 0, 1<<20)
	}
	var words []string
	env := composeEnv(service.get("environment"))
	expand := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	switch {
	case test == nil:
		c.Dialect, c.Why = "docker", "the command is that of its image"
		return c, true
	case test.kind == isList:
		var list []string
		for _, item := range test.items {
			list = append(list, text(item))
		}
		switch {
		case len(list) == 0 || list[0] == "NONE":
			return Check{}, false
		case list[0] == "CMD":
			words = list[1:]
		case list[0] == "CMD-SHELL":
			words = shellWords(strings.Join(list[1:], " "), expand)
		default:
			p.at(test.line, "test begins with %q: want CMD, CMD-SHELL or NONE", list[0])
			return Check{}, false
		}
	default:
		words = shellWords(text(test), expand)
	}
	host := c.askContainer(words, "test")
	if c.Scheme == "" {
		return c, true
	}
	if !inside(host) && !strings.EqualFold(host, name) {
		c.aim(host, c.Port)
		c.note("it asks %s as the container knows it", host)
		return c, true
	}
	p.published(&c, service)
	return c, true
}

// interpolate puts in what a Compose file's ${NAME:-default} says, and makes $$ a
// dollar sign.
func (c *Check) interpolate(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "$$"):
			out.WriteByte('$')
			i++
		case text[i] == '$':
			value, n := variable(text[i:], func(string) (string, bool) { return "", false })
			out.WriteString(value)
			if strings.HasPrefix(value, "$") && n > 1 {
				c.note("%s is only known where Compose runs", value)
			} else if n > 1 {
				c.note("%s was taken at its default", text[i:i+n])
			}
			i += n - 1
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

// composeEnv reads environment, a mapping or a list of NAME=value.
func composeEnv(n *node) map[string]string {
	env := make(map[string]string)
	if n == nil {
		return env
	}
	for _, key := range n.keys {
		if v := n.under[key]; v.kind != isNull && !strings.Contains(v.str(), "$") {
			env[key] = v.str()
		}
	}
	for _, item := range n.items {
		if name, value, ok := strings.Cut(item.str(), "="); ok && !strings.Contains(value, "$") {
			env[name] = value
		}
	}
	return env
}

// published finds where the container's port is reached on the host.
func (p *problem) published(c *Check, service *node) {
	inner := c.Port
	if service.get("network_mode").str() == "host" {
		c.aim("127.0.0.1", inner)
		return
	}
	for _, n := range service.get("ports").list() {
		host, published, ok := "", uint16(0), false
		if n.kind == isMapping {
			if n.get("protocol").str() == "udp" || p.port(n.get("target"), "target") != inner {
				continue
			}
			host = c.interpolate(n.get("host_ip").str())
			text := c.interpolate(n.get("published").str())
			if strings.ContainsAny(text, "-$") {
				continue
			}
			published = p.port(&node{kind: isNumber, line: n.line, text: text}, "published")
			ok = published != 0
		} else {
			host, published, ok = shortPort(c.interpolate(n.str()), inner)
		}
		if !ok {
			continue
		}
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "127.0.0.1"
		}
		if c.aim(host, published); published != inner {
			c.note("port %d of the container is port %d here; it is asked from outside, which a proxy or firewall of Docker's may see", inner, published)
		}
		c.Port = published
		return
	}
	c.Why = fmt.Sprintf("port %d of the service is not published at a known port: it is reached in its own network only", inner)
}

// shortPort reads [[HOST:]PUBLISHED:]CONTAINER[/PROTOCOL] of a port or a range.
func shortPort(text string, inner uint16) (host string, published uint16, ok bool) {
	text, protocol, _ := strings.Cut(text, "/")
	if protocol == "udp" || protocol == "sctp" {
		return "", 0, false
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", 0, false // at a port of Docker's choice
	}
	container, rest := text[i+1:], text[:i]
	if i = strings.LastIndexByte(rest, ':'); i >= 0 {
		host, rest = strings.Trim(rest[:i], "[]"), rest[i+1:]
	}
	low, high, good := portRange(container)
	first, last, good2 := portRange(rest)
	if !good || !good2 || inner < low || inner > high || last-first != high-low {
		return "", 0, false
	}
	return host, first + (inner - low), true
}

func portRange(text string) (low, high uint16, ok bool) {
	a, b, isRange := strings.Cut(text, "-")
	b = map[bool]string{true: b, false: a}[isRange]
	l, err1 := strconv.ParseUint(a, 10, 16)
	h, err2 := strconv.ParseUint(cmp.Or(b, a), 10, 16)
	return uint16(l), uint16(h), err1 == nil && err2 == nil && l > 0 && l <= h
}
