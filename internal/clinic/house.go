package clinic

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// houses are the programs that serve the cases, by Case.Server.
var houses = map[string]func(*world, []*tenant){
	"nginx": startNginx, "apache": startApache, "haproxy": startHAProxy, "lighttpd": startLighttpd, "caddy": startCaddy,
	"varnish": startVarnish, "tls": startTLS, "django": startDjango, "flask": startFlask, "asgi": startASGI, "rails": startRails,
	"sinatra": startSinatra, "node": startNode, "php": startPHP, "fpm": startFPM, "uwsgi": startUWSGI, "tomcat": startTomcat,
	"plain": startPlain, "ports": startPorts, "firewall": startPorts,
}

// Patient is one case whose servers run.
type Patient struct {
	Case
	Ill    Place
	Spare  Place  // as ill as Ill; another server, which nobody has asked yet, if the case is Fresh
	Mended *Place // nil if it can't be mended

	client tls.Certificate
}

// Place is where one server listens.
type Place struct {
	IP, Port, Second string // Second is empty if it has one port only
}

// Addr is the address that the load balancer connects to.
func (p Patient) Addr(at Place) string {
	if p.IP != "" {
		at.IP = p.IP
	}
	return net.JoinHostPort(at.IP, at.Port)
}

// HostSent is the Host that the load balancer sends there.
func (p Patient) HostSent(at Place) string {
	if p.Host != "" {
		return p.Host
	}
	return LoadBalancer + ":" + at.Port
}

// Open starts all cases of a house: it takes those that live there. A program
// that is not installed skips the test, see package realserver.
func Open(t realserver.TB, name string, cases []Case) []Patient {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("needs a real server: real servers are run on Linux only")
	}
	w := newWorld(t)
	var tenants []*tenant
	admit := func(c Case, role, config string) *tenant {
		one := w.admit(c, role, fmt.Sprintf("c%d", len(tenants)), config)
		tenants = append(tenants, one)
		return one
	}
	type rooms struct{ ill, spare, mended *tenant }
	all := make([]rooms, len(cases))
	for i, c := range cases {
		all[i].ill = admit(c, "ill", c.Config)
		all[i].spare = all[i].ill
		if c.Fresh {
			all[i].spare = admit(c, "ill", c.Config)
		}
		if _, ok := c.cure(); ok && c.Mended == "" {
			all[i].mended = all[i].ill
		} else if ok {
			all[i].mended = admit(c, "mended", c.Mended)
		}
	}
	for _, one := range tenants {
		w.lend(one.port)
		if one.second != "" {
			w.lend(one.second)
		}
	}
	houses[name](w, tenants)
	var patients []Patient
	for i, c := range cases {
		p := Patient{Case: c, Ill: all[i].ill.place(), Spare: all[i].spare.place(), client: w.papers.client}
		if m := all[i].mended; m != nil {
			place := m.place()
			p.Mended = &place
		}
		patients = append(patients, p)
	}
	return patients
}

func (t *tenant) place() Place { return Place{t.ip, t.port, t.second} }

// ByHouse returns the cases of each house.
func ByHouse() map[string][]Case {
	all := make(map[string][]Case)
	for _, c := range Cases() {
		all[c.Server] = append(all[c.Server], c)
	}
	return all
}

// try makes one trial at a place.
func (p Patient) try(ctx context.Context, at Place, text string) error {
	fill := strings.NewReplacer("{port}", at.Port, "{site}", Site)
	trial, err := parseTrial(fill.Replace(text))
	if err != nil {
		return err
	}
	base := p.asked(at.IP, at.Port)
	q, err := base.with(trial.Changes, at.Second)
	if err != nil {
		return err
	}
	if err := trial.met(q.ask(ctx, p.client), base.timeout.Seconds()); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

// Settle does what comes before anybody looks at a place: requests that are
// held open until the test ends, and those that prime it.
func (p Patient) Settle(ctx context.Context, t realserver.TB, at Place) {
	t.Helper()
	for _, held := range p.Hold {
		trial, err := parseTrial(held + " => 200")
		if err != nil {
			t.Fatalf("clinic: %v", err)
		}
		q, err := p.asked(at.IP, at.Port).with(trial.Changes, at.Second)
		if err != nil {
			t.Fatalf("clinic: %v", err)
		}
		q.timeout = 10 * time.Minute
		ctx, cancel := context.WithTimeout(ctx, q.timeout)
		conn, a := q.connect(ctx, p.client)
		if conn == nil {
			t.Fatalf("hold %q: %v", held, a)
		}
		if _, err := conn.Write([]byte(q.text())); err != nil {
			t.Fatalf("hold %q: %v", held, err)
		}
		t.Cleanup(func() { conn.Close(); cancel() })
	}
	if len(p.Hold) > 0 {
		p.await(ctx, at)
	}
	for _, prime := range p.Prime {
		p.try(ctx, at, prime) // what comes of it, the trials tell
	}
}

// await waits until the server is as the first trial has it: what is held open
// takes effect a little after it was sent.
func (p Patient) await(ctx context.Context, at Place) {
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.try(ctx, at, p.Trials[0]) != nil && time.Now().Before(deadline) {
		<-tick.C
	}
}
