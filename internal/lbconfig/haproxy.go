package lbconfig

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// section is a part of haproxy.cfg that can have servers, or defaults for such.
type section struct {
	kind, name  string
	line        int
	http        bool     // mode
	check       string   // httpchk, tcp-check, mysql-check, …; empty: connect alone
	httpchk     []string // the words after option httpchk
	optionAfter int      // so many rules stand before that option
	rules       []checkRule
	ownRules    bool // rules are written here, not inherited
	connect     time.Duration
	timeout     time.Duration // timeout check
	defaults    server        // default-server
	servers     []server
}

// checkRule is a line http-check or tcp-check.
type checkRule struct {
	line  int
	kind  string // http-check, tcp-check
	words []string
}

// server is what a line server or default-server sets.
type server struct {
	name, address string
	line          int
	options       map[string]string // keyword → value; a flag has an empty one
}

// haproxyParser reads the file from its top.
type haproxyParser struct {
	problem
	defaults []*section
	all      []*section
	now      *section
	noVerify bool // ssl-server-verify none
	global   bool
}

// otherChecks are the options that replace the check by a dialogue of their own.
var otherChecks = []string{"httpchk", "tcp-check", "ssl-hello-chk", "mysql-check", "pgsql-check", "redis-check", "smtpchk", "ldap-check", "spop-check", "external-check"}

func parseHAProxy(file string, data []byte) ([]Check, error) {
	p := &haproxyParser{problem: problem{file: file}}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		words, err := haproxyWords(line)
		if err != nil {
			p.at(number, "%v", err)
		}
		if len(words) > 0 {
			p.line(number, words)
		}
	}
	var checks []Check
	for _, s := range p.all {
		for _, srv := range s.servers {
			if c, ok := p.made(s, srv); ok {
				checks = append(checks, c)
			}
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	if len(checks) == 0 && len(p.all) > 0 {
		return nil, fmt.Errorf("%s: no server line has check, so HAProxy probes nothing", file)
	}
	return checks, nil
}

func (p *haproxyParser) line(line int, words []string) {
	switch words[0] {
	case "global", "defaults", "frontend", "backend", "listen":
		p.section(line, words)
		return
	case "userlist", "peers", "resolvers", "mailers", "cache", "program", "http-errors", "ring", "log-forward", "fcgi-app", "crt-store", "traces", "log-profile", "acme", "crt-list":
		p.now, p.global = nil, false
		return
	case "ssl-server-verify":
		if p.global && len(words) > 1 {
			p.noVerify = words[1] == "none"
		}
		return
	}
	if s := p.now; s != nil {
		p.setting(s, line, words)
	}
}

// section begins one. What the defaults before it say holds in it, or those it
// names.
func (p *haproxyParser) section(line int, words []string) {
	p.global = words[0] == "global"
	p.now = nil
	if p.global {
		return
	}
	s := &section{kind: words[0], line: line}
	if len(words) > 1 && words[1] != "from" {
		s.name = words[1]
	}
	if s.kind != "defaults" && s.name == "" {
		p.at(line, "%s has no name", s.kind)
	}
	var from *section
	if s.kind != "defaults" && len(p.defaults) > 0 {
		from = p.defaults[len(p.defaults)-1]
	}
	if i := slices.Index(words, "from"); i > 0 && i+1 < len(words) {
		i = slices.IndexFunc(p.defaults, func(d *section) bool { return d.name == words[i+1] })
		if i < 0 {
			p.at(line, "there is no defaults section of that name before it: %q", words[len(words)-1])
		} else {
			from = p.defaults[i]
		}
	}
	if from != nil {
		s.http, s.check, s.httpchk, s.rules = from.http, from.check, from.httpchk, from.rules
		s.optionAfter = from.optionAfter
		s.connect, s.timeout = from.connect, from.timeout
		s.defaults.options = maps.Clone(from.defaults.options)
	}
	if s.defaults.options == nil {
		s.defaults.options = make(map[string]string)
	}
	p.now = s
	if s.kind == "defaults" {
		p.defaults = append(p.defaults, s)
	} else {
		p.all = append(p.all, s)
	}
}

func (p *haproxyParser) setting(s *section, line int, words []string) {
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "mode":
		s.http = word(1) == "http"
	case "timeout":
		if word(1) != "check" && word(1) != "connect" {
			return
		}
		d, err := haproxyTime(word(2))
		if err != nil {
			p.at(line, "timeout %s: %v", word(1), err)
		}
		if word(1) == "check" {
			s.timeout = d
		} else {
			s.connect = d
		}
	case "option":
		if !slices.Contains(otherChecks, word(1)) {
			return
		}
		s.check, s.httpchk = word(1), nil
		if !s.ownRules {
			s.rules = nil // those of the defaults go with the defaults' option
		}
		s.optionAfter = len(s.rules)
		if word(1) == "httpchk" {
			s.httpchk = words[2:]
			if len(s.httpchk) > 4 {
				p.at(line, "option httpchk takes a method, a URI, a version and a host at the most; blanks within one need a backslash")
			}
		}
	case "http-check", "tcp-check":
		switch word(1) {
		case "comment", "set-var", "unset-var", "set-var-fmt", "":
			return
		}
		if !s.ownRules {
			s.rules, s.ownRules, s.optionAfter = nil, true, 0
		}
		s.rules = append(s.rules, checkRule{line, words[0], words[1:]})
	case "default-server":
		p.options(line, words[1:], s.defaults.options)
	case "server", "server-template":
		p.server(s, line, words)
	}
}

func (p *haproxyParser) server(s *section, line int, words []string) {
	first := 3
	if words[0] == "server-template" {
		first = 4
	}
	if len(words) < first {
		p.at(line, "%s needs a name and an address", words[0])
		return
	}
	srv := server{name: words[1], address: words[first-1], line: line, options: maps.Clone(s.defaults.options)}
	if first == 4 {
		srv.options["(template)"] = words[2]
	}
	p.options(line, words[first:], srv.options)
	s.servers = append(s.servers, srv)
}

// withValue are the keywords of a server line that are followed by a value.
var withValue = strings.Fields(`addr agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-proto check-sni ciphers
	ciphersuites client-sigalgs cookie crl-file crt curves downinter error-limit fall fastinter guid hash-key id init-addr init-state
	inter log-bufsize log-proto max-reuse maxconn maxqueue minconn namespace npn observe on-error on-marked-down on-marked-up
	pool-conn-name pool-low-conn pool-max-conn pool-purge-delay port proto proxy-v2-options redir resolve-net resolve-opts
	resolve-prefer resolvers rise shard sigalgs slowstart sni socks4 source interface usesrc ssl-max-ver ssl-min-ver tcp-md5sig
	tcp-ut track verify verifyhost weight ws`)

func (p *haproxyParser) options(line int, words []string, into map[string]string) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if negated, ok := strings.CutPrefix(word, "no-"); ok {
			delete(into, negated)
			if negated == "check-ssl" {
				into[word] = ""
			}
			continue
		}
		if !slices.Contains(withValue, word) {
			into[word] = ""
			delete(into, "no-"+word)
			continue
		}
		if i++; i == len(words) {
			p.at(line, "%s has no value", word)
			return
		}
		into[word] = words[i]
	}
}

func (p *haproxyParser) made(s *section, srv server) (Check, bool) {
	has := func(keyword string) bool { _, ok := srv.options[keyword]; return ok }
	if !has("check") {
		return Check{}, false
	}
	c := Check{Name: s.name + "/" + srv.name, Where: fmt.Sprintf("%s:%d", p.file, srv.line), Dialect: "haproxy-tcp"}
	if s.check == "httpchk" {
		c.Dialect = "haproxy"
	}
	p.timing(&c, s, srv)
	// A check to another address or port takes nothing over from the traffic's.
	apart := has("port") || has("addr")
	tls := has("check-ssl") || has("ssl") && !apart && !has("no-check-ssl")
	if sni, ok := srv.options["check-sni"]; ok {
		c.SNI = &sni
	}
	if has("check-send-proxy") || !apart && (has("send-proxy") || has("send-proxy-v2") || has("send-proxy-v2-ssl") || has("send-proxy-v2-ssl-cn")) {
		c.Proxy = "v1"
		if has("send-proxy-v2") || has("send-proxy-v2-ssl") || has("send-proxy-v2-ssl-cn") {
			c.Proxy = "v2-local"
		}
	}
	host, port, why := haproxyAddress(srv.address)
	if addr, ok := srv.options["addr"]; ok {
		other, otherPort, otherWhy := haproxyAddress(addr)
		host, why = other, otherWhy
		if otherPort != "" {
			port = otherPort
		}
	}
	port = cmp.Or(srv.options["port"], port)
	switch s.check {
	case "httpchk":
		p.httpCheck(&c, s, &tls, &port, &host)
	case "tcp-check":
		p.tcpCheck(&c, s, &tls, &port, &host)
	case "":
	case "external-check":
		c.note("option external-check runs a command on HAProxy's machine, which is not taken over: the probe only connects")
	default:
		c.note("option %s holds a dialogue of its own, which is not taken over: the probe only connects", s.check)
	}
	p.target(&c, srv, tls, host, port, why)
	for keyword, what := range map[string]string{"check-alpn": "ALPN", "check-proto": "the protocol", "proto": "the protocol", "check-via-socks4": "going by a SOCKS4 proxy", "source": "the source address", "namespace": "the network namespace", "crt": "the client certificate", "track": "tracking another server", "agent-check": "the agent check"} {
		if has(keyword) && !(keyword == "proto" && apart) {
			c.note("%s is not taken over: %s", what, strings.TrimSpace(keyword+" "+srv.options[keyword]))
		}
	}
	if has("disabled") && !has("enabled") {
		c.note("the server is disabled: HAProxy begins to ask it when somebody enables it")
	}
	slices.Sort(c.Notes)
	return c, true
}

// timing takes over how often and how long.
func (p *haproxyParser) timing(c *Check, s *section, srv server) {
	inter := srv.options["inter"]
	if inter != "" {
		d, err := haproxyTime(inter)
		if err != nil {
			p.at(srv.line, "inter: %v", err)
		}
		c.Interval = d
	}
	c.Healthy = p.number(&node{kind: isNumber, line: srv.line, text: srv.options["rise"]}, "rise", 1, 1<<20)
	c.Unhealthy = p.number(&node{kind: isNumber, line: srv.line, text: srv.options["fall"]}, "fall", 1, 1<<20)
	c.Timeout = s.timeout
	switch {
	case s.timeout == 0:
		c.Timeout = c.Interval // limits the whole check
	case s.connect != 0:
		c.note("connecting may take %v besides the %v of timeout check", min(s.connect, cmp.Or(c.Interval, 2*time.Second)), s.timeout)
	}
}

// target puts the URL together, if the address is known.
func (p *haproxyParser) target(c *Check, srv server, tls bool, host, port, why string) {
	c.Scheme = map[bool]map[bool]string{true: {true: "https", false: "http"}, false: {true: "tls", false: "tcp"}}[c.Dialect == "haproxy"][tls]
	if tls {
		verify := srv.options["verify"] != "none" && !(srv.options["verify"] == "" && p.noVerify)
		c.Verify = &verify
		if srv.options["verifyhost"] != "" {
			c.note("the certificate must be for %s: verifyhost is not taken over", srv.options["verifyhost"])
		}
		if srv.options["ca-file"] != "" && verify {
			c.note("the certificate must be signed by %s: ca-file is not taken over", srv.options["ca-file"])
		}
	} else {
		c.SNI = nil
	}
	if why == "" && port != "" {
		if strings.Contains(port, "$") || strings.HasPrefix(port, "+") || strings.HasPrefix(port, "-") {
			why = "its port is only known when HAProxy runs: " + port
		} else {
			c.Port = p.port(&node{line: srv.line, kind: isNumber, text: port}, "port")
		}
	}
	if many, ok := srv.options["(template)"]; ok {
		c.note("one of %s servers of a template", many)
	}
	switch {
	case why == "" && c.Port == 0:
		c.Why = "the server has no port of its own"
	case why != "":
		c.Why = why
	default:
		c.aim(host, c.Port)
	}
	if c.Why != "" {
		c.Why = printable(c.Why)
	}
}

// haproxyAddress takes an address apart; why says what makes it useless here.
func haproxyAddress(text string) (host, port, why string) {
	if strings.Contains(text, "$") {
		return "", "", "its address is only known when HAProxy runs: " + text
	}
	for _, prefix := range []string{"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"} {
		text = strings.TrimPrefix(text, prefix)
	}
	if strings.HasPrefix(text, "/") || strings.Contains(text, "@") {
		return "", "", "its address is no TCP address: " + text
	}
	host = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host, port = text[:i], text[i+1:]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || host == "*" || host == "0.0.0.0" || host == "::" {
		return "", port, "its address is that of the client's connection"
	}
	return host, port, ""
}
