package lbconfig

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

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
			m.named[config] = true
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
	if config := m.backendConfig(service, b).get("spec", "healthCheck"); config != nil {
		m.backendCheck(c, config)
	}
}

// backendCheck reads the healthCheck of a BackendConfig.
func (m *manifests) backendCheck(c *Check, config *node) {
	m.googlePace(c, config)
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

func (m *manifests) googlePace(c *Check, config *node) {
	c.Interval = m.seconds(config.get("checkIntervalSec"), 0)
	c.Timeout = m.seconds(config.get("timeoutSec"), 0)
	c.Healthy = m.number(config.get("healthyThreshold"), "healthyThreshold", 0, 1000)
	c.Unhealthy = m.number(config.get("unhealthyThreshold"), "unhealthyThreshold", 0, 1000)
}

// googleAlone reads the health checks that no Ingress of this file leads to: those
// of a BackendConfig in a file of its own, and of a HealthCheckPolicy, which
// belongs to a Gateway.
func (m *manifests) googleAlone() (checks []Check) {
	for _, doc := range m.backendConfigs {
		config := doc.get("spec", "healthCheck")
		if config == nil || m.named[doc] {
			continue
		}
		c := Check{Name: nameOf(doc), Dialect: "gcp", Scheme: "http", Path: "/", Why: "which service it is for is not in this file"}
		m.backendCheck(&c, config)
		checks = append(checks, c)
	}
	for _, doc := range m.policies {
		if policy := doc.get("spec", "default"); policy.get("config") != nil {
			checks = append(checks, m.policy(doc, policy))
		}
	}
	return checks
}

// policy reads a HealthCheckPolicy (networking.gke.io/v1).
func (m *manifests) policy(doc, policy *node) Check {
	config := policy.get("config")
	c := Check{
		Name: nameOf(doc), Where: fmt.Sprintf("%s:%d", m.file, config.lineOr(doc.line)), Dialect: "gcp",
		Why: "the addresses of pods are only known in the cluster",
	}
	m.googlePace(&c, policy)
	kind := strings.ToUpper(config.get("type").str())
	kinds := map[string]struct{ key, scheme string }{
		"HTTP": {"httpHealthCheck", "http"}, "HTTPS": {"httpsHealthCheck", "https"}, "HTTP2": {"http2HealthCheck", "https"},
		"TCP": {"tcpHealthCheck", "tcp"}, "GRPC": {"grpcHealthCheck", "grpc"},
	}
	known, ok := kinds[kind]
	if !ok {
		m.at(config.lineOr(doc.line), "type is %q: want HTTP, HTTPS, HTTP2, TCP or GRPC", kind)
		return c
	}
	if c.Scheme = known.scheme; kind == "HTTP2" {
		c.Version = "2"
	}
	one := config.get(known.key)
	if c.Port = m.port(one.get("port"), "port"); c.Port == 0 {
		c.note("the port is that of the pods, which is not said here")
	}
	if strings.HasPrefix(c.Scheme, "http") {
		c.Path = cmp.Or(one.get("requestPath").str(), "/")
		c.Body = one.get("response").str()
		if host := one.get("host").str(); host != "" {
			c.Host = &host
		}
	}
	if one.get("proxyHeader").str() == "PROXY_V1" {
		c.Proxy = "v1"
	}
	c.GRPCService = one.get("grpcServiceName").str()
	return c
}
