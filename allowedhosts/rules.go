package allowedhosts

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// Rules say which hosts are allowed. They are made by [Parse] and never change;
// the zero value allows nothing. Two Rules allow the same hosts if their strings
// are equal.
type Rules struct {
	names    []string       // sorted, lower case
	domains  []string       // sorted, lower case, without the dot in front: they and all below
	networks []netip.Prefix // sorted; single addresses too
	self     bool
}

// Parse reads entries such as "example.com", ".example.com", "10.0.0.0/8" and
// "self"; the package comment lists the kinds. Spaces around an entry are
// ignored. The error, if any, joins one error for each entry that is wrong,
// which names it and says what would be right. No entries make the zero Rules.
func Parse(entries ...string) (Rules, error) {
	var r Rules
	var mistakes []error
	for _, entry := range entries {
		if err := r.add(entry); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if len(mistakes) > 0 {
		return Rules{}, errors.Join(mistakes...)
	}
	r.names = sortedSet(r.names, strings.Compare)
	r.domains = sortedSet(r.domains, strings.Compare)
	r.networks = sortedSet(r.networks, netip.Prefix.Compare)
	return r, nil
}

func sortedSet[E comparable](s []E, compare func(a, b E) int) []E {
	slices.SortFunc(s, compare)
	return slices.Compact(s)
}

// Allow reports whether a Host field names an allowed host. Host may carry a
// port. Own are the addresses that the entry "self" stands for; they are not
// looked at without it.
func (r Rules) Allow(host string, own []netip.Addr) bool {
	h, ok := parseHost(host)
	return ok && (r.lists(h) || r.self && isOneOf(h, own))
}

// UsesSelf reports whether "self" is among the entries, so that Allow needs to
// be told the machine's own addresses.
func (r Rules) UsesSelf() bool { return r.self }

// String returns the entries in a canonical form and order, such as
// "example.com, .example.org, 10.0.0.0/8, self".
func (r Rules) String() string {
	entries := slices.Clone(r.names)
	for _, domain := range r.domains {
		entries = append(entries, "."+domain)
	}
	for _, network := range r.networks {
		if network.IsSingleIP() {
			entries = append(entries, network.Addr().String())
		} else {
			entries = append(entries, network.String())
		}
	}
	if r.self {
		entries = append(entries, "self")
	}
	return strings.Join(entries, ", ")
}

// lists reports whether an entry other than "self" allows h.
func (r Rules) lists(h host) bool {
	if h.addr.IsValid() {
		return slices.ContainsFunc(r.networks, func(n netip.Prefix) bool { return n.Contains(h.addr) })
	}
	if _, found := slices.BinarySearch(r.names, h.name); found {
		return true
	}
	for domain, below := h.name, true; below; _, domain, below = strings.Cut(domain, ".") {
		if _, found := slices.BinarySearch(r.domains, domain); found {
			return true
		}
	}
	return false
}

// isOneOf reports whether h is one of the addresses.
func isOneOf(h host, addresses []netip.Addr) bool {
	return h.addr.IsValid() && slices.ContainsFunc(addresses, func(a netip.Addr) bool {
		return a.Unmap().WithZone("") == h.addr
	})
}
