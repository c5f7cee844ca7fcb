// Package visitor tells who sent a request and how they came, when there may be
// proxies in front of this server.
//
// What a visitor writes into a request is worth nothing: only the fields of
// trusted proxies count, and of those only the entries that a trusted proxy
// wrote. So X-Forwarded-For is read from the right, for as long as its entries
// are addresses of trusted proxies; the first that is not is the visitor's, and
// whatever stands left of it was there before. Forwarded (RFC 7239) is read in
// the same way.
//
//   - A connection from anybody but a trusted proxy is the visitor's own.
//   - If all entries are addresses of trusted proxies, the leftmost is the
//     visitor: it came with no proxy in front of it.
//   - An entry that is no address ("unknown", "_hidden", garbage) ends the search.
//     The visitor then is the proxy that wrote it.
//   - If X-Forwarded-For and Forwarded name different visitors, a proxy let the
//     visitor's own field pass, and nobody can tell which. The visitor then is the
//     proxy that is connected, so that a forger never looks like many visitors.
//   - The scheme is the word of the outermost trusted proxy. It must be https in
//     X-Forwarded-Proto and in Forwarded where both speak of the visitor.
//
// Everything here is pure and may be used from any goroutine.
package visitor

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Visitor is who sent a request.
type Visitor struct {
	// Addr is the visitor's address: IPv4 unmapped, no zone. It is invalid if
	// the connection has no address, as on a Unix socket.
	Addr netip.Addr
	// Scheme is "https" or "http". Where nobody says, it is that of the connection.
	Scheme string
	// Silent means that nobody says: a trusted proxy is connected, without TLS, and
	// its fields do not tell how the visitor came.
	Silent bool
}

// Of tells whose request r is. Trusted are the networks of the proxies that are
// believed; an IPv4 network is written as such, not mapped into IPv6.
func Of(r *http.Request, trusted []netip.Prefix) Visitor {
	peer := Peer(r.RemoteAddr)
	v := Visitor{Addr: peer, Scheme: "http"}
	if r.TLS != nil {
		v.Scheme = "https"
	}
	if !Trusts(trusted, peer) {
		return v
	}
	plain := readXForwarded(r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], trusted)
	standard := readForwarded(r.Header["Forwarded"], trusted)
	if addr := agreed(plain, standard); addr.IsValid() {
		v.Addr = addr
	}
	if scheme := strictest(plain, standard); scheme != "" {
		v.Scheme = scheme
	} else {
		v.Silent = r.TLS == nil
	}
	return v
}

// Peer returns the address of the other end of a connection, given as
// "address:port", in the form in which addresses are compared and logged: IPv4
// unmapped, no zone. It is invalid where there is none, as on a Unix socket.
func Peer(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return plainAddr(ap.Addr())
}

// Trusts reports whether one of the networks holds addr. An invalid address is
// nobody's.
func Trusts(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// A word is what the trusted proxies say of the visitor in one kind of field.
type word struct {
	addr    netip.Addr // the last address that was told; invalid: none
	named   bool       // addr is not a trusted proxy's
	scheme  string     // "" if they don't say
	outside bool       // scheme is of somebody who is not a trusted proxy
}

// agreed joins two words on the visitor's address.
func agreed(plain, standard word) netip.Addr {
	switch {
	case plain.named && standard.named && plain.addr != standard.addr:
		return netip.Addr{}
	case plain.named:
		return plain.addr
	case standard.named || !plain.addr.IsValid():
		return standard.addr
	}
	return plain.addr
}

// strictest joins two words on the visitor's scheme: it must be https in both.
// Forwarded that ends with a trusted proxy may be of a proxy that does not write
// it.
func strictest(plain, standard word) string {
	switch {
	case plain.scheme == "":
		return standard.scheme
	case standard.scheme == "" || !standard.outside:
		return plain.scheme
	case standard.scheme == "http":
		return "http"
	}
	return plain.scheme
}

// readXForwarded reads X-Forwarded-For, and X-Forwarded-Proto by its light: the
// entry that counts is the one which the outermost trusted proxy wrote, or the
// leftmost if there are fewer.
func readXForwarded(addresses, schemes []string, trusted []netip.Prefix) (w word) {
	proxies := 1 // in a row, from the one that is connected to us
	for node := range fromRight(addresses) {
		addr := parseNode(node)
		if addr.IsValid() {
			w.addr = addr
		}
		if !Trusts(trusted, addr) {
			w.named, w.outside = addr.IsValid(), true
			break
		}
		proxies++
	}
	if !w.outside {
		proxies = max(proxies-1, 1)
	}
	for scheme := range fromRight(schemes) {
		w.scheme = parseScheme(scheme)
		if proxies--; proxies == 0 {
			break
		}
	}
	return w
}

// readForwarded reads Forwarded. A malformed line, and what is left of it, says
// nothing, and makes the scheme doubtful as a whole.
func readForwarded(lines []string, trusted []netip.Prefix) (w word) {
	for _, line := range slices.Backward(lines) {
		elements, ok := parseForwarded(line)
		if !ok {
			w.scheme = ""
			return w
		}
		for _, e := range slices.Backward(elements) {
			w.scheme = parseScheme(e.scheme)
			addr := parseNode(e.node)
			if addr.IsValid() {
				w.addr = addr
			}
			if !Trusts(trusted, addr) {
				w.named, w.outside = addr.IsValid(), true
				return w
			}
		}
	}
	return w
}

// parseScheme reads the name of a scheme. WebSocket's names are Traefik's.
func parseScheme(name string) string {
	switch strings.ToLower(name) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// parseNode reads an address as proxies write it: with or without brackets, with
// or without a port. It is invalid if node is something else.
func parseNode(node string) netip.Addr {
	if addr, err := netip.ParseAddr(node); err == nil {
		return plainAddr(addr)
	}
	if ap, err := netip.ParseAddrPort(node); err == nil {
		return plainAddr(ap.Addr())
	}
	if strings.HasPrefix(node, "[") && strings.HasSuffix(node, "]") {
		if addr, err := netip.ParseAddr(node[1 : len(node)-1]); err == nil && addr.Is6() {
			return plainAddr(addr)
		}
	}
	return netip.Addr{}
}

// fromRight yields the elements of a list field, the last one first. Empty ones
// are left out (RFC 9110, section 5.6.1.2).
func fromRight(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				element := line
				if comma := strings.LastIndexByte(line, ','); comma >= 0 {
					line, element = line[:comma], line[comma+1:]
				} else {
					more = false
				}
				if element = strings.Trim(element, " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}
