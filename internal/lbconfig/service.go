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
	var field string
	switch class := doc.get("spec", "loadBalancerClass").str(); {
	case has(awsPrefix) || strings.HasPrefix(class, "service.k8s.aws/"):
		field = m.awsService(&c, doc)
	case has(doPrefix):
		m.doService(&c, doc)
		field = m.localPolicy(&c, doc)
	case has(hetznerPrefix):
		m.hetznerService(&c, notes)
		field = m.localPolicy(&c, doc)
	case has(azurePrefix):
		return m.azureService(c, doc)
	default:
		return nil // nothing tells whose it is
	}
	c.needsPort(field)
	return []Check{c}
}

// needsPort notes that field of the service holds the port, if no port is known.
func (c *Check) needsPort(field string) {
	if c.Port == 0 {
		c.note("the port is the service's %s, which is not in this file", field)
	}
}

func isLocal(service *node) bool {
	return service.get("spec", "externalTrafficPolicy").str() == "Local"
}

// localPolicy is for externalTrafficPolicy: Local: unless told otherwise, the node
// is asked whether it has pods, on a port of its own. It returns the name of the
// field that holds the port.
func (m *manifests) localPolicy(c *Check, doc *node) (field string) {
	if !isLocal(doc) {
		return "nodePort"
	}
	c.Port = m.port(doc.get("spec", "healthCheckNodePort"), "healthCheckNodePort")
	c.note("externalTrafficPolicy is Local: unless annotations say otherwise, kube-proxy answers at healthCheckNodePort, path /healthz, whether the node has ready pods; the pods themselves are not asked")
	return "healthCheckNodePort"
}

// awsService returns the name of the service's field that holds the port.
func (m *manifests) awsService(c *Check, doc *node) (field string) {
	value := func(name string) *node { return doc.get("metadata", "annotations", awsPrefix+name) }
	kind := value("type").str()
	network := kind == "nlb" || kind == "nlb-ip" || kind == "external" || doc.get("spec", "loadBalancerClass").str() == "service.k8s.aws/nlb"
	protocol := strings.ToUpper(value("healthcheck-protocol").str())
	pods := kind == "nlb-ip" || value("nlb-target-type").str() == "ip"
	local := isLocal(doc) && !pods // pods are asked themselves, whatever the nodes do
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
	field = "nodePort"
	switch port := value("healthcheck-port"); {
	case port != nil && port.str() != "traffic-port":
		c.Port = m.port(port, "healthcheck-port")
	case pods:
		_, c.Port, _ = m.servicePort(doc, "")
		field = "targetPort"
	case port == nil:
		field = m.localPolicy(c, doc)
	}
	c.Interval, c.Timeout = m.seconds(value("healthcheck-interval"), 0), m.seconds(value("healthcheck-timeout"), 0)
	c.Healthy = m.number(value("healthcheck-healthy-threshold"), "healthy-threshold", 0, 1000)
	c.Unhealthy = m.number(value("healthcheck-unhealthy-threshold"), "unhealthy-threshold", 0, 1000)
	if value("proxy-protocol").str() == "*" && !network {
		c.note("traffic comes with a PROXY header; whether probes do is not taken over")
	}
	return field
}

func (m *manifests) doService(c *Check, doc *node) {
	value := func(name string) *node { return doc.get("metadata", "annotations", doPrefix+name) }
	unsaid := map[bool]string{true: "http", false: "tcp"}[value("healthcheck-path").str() != ""]
	c.Dialect, c.Scheme = "digitalocean", cmp.Or(strings.ToLower(value("healthcheck-protocol").str()), unsaid)
	if !slices.Contains([]string{"http", "https", "tcp"}, c.Scheme) {
		m.at(value("healthcheck-protocol").line, "%shealthcheck-protocol is %q: want tcp, http or https", doPrefix, c.Scheme)
	}
	if c.Scheme != "tcp" {
		c.Path = cmp.Or(value("healthcheck-path").str(), "/")
	}
	if of := value("healthcheck-port"); of != nil { // a port of the service, which stands for its nodePort
		port, _, _ := m.servicePort(doc, of.str())
		c.Port = m.port(port.get("nodePort"), "nodePort")
	}
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
		unsaid, path := cmp.Or(strings.ToLower(port.get("appProtocol").str()), "tcp"), "/"
		if isLocal(doc) {
			unsaid, path = "http", "/healthz"
		}
		one.Dialect, one.Scheme = "azure-lb", cmp.Or(strings.ToLower(value("protocol").str()), unsaid)
		if !slices.Contains([]string{"http", "https", "tcp"}, one.Scheme) {
			one.note("the protocol %s of its probe is not known here", one.Scheme)
			one.Scheme = ""
		}
		if one.Scheme == "http" || one.Scheme == "https" {
			one.Path = cmp.Or(value("request-path").str(), path)
		}
		one.Port = m.port(port.get("nodePort"), "nodePort")
		if p := value("port"); p != nil && strings.Trim(p.str(), "0123456789") == "" {
			one.Port = m.port(p, "health-probe port")
		}
		one.Interval = m.seconds(value("interval"), 0)
		one.Unhealthy = m.number(value("num-of-probe"), "num-of-probe", 0, 1000)
		one.needsPort(m.localPolicy(&one, doc))
		checks = append(checks, one)
	}
	return checks
}
