package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var checkName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func validateAgent(a *Agent, opt Options, rep *report) {
	if at := "agent.listen"; rep.ok(at) {
		if _, c := listenAddress(a.Listen, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	if at := "agent.path"; rep.ok(at) {
		if c := answeredPath(a.Path, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	if at := "agent.token"; rep.ok(at) && strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		rep.add(at, "the token holds a space or a character beyond ASCII", "a bearer token is letters, digits and signs")
	}
	if at := "agent.drain_timeout"; rep.ok(at) && a.DrainTimeout < 0 {
		rep.add(at, rep.quote(at, a.DrainTimeout.String())+" is less than 0", "write a duration such as 15s, or 0 to close at once")
	}
	nameFlagChecks(a.Checks, rep)
	seen := map[string]string{}
	for i := range a.Checks {
		key := fmt.Sprintf("agent.checks[%d]", i)
		if rep.ok(key) {
			validateCheck(&a.Checks[i], key, seen, opt, rep)
		}
	}
}

// validateCheck also fills in the name. The map seen holds the key of each name so far.
func validateCheck(c *Check, key string, seen map[string]string, opt Options, rep *report) {
	atLeastShortest(key+".interval", c.Interval, "5s", rep)
	atLeastShortest(key+".timeout", c.Timeout, "2s", rep)
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

// validateKind looks at what a check of that kind says.
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
