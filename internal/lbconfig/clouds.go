package lbconfig

import (
	"cmp"
	"slices"
	"strings"
)

// googleCheck reads google_compute_health_check and its regional form.
func googleCheck(in *infrastructure, r *resource) []Check {
	c := in.check(r, "gcp")
	in.common(&c, r, block("", "check_interval_sec", "timeout_sec", "healthy_threshold", "unhealthy_threshold"))
	why := "which machines are asked is said by its backend services, not here"
	for _, kind := range []struct {
		block, scheme string
		port          uint16
	}{{"http_health_check", "http", 80}, {"https_health_check", "https", 443}, {"http2_health_check", "https", 443}, {"tcp_health_check", "tcp", 80}, {"ssl_health_check", "tls", 443}, {"grpc_health_check", "grpc", 0}, {"grpc_tls_health_check", "grpcs", 0}} {
		b := r.attributes.get(kind.block)
		if b == nil || b.kind == isList && len(b.items) == 0 {
			continue
		}
		value := func(name string) *node { return r.value(&c, kind.block, name) }
		c.Scheme = kind.scheme
		c.Port = cmp.Or(in.port(value("port"), kind.block+".port"), kind.port)
		switch value("port_specification").str() {
		case "USE_SERVING_PORT", "USE_NAMED_PORT":
			c.Port = 0
			c.note("the port is that of the backend: %s %s", value("port_specification").str(), value("port_name").str())
		}
		if kind.block == "http2_health_check" {
			c.Version = "2"
		}
		if strings.HasPrefix(kind.scheme, "http") {
			c.Path = value("request_path").str()
			if host := value("host").str(); host != "" {
				c.Host = &host
			}
		} else if value("request").str() != "" {
			c.note("what it sends over the bare connection is not taken over")
		}
		if c.Body = value("response").str(); c.Body != "" && !strings.HasPrefix(kind.scheme, "http") {
			c.Body = ""
			c.note("what it expects over the bare connection is not taken over")
		}
		if value("proxy_header").str() == "PROXY_V1" {
			c.Proxy = "v1"
		}
		c.GRPCService = value("grpc_service_name").str()
		break
	}
	if c.Scheme == "" {
		why = "its kind is not known here"
	}
	c.Why = why
	return []Check{c}
}

// googleLegacy reads the older google_compute_http_health_check and …https….
func googleLegacy(in *infrastructure, r *resource) []Check {
	c := in.check(r, "gcp")
	in.common(&c, r, block("", "check_interval_sec", "timeout_sec", "healthy_threshold", "unhealthy_threshold"))
	c.Scheme, c.Port = "http", 80
	if strings.Contains(r.kind, "https") {
		c.Scheme, c.Port = "https", 443
	}
	c.Port = cmp.Or(in.port(r.value(&c, "port"), "port"), c.Port)
	c.Path = r.value(&c, "request_path").str()
	if host := r.value(&c, "host").str(); host != "" {
		c.Host = &host
	}
	c.Why = "which machines are asked is said by its target pools, not here"
	return []Check{c}
}

// azureProbe reads azurerm_lb_probe.
func azureProbe(in *infrastructure, r *resource) []Check {
	c := in.check(r, "azure-lb")
	c.Scheme = strings.ToLower(cmp.Or(r.value(&c, "protocol").str(), "Tcp"))
	if !slices.Contains([]string{"http", "https", "tcp"}, c.Scheme) {
		in.at(r.attributes.get("protocol").lineOr(r.line), "protocol is %q: want Http, Https or Tcp", c.Scheme)
	}
	c.Port = in.port(r.value(&c, "port"), "port")
	if c.Scheme != "tcp" {
		c.Path = r.value(&c, "request_path").str()
	}
	in.common(&c, r, block("", "interval_in_seconds", "", "", "number_of_probes"))
	if n := in.number(r.value(&c, "probe_threshold"), "probe_threshold", 0, 100); n > 1 {
		c.Unhealthy, c.Healthy = n, n
	}
	c.Why = "the addresses of its backend pool are not in this file"
	return []Check{c}
}

func (n *node) lineOr(line int) int {
	if n == nil || n.line == 0 {
		return line
	}
	return n.line
}

// azureGateway reads the probes of azurerm_application_gateway.
func azureGateway(in *infrastructure, r *resource) []Check {
	var checks []Check
	probes := r.attributes.get("probe")
	for _, n := range probes.list() {
		one := &resource{kind: r.kind, address: r.address + "/" + n.get("name").str(), line: n.lineOr(r.line), attributes: n}
		c := in.check(one, "azure-appgw")
		c.Name = printable(c.Name)
		c.Scheme = strings.ToLower(cmp.Or(n.get("protocol").str(), "Http"))
		c.Path = n.get("path").str()
		c.Port = in.port(n.get("port"), "port")
		if host := n.get("host").str(); host != "" {
			c.Host = &host
		} else if n.get("pick_host_name_from_backend_http_settings").isTrue() {
			c.note("the Host is that of the backend's HTTP settings, which are not taken over")
		}
		in.common(&c, one, block("", "interval", "timeout", "", "unhealthy_threshold"))
		c.Matcher = strings.Join(texts(n.get("match", "status_code").list()), ",")
		c.Body = n.get("match", "body").str()
		if c.Body == "*" {
			c.Body = ""
		}
		for _, setting := range r.attributes.get("backend_http_settings").list() {
			if setting.get("probe_name").str() == n.get("name").str() && c.Port == 0 {
				c.Port = in.port(setting.get("port"), "port")
			}
		}
		addresses := make(map[string]uint16)
		for _, pool := range r.attributes.get("backend_address_pool").list() {
			for _, a := range append(texts(pool.get("ip_addresses").list()), texts(pool.get("fqdns").list())...) {
				addresses[a] = 0
			}
		}
		if pools := r.attributes.get("backend_address_pool").list(); len(pools) != 1 {
			addresses = nil // which pool goes with which probe is said by the rules
		}
		checks = append(checks, c.at(addresses, "the addresses that it asks are not certain from this file")...)
	}
	if r.unknown.get("probe").isTrue() {
		c := in.check(r, "azure-appgw")
		c.note("probe is not known until it is applied")
		c.Why = "its probes are not known until they are applied"
		checks = append(checks, c)
	}
	return checks
}

// azureFrontDoor reads azurerm_cdn_frontdoor_origin_group.
func azureFrontDoor(in *infrastructure, r *resource) []Check {
	if b := r.attributes.get("health_probe"); b == nil || b.kind == isList && len(b.items) == 0 {
		return nil
	}
	c := in.check(r, "azure-frontdoor")
	value := func(name string) *node { return r.value(&c, "health_probe", name) }
	c.Scheme = strings.ToLower(cmp.Or(value("protocol").str(), "Http"))
	c.Path, c.Method = value("path").str(), value("request_type").str()
	in.common(&c, r, block("health_probe", "interval_in_seconds", "", "", ""))
	c.Why = "its origins are resources of their own"
	return []Check{c}
}

// digitalOcean reads digitalocean_loadbalancer.
func digitalOcean(in *infrastructure, r *resource) []Check {
	if b := r.attributes.get("healthcheck"); b == nil || b.kind == isList && len(b.items) == 0 {
		return nil
	}
	c := in.check(r, "digitalocean")
	value := func(name string) *node { return r.value(&c, "healthcheck", name) }
	c.Scheme = strings.ToLower(value("protocol").str())
	if c.Scheme != "http" && c.Scheme != "https" && c.Scheme != "tcp" {
		c.note("the protocol %s of its health check is not known here", c.Scheme)
		c.Scheme = ""
	}
	c.Port = in.port(value("port"), "healthcheck.port")
	if c.Scheme != "tcp" {
		c.Path = value("path").str()
	}
	if r.value(&c, "enable_proxy_protocol").isTrue() {
		c.note("traffic comes with a PROXY header (enable_proxy_protocol); whether probes do is not taken over")
	}
	in.common(&c, r, block("healthcheck", "check_interval_seconds", "response_timeout_seconds", "healthy_threshold", "unhealthy_threshold"))
	droplets := in.addressesOf(texts(r.attributes.get("droplet_ids").list()), "digitalocean_droplet", "ipv4_address_private", "ipv4_address")
	return c.at(droplets, "the addresses of its droplets are not in this file")
}

// hetzner reads hcloud_load_balancer_service.
func hetzner(in *infrastructure, r *resource) []Check {
	c := in.check(r, "hetzner")
	value := func(path ...string) *node { return r.value(&c, append([]string{"health_check"}, path...)...) }
	c.Scheme = strings.ToLower(cmp.Or(value("protocol").str(), r.value(&c, "protocol").str()))
	if c.Scheme == "https" && value("protocol") == nil {
		c.Scheme = "http" // the service ends TLS itself
	}
	if c.Scheme == "http" && value("http", "tls").isTrue() {
		c.Scheme = "https"
	}
	c.Port = cmp.Or(in.port(value("port"), "health_check.port"), in.port(r.value(&c, "destination_port"), "destination_port"))
	if c.Scheme != "tcp" {
		c.Path, c.Body = value("http", "path").str(), value("http", "response").str()
		if domain := value("http", "domain").str(); domain != "" {
			c.Host = &domain
		}
		c.Matcher = hetznerCodes(texts(value("http", "status_codes").list()))
	}
	if r.value(&c, "proxyprotocol").isTrue() {
		c.note("traffic comes with a PROXY header (proxyprotocol); whether probes do is not taken over")
	}
	in.common(&c, r, block("health_check", "interval", "timeout", "", "retries"))
	c.Why = "the addresses of its targets are not in this file"
	return []Check{c}
}

// hetznerCodes makes ranges of patterns such as 2?? and 200.
func hetznerCodes(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	return codesWhere(func(code int) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			text := []byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)}
			if len(p) != 3 {
				return false
			}
			for i := range 3 {
				if p[i] != '?' && p[i] != '*' && p[i] != text[i] {
					return false
				}
			}
			return true
		})
	})
}

// cloudflare reads cloudflare_load_balancer_monitor.
func cloudflare(in *infrastructure, r *resource) []Check {
	c := in.check(r, "cloudflare")
	kind := strings.ToLower(cmp.Or(r.value(&c, "type").str(), "http"))
	switch kind {
	case "http", "https", "tcp":
		c.Scheme = kind
	default:
		c.note("a monitor of type %s is not taken over", kind)
	}
	c.Port = in.port(r.value(&c, "port"), "port")
	in.common(&c, r, block("", "interval", "timeout", "consecutive_up", "consecutive_down"))
	if c.Unhealthy == 0 {
		if n := in.number(r.value(&c, "retries"), "retries", 0, 100); n > 0 {
			c.note("a failure is tried again %d times at once (retries)", n)
		}
	}
	if c.Scheme != "tcp" {
		c.Method, c.Path = r.value(&c, "method").str(), r.value(&c, "path").str()
		c.Matcher = cloudflareCodes(r.value(&c, "expected_codes").str())
		c.Body = r.value(&c, "expected_body").str()
		if follow := r.value(&c, "follow_redirects"); follow != nil {
			is := follow.isTrue()
			c.Redirect = &is
		}
		if c.Scheme == "https" {
			verify := !r.value(&c, "allow_insecure").isTrue()
			c.Verify = &verify
		}
		cloudflareHeader(&c, r.value(&c, "header"))
	}
	c.Why = "the addresses that it asks are said by its pools, not here"
	return []Check{c}
}

// cloudflareHeader reads the header as versions 4 (blocks of header and values)
// and 5 (a mapping) of the provider have it.
func cloudflareHeader(c *Check, header *node) {
	for _, b := range header.list() {
		if name := b.get("header").str(); name != "" {
			for _, v := range texts(b.get("values").list()) {
				c.header(name + ":" + v)
			}
			continue
		}
		for _, name := range b.keysOf() {
			for _, v := range texts(b.get(name).list()) {
				c.header(name + ":" + v)
			}
		}
	}
}

func (n *node) keysOf() []string {
	if n == nil {
		return nil
	}
	return n.keys
}

// cloudflareCodes makes a matcher of 2xx, 200 and 200,3xx.
func cloudflareCodes(text string) string {
	if text == "" {
		return ""
	}
	var patterns []string
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if strings.Contains(part, "-") {
			return text
		}
		patterns = append(patterns, strings.ReplaceAll(strings.ToLower(part), "x", "?"))
	}
	return hetznerCodes(patterns)
}
