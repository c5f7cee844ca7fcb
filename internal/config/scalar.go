package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/matcher"
)

// complaint says what is wrong with a value and what would be right.
type complaint struct{ message, want string }

// scalar is a kind of value that is written as one piece of text.
type scalar struct {
	noun  string                                           // "a duration such as 5s"
	parse func(text string, hidden bool) (any, *complaint) // gives the field's Go type
}

// byType are the scalars that follow from a field's Go type.
var byType = map[reflect.Type]scalar{
	reflect.TypeFor[string]():        {"text", parseText},
	reflect.TypeFor[int]():           {"a whole number", parseInt},
	reflect.TypeFor[bool]():          {"true or false", parseBool},
	reflect.TypeFor[time.Duration](): {"a duration such as 5s", parseDuration},
	reflect.TypeFor[matcher.Set]():   {"status codes such as 200-299,301", parseMatcher},
	reflect.TypeFor[netip.Prefix]():  {"a network such as 10.0.0.0/8", parsePrefix},
}

// byName are the scalars that a field asks for with its parse tag.
var byName = map[string]scalar{
	"port":     {"traffic-port or a number from 1 to 65535", parsePort},
	"scope":    {"instance or shared", parseScope},
	"critical": {"true or false", parseCritical},
	"size":     {sizes.noun, sizes.parse},
	"count":    {counts.noun, counts.parse},
	"percent":  {"a percentage such as 90%", parsePercent},
	"share":    {"a percentage such as 10%", parseShare},
	"days":     {"a number of days", parseDays},
}

// scalarOf gives the scalar of a field, if it is one.
func scalarOf(t reflect.Type, tag reflect.StructTag) (scalar, bool) {
	if named, found := byName[tag.Get("parse")]; found {
		return named, true
	}
	s, found := byType[t]
	return s, found
}

func parseText(text string, _ bool) (any, *complaint) {
	if text == "" {
		return nil, &complaint{"is empty", "write a value or leave it out"}
	}
	return text, nil
}

func parseInt(text string, hidden bool) (any, *complaint) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, &complaint{quote(text, hidden) + " is not a whole number", "write a number such as 2"}
	}
	return n, nil
}

func parseBool(text string, hidden bool) (any, *complaint) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, &complaint{quote(text, hidden) + " is neither true nor false", "write true or false"}
}

func parseDuration(text string, hidden bool) (any, *complaint) {
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		if hidden {
			return nil, &complaint{"the value has no unit", "write a duration such as 5s"}
		}
		return nil, &complaint{text + " has no unit", "write " + text + "s"}
	}
	return nil, &complaint{quote(text, hidden) + " is not a duration", "write a number and a unit, such as 500ms, 5s or 1m30s"}
}

func parseMatcher(text string, hidden bool) (any, *complaint) {
	set, err := matcher.Parse(text)
	switch {
	case err == nil:
		return set, nil
	case !mayShow(text, hidden):
		return nil, &complaint{"the value is not a list of status codes", "write 200 or 200-299,301"}
	}
	message, want, _ := strings.Cut(err.Error(), "; ")
	return nil, &complaint{message, want}
}

func parsePrefix(text string, hidden bool) (any, *complaint) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return unmapped(netip.PrefixFrom(addr, addr.BitLen())), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return nil, &complaint{quote(text, hidden) + " is not a network", "write one such as 10.0.0.0/8, or an address"}
	case prefix != prefix.Masked() && hidden:
		return nil, &complaint{"the network's address has bits beyond its length", "write one such as 10.0.0.0/8"}
	case prefix != prefix.Masked():
		return nil, &complaint{text + " has bits beyond its length", "write " + prefix.Masked().String()}
	}
	return unmapped(prefix), nil
}

// unmapped gives the IPv4 network that an IPv4-mapped one stands for. A peer's address is
// compared unmapped, so that a mapped network would match nobody. The prefix is masked:
// an address with the mark of mapped ones, 96 bits, has a length of 96 at least.
func unmapped(p netip.Prefix) netip.Prefix {
	if !p.Addr().Is4In6() {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
}

func parsePort(text string, hidden bool) (any, *complaint) {
	if text == "traffic-port" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err == nil && n >= 1 && n <= 65535:
		return int(n), nil
	case strings.Trim(text, "-0123456789") == "" && text != "":
		return nil, &complaint{quote(text, hidden) + " is no port", "write a number from 1 to 65535, or traffic-port"}
	}
	return nil, &complaint{quote(text, hidden) + " is no port", "write traffic-port or a number from 1 to 65535"}
}

func parseScope(text string, hidden bool) (any, *complaint) {
	switch text {
	case "instance":
		return false, nil
	case "shared":
		return true, nil
	}
	return nil, &complaint{quote(text, hidden) + " is no scope", suggest(text, []string{"instance", "shared"})}
}

// parseCritical gives the opposite: the field says what is the exception.
func parseCritical(text string, hidden bool) (any, *complaint) {
	critical, bad := parseBool(text, hidden)
	if bad != nil {
		return nil, bad
	}
	return !critical.(bool), nil
}

// expand replaces ${NAME} in a value. It reports whether the result holds anything that
// came from the environment; with complaints, there is no result.
func expand(text string, getenv func(string) (string, bool)) (result string, hidden bool, bad []complaint) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), hidden, bad
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString("{")
			text = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false, append(bad, complaint{"a ${ is not closed by }", "write ${NAME}, or $${ for a plain ${"})
		}
		value, set := getenv(name)
		var c complaint
		switch {
		case !isEnvName(name):
			c = complaint{"between ${ and } there is no name of a variable", "write ${NAME}, or $${ for a plain ${"}
		case !set:
			c = complaint{"the environment variable " + name + " is not set", "set it, or write the value here"}
		}
		if c != (complaint{}) && !slices.Contains(bad, c) {
			bad = append(bad, c)
		}
		b.WriteString(value)
		hidden = true
		text = after
	}
}

// bareVariable reports whether text is exactly $NAME, as a shell would expand it.
func bareVariable(text string) bool {
	name, found := strings.CutPrefix(text, "$")
	return found && isEnvName(name)
}

func isEnvName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
