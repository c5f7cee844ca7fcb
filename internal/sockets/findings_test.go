package sockets

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// at makes a socket: "127.0.0.1:8000 gunicorn".
func at(text string) Socket {
	local, program, _ := strings.Cut(text, " ")
	s := Socket{Local: netip.MustParseAddrPort(local), Backlog: 128}
	if program != "" {
		s.Process, s.PID = program, 12
	}
	return s
}

func with(s Socket, change func(*Socket)) Socket { change(&s); return s }

func queued(s Socket, n int) Socket { return with(s, func(s *Socket) { s.Queue = n }) }
func only6(s Socket) Socket         { return with(s, func(s *Socket) { s.OnlyIPv6 = true }) }

func TestFindings(t *testing.T) {
	goesTo := func(who string) Finding { return Finding{Severity: Info, Text: "connections go to " + who} }
	for _, c := range []struct {
		name    string
		sockets []Socket
		addr    string // probed, at port 8000; empty: not known
		want    []Finding
	}{
		{"taken", []Socket{at("0.0.0.0:8000 gunicorn")}, "10.0.0.5", []Finding{goesTo("0.0.0.0:8000 (gunicorn, pid 12)")}},
		{"taken, own address not known", []Socket{at("[::]:8000")}, "", []Finding{goesTo("[::]:8000")}},
		{"taken by IPv6 too", []Socket{at("[::]:8000 node")}, "10.0.0.5", []Finding{goesTo("[::]:8000 (node, pid 12)")}},
		{"its own address wins", []Socket{at("0.0.0.0:8000 nginx"), at("10.0.0.5:8000 app")}, "10.0.0.5", []Finding{goesTo("10.0.0.5:8000 (app, pid 12)")}},
		{"IPv4 wins over both", []Socket{at("[::]:8000 nginx"), at("0.0.0.0:8000 app")}, "10.0.0.5", []Finding{goesTo("0.0.0.0:8000 (app, pid 12)")}},
		{"mapped address", []Socket{at("10.0.0.5:8000 app")}, "::ffff:10.0.0.5", []Finding{goesTo("10.0.0.5:8000 (app, pid 12)")}},
		{"loopback only", []Socket{at("127.0.0.1:8000 gunicorn"), at("[::1]:8000 gunicorn")}, "10.0.0.5", []Finding{
			{causeBound, Fault, "127.0.0.1:8000 (gunicorn, pid 12), [::1]:8000 (gunicorn, pid 12) only; connections to 10.0.0.5 are refused"}}},
		{"loopback only, own address not known", []Socket{at("127.0.0.1:8000 gunicorn")}, "", []Finding{
			{causeBound, Fault, "127.0.0.1:8000 (gunicorn, pid 12) only; connections to this machine's other addresses are refused"}}},
		{"loopback only, probed there", []Socket{at("127.0.0.1:8000 gunicorn")}, "127.0.0.1", []Finding{
			{causeBound, Warning, "127.0.0.1:8000 (gunicorn, pid 12) is reached from this machine alone; a load balancer on another one is refused"},
			goesTo("127.0.0.1:8000 (gunicorn, pid 12)")}},
		{"probed on loopback, open to all", []Socket{at("127.0.0.1:8000 a"), at("0.0.0.0:8000 b")}, "127.0.0.1", []Finding{goesTo("127.0.0.1:8000 (a, pid 12)")}},
		{"another address", []Socket{at("10.0.0.9:8000 app")}, "10.0.0.5", []Finding{
			{causeBound, Fault, "10.0.0.9:8000 (app, pid 12) only; connections to 10.0.0.5 are refused"}}},
		{"IPv6 only", []Socket{only6(at("[::]:8000 app"))}, "10.0.0.5", []Finding{
			{causeIPv6Only, Fault, "IPv6 only: [::]:8000 without IPv4 (app, pid 12); connections to 10.0.0.5 are refused"}}},
		{"IPv4 only", []Socket{at("0.0.0.0:8000 app")}, "2001:db8::5", []Finding{
			{causeBound, Fault, "IPv4 only: 0.0.0.0:8000 (app, pid 12); connections to 2001:db8::5 are refused"}}},
		{"nothing at all", nil, "10.0.0.5", []Finding{
			{causeRefused, Fault, "nothing listens on port 8000, nor on any other port that 10.0.0.5 reaches"}}},
		{"neighbours", []Socket{at("0.0.0.0:22 sshd"), at("0.0.0.0:8001 python"), at("[::]:8001 python"), at("127.0.0.1:8002 psql"), at("10.0.0.5:7999 x")}, "10.0.0.5", []Finding{
			{causeWrongPort, Fault, "nothing listens on port 8000; others do: 0.0.0.0:8001 (python, pid 12), 10.0.0.5:7999 (x, pid 12), 0.0.0.0:22 (sshd, pid 12)"}}},
		{"many neighbours", []Socket{at("0.0.0.0:1"), at("0.0.0.0:2"), at("0.0.0.0:3"), at("0.0.0.0:4"), at("0.0.0.0:5"), at("0.0.0.0:6"), at("0.0.0.0:7")}, "10.0.0.5", []Finding{
			{causeWrongPort, Fault, "nothing listens on port 8000; others do: 0.0.0.0:7, 0.0.0.0:6, 0.0.0.0:5, 0.0.0.0:4, 0.0.0.0:3, and 2 more"}}},
		{"queue full", []Socket{queued(at("0.0.0.0:8000 app"), 129)}, "10.0.0.5", []Finding{
			{causeSaturated, Fault, "accept queue full: 129 wait, 128 may, at 0.0.0.0:8000 (app, pid 12): the program does not accept"},
			goesTo("0.0.0.0:8000 (app, pid 12)")}},
		{"one queue of two full", []Socket{at("0.0.0.0:8000 app"), queued(at("0.0.0.0:8000 app"), 129)}, "10.0.0.5", []Finding{
			{causeSaturated, Warning, "accept queue full: 129 wait, 128 may, at 0.0.0.0:8000 (app, pid 12): the program does not accept; so 1 of 2 sockets that share the port"},
			goesTo("0.0.0.0:8000 (app, pid 12)")}},
		{"queue at its limit", []Socket{queued(at("0.0.0.0:8000 app"), 128)}, "10.0.0.5", []Finding{
			{causeSaturated, Warning, "accept queue filling: 128 wait, 128 may, at 0.0.0.0:8000 (app, pid 12)"},
			goesTo("0.0.0.0:8000 (app, pid 12)")}},
		{"a few wait", []Socket{queued(at("0.0.0.0:8000 app"), 3)}, "10.0.0.5", []Finding{
			{"", Info, "3 connections wait to be accepted, 128 may, at 0.0.0.0:8000 (app, pid 12)"},
			goesTo("0.0.0.0:8000 (app, pid 12)")}},
		{"backlog not known", []Socket{with(at("0.0.0.0:8000"), func(s *Socket) { s.Queue, s.Backlog = 200, 0 })}, "10.0.0.5", []Finding{
			{"", Info, "200 connections wait to be accepted at 0.0.0.0:8000; how many may is not known"},
			goesTo("0.0.0.0:8000")}},
		{"queue of another address", []Socket{queued(at("127.0.0.1:8000 dead"), 129), at("10.0.0.5:8000 app")}, "10.0.0.5", []Finding{goesTo("10.0.0.5:8000 (app, pid 12)")}},
		{"one interface", []Socket{with(at("0.0.0.0:8000 app"), func(s *Socket) { s.Device = "eth1" })}, "10.0.0.5", []Finding{
			{"", Warning, "0.0.0.0:8000 (app, pid 12) takes only what comes by the interface eth1"},
			goesTo("0.0.0.0:8000 (app, pid 12)")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var addr netip.Addr
			if c.addr != "" {
				addr = netip.MustParseAddr(c.addr)
			}
			if d := cmp.Diff(c.want, Table{Sockets: c.sockets}.Findings(8000, addr)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestOthers(t *testing.T) {
	table := Table{Sockets: []Socket{at("0.0.0.0:9000 a"), at("0.0.0.0:9000 b"), at("127.0.0.1:8001 c"), at("0.0.0.0:8000 d"), at("10.0.0.5:7000 e")}}
	var got []string
	for _, s := range table.Others(8000, netip.MustParseAddr("10.0.0.5")) {
		got = append(got, s.String())
	}
	if d := cmp.Diff([]string{"0.0.0.0:9000 (a, pid 12)", "10.0.0.5:7000 (e, pid 12)"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
