// Package firewall tells what this machine's own packet filter, nftables, does
// with new TCP connections to a port, as far as its rules can be read.
//
// Read asks the kernel once; Ruleset.For is pure. It follows the way of one
// packet: through the chains in the order of their priorities, into the chains
// that rules jump to, with everything known of the packet that is known (protocol,
// port, flags, that it begins a connection, that it comes from another machine)
// and the rest open. A rule that depends on what is open is told with its
// condition; nothing is guessed. What is not nftables (legacy iptables, eBPF, the
// cloud's security groups) is not seen; the Notes say so where it shows.
//
// Everything may be used from any number of goroutines at once.
package firewall

import "net/netip"

// Question is which connections are asked about.
type Question struct {
	Port uint16 // of this machine; must be given
	// Source is who connects. Not valid, loopback or unspecified: anybody from another
	// machine.
	Source netip.Addr
	// Destination is the address probed. Loopback or unspecified: any address of this
	// machine, of that family. Not valid: of the family of Source, or IPv4.
	Destination netip.Addr
}

// Outcome is what becomes of the connections.
type Outcome string

// The Outcomes.
const (
	Unknown Outcome = "unknown" // the rules can't be read
	Accepts Outcome = "accepts" // no rule that was read stops them
	Drops   Outcome = "drops"   // they get no answer
	Rejects Outcome = "rejects" // they are refused
	Depends Outcome = "depends" // on what is not known here; the Text says on what
)

// Rule is one rule that has to do with the port.
type Rule struct {
	Where   string // "table inet filter chain input"
	Handle  uint64 // as nft -a list ruleset shows it; 0 stands for the chain's policy
	Text    string // in nft's words, as far as they are known here
	Does    string // "drop", "reject", "accept", "redirect to :8080", …; empty if it decides nothing
	Names   bool   // it names the port
	Certain bool   // it meets every connection of the Question; else the Text has its conditions
}

// Report is what the rules say to a Question. Texts are safe to print.
type Report struct {
	Outcome Outcome
	Text    string // the conclusion, a clause without a full stop
	Rules   []Rule // those that name the port or may decide about it, in the order met
	Notes   []string
}

// Ruleset is the packet filter's rules at one moment, those of this process's
// network namespace. The zero Ruleset knows nothing.
type Ruleset struct {
	Notes []string // what could not be read, and why, for people

	read   bool
	chains []*chain
	sets   map[setName]*set
}

// Read asks the kernel for the rules. Off Linux the error wraps
// errors.ErrUnsupported. Rules hidden from this user are a Note, not an error.
func Read() (Ruleset, error) { return read() }
