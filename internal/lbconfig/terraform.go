package lbconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resource is one instance of a Terraform resource.
type resource struct {
	kind       string // aws_lb_target_group
	address    string // as Terraform writes it: module.web.aws_lb_target_group.app["blue"]
	line       int
	attributes *node
	unknown    *node // what is not known until it is applied, of the same shape
	sensitive  *node // what must not be printed, of the same shape, or a list of paths
}

// infrastructure is what a Terraform file holds.
type infrastructure struct {
	problem
	resources []resource
}

// makers turn resources into Checks, by their kind.
var makers = map[string]func(*infrastructure, *resource) []Check{
	"aws_lb_target_group":                awsTargetGroup,
	"aws_alb_target_group":               awsTargetGroup,
	"aws_elb":                            awsClassic,
	"aws_route53_health_check":           awsRoute53,
	"google_compute_health_check":        googleCheck,
	"google_compute_region_health_check": googleCheck,
	"google_compute_http_health_check":   googleLegacy,
	"google_compute_https_health_check":  googleLegacy,
	"azurerm_lb_probe":                   azureProbe,
	"azurerm_application_gateway":        azureGateway,
	"azurerm_cdn_frontdoor_origin_group": azureFrontDoor,
	"digitalocean_loadbalancer":          digitalOcean,
	"hcloud_load_balancer_service":       hetzner,
	"cloudflare_load_balancer_monitor":   cloudflare,
}

// terraform reads a state file (version 4) or what terraform show -json prints of
// a state or a plan.
func terraform(file string, root *node) ([]Check, error) {
	in := &infrastructure{problem: problem{file: file}}
	switch {
	case root.get("resources") != nil && root.get("version") != nil:
		if v := root.get("version").str(); v != "4" {
			return nil, fmt.Errorf("%s: a Terraform state of version %s: want version 4; terraform show -json prints one that can be read", file, printable(v))
		}
		for _, r := range root.get("resources").list() {
			in.stateResource(r)
		}
	case root.get("planned_values") != nil || root.get("values") != nil:
		in.module(root.get("planned_values", "root_module"), changes(root), 0)
		in.module(root.get("values", "root_module"), nil, 0)
	case root.get("version") != nil && root.get("terraform_version") != nil || root.get("modules") != nil:
		return nil, fmt.Errorf("%s: this Terraform state holds no resources, or is older than version 4", file)
	default:
		return nil, fmt.Errorf("%s: this JSON is neither a Terraform state, nor printed by terraform show -json, nor a Kubernetes manifest", file)
	}
	var checks []Check
	for i := range in.resources {
		r := &in.resources[i]
		if make, ok := makers[r.kind]; ok {
			checks = append(checks, make(in, r)...)
		}
	}
	return checks, in.err
}

func (in *infrastructure) stateResource(r *node) {
	if r.get("mode").str() == "data" {
		return
	}
	kind := r.get("type").str()
	address := kind + "." + r.get("name").str()
	if module := r.get("module").str(); module != "" {
		address = module + "." + address
	}
	for _, instance := range r.get("instances").list() {
		in.add(resource{kind: kind, address: address + indexOf(instance.get("index_key")), line: r.line,
			attributes: instance.get("attributes"), sensitive: instance.get("sensitive_attributes")})
	}
}

// indexOf writes the index of count and for_each: [0], ["blue"].
func indexOf(n *node) string {
	switch {
	case n == nil:
		return ""
	case n.kind == isNumber:
		return "[" + n.text + "]"
	}
	return fmt.Sprintf("[%q]", n.str())
}

// changes finds, by address, what a plan says of values that are not known yet.
func changes(root *node) map[string]*node {
	found := make(map[string]*node)
	for _, c := range root.get("resource_changes").list() {
		found[c.get("address").str()] = c.get("change")
	}
	return found
}

func (in *infrastructure) module(m *node, changes map[string]*node, depth int) {
	if m == nil || depth > mostLevels {
		return
	}
	for _, r := range m.get("resources").items1() {
		if r.get("mode").str() == "data" {
			continue
		}
		address := r.get("address").str()
		one := resource{kind: r.get("type").str(), address: address, line: r.line, attributes: r.get("values"), sensitive: r.get("sensitive_values")}
		if c, ok := changes[address]; ok {
			one.unknown = c.get("after_unknown")
			if s := c.get("after_sensitive"); s != nil {
				one.sensitive = s
			}
		}
		in.add(one)
	}
	for _, child := range m.get("child_modules").items1() {
		in.module(child, changes, depth+1)
	}
}

// items1 is the elements of a list, even of one.
func (n *node) items1() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

func (in *infrastructure) add(r resource) {
	if r.attributes == nil {
		r.attributes = &node{kind: isMapping, line: r.line, under: map[string]*node{}}
	}
	r.address = printable(r.address)
	in.resources = append(in.resources, r)
}

// check begins a Check of the resource.
func (in *infrastructure) check(r *resource, dialect string) Check {
	line := r.line
	if r.attributes.line > 0 {
		line = r.attributes.line
	}
	return Check{Name: r.address, Where: fmt.Sprintf("%s:%d", in.file, line), Dialect: dialect}
}

// value is an attribute, unless it is not known or must not be shown: then a Note
// says so.
func (r *resource) value(c *Check, path ...string) *node {
	label := strings.Join(path, ".")
	if r.unknown.get(path...).isTrue() || r.unknown.get(path[0]).isTrue() {
		c.note("%s is not known until it is applied", label)
		return nil
	}
	if r.isSensitive(path) {
		if r.attributes.get(path...) != nil {
			c.note("%s is marked as sensitive and not taken over", label)
		}
		return nil
	}
	return r.attributes.get(path...)
}

// isSensitive looks in both forms: marks in a value of the same shape, and a list
// of paths.
func (r *resource) isSensitive(path []string) bool {
	for i := range path {
		if r.sensitive.get(path[:i+1]...).isTrue() {
			return true
		}
	}
	if r.sensitive == nil || r.sensitive.kind != isList {
		return false
	}
	for _, marked := range r.sensitive.items {
		var steps []string
		for _, step := range marked.items1() {
			if step.get("type").str() == "get_attr" {
				steps = append(steps, step.get("value").str())
			}
		}
		if len(steps) > 0 && len(steps) <= len(path) && slices.Equal(steps, path[:len(steps)]) {
			return true
		}
	}
	return false
}

// at makes one Check for each address, or one that says why there is none.
func (c Check) at(addresses map[string]uint16, why string) []Check {
	if c.Scheme == "" {
		return []Check{c}
	}
	var checks []Check
	for _, address := range slices.Sorted(maps.Keys(addresses)) {
		one := c
		one.Notes = slices.Clone(c.Notes)
		if port := addresses[address]; one.Port == 0 {
			one.Port = port
		}
		if one.Port == 0 {
			continue
		}
		if one.Target = targetURL(c.Scheme, address, one.Port, c.Path); one.Target == "" {
			continue
		}
		one.Name += "/" + address
		checks = append(checks, one)
	}
	if len(checks) == 0 {
		c.Why = why
		checks = []Check{c}
	}
	return checks
}

// addressesOf finds machines of a kind by their ids and takes an attribute of
// theirs.
func (in *infrastructure) addressesOf(ids []string, kind string, attributes ...string) map[string]uint16 {
	found := make(map[string]uint16)
	for _, id := range ids {
		if isAddress(id) {
			found[id] = 0
			continue
		}
		for i := range in.resources {
			r := &in.resources[i]
			if r.kind != kind || id == "" || r.attributes.get("id").str() != id {
				continue
			}
			for _, a := range attributes {
				if address := r.attributes.get(a).str(); isAddress(address) && !r.isSensitive([]string{a}) {
					found[address] = 0
					break
				}
			}
		}
	}
	return found
}

func texts(list []*node) (all []string) {
	for _, n := range list {
		if s := n.str(); s != "" {
			all = append(all, s)
		}
	}
	return all
}
