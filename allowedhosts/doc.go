// Package allowedhosts refuses HTTP requests that name a host this server does
// not serve.
//
// The Host of a request is written by whoever sends it. An application that
// builds links, redirects or cache keys from it can be made to send its users
// elsewhere, and a page of a stranger whose name is pointed at this server (DNS
// rebinding) may talk to it. Frameworks have a list of allowed hosts for that,
// and it has a trap: a load balancer names the machine's private address, which
// changes and so can't be listed. Two things here avoid it, and nothing else is
// loosened: the entry "self" stands for the machine's own addresses, whatever
// they are, and [Handler.ExemptPaths] are answered whatever the Host.
//
//	rules, err := allowedhosts.Parse("example.com", ".example.org", "self")
//	if err != nil {
//		log.Fatal(err)
//	}
//	site = &allowedhosts.Handler{
//		Next:        site,
//		Rules:       rules,
//		Own:         addresses, // anything with a method Addrs() []netip.Addr
//		ExemptPaths: []string{"/health_check"},
//	}
//
// # What an entry is
//
//	example.com     that name
//	.example.com    that name and every name below it
//	192.0.2.7       that address, IPv4 or IPv6
//	10.0.0.0/8      every address of that network
//	self            every address of this machine
//
// Upper and lower case are the same. "*" is no entry, nor is anything else that
// stands for every host or for a whole top-level domain: [Parse] says what to
// write instead. There is no list of public suffixes here, so ".co.uk" is taken
// for a domain of yours.
//
// "self" means addresses, not the machine's host name: balancers use addresses,
// anybody may point a name of theirs at this machine, and a host name that
// visitors do use can be listed. An address in a Host can't be rebound. It does
// not cover balancers whose probes carry the balancer's own address (AWS's
// Network Load Balancer) or no Host at all (HAProxy by default): exempt the path
// they ask for.
//
// # What a Host is
//
// The port is ignored, and so are case, one dot at the end and the zone of an
// IPv6 address, which must stand in brackets; an IPv4-mapped IPv6 address is the
// IPv4 address. Nothing is decoded: internationalised names are compared in the
// ASCII form in which browsers send them (xn--...).
//
// Refused is whatever could be read in two ways: white space, user names, encoded
// characters, lists, empty labels, labels over 63 bytes, names over 253 bytes,
// ports over 65535, and numbers that browsers take for an IPv4 address (127.1,
// 0x7f000001, 2130706433). So is an empty Host. The host of a request in
// absolute form ("GET http://example.com/ HTTP/1.1") is the one in the request
// line, as RFC 9112, section 3.2.2, has it.
//
// # Concurrency
//
// [Rules] never change and may be used from any goroutine, and so may a
// [Handler] once its fields are set. Nothing here starts a goroutine. A request
// that is allowed costs no allocation, unless its Host has upper-case letters.
//
// The package imports the standard library only.
package allowedhosts
