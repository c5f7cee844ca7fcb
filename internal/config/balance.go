package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var groupName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func validateBalance(b *Balance, rep *report) {
	positive("balance.drain_timeout", b.DrainTimeout, "30s", rep)
	if len(b.TargetGroups) == 0 && rep.ok("balance.target_groups") {
		rep.add("balance.target_groups", "there is no target group", `add one such as web: {targets: ["10.0.0.5:80"]}`)
	}
	for i := range b.TargetGroups {
		validateGroup(&b.TargetGroups[i], rep)
	}
	if len(b.Listeners) == 0 && rep.ok("balance.listeners") {
		rep.add("balance.listeners", "there is no listener", `add one such as {address: ":8080"}`)
	}
	bound := map[string]string{}
	for i := range b.Listeners {
		key := fmt.Sprintf("balance.listeners[%d]", i)
		if rep.ok(key) {
			validateListener(&b.Listeners[i], key, b.TargetGroups, bound, rep)
		}
	}
}

// validateListener also fills in the target group if there is only one. The map bound is
// that of [bindable].
func validateListener(l *Listener, key string, groups []TargetGroup, bound map[string]string, rep *report) {
	if at := key + ".address"; rep.ok(at) {
		switch canonical, c := listenAddress(l.Address, rep.at(at).hidden); {
		case l.Address == "":
			rep.add(at, "is missing", `write one such as ":8080"`)
		case c != nil:
			rep.add(at, c.message, c.want)
		default:
			bindable(at, l.Address, canonical, bound, rep)
		}
	}
	if at := key + ".protocol"; rep.ok(at) {
		switch l.Protocol {
		case "http":
		case "https", "tcp":
			rep.add(at, "this version serves http only", "write http or leave the key out")
		default:
			rep.add(at, rep.quote(at, l.Protocol)+" is no protocol", "write http or leave the key out")
		}
	}
	at := key + ".target_group"
	names := groupNames(groups)
	switch {
	case !rep.ok(at) || !rep.ok("balance.target_groups") || len(groups) == 0:
	case l.TargetGroup == "" && len(groups) == 1:
		l.TargetGroup = groups[0].Name
	case l.TargetGroup == "":
		rep.add(at, "is missing, and there is more than one group", suggest("", names))
	case !slices.Contains(names, l.TargetGroup):
		rep.add(at, rep.quote(at, l.TargetGroup)+" is no target group", suggest(l.TargetGroup, names))
	}
}

// bindable reports an address that cannot be listened on beside an earlier one: the same
// again, or on one port every address of the machine and a single one. The map bound holds
// the key of each address so far, and for "*:port" that of the first with the port. Port 0
// is another port every time.
func bindable(key, written, canonical string, bound map[string]string, rep *report) {
	every := canonical[strings.LastIndex(canonical, ":"):]
	if every == ":0" {
		return
	}
	anyOf := "*" + every
	rival := bound[every]
	if canonical == every {
		rival = bound[anyOf]
	}
	shown := rep.quote(key, written)
	const want = "remove one of them, or give it another port"
	switch first := bound[canonical]; {
	case first != "":
		rep.add(key, shown+" is a duplicate of "+first, want)
	case rival != "":
		rep.add(key, shown+" overlaps with "+rival+": one of the two is every address of the machine", want)
	default:
		bound[canonical] = key
		bound[anyOf] = cmp.Or(bound[anyOf], key)
	}
}

// unique reports an address that was seen before.
func unique(key, written, canonical string, seen map[string]string, rep *report) {
	if first, found := seen[canonical]; found {
		rep.add(key, rep.quote(key, written)+" is a duplicate of "+first, "remove one of them")
		return
	}
	seen[canonical] = key
}

func groupNames(groups []TargetGroup) []string {
	var names []string
	for _, g := range groups {
		if groupName.MatchString(g.Name) { // others have a problem already, and are not repeated
			names = append(names, g.Name)
		}
	}
	return names
}

func validateGroup(g *TargetGroup, rep *report) {
	key := join("balance.target_groups", g.Name)
	if !groupName.MatchString(g.Name) {
		rep.add(key, "is no name for a target group", "use letters, digits, - and _, at most 64")
	}
	if !rep.ok(key) {
		return
	}
	targets := key + ".targets"
	if len(g.Targets) == 0 && rep.ok(targets) {
		rep.add(targets, "there is no target", `add one such as "10.0.0.5:80"`)
	}
	seen := map[string]string{}
	for i, target := range g.Targets {
		at := fmt.Sprintf("%s[%d]", targets, i)
		if !rep.ok(at) {
			continue
		}
		canonical, c := remoteAddress(target, rep.at(at).hidden)
		if c != nil {
			rep.add(at, c.message, c.want)
			continue
		}
		unique(at, target, canonical, seen, rep)
	}
	if health := key + ".health_check"; rep.ok(health) {
		validateHealthCheck(&g.HealthCheck, health, rep)
	}
}

func validateHealthCheck(h *HealthCheck, key string, rep *report) {
	validateProbeRequest(h, key, rep)
	interval, timeout := key+".interval", key+".timeout"
	atLeastShortest(interval, h.Interval, "5s", rep)
	atLeastShortest(timeout, h.Timeout, "2s", rep)
	if !rep.written(timeout) && h.Interval > 0 {
		h.Timeout = min(h.Timeout, h.Interval) // a default must not be a mistake
	}
	if rep.ok(interval) && rep.ok(timeout) && h.Timeout > h.Interval {
		message := fmt.Sprintf("the timeout (%v) is longer than the interval (%v)", h.Timeout, h.Interval)
		if rep.at(interval).hidden || rep.at(timeout).hidden {
			message = "the timeout is longer than the interval"
		}
		rep.add(timeout, message, "a target has one probe in flight at most: shorten the timeout or lengthen the interval")
	}
	const inARow = "write how many results in a row it takes; the default is 2"
	atLeastOne(key+".healthy_threshold", h.HealthyThreshold, inARow, rep)
	atLeastOne(key+".unhealthy_threshold", h.UnhealthyThreshold, inARow, rep)
}

func atLeastOne(key string, n int, want string, rep *report) {
	if n < 1 && rep.ok(key) {
		rep.add(key, rep.quote(key, strconv.Itoa(n))+" is less than 1", want)
	}
}

// validateProbeRequest looks at what a probe sends and expects.
func validateProbeRequest(h *HealthCheck, key string, rep *report) {
	if at := key + ".protocol"; rep.ok(at) {
		switch h.Protocol {
		case "http", "https":
		case "tcp":
			// Whoever writes a path believes that it is asked for.
			for _, name := range []string{"path", "host", "matcher"} {
				if useless := key + "." + name; rep.written(useless) && rep.ok(useless) {
					rep.add(useless, "has no effect: a probe with protocol tcp only connects", "write protocol: http, or leave this out")
				}
			}
		default:
			rep.add(at, rep.quote(at, h.Protocol)+" is no protocol for a probe", suggest(h.Protocol, []string{"http", "https", "tcp"}))
		}
	}
	if at := key + ".path"; rep.ok(at) {
		if c := requestPath(h.Path, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	validateHost(key+".host", h.Host, rep)
	// A Port set by an override was not parsed.
	if at := key + ".port"; rep.ok(at) && (h.Port < 0 || h.Port > 65535) {
		rep.add(at, "is no port", "write traffic-port or a number from 1 to 65535")
	}
}

// validateHost looks at an optional Host header.
func validateHost(key, host string, rep *report) {
	if host == "" || !rep.ok(key) {
		return
	}
	if c := hostHeader(host, rep.at(key).hidden); c != nil {
		rep.add(key, c.message, c.want)
	}
}

// positive reports a duration that is not more than 0.
func positive(key string, d time.Duration, byDefault string, rep *report) {
	if d > 0 || !rep.ok(key) {
		return
	}
	rep.add(key, rep.quote(key, d.String())+" is not more than 0", "write a duration such as "+byDefault+", the default")
}

// shortest bounds intervals and timeouts: a shorter one, such as 5ns for 5s, would keep the
// processor busy or leave no time to answer.
const shortest = 10 * time.Millisecond

// atLeastShortest reports an interval or timeout below shortest.
func atLeastShortest(key string, d time.Duration, byDefault string, rep *report) {
	positive(key, d, byDefault, rep)
	if d < shortest && rep.ok(key) {
		rep.add(key, rep.quote(key, d.String())+" is less than "+shortest.String(), "write a duration such as "+byDefault+", the default")
	}
}
