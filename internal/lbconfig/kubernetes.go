package lbconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// manifests is what the Kubernetes objects of a file say of health checks.
type manifests struct {
	problem
	workloads, services, ingresses, backendConfigs, policies []*node

	named map[*node]bool // backendConfigs that a Service of the file names
}

func kubernetes(file string, docs []*node) ([]Check, error) {
	m := &manifests{problem: problem{file: file}, named: make(map[*node]bool)}
	for _, doc := range docs {
		m.sort(doc, 0)
	}
	var checks []Check
	for _, in := range m.ingresses {
		checks = append(checks, m.ingress(in)...)
	}
	checks = append(checks, m.googleAlone()...)
	for _, s := range m.services {
		checks = append(checks, m.service(s)...)
	}
	for _, w := range m.workloads {
		checks = append(checks, m.workload(w)...)
	}
	return checks, m.err
}

func (m *manifests) sort(doc *node, depth int) {
	switch kind := doc.get("kind").str(); {
	case kind == "List" && depth < 3:
		for _, item := range doc.get("items").items1() {
			m.sort(item, depth+1)
		}
	case podSpec(doc) != nil:
		m.workloads = append(m.workloads, doc)
	case kind == "Service":
		m.services = append(m.services, doc)
	case kind == "Ingress":
		m.ingresses = append(m.ingresses, doc)
	case kind == "BackendConfig":
		m.backendConfigs = append(m.backendConfigs, doc)
	case kind == "HealthCheckPolicy":
		m.policies = append(m.policies, doc)
	}
}

// podTemplate is where the labels and the spec of a workload's pods are.
func podTemplate(doc *node) *node {
	switch doc.get("kind").str() {
	case "Pod":
		return doc
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Rollout":
		return doc.get("spec", "template")
	case "CronJob":
		return doc.get("spec", "jobTemplate", "spec", "template")
	case "Service", "Revision", "Configuration":
		if strings.HasPrefix(doc.get("apiVersion").str(), "serving.knative.dev/") {
			return doc.get("spec", "template")
		}
	}
	return nil
}

func podSpec(doc *node) *node { return podTemplate(doc).get("spec") }

func nameOf(doc *node) string {
	return printable(cmp.Or(doc.get("metadata", "name").str(), doc.get("metadata", "generateName").str(), "?"))
}

// workload reads the probes of its containers, and of the init containers that
// go on running beside them.
func (m *manifests) workload(doc *node) (checks []Check) {
	spec := podSpec(doc)
	containers := slices.Clone(spec.get("containers").items1())
	for _, c := range spec.get("initContainers").items1() {
		if c.get("restartPolicy").str() == "Always" {
			containers = append(containers, c)
		}
	}
	for _, container := range containers {
		for _, kind := range []string{"readiness", "liveness", "startup"} {
			probe := container.get(kind + "Probe")
			if probe == nil {
				continue
			}
			c := m.probe(container, probe)
			c.Name = nameOf(doc) + "/" + printable(container.get("name").str()) + "/" + kind
			c.Probe = strings.ToUpper(kind[:1]) + kind[1:]
			checks = append(checks, c)
		}
	}
	return checks
}

// probe reads one (the Kubernetes API, Probe).
func (m *manifests) probe(container, probe *node) Check {
	c := Check{Where: fmt.Sprintf("%s:%d", m.file, probe.line), Dialect: "kubelet"}
	second := func(key string) time.Duration {
		return time.Duration(m.number(probe.get(key), key, 0, 1<<30)) * time.Second
	}
	c.Interval, c.Timeout = cmp.Or(second("periodSeconds"), 10*time.Second), cmp.Or(second("timeoutSeconds"), time.Second)
	c.Healthy = cmp.Or(m.number(probe.get("successThreshold"), "successThreshold", 0, 1<<20), 1)
	c.Unhealthy = cmp.Or(m.number(probe.get("failureThreshold"), "failureThreshold", 0, 1<<20), 3)
	host := ""
	switch {
	case probe.get("httpGet") != nil:
		host = m.httpGet(&c, container, probe.get("httpGet"))
	case probe.get("tcpSocket") != nil:
		c.Dialect, c.Scheme = "kubelet-tcp", "tcp"
		c.Port = m.portOf(&c, container, probe.get("tcpSocket", "port"))
		host = probe.get("tcpSocket", "host").str()
	case probe.get("grpc") != nil:
		c.Dialect, c.Scheme = "kubelet-grpc", "grpc"
		c.Port = m.portOf(&c, container, probe.get("grpc", "port"))
		c.GRPCService = probe.get("grpc", "service").str()
	case probe.get("exec") != nil:
		return m.exec(c, probe.get("exec"))
	default:
		c.Why = "it has none of httpGet, tcpSocket, grpc and exec"
		return c
	}
	switch {
	case c.Port == 0:
		c.Why = "its port is not known"
	case host == "":
		c.Why = "the address of a pod is only known in its cluster"
	default:
		c.aim(host, c.Port)
	}
	return c
}

func (m *manifests) httpGet(c *Check, container, get *node) (host string) {
	c.Scheme = strings.ToLower(cmp.Or(get.get("scheme").str(), "HTTP"))
	if c.Scheme != "http" && c.Scheme != "https" {
		m.at(get.get("scheme").lineOr(get.line), "scheme is %q: want HTTP or HTTPS", get.get("scheme").str())
	}
	if c.Scheme == "https" {
		c.Verify = new(bool) // kubelet does not
	}
	c.Path = cmp.Or(get.get("path").str(), "/")
	if !strings.HasPrefix(c.Path, "/") {
		c.Path = "/" + c.Path
	}
	c.Port = m.portOf(c, container, get.get("port"))
	for _, h := range get.get("httpHeaders").list() {
		c.header(h.get("name").str() + ":" + h.get("value").str())
	}
	return get.get("host").str()
}

// exec reads a command; what curl and the like ask in it is asked.
func (m *manifests) exec(c Check, exec *node) Check {
	interval, timeout := c.Interval, c.Timeout
	if host := c.askContainer(texts(exec.get("command").list()), "exec"); c.Scheme != "" {
		if inside(host) {
			c.Why = "the address of a pod is only known in its cluster"
		} else {
			c.aim(host, c.Port)
		}
	}
	c.Interval, c.Timeout = interval, min(timeout, cmp.Or(c.Timeout, timeout))
	return c
}

// portOf is a port by number or by the container's name for it.
func (m *manifests) portOf(c *Check, container, n *node) uint16 {
	if n == nil {
		return 0
	}
	if text := n.str(); text != "" && strings.Trim(text, "0123456789") != "" {
		for _, p := range container.get("ports").list() {
			if p.get("name").str() == text {
				return m.port(p.get("containerPort"), "containerPort")
			}
		}
		m.at(n.line, "port %q is no number, and the container has no port of that name", text)
		return 0
	}
	return m.port(n, "port")
}

// behind finds the containers that a service sends to, by its selector.
func (m *manifests) behind(service *node) (containers []*node) {
	selector := service.get("spec", "selector")
	if selector == nil || len(selector.keys) == 0 {
		return nil
	}
	for _, w := range m.workloads {
		if w.get("metadata", "namespace").str() != service.get("metadata", "namespace").str() {
			continue
		}
		labels := podTemplate(w).get("metadata", "labels")
		if !slices.ContainsFunc(selector.keys, func(k string) bool { return labels.get(k).str() != selector.get(k).str() }) {
			containers = append(containers, podSpec(w).get("containers").items1()...)
		}
	}
	return containers
}

// servicePort finds the port of a service by number or name, and the pods' port
// behind it with its container, as far as the file tells.
func (m *manifests) servicePort(service *node, want string) (port *node, target uint16, container *node) {
	for _, p := range service.get("spec", "ports").list() {
		if want != "" && p.get("port").str() != want && p.get("name").str() != want {
			continue
		}
		port = p
		break
	}
	if port == nil {
		return nil, 0, nil
	}
	text := cmp.Or(port.get("targetPort").str(), port.get("port").str())
	for _, c := range m.behind(service) {
		for _, p := range c.get("ports").list() {
			if p.get("name").str() == text || p.get("containerPort").str() == text {
				return port, m.port(p.get("containerPort"), "containerPort"), c
			}
		}
	}
	if strings.Trim(text, "0123456789") == "" {
		target = m.port(&node{kind: isNumber, line: port.line, text: text}, "targetPort")
		if all := m.behind(service); len(all) == 1 {
			container = all[0]
		}
	}
	return port, target, container
}

func (m *manifests) serviceNamed(name, namespace string) *node {
	for _, s := range m.services {
		if s.get("metadata", "name").str() == name && s.get("metadata", "namespace").str() == namespace {
			return s
		}
	}
	return nil
}
