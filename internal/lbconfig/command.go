package lbconfig

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ask takes over what a command asks: the first of its commands that talks over
// the network. It reports the host it asks and whether there is such a command.
func (c *Check) ask(words []string) (host string, ok bool) {
	var one []string
	var after []string
	for i, w := range append(slices.Clone(words), "\x00;") {
		if !strings.HasPrefix(w, "\x00") {
			one = append(one, w)
			continue
		}
		if host, ok = c.askOne(one); ok {
			if i < len(words) {
				after = words[i:]
			}
			break
		}
		one = nil
	}
	if !ok {
		return "", false
	}
	c.consider(after)
	return host, true
}

// consider tells what becomes of the answer behind the command that asked.
func (c *Check) consider(after []string) {
	if len(after) < 2 {
		return
	}
	rest := strings.ReplaceAll(strings.Join(after, " "), "\x00", "")
	switch {
	case after[0] == "\x00||" && (after[1] == "exit" || after[1] == "false" || after[1] == "kill"):
		return // fails as the command itself does
	case after[0] == "\x00||" && (after[1] == "true" || after[1] == ":"):
		c.note("the command passes whatever comes (%s): a check that cannot fail", rest)
		return
	}
	c.note("what the command does with the answer is not taken over: %s", rest)
}

// askOne takes over one command, words without operators.
func (c *Check) askOne(words []string) (host string, ok bool) {
	for len(words) > 0 {
		switch {
		case strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-"), words[0] == "!" || words[0] == "exec" || words[0] == "if" || words[0] == "then" || words[0] == "env":
			words = words[1:]
			continue
		case words[0] == "timeout" && len(words) > 2 && !strings.HasPrefix(words[1], "-"):
			words = words[2:]
			continue
		case slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(words[0])) && len(words) > 2 && strings.HasPrefix(words[1], "-") && strings.HasSuffix(words[1], "c"):
			return c.ask(shellWords(words[2], func(string) (string, bool) { return "", false }))
		}
		break
	}
	if len(words) < 2 {
		return "", false
	}
	switch path.Base(words[0]) {
	case "curl":
		return c.curl(words[1:])
	case "wget":
		return c.wget(words[1:])
	case "nc", "ncat", "netcat":
		return c.netcat(words[1:])
	case "grpc_health_probe", "grpc-health-probe":
		return c.grpcProbe(words[1:])
	}
	return "", false
}

// ofURL takes a URL over.
func (c *Check) ofURL(text string) (host string, ok bool) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.note("its URL can't be read: %s", text)
		return "", false
	}
	port := map[string]uint16{"http": 80, "https": 443}[u.Scheme]
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", false
		}
		port = uint16(n)
	}
	c.Scheme, c.Port, c.Path = u.Scheme, port, u.RequestURI()
	field := u.Host
	if c.Host == nil {
		c.Host = &field
	}
	if u.Scheme == "https" && c.SNI == nil && !isAddress(u.Hostname()) {
		name := u.Hostname()
		c.SNI = &name
	}
	if u.User != nil {
		c.note("the user and password in its URL are not taken over")
	}
	return u.Hostname(), true
}

// flagReader reads a program's flags: long ones with = or a word behind, short
// ones together and with their value in the same word.
func flagReader(words []string, valued string, long map[string]bool, do func(flag, value string)) (rest []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		next := func() string {
			if i+1 < len(words) {
				i++
				return words[i]
			}
			return ""
		}
		switch {
		case w == "--":
			return append(rest, words[i+1:]...)
		case strings.HasPrefix(w, "--"):
			name, value, has := strings.Cut(w, "=")
			if !has && long[name] {
				value = next()
			}
			do(name, value)
		case strings.HasPrefix(w, "-") && len(w) > 1:
			for j := 1; j < len(w); j++ {
				flag := "-" + w[j:j+1]
				if strings.IndexByte(valued, w[j]) < 0 {
					do(flag, "")
					continue
				}
				value := w[j+1:]
				if value == "" {
					value = next()
				}
				do(flag, value)
				break
			}
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

func seconds(text string) time.Duration {
	text = strings.TrimSuffix(text, "s")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f <= 0 || f > 86400 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

func (c *Check) header(line string) {
	name, value, ok := strings.Cut(line, ":")
	if value = strings.TrimSpace(value); !ok || name == "" {
		return
	}
	if strings.EqualFold(name, "Host") {
		c.Host = &value
		return
	}
	if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") {
		c.note("the field %s is taken over, and holds a secret perhaps", name)
	}
	c.Headers = append(c.Headers, Field{name, value})
}

// curl takes over what curl's options ask (its manual). Without -f any answer
// passes.
func (c *Check) curl(words []string) (string, bool) {
	var text string
	fails, follow, insecure := false, false, false
	long := map[string]bool{}
	for _, name := range strings.Fields("--header --request --url --max-time --connect-timeout --user-agent --user --data --data-raw --data-binary --output --write-out --retry --retry-delay --retry-max-time --resolve --connect-to --unix-socket --cacert --cert --key --interface --proxy --noproxy --referer --cookie --max-redirs --form --range --config --oauth2-bearer") {
		long[name] = true
	}
	rest := flagReader(words, "HXmAudowbeEFrKxTCQyYcDPtUzh", long, func(flag, value string) {
		switch flag {
		case "-f", "--fail", "--fail-with-body":
			fails = true
		case "-L", "--location":
			follow = true
		case "-k", "--insecure":
			insecure = true
		case "-I", "--head":
			c.Method = "HEAD"
		case "-X", "--request":
			c.Method = value
		case "-H", "--header":
			c.header(value)
		case "-A", "--user-agent":
			c.header("User-Agent: " + value)
		case "-e", "--referer":
			c.header("Referer: " + value)
		case "-m", "--max-time":
			c.Timeout = cmp.Or(seconds(value), c.Timeout)
		case "-d", "--data", "--data-raw", "--data-binary":
			c.SendBody, c.Method = value, cmp.Or(c.Method, "POST")
		case "--url":
			text = value
		case "-0", "--http1.0":
			c.Version = "1.0"
		case "--http1.1":
			c.Version = "1.1"
		case "--http2", "--http2-prior-knowledge":
			c.Version = "2"
		case "--haproxy-protocol":
			c.Proxy = "v1"
		case "-u", "--user", "--oauth2-bearer":
			c.note("curl's %s (credentials) is not taken over", flag)
		case "--resolve", "--connect-to", "--unix-socket", "-x", "--proxy", "-K", "--config", "--cert", "-E", "--key", "--cacert", "-F", "--form", "-b", "--cookie", "-T", "--interface":
			c.note("curl's %s is not taken over", flag)
		case "-w", "--write-out":
			c.note("what curl writes of the answer (-w) is not looked at")
		}
	})
	if text == "" && len(rest) > 0 {
		text = rest[0]
	}
	if text == "" {
		return "", false
	}
	c.Matcher = "100-599"
	if fails {
		c.Matcher = "100-399"
	} else {
		c.note("curl without -f passes on any answer, 500 as well")
	}
	c.Redirect = &follow
	host, ok := c.ofURL(text)
	c.secure(insecure)
	return host, ok
}

func (c *Check) secure(insecure bool) {
	if c.Scheme == "https" {
		verify := !insecure
		c.Verify = &verify
	}
}

// wget takes over what wget's options ask, GNU's and BusyBox's. It follows
// redirects and fails from 400 on.
func (c *Check) wget(words []string) (string, bool) {
	follow, insecure := true, false
	long := map[string]bool{}
	for _, name := range strings.Fields("--tries --timeout --header --user-agent --output-document --output-file --user --password --post-data --method --body-data --max-redirect --ca-certificate --certificate --private-key") {
		long[name] = true
	}
	rest := flagReader(words, "OoTtUPYe", long, func(flag, value string) {
		switch flag {
		case "--spider":
			c.Method = "HEAD"
			c.note("wget --spider asks with HEAD if it is GNU's; BusyBox's asks with GET up to version 1.36")
		case "--header":
			c.header(value)
		case "-U", "--user-agent":
			c.header("User-Agent: " + value)
		case "-T", "--timeout":
			c.Timeout = cmp.Or(seconds(value), c.Timeout)
		case "--no-check-certificate":
			insecure = true
		case "--post-data", "--body-data":
			c.SendBody, c.Method = value, cmp.Or(c.Method, "POST")
		case "--method":
			c.Method = value
		case "--max-redirect":
			follow = value != "0"
		case "--user", "--password", "--certificate", "--private-key", "--ca-certificate":
			c.note("wget's %s is not taken over", flag)
		}
	})
	if len(rest) == 0 {
		return "", false
	}
	c.Matcher, c.Redirect = "100-399", &follow
	host, ok := c.ofURL(rest[0])
	c.secure(insecure)
	return host, ok
}

// netcat takes over nc -z HOST PORT: a connect.
func (c *Check) netcat(words []string) (string, bool) {
	rest := flagReader(words, "wipsXxqI", nil, func(flag, value string) {
		if flag == "-w" {
			c.Timeout = cmp.Or(seconds(value), c.Timeout)
		}
	})
	if len(rest) < 2 {
		return "", false
	}
	n, err := strconv.ParseUint(rest[1], 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	c.Scheme, c.Port = "tcp", uint16(n)
	return rest[0], true
}

// grpcProbe takes over grpc_health_probe, whose flags take one dash or two.
func (c *Check) grpcProbe(words []string) (string, bool) {
	c.Scheme = "grpc"
	var addr string
	insecure := false
	for i := 0; i < len(words); i++ {
		name, value, has := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		takes := slices.Contains([]string{"addr", "service", "connect-timeout", "rpc-timeout", "tls-server-name", "tls-ca-cert", "tls-client-cert", "tls-client-key", "user-agent", "rpc-header"}, name)
		if takes && !has && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch name {
		case "addr":
			addr = value
		case "service":
			c.GRPCService = value
		case "tls":
			c.Scheme = "grpcs"
		case "tls-no-verify":
			insecure = true
		case "tls-server-name":
			c.SNI = &value
		case "rpc-timeout":
			c.Timeout = cmp.Or(seconds(value), c.Timeout)
		}
	}
	host, port, ok := strings.Cut(addr, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 {
		c.Scheme = ""
		return "", false
	}
	if c.Port = uint16(n); c.Scheme == "grpcs" {
		verify := !insecure
		c.Verify = &verify
	}
	return cmp.Or(host, "localhost"), true
}

// inside reports whether a container's command means the container itself by the
// host it asks.
func inside(host string) bool {
	return slices.Contains([]string{"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "$HOSTNAME", "${HOSTNAME}"}, strings.ToLower(host)) ||
		strings.EqualFold(host, "$(hostname)")
}
