package lbconfig

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// common takes over what most health_check blocks have.
func (in *infrastructure) common(c *Check, r *resource, names map[string][]string) {
	number := func(what string, low, high int) int {
		path, ok := names[what]
		if !ok {
			return 0
		}
		return in.number(r.value(c, path...), strings.Join(path, "."), low, high)
	}
	c.Interval = time.Duration(number("interval", 0, 86400)) * time.Second
	c.Timeout = time.Duration(number("timeout", 0, 86400)) * time.Second
	c.Healthy, c.Unhealthy = number("healthy", 0, 1000), number("unhealthy", 0, 1000)
}

// block names the attributes within a block.
func block(name, interval, timeout, healthy, unhealthy string) map[string][]string {
	names := make(map[string][]string)
	for what, attribute := range map[string]string{"interval": interval, "timeout": timeout, "healthy": healthy, "unhealthy": unhealthy} {
		switch {
		case attribute == "":
		case name == "":
			names[what] = []string{attribute}
		default:
			names[what] = []string{name, attribute}
		}
	}
	return names
}

// awsTargetGroup reads aws_lb_target_group. What is attached to it in the same
// file is asked, where its address is known.
func awsTargetGroup(in *infrastructure, r *resource) []Check {
	c := in.check(r, "alb")
	check := func(name string) *node { return r.value(&c, "health_check", name) }
	group := strings.ToUpper(r.value(&c, "protocol").str())
	if enabled := check("enabled"); enabled != nil && !enabled.isTrue() {
		c.Dialect = ""
		c.Why = "its health check is switched off"
		return []Check{c}
	}
	protocol := strings.ToUpper(check("protocol").str())
	targetType := r.value(&c, "target_type").str()
	grpc := strings.EqualFold(r.value(&c, "protocol_version").str(), "GRPC")
	switch group {
	case "HTTP", "HTTPS":
		protocol = cmp.Or(protocol, "HTTP")
	case "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC":
		c.Dialect, protocol = "nlb", cmp.Or(protocol, "TCP")
	case "":
		protocol = cmp.Or(protocol, "HTTP")
	}
	switch {
	case targetType == "lambda":
		c.Why = "its target is a function, which is called, not asked over the network"
		return []Check{c}
	case protocol == "TCP":
		c.Dialect, c.Scheme = "nlb-tcp", "tcp"
	case grpc:
		c.Dialect, c.Scheme = "alb-grpc", map[bool]string{true: "grpcs", false: "grpc"}[protocol == "HTTPS"]
	case protocol == "HTTP" || protocol == "HTTPS":
		c.Scheme = strings.ToLower(protocol)
	default:
		c.note("the protocol %s of its health check is not known here", protocol)
	}
	if c.Scheme != "tcp" {
		c.Path, c.Matcher = check("path").str(), check("matcher").str()
	}
	in.common(&c, r, block("health_check", "interval", "timeout", "healthy_threshold", "unhealthy_threshold"))
	traffic := in.port(r.value(&c, "port"), "port")
	if port := check("port"); port != nil && port.str() != "traffic-port" {
		c.Port = in.port(port, "health_check.port")
	}
	targets := in.attached(r)
	for address, port := range targets {
		targets[address] = cmp.Or(port, traffic)
	}
	checks := c.at(targets, "the addresses of its targets are not in this file")
	if len(targets) == 0 && checks[0].Port == 0 {
		checks[0].Port = traffic
	}
	return checks
}

// attached finds the targets that are registered with a group.
func (in *infrastructure) attached(group *resource) map[string]uint16 {
	found := make(map[string]uint16)
	arn := cmp.Or(group.attributes.get("arn").str(), group.attributes.get("id").str())
	for i := range in.resources {
		r := &in.resources[i]
		if r.kind != "aws_lb_target_group_attachment" && r.kind != "aws_alb_target_group_attachment" {
			continue
		}
		if arn == "" || r.attributes.get("target_group_arn").str() != arn {
			continue
		}
		port := in.port(r.attributes.get("port"), "port")
		for address := range in.addressesOf([]string{r.attributes.get("target_id").str()}, "aws_instance", "private_ip") {
			found[address] = port
		}
	}
	return found
}

// awsClassic reads aws_elb, whose target is one string: HTTP:8000/health.
func awsClassic(in *infrastructure, r *resource) []Check {
	c := in.check(r, "elb")
	target := r.value(&c, "health_check", "target")
	if target == nil {
		return nil
	}
	protocol, rest, ok := strings.Cut(target.str(), ":")
	digits, path, hasPath := strings.Cut(rest, "/")
	port, err := strconv.ParseUint(digits, 10, 16)
	scheme := map[string]string{"HTTP": "http", "HTTPS": "https", "TCP": "tcp", "SSL": "tls"}[strings.ToUpper(protocol)]
	if !ok || err != nil || port == 0 || scheme == "" || hasPath != strings.HasPrefix(scheme, "http") {
		in.at(target.line, "health_check.target is %q: want HTTP:80/path, HTTPS:443/path, TCP:80 or SSL:443", target.str())
		return nil
	}
	c.Scheme, c.Port = scheme, uint16(port)
	if hasPath {
		c.Path = "/" + path
	}
	in.common(&c, r, block("health_check", "interval", "timeout", "healthy_threshold", "unhealthy_threshold"))
	return c.at(in.addressesOf(texts(r.attributes.get("instances").list()), "aws_instance", "private_ip"), "the addresses of its instances are not in this file")
}

// awsRoute53 reads aws_route53_health_check, which knows whom it asks.
func awsRoute53(in *infrastructure, r *resource) []Check {
	c := in.check(r, "route53")
	kind := strings.ToUpper(r.value(&c, "type").str())
	name, address := r.value(&c, "fqdn").str(), r.value(&c, "ip_address").str()
	switch {
	case strings.HasPrefix(kind, "HTTPS"):
		c.Scheme = "https"
		if sni := r.value(&c, "enable_sni"); sni != nil && !sni.isTrue() {
			c.SNI = new(string)
		} else if name != "" {
			c.SNI = &name
		}
	case strings.HasPrefix(kind, "HTTP"):
		c.Scheme = "http"
	case kind == "TCP":
		c.Scheme = "tcp"
	default:
		c.Dialect = ""
		c.Why = "it asks nobody over the network: type " + printable(kind)
		return []Check{c}
	}
	if strings.HasPrefix(c.Scheme, "http") {
		c.Path = r.value(&c, "resource_path").str()
		if c.Path != "" && !strings.HasPrefix(c.Path, "/") {
			c.Path = "/" + c.Path
		}
	}
	if strings.HasSuffix(kind, "_STR_MATCH") {
		c.Body = r.value(&c, "search_string").str()
	}
	in.common(&c, r, block("", "request_interval", "", "", "failure_threshold"))
	c.Port = in.port(r.value(&c, "port"), "port")
	if c.Port == 0 {
		c.Port = map[string]uint16{"http": 80, "https": 443}[c.Scheme]
	}
	if r.value(&c, "invert_healthcheck").isTrue() {
		c.note("its result is inverted: a failure counts as healthy")
	}
	if name != "" && address != "" {
		host := name
		if c.Port != map[string]uint16{"http": 80, "https": 443}[c.Scheme] {
			host += ":" + strconv.Itoa(int(c.Port))
		}
		c.Host = &host
	}
	if c.Target = targetURL(c.Scheme, cmp.Or(address, name), c.Port, c.Path); c.Target == "" || c.Port == 0 {
		c.Target, c.Why = "", "its address is not known"
	}
	return []Check{c}
}
