package diagnose

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/sockets"
	"github.com/inservice/inservice/internal/software"
)

// atListener are the causes that are mended at the program that holds the port,
// whatever answers behind it.
var atListener = []cause.ID{
	"refused", "wrong_port", "bound_to_other_address", "ipv6_only", "connection_limit", "worker_saturated", "http2_only",
	"wrong_protocol_tls", "wrong_protocol_plain", "client_cert_required", "sni_required", "tls_incompatible", "proxy_protocol_expected",
}

// servers listen by a configuration of their own, whatever framework the app is
// written with: what that says of its server for development does not fit.
var servers = []string{"gunicorn", "uvicorn", "hypercorn", "daphne", "waitress", "uwsgi", "cheroot", "puma", "passenger", "thin", "php-fpm"}

// programs are those that a finding's fix is chosen for, where the answers of all
// the ports together would choose wrongly; nil elsewhere.
func (d *desk) programs(f Finding) []string {
	if !slices.Contains(atListener, f.Cause) || len(f.Decided) == 0 {
		return nil
	}
	o, made := d.known[key(f.Decided[0])]
	if !made {
		return nil
	}
	address := o.Experiment.Probe.Request.Address
	_, port := splitAddress(address)
	guesses := d.software(port)
	owner, known := d.owner(address)
	name, told := software.OfProcess(owner.Process)
	if f.Cause == "worker_saturated" && (!told || owner.Queue == 0) {
		return nil // the busy ones may be behind it
	}
	names := outermost(guesses)
	if !known || !told {
		return names
	}
	if name == "node" || name == "php-cli" { // runs the app itself: the framework's words fit
		return append(slices.DeleteFunc(names, func(n string) bool { return !slices.ContainsFunc(guesses, framework(n)) }), name)
	}
	return []string{name}
}

// owner is the socket that takes connections to an address, or failing that any
// that listens on its port.
func (d *desk) owner(address string) (sockets.Socket, bool) {
	host, p := splitAddress(address)
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return sockets.Socket{}, false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if takers := d.q.Machine.Takers(uint16(port), addr); len(takers) > 0 {
			return takers[0], true
		}
	}
	i := slices.IndexFunc(d.q.Machine.Sockets, func(s sockets.Socket) bool { return s.Local.Port() == uint16(port) })
	if i < 0 {
		return sockets.Socket{}, false
	}
	return d.q.Machine.Sockets[i], true
}

// outermost are those of the programs in a chain that listen: the front server, or
// else the one that runs the app, or else whatever is known. It is never nil.
func outermost(guesses []software.Guess) []string {
	sure := slices.DeleteFunc(slices.Clone(guesses), func(g software.Guess) bool { return g.Confidence < 0.5 })
	if len(sure) == 0 {
		sure = guesses[:min(1, len(guesses))]
	}
	pick := func(fits func(software.Guess) bool) []string {
		names := []string{}
		for _, g := range sure {
			if fits(g) {
				names = append(names, g.Name)
			}
		}
		return names
	}
	if fronts := pick(func(g software.Guess) bool { return g.Role == software.Front }); len(fronts) > 0 {
		return fronts
	}
	if found := pick(func(g software.Guess) bool { return slices.Contains(servers, g.Name) }); len(found) > 0 {
		return found
	}
	return pick(func(software.Guess) bool { return true })
}

func framework(name string) func(software.Guess) bool {
	return func(g software.Guess) bool { return g.Name == name && g.Role == software.Framework }
}
