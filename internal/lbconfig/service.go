package lbconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	awsPrefix     = "service.beta.kubernetes.io/aws-load-balancer-"
	doPrefix      = "service.beta.kubernetes.io/do-loadbalancer-"
	hetznerPrefix = "load-balancer.hetzner.cloud/"
	azurePrefix   = "service.beta.kubernetes.io/azure-load-balancer-"
)

// service reads what the annotations of a Service of type LoadBalancer say of the
// cloud's health check; which cloud it is, they tell by their names.
func (m *manifests) service(doc *node) []Check {
	if doc.get("spec", "type").str() != "LoadBalancer" {
		return nil
	}
	notes := doc.get("metadata", "annotations")
	has := func(prefix string) bool {
		return slices.ContainsFunc(notes.keysOf(), func(k string) bool { return strings.HasPrefix(k, prefix) })
	}
	c := Check{Name: nameOf(doc), Where: fmt.Sprintf("%s:%d", m.file, doc.get("metadata").lineOr(doc.line)),
		Why: "the addresses of nodes and pods are only known in the cluster"}
	port, _, _ := m.servicePort(doc, "")
	c.Port = m.port(port.get("nodePort"), "nodePort")
	switch class := doc.get("spec", "loadBalancerClass").str(); {
	case has(awsPrefix) || strings.HasPrefix(class, "service.k8s.aws/"):
		m.awsService(&c, doc)
	case has(doPrefix):
		m.doService(&c, notes)
	case has(hetznerPrefix):
		m.hetznerService(&c, notes)
	case has(azurePrefix):
		return m.azureService(c, doc)
	default:
		return nil // nothing tells whose it is
	}
	m.localPolicy(&c, doc)
	if c.Port == 0 {
		c.note("the port is the service's nodePort, which is not in this file")
	}
	return []Check{c}
}

// localPolicy is for externalTrafficPolicy: Local: unless told otherwise, the node
// is asked whether it has pods, on a port of its own.
func (m *manifests) localPolicy(c *Check, doc *node) {
	if doc.get("spec", "externalTrafficPolicy").str() != "Local" {
		return
	}
	if p := m.port(doc.get("spec", "healthCheckNodePort"), "healthCheckNodePort"); p != 0 {
		c.Port = p
	}
	c.note("externalTrafficPolicy is Local: unless annotations say otherwise, kube-proxy answers at healthCheckNodePort, path /healthz, whether the node has ready pods; the pods themselves are not asked")
}

func (m *manifests) awsService(c *Check, doc *node) {
	value := func(name string) *node { return doc.get("metadata", "annotations", awsPrefix+name) }
	kind := value("type").str()
	network := kind == "nlb" || kind == "nlb-ip" || kind == "external" || doc.get("spec", "loadBalancerClass").str() == "service.k8s.aws/nlb"
	protocol := strings.ToUpper(value("healthcheck-protocol").str())
	local := doc.get("spec", "externalTrafficPolicy").str() == "Local"
	if protocol == "" {
		protocol = map[bool]string{true: "HTTP", false: "TCP"}[local]
	}
	c.Dialect, c.Scheme = "elb", map[string]string{"HTTP": "http", "HTTPS": "https", "TCP": "tcp", "SSL": "tls"}[protocol]
	if c.Scheme == "" {
		m.at(value("healthcheck-protocol").lineOr(doc.line), "%shealthcheck-protocol is %q: want TCP, HTTP or HTTPS", awsPrefix, protocol)
	}
	if network {
		c.Dialect = map[bool]string{true: "nlb-tcp", false: "nlb"}[protocol == "TCP"]
	}
	if protocol == "HTTP" || protocol == "HTTPS" {
		c.Path = cmp.Or(value("healthcheck-path").str(), map[bool]string{true: "/healthz", false: "/"}[local])
		c.Matcher = value("healthcheck-success-codes").str()
	}
	if port := value("healthcheck-port"); port != nil && port.str() != "traffic-port" {
		c.Port = m.port(port, "healthcheck-port")
	} else if kind == "nlb-ip" || value("nlb-target-type").str() == "ip" {
		_, c.Port, _ = m.servicePort(doc, "")
	}
	c.Interval, c.Timeout = m.seconds(value("healthcheck-interval"), 0), m.seconds(value("healthcheck-timeout"), 0)
	c.Healthy = m.number(value("healthcheck-healthy-threshold"), "healthy-threshold", 0, 1000)
	c.Unhealthy = m.number(value("healthcheck-unhealthy-threshold"), "unhealthy-threshold", 0, 1000)
	if value("proxy-protocol").str() == "*" && !network {
		c.note("traffic comes with a PROXY header; whether probes do is not taken over")
	}
}

func (m *manifests) doService(c *Check, notes *node) {
	value := func(name string) *node { return notes.get(doPrefix + name) }
	c.Dialect, c.Scheme = "digitalocean", cmp.Or(strings.ToLower(value("healthcheck-protocol").str()), "tcp")
	if !slices.Contains([]string{"http", "https", "tcp"}, c.Scheme) {
		m.at(value("healthcheck-protocol").line, "%shealthcheck-protocol is %q: want tcp, http or https", doPrefix, c.Scheme)
	}
	if c.Scheme != "tcp" {
		c.Path = cmp.Or(value("healthcheck-path").str(), "/")
	}
	c.Port = cmp.Or(m.port(value("healthcheck-port"), "healthcheck-port"), c.Port)
	c.Interval, c.Timeout = m.seconds(value("healthcheck-check-interval-seconds"), 0), m.seconds(value("healthcheck-response-timeout-seconds"), 0)
	c.Healthy = m.number(value("healthcheck-healthy-threshold"), "healthy-threshold", 0, 1000)
	c.Unhealthy = m.number(value("healthcheck-unhealthy-threshold"), "unhealthy-threshold", 0, 1000)
}

func (m *manifests) hetznerService(c *Check, notes *node) {
	value := func(name string) *node { return notes.get(hetznerPrefix + name) }
	duration := func(name string) time.Duration {
		n := value(name)
		return m.dockerTime(n.lineOr(0), hetznerPrefix+name, n.str()) // Go's own notation too
	}
	c.Dialect, c.Scheme = "hetzner", cmp.Or(strings.ToLower(value("health-check-protocol").str()), "tcp")
	if !slices.Contains([]string{"http", "https", "tcp"}, c.Scheme) {
		m.at(value("health-check-protocol").line, "%shealth-check-protocol is %q: want tcp, http or https", hetznerPrefix, c.Scheme)
	}
	if c.Scheme != "tcp" {
		c.Path = value("health-check-http-path").str()
		if domain := value("health-check-http-domain").str(); domain != "" {
			c.Host = &domain
		}
		c.Matcher = hetznerCodes(strings.Split(value("health-check-http-status-codes").str(), ","))
		if v := value("health-check-http-validate-certificate"); v != nil && c.Scheme == "https" {
			is := v.isTrue()
			c.Verify = &is
		}
	}
	c.Port = cmp.Or(m.port(value("health-check-port"), "health-check-port"), c.Port)
	c.Interval, c.Timeout = duration("health-check-interval"), duration("health-check-timeout")
	c.Unhealthy = m.number(value("health-check-retries"), "retries", 0, 1000)
}

// azureService makes one Check for each port: annotations may be for one of them.
func (m *manifests) azureService(c Check, doc *node) (checks []Check) {
	notes := doc.get("metadata", "annotations")
	for _, port := range doc.get("spec", "ports").list() {
		number := port.get("port").str()
		value := func(name string) *node {
			return cmp.Or(notes.get("service.beta.kubernetes.io/port_"+number+"_health-probe_"+name), notes.get(azurePrefix+"health-probe-"+name))
		}
		one := c
		one.Name += "/" + printable(number)
		one.Dialect, one.Scheme = "azure-lb", cmp.Or(strings.ToLower(value("protocol").str()), strings.ToLower(port.get("appProtocol").str()), "tcp")
		if !slices.Contains([]string{"http", "https", "tcp"}, one.Scheme) {
			one.note("the protocol %s of its probe is not known here", one.Scheme)
			one.Scheme = ""
		}
		if one.Scheme == "http" || one.Scheme == "https" {
			one.Path = cmp.Or(value("request-path").str(), "/")
		}
		one.Port = m.port(port.get("nodePort"), "nodePort")
		if p := value("port"); p != nil && strings.Trim(p.str(), "0123456789") == "" {
			one.Port = m.port(p, "health-probe port")
		}
		one.Interval = m.seconds(value("interval"), 0)
		one.Unhealthy = m.number(value("num-of-probe"), "num-of-probe", 0, 1000)
		m.localPolicy(&one, doc)
		if one.Port == 0 {
			one.note("the port is the service's nodePort, which is not in this file")
		}
		checks = append(checks, one)
	}
	return checks
}
