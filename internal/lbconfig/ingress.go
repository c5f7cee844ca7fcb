package lbconfig

import (
	"cmp"
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
		case class == "azure/application-gateway" || class == "azure-application-gateway" || class == "" && has(agicPrefix):
			m.agicIngress(&c, notes, service, b)
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
