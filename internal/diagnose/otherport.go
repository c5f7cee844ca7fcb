package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/sockets"
)

// notHTTP are ports of well-known services that are not asked for a page.
var notHTTP = map[uint16]bool{21: true, 22: true, 23: true, 25: true, 53: true, 110: true, 111: true, 143: true, 389: true, 465: true, 587: true, 631: true, 636: true, 853: true, 993: true, 995: true, 1433: true, 1521: true, 2049: true, 3306: true, 5355: true, 5432: true, 5672: true, 6379: true, 11211: true, 27017: true}

var notWeb = []string{"sshd", "mysqld", "mariadbd", "postgres", "redis-server", "memcached", "systemd-resolve", "dnsmasq", "rpcbind", "chronyd", "cupsd", "exim4", "master", "dropbear"}

// webPorts are where web servers listen by default.
var webPorts = []uint16{80, 443, 3000, 5000, 8000, 8080, 8443, 8888, 9000}

// ephemeral is the first port that Linux gives to whoever asks for any: few servers
// are meant to be found there.
const ephemeral = 32768

// mostPorts is how many other ports are asked.
const mostPorts = 20

// portAllowance is how long another port of this machine may take to answer: many
// are not web servers, and wait in silence for what they understand.
func (d *desk) portAllowance() time.Duration {
	if d.spent < 1500*time.Millisecond {
		return 600 * time.Millisecond
	}
	return 300 * time.Millisecond
}

// otherPorts are the sockets that could be the right one: well-known web ports
// first, ports that nobody chose last, and else the nearest first.
func (d *desk) otherPorts(v view) []sockets.Socket {
	addr, port, ok := v.target()
	if !ok {
		return nil
	}
	list := slices.DeleteFunc(d.q.Machine.Others(port, addr), func(s sockets.Socket) bool {
		return notHTTP[s.Local.Port()] || slices.Contains(notWeb, s.Process) || s.PID != 0 && s.PID == d.q.self
	})
	rank := func(s sockets.Socket) int {
		switch p := s.Local.Port(); {
		case slices.Contains(webPorts, p):
			return 0
		case p >= ephemeral && port < ephemeral:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b sockets.Socket) int { return cmp.Compare(rank(a), rank(b)) })
	return list[:min(len(list), mostPorts)]
}

// portsHere are the other ports here by what they answer.
type portsHere struct {
	clear  []Finding // pass, and not on every path
	vague  []Finding // pass on any path
	unwell []view    // are web servers that have an answer, though not one that passes
	asked  int
}

// otherPort asks the same question of the other ports that listen here.
func (d *desk) otherPort(v view) (o outcome, asked int, ok bool) {
	if len(d.q.Machine.Sockets) == 0 || len(v.at.changes) > 0 {
		return outcome{}, 0, false
	}
	n := d.askPorts(v)
	down := seen("refused", 0.4, "Or the server that belongs on the port does not run, and this is another one.", v)
	switch {
	case len(n.clear) > 2:
		// On a machine with so many servers that would pass, none is likely to be the one.
		down.Confidence, n.clear[0].Confidence = 0.6, 0.45
		down.Evidence = []string{fmt.Sprintf("The connection is refused: nothing listens on the port. %d other ports here would pass, so that none is likely to be the right one.", len(n.clear))}
		return only(down, n.clear[0]), n.asked, true
	case len(n.clear) > 0:
		if len(n.clear) == 2 || len(n.vague) > 0 {
			n.clear[0].Confidence = min(n.clear[0].Confidence, 0.8)
		}
		return outcome{chain: n.clear[:1], others: []Finding{down}, solved: true}, n.asked, true
	}
	for _, w := range n.unwell[:min(len(n.unwell), 2)] {
		if o, ok := d.unwellPort(v, w); ok {
			o.others = append(o.others, down)
			return o, n.asked, true
		}
	}
	switch {
	case len(n.vague) > 1:
		// Servers that answer anything are no sign.
		down.Confidence, n.vague[0].Confidence = 0.6, 0.4
		return only(down, n.vague[0]), n.asked, true
	case len(n.vague) == 1:
		n.vague[0].Confidence = 0.6
		return outcome{chain: n.vague, others: []Finding{down}, solved: true}, n.asked, true
	}
	return outcome{}, n.asked, false
}

// askPorts asks the other ports one after another. Where the load balancer only connects,
// any port would do for it: what is looked for is one that answers a request.
func (d *desk) askPorts(v view) portsHere {
	var n portsHere
	bare := v.request().Protocol == exchange.Bare
	for _, s := range d.otherPorts(v) {
		label := strconv.Itoa(int(s.Local.Port()))
		at := v.at.with(change{factor: fPort, label: label})
		well := view.passes
		if bare {
			at = at.with(change{factor: fAsk, label: "GET"})
			well = func(w view) bool { return w.speaks() && w.status() < 400 }
		}
		w := d.see(at)
		if !w.ok {
			break
		}
		n.asked++
		switch {
		case well(w):
			f := wrongPort(v, w, label).also("There listens %s.", s)
			if well(d.random(w)) {
				n.vague = append(n.vague, f.also("But it answers any path so."))
			} else {
				n.clear = append(n.clear, f)
			}
			continue
		case bare && w.speaks() && !gone(w):
			n.vague = append(n.vague, wrongPort(v, w, label).also("There listens %s.", s))
		case w.speaks() && w.status() != 404 && w.status() != 410 && !gone(w):
			n.unwell = append(n.unwell, w)
		}
		d.rule(w, v)
	}
	return n
}

// wrongPort says that the server is at another port, and that nothing else is the
// matter.
func wrongPort(v, w view, port string) Finding {
	if v.request().Protocol != exchange.Bare {
		return flipped("wrong_port", 0.95, v, w)
	}
	f := seen("wrong_port", 0.9, fmt.Sprintf("At port %s a connection stands, and an HTTP request gives %s; here it is refused.", port, told(w.answer())), w, v)
	f.Values["otherport"] = port
	return f
}

// unwellPort: another port has an answer that does not pass. If that can be
// explained to its end, it is the right port, and there is more than one thing to
// mend.
func (d *desk) unwellPort(v, w view) (outcome, bool) {
	behind := d.explain(w.at)
	knows := d.random(w)
	known := knows.speaks() && knows.status() != w.status()
	if len(behind.chain) == 0 || !behind.solved && (!known || behind.certain() < 0.6) {
		return outcome{}, false
	}
	f := flipped("wrong_port", 0.8, v, w)
	switch {
	case !behind.solved:
		f.Confidence = 0.6
		f = f.also("It knows the path: another one gives %s.", told(knows.answer()))
	default:
		f = f.also("With what is wrong there mended as well, the probe passes.")
	}
	return outcome{chain: append([]Finding{f}, behind.chain...), others: behind.others, solved: behind.solved}, true
}
