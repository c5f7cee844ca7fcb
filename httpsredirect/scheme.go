package httpsredirect

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A scheme is how a visitor came. The order matters: of two answers the smaller
// one counts.
type scheme uint8

const (
	unsaid scheme = iota // nobody says
	plain                // http
	secure               // https
)

// parseScheme reads the name of a scheme. WebSocket's names are Traefik's.
func parseScheme(name string) scheme {
	switch {
	case strings.EqualFold(name, "https"), strings.EqualFold(name, "wss"):
		return secure
	case strings.EqualFold(name, "http"), strings.EqualFold(name, "ws"):
		return plain
	}
	return unsaid
}

// scheme judges how the visitor came. It is unsaid only if a trusted proxy, over
// a connection without TLS, is silent.
func (h *Handler) scheme(r *http.Request) scheme {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	fromProxy := err == nil && h.trusts(peer.Addr())
	if fromProxy {
		if said := h.said(r.Header); said != unsaid {
			return said
		}
	}
	switch {
	case r.TLS != nil:
		return secure
	case fromProxy:
		return unsaid
	}
	return plain
}

// said returns what the trusted proxies say of the visitor.
func (h *Handler) said(header http.Header) scheme {
	x := h.xForwarded(header["X-Forwarded-Proto"], header["X-Forwarded-For"])
	forwarded, ofVisitor := h.forwarded(header["Forwarded"])
	switch {
	case x == unsaid:
		return forwarded
	case forwarded == unsaid || !ofVisitor:
		return x
	}
	return min(x, forwarded)
}

// xForwarded reads X-Forwarded-Proto by the light of X-Forwarded-For.
func (h *Handler) xForwarded(protos, addresses []string) scheme {
	if len(protos) == 0 {
		return unsaid
	}
	proxies := h.proxies(addresses)
	entry := ""
	for e := range fromRight(protos) {
		entry = e
		if proxies--; proxies == 0 {
			break
		}
	}
	return parseScheme(entry)
}

// proxies returns how many trusted proxies there are in a row, counted outward
// from the one that is connected to us.
func (h *Handler) proxies(addresses []string) int {
	n := 1
	for node := range fromRight(addresses) {
		if !h.trustsNode(node) {
			return n
		}
		n++
	}
	// All addresses are trusted. The leftmost came with no proxy in front of it:
	// it is the visitor.
	return max(n-1, 1)
}

// forwarded reads Forwarded. Its elements are found from the right, as long as
// they are about trusted proxies and can be parsed. OfVisitor is false if even
// the leftmost is about a trusted proxy: that may be the visitor, or a proxy
// that does not write this field.
func (h *Handler) forwarded(lines []string) (said scheme, ofVisitor bool) {
	for _, line := range slices.Backward(lines) {
		elements, ok := parseForwarded(line)
		if !ok {
			return unsaid, false
		}
		for _, e := range slices.Backward(elements) {
			said = parseScheme(e.proto)
			if !h.trustsNode(e.node) {
				return said, true
			}
		}
	}
	return said, false
}

// trustsNode reports whether node is the address of a trusted proxy.
func (h *Handler) trustsNode(node string) bool {
	addr, ok := parseNode(node)
	return ok && h.trusts(addr)
}

func (h *Handler) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(h.TrustedProxies, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// parseNode reads the address of a node as proxies write it: with or without
// brackets, with or without a port.
func parseNode(node string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(node); err == nil {
		return addr, true
	}
	if addrPort, err := netip.ParseAddrPort(node); err == nil {
		return addrPort.Addr(), true
	}
	if rest, ok := strings.CutPrefix(node, "["); ok {
		if literal, ok := strings.CutSuffix(rest, "]"); ok {
			addr, err := netip.ParseAddr(literal)
			return addr, err == nil && addr.Is6()
		}
	}
	return netip.Addr{}, false
}

// fromRight yields the elements of a list field, the last one first. Empty
// elements are left out (RFC 9110, section 5.6.1.2).
func fromRight(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for comma := len(line); comma >= 0; {
				line = line[:comma]
				comma = strings.LastIndexByte(line, ',')
				if element := strings.Trim(line[comma+1:], " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}
