package lbconfig

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// backend is a service that an Ingress sends to.
type backend struct {
	service, port string
	line          int
	hosts         []string // of the rules that lead to it
}

// backends lists each once (networking.k8s.io/v1, and the older form).
func backends(doc *node) (all []backend) {
	add := func(b *node, host string) {
		one := backend{service: b.get("service", "name").str(), port: cmp.Or(b.get("service", "port", "number").str(), b.get("service", "port", "name").str()), line: b.lineOr(0)}
		if one.service == "" {
			one.service, one.port = b.get("serviceName").str(), b.get("servicePort").str()
		}
		if one.service == "" || one.port == "use-annotation" {
			return
		}
		i := slices.IndexFunc(all, func(o backend) bool { return o.service == one.service && o.port == one.port })
		if i < 0 {
			all, i = append(all, one), len(all)
		}
		if host != "" && !slices.Contains(all[i].hosts, host) {
			all[i].hosts = append(all[i].hosts, host)
		}
	}
	add(cmp.Or(doc.get("spec", "defaultBackend"), doc.get("spec", "backend")), "")
	for _, rule := range doc.get("spec", "rules").list() {
		for _, path := range rule.get("http", "paths").list() {
			add(path.get("backend"), rule.get("host").str())
		}
	}
	return all
}

// ingress finds what probes the backends of an Ingress: that depends on who
// serves its class.
func (m *manifests) ingress(doc *node) (checks []Check) {
	notes := doc.get("metadata", "annotations")
	class := cmp.Or(doc.get("spec", "ingressClassName").str(), notes.get("kubernetes.io/ingress.class").str())
	has := func(prefix string) bool {
		return slices.ContainsFunc(notes.keysOf(), func(k string) bool { return strings.HasPrefix(k, prefix) })
	}
	for _, b := range backends(doc) {
		c := Check{Name: nameOf(doc) + "/" + printable(b.service), Where: fmt.Sprintf("%s:%d", m.file, doc.get("metadata").lineOr(doc.line))}
		service := m.serviceNamed(b.service, doc.get("metadata", "namespace").str())
		switch {
		case class == "alb" || strings.Contains(class, "aws-alb") || class == "" && has("alb.ingress.kubernetes.io/"):
			m.albIngress(&c, doc, service, b)
		case strings.HasPrefix(class, "gce") || class == "" && (has("networking.gke.io/") || m.backendConfig(service, b) != nil):
			m.gceIngress(&c, service, b)
		default:
			m.passive(&c, class, service, b)
		}
		checks = append(checks, c)
	}
	return checks
}

const albPrefix = "alb.ingress.kubernetes.io/"

// albIngress reads the annotations of the AWS Load Balancer Controller; those of
// the Service win over the Ingress's.
func (m *manifests) albIngress(c *Check, doc, service *node, b backend) {
	value := func(name string) *node {
		return cmp.Or(service.get("metadata", "annotations", albPrefix+name), doc.get("metadata", "annotations", albPrefix+name))
	}
	c.Dialect = "alb"
	protocol := strings.ToUpper(cmp.Or(value("healthcheck-protocol").str(), value("backend-protocol").str(), "HTTP"))
	if protocol != "HTTP" && protocol != "HTTPS" {
		m.at(value("healthcheck-protocol").lineOr(doc.line), "%shealthcheck-protocol is %q: want HTTP or HTTPS", albPrefix, protocol)
	}
	c.Scheme = strings.ToLower(protocol)
	c.Path = cmp.Or(value("healthcheck-path").str(), "/")
	c.Matcher = value("success-codes").str()
	if version := strings.ToUpper(value("backend-protocol-version").str()); version == "GRPC" {
		c.Dialect, c.Scheme = "alb-grpc", map[string]string{"http": "grpc", "https": "grpcs"}[c.Scheme]
		c.Path = cmp.Or(value("healthcheck-path").str(), "/AWS.ALB/healthcheck")
	}
	c.Interval = m.seconds(value("healthcheck-interval-seconds"), 15)
	c.Timeout = m.seconds(value("healthcheck-timeout-seconds"), 5)
	c.Healthy = cmp.Or(m.number(value("healthy-threshold-count"), "healthy-threshold-count", 0, 1000), 2)
	c.Unhealthy = cmp.Or(m.number(value("unhealthy-threshold-count"), "unhealthy-threshold-count", 0, 1000), 2)
	port, target, container := m.servicePort(service, b.port)
	byIP := value("target-type").str() == "ip"
	switch p := value("healthcheck-port"); {
	case p != nil && p.str() != "traffic-port" && strings.Trim(p.str(), "0123456789") == "":
		c.Port = m.port(p, "healthcheck-port")
	case p != nil && p.str() != "traffic-port" && container != nil:
		c.Port = m.portOf(c, container, p)
	case byIP:
		c.Port = target
	default:
		c.Port = m.port(port.get("nodePort"), "nodePort")
		if c.Port == 0 {
			c.note("target-type instance: the port is the service's nodePort, which is not in this file")
		}
	}
	c.Why = "the addresses of pods and nodes are only known in the cluster"
}

func (m *manifests) seconds(n *node, otherwise int) time.Duration {
	return time.Duration(cmp.Or(m.number(n, "seconds", 0, 86400), otherwise)) * time.Second
}

// backendConfig finds the BackendConfig that a Service names for a port.
func (m *manifests) backendConfig(service *node, b backend) *node {
	text := cmp.Or(service.get("metadata", "annotations", "cloud.google.com/backend-config").str(), service.get("metadata", "annotations", "beta.cloud.google.com/backend-config").str())
	if text == "" {
		return nil
	}
	var names struct {
		Default string            `json:"default"`
		Ports   map[string]string `json:"ports"`
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		m.at(service.line, "cloud.google.com/backend-config is no JSON: want {\"default\": \"NAME\"} or {\"ports\": {\"PORT\": \"NAME\"}}")
		return nil
	}
	port, _, _ := m.servicePort(service, b.port)
	name := cmp.Or(names.Ports[b.port], names.Ports[port.get("name").str()], names.Ports[port.get("port").str()], names.Default)
	for _, config := range m.backendConfigs {
		if config.get("metadata", "name").str() == name && name != "" {
			return config
		}
	}
	return nil
}

// gceIngress is Google's: a BackendConfig says what is asked, else the readiness
// probe of the pods does, else GET / is asked.
func (m *manifests) gceIngress(c *Check, service *node, b backend) {
	c.Dialect, c.Scheme, c.Path = "gcp", "http", "/"
	c.Why = "the addresses of pods and nodes are only known in the cluster"
	port, target, container := m.servicePort(service, b.port)
	c.Port = target
	var protocols map[string]string
	if text := service.get("metadata", "annotations", "cloud.google.com/app-protocols").str(); text != "" {
		_ = json.Unmarshal([]byte(text), &protocols) // what can't be read says nothing
	}
	switch strings.ToUpper(cmp.Or(protocols[port.get("name").str()], protocols[port.get("port").str()])) {
	case "HTTPS":
		c.Scheme = "https"
	case "HTTP2":
		c.Scheme, c.Version = "https", "2"
	}
	if probe := container.get("readinessProbe", "httpGet"); probe != nil && m.portOf(c, container, probe.get("port")) == target {
		c.Path = cmp.Or(probe.get("path").str(), "/")
		for _, h := range probe.get("httpHeaders").list() {
			if strings.EqualFold(h.get("name").str(), "Host") {
				host := h.get("value").str()
				c.Host = &host
			}
		}
		c.note("path and Host are those of the readiness probe, as Google took them when the backend was made: a later change is not seen")
	}
	config := m.backendConfig(service, b).get("spec", "healthCheck")
	if config == nil {
		return
	}
	c.Interval = m.seconds(config.get("checkIntervalSec"), 0)
	c.Timeout = m.seconds(config.get("timeoutSec"), 0)
	c.Healthy = m.number(config.get("healthyThreshold"), "healthyThreshold", 0, 1000)
	c.Unhealthy = m.number(config.get("unhealthyThreshold"), "unhealthyThreshold", 0, 1000)
	c.Path = cmp.Or(config.get("requestPath").str(), c.Path)
	c.Port = cmp.Or(m.port(config.get("port"), "port"), c.Port)
	c.Where = fmt.Sprintf("%s:%d", m.file, config.line)
	switch kind := strings.ToUpper(config.get("type").str()); kind {
	case "":
	case "HTTP", "HTTPS":
		c.Scheme, c.Version = strings.ToLower(kind), ""
	case "HTTP2":
		c.Scheme, c.Version = "https", "2"
	default:
		m.at(config.get("type").line, "type is %q: want HTTP, HTTPS or HTTP2", kind)
	}
}

// passive is a controller that probes nobody: what counts is the readiness probe
// of the pods, which kubelet sends.
func (m *manifests) passive(c *Check, class string, service *node, b backend) {
	who := "its controller"
	switch {
	case strings.Contains(class, "nginx"):
		who = "ingress-nginx"
	case class != "":
		who = "the controller of class " + class
	}
	_, target, container := m.servicePort(service, b.port)
	if probe := container.get("readinessProbe"); probe != nil {
		name, where := c.Name, c.Where
		*c = m.probe(container, probe)
		c.Name, c.Where = name, fmt.Sprintf("%s (readinessProbe of %s)", where, c.Where)
	} else {
		c.Port = target
		c.Why = "nobody asks: the pods of " + printable(b.service) + " have no readiness probe in this file, and count as ready once they run"
	}
	c.note("%s asks nobody by itself: it sends to the pods whose readiness probe passes, and only passes by one that refuses (no active health check)", who)
	if strings.Contains(class, "traefik") || strings.Contains(class, "haproxy") {
		c.note("a health check that is configured by annotations or resources of that controller is not taken over")
	}
}
