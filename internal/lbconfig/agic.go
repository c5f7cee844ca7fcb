package lbconfig

import (
	"cmp"
	"strings"
)

const agicPrefix = "appgw.ingress.kubernetes.io/"

// agicIngress is Azure's Application Gateway Ingress Controller: annotations say
// what the gateway asks, else the readiness probe of the pods does, or their
// liveness probe, else GET / is asked for localhost.
func (m *manifests) agicIngress(c *Check, notes, service *node, b backend) {
	value := func(name string) *node { return notes.get(agicPrefix + name) }
	c.Dialect, c.Path = "azure-appgw", "/"
	c.Why = "the addresses of pods are only known in the cluster"
	c.Scheme = strings.ToLower(cmp.Or(value("backend-protocol").str(), "http"))
	if c.Scheme != "http" && c.Scheme != "https" {
		m.at(value("backend-protocol").line, "%sbackend-protocol is %q: want http or https", agicPrefix, c.Scheme)
	}
	_, target, container := m.servicePort(service, b.port)
	c.Port = target
	host := ""
	for _, kind := range []string{"readinessProbe", "livenessProbe"} {
		probe := container.get(kind)
		get := probe.get("httpGet")
		if get == nil {
			continue
		}
		host = get.get("host").str()
		c.Path, c.Port = cmp.Or(get.get("path").str(), c.Path), cmp.Or(m.portOf(c, container, get.get("port")), c.Port)
		c.Scheme = strings.ToLower(cmp.Or(get.get("scheme").str(), c.Scheme))
		c.Interval, c.Timeout = m.seconds(probe.get("periodSeconds"), 10), m.seconds(probe.get("timeoutSeconds"), 1)
		c.Unhealthy = cmp.Or(m.number(probe.get("failureThreshold"), "failureThreshold", 0, 1<<20), 3)
		c.note("what is asked is taken from the pods' %s, but for what annotations say", kind)
		break
	}
	host = cmp.Or(value("health-probe-hostname").str(), value("backend-hostname").str(), host, "localhost")
	c.Host = &host
	c.Path = cmp.Or(value("health-probe-path").str(), value("backend-path-prefix").str(), c.Path)
	c.Port = cmp.Or(m.port(value("health-probe-port"), "health-probe-port"), c.Port)
	c.Matcher = strings.ReplaceAll(value("health-probe-status-codes").str(), " ", "")
	c.Interval = cmp.Or(m.seconds(value("health-probe-interval"), 0), c.Interval)
	c.Timeout = cmp.Or(m.seconds(value("health-probe-timeout"), 0), c.Timeout)
	c.Unhealthy = cmp.Or(m.number(value("health-probe-unhealthy-threshold"), "health-probe-unhealthy-threshold", 0, 20), c.Unhealthy)
}
