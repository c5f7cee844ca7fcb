package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

var checkName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// validateAgent also fills in what follows from other keys.
func validateAgent(a *Agent, opt Options, rep *report) {
	isGateway := a.App != "" || !rep.ok("agent.app")
	if !rep.written("agent.kubernetes") {
		a.Kubernetes = !isGateway
	}
	if isGateway && needsDefaultCheck(a, rep) {
		a.Checks = append(a.Checks, defaultCheck())
	}
	if isGateway {
		validateGateway(a, rep)
	} else {
		validateSidecar(a, rep)
	}
	validateListening(a, rep)
	validateAnswer(a, rep)
	notNegative("agent.startup_grace", a.StartupGrace, "write a duration such as 30s, or 0 for none", rep)
	notNegative("agent.drain_timeout", a.DrainTimeout, "write a duration such as 15s, or 0 to close at once", rep)
	atLeastOne("agent.unhealthy_threshold", a.UnhealthyThreshold, "write how many answers in a row it takes; the default is 3", rep)
	nameFlagChecks(a.Checks, rep)
	seen := map[string]string{}
	if a.Traffic != nil {
		seen["traffic"] = "agent.traffic" // which is shown as a check of that name
	}
	for i := range a.Checks {
		key := fmt.Sprintf("agent.checks[%d]", i)
		if rep.ok(key) {
			validateCheck(&a.Checks[i], key, seen, opt, rep)
		}
	}
}

// needsDefaultCheck reports whether nobody has said what a gateway looks at. What flags
// append leaves the list itself unwritten, and only one of kind app stands for the default.
func needsDefaultCheck(a *Agent, rep *report) bool {
	if a.Checks != nil && rep.written("agent.checks") {
		return false
	}
	return !slices.ContainsFunc(a.Checks, func(c Check) bool { return c.App != nil })
}

// defaultCheck is what a gateway looks at when nobody says anything.
func defaultCheck() Check {
	c := Check{Name: "app", App: new(AppCheck)}
	setDefaults(reflect.ValueOf(&c).Elem())
	return c
}

// validateAnswer looks at how the agent answers, and whom in detail.
func validateAnswer(a *Agent, rep *report) {
	if at := "agent.path"; rep.ok(at) {
		if c := answeredPath(a.Path, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	if at := "agent.token"; rep.ok(at) && strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		rep.add(at, "the token holds a space or a character beyond ASCII", "a bearer token is letters, digits and signs")
	}
}

// validateListening looks at all that the agent listens on.
func validateListening(a *Agent, rep *report) {
	bound := map[string]string{}
	app, _ := remoteAddress(strings.TrimPrefix(a.App, "http://"), true)
	for _, l := range []struct{ key, address string }{
		{"agent.listen", a.Listen}, {"agent.admin", a.Admin}, {"agent.grpc", a.GRPC}, {"agent.haproxy", a.HAProxy}, {"agent.tcp", a.TCP},
	} {
		if l.address == "" || !rep.ok(l.key) {
			continue
		}
		canonical, c := listenAddress(l.address, rep.at(l.key).hidden)
		if c != nil {
			rep.add(l.key, c.message, c.want)
			continue
		}
		bindable(l.key, l.address, canonical, bound, rep)
		if app != "" && isOwn(canonical, app) && rep.ok("agent.app") {
			rep.add("agent.app", rep.quote("agent.app", a.App)+" is the agent's own "+l.key+", so that requests would come back to it", "write where the app listens")
		}
	}
	if at := "agent.haproxy_weights"; a.HAProxyWeights && a.HAProxy == "" && rep.ok(at) && rep.ok("agent.haproxy") {
		rep.add(at, "needs agent.haproxy", "write where HAProxy's agent-check connects, such as haproxy: \":8088\", or leave this out")
	}
	switch at := "agent.control"; {
	case a.Control == "" || a.Control == "off" || !rep.ok(at):
	case a.App == "unix:"+a.Control:
		rep.add(at, rep.quote(at, a.Control)+" is the app's socket", "write a path of its own, such as /run/inservice/agent.sock")
	default:
		if c := socketPath(a.Control, "", rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
}

func notNegative(key string, d time.Duration, want string, rep *report) {
	if d < 0 && rep.ok(key) {
		rep.add(key, rep.quote(key, d.String())+" is less than 0", want)
	}
}

// validateCheck also fills in the name. The map seen holds the key of each name so far.
func validateCheck(c *Check, key string, seen map[string]string, opt Options, rep *report) {
	atLeastShortest(key+".interval", c.Interval, "5s", rep)
	atLeastShortest(key+".timeout", c.Timeout, "2s", rep)
	const inARow = "write how many results in a row it takes; the default is 1"
	atLeastOne(key+".healthy_threshold", c.HealthyThreshold, inARow, rep)
	atLeastOne(key+".unhealthy_threshold", c.UnhealthyThreshold, inARow, rep)
	all, set := checkKinds(c)
	for _, kind := range set {
		if at := key + "." + kind; rep.ok(at) {
			validateKind(kind, c, at, opt, rep)
		}
	}
	// A kind whose key is misspelt was reported as that; so was one of the wrong type.
	switch {
	case len(set) == 0 && !rep.hasProblemIn(key):
		rep.add(key, "the check has nothing to ask", "write one of "+strings.Join(all, ", "))
	case len(set) > 1:
		rep.add(key, "the check is of more than one kind: "+strings.Join(set, ", "), "write a check for each")
	}
	validateCheckName(c, key, seen, rep)
}

func validateCheckName(c *Check, key string, seen map[string]string, rep *report) {
	at := key + ".name"
	unnamed := c.Name == ""
	if unnamed {
		c.Name = checkKind(c)
	}
	switch first, taken := seen[c.Name]; {
	case !rep.ok(at) || c.Name == "":
	case !checkName.MatchString(c.Name):
		rep.add(at, rep.quote(at, c.Name)+" is no name for a check", "use letters, digits, - _ and dots, at most 64")
	case taken && unnamed:
		rep.add(at, "is missing, and "+first+" is already called "+c.Name, "give the check a name of its own")
	case taken:
		rep.add(at, "the name is taken by "+first, "give the check a name of its own")
	default:
		seen[c.Name] = key
	}
}

// validateKind looks at what a check of that kind says. That of kind app depends on other
// keys of the agent, and is looked at with them.
func validateKind(kind string, c *Check, key string, opt Options, rep *report) {
	switch kind {
	case "sql":
		validateSQL(c.SQL, key, opt, rep)
	case "http":
		validateHTTP(c.HTTP, key, rep)
	case "tcp":
		validateAddress(key+".address", c.TCP.Address, "127.0.0.1:6379", rep)
	case "redis":
		validateRedis(c.Redis, key, rep)
	case "grpc":
		validateGRPC(c.GRPC, key, rep)
	case "disk":
		validateDisk(c.Disk, key, rep)
	case "exec":
		validateExec(c.Exec, key, rep)
	case "certificate":
		validateCertificate(c.Certificate, key, rep)
	}
}

// checkKind gives the default name of a check.
func checkKind(c *Check) string {
	if _, set := checkKinds(c); len(set) > 0 {
		return set[0]
	}
	return ""
}

// checkKinds gives the keys of the kinds of check in the order of the struct: all of them,
// and those that c has.
func checkKinds(c *Check) (all, set []string) {
	for field, v := range reflect.ValueOf(c).Elem().Fields() {
		if v.Kind() != reflect.Pointer {
			continue
		}
		all = append(all, field.Tag.Get("yaml"))
		if !v.IsNil() {
			set = append(set, field.Tag.Get("yaml"))
		}
	}
	return all, set
}

// hasProblemIn reports whether a key of the section, however deep, has a problem.
func (r *report) hasProblemIn(section string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return strings.HasPrefix(p.Key, section+".") })
}
