package firewall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// namespace is a network of its own, on a thread that ends with it.
type namespace struct {
	do  chan func()
	tid int
}

func newNamespace(t *testing.T) *namespace {
	n := &namespace{do: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its network
		n.tid = syscall.Gettid()
		ready <- syscall.Unshare(syscall.CLONE_NEWNET)
		for f := range n.do {
			f()
		}
	}()
	err := <-ready
	t.Cleanup(func() { close(n.do) })
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	return n
}

func (n *namespace) in(f func()) {
	done := make(chan struct{})
	n.do <- func() { defer close(done); f() }
	<-done
}

// run runs a program in the namespace.
func (n *namespace) run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	var out []byte
	var err error
	n.in(func() {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(input)
		out, err = cmd.CombinedOutput()
	})
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, input)
	}
}

// need skips the test, or fails it where servers are required, if it can't be run.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can have a packet filter of its own")
	}
	for _, program := range append(programs, "nft", "ip") {
		debian := map[string]string{"nft": "nftables", "ip": "iproute2", "iptables-nft": "iptables"}[program]
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv(realserver.RequireVariable) == "1" {
				t.Fatalf("%s is not installed (Debian package: %s)", program, debian)
			}
			t.Skipf("%s is not installed (Debian package: %s)", program, debian)
		}
	}
}

var (
	serverAddr = netip.MustParseAddr("10.9.0.1")
	clientAddr = netip.MustParseAddr("10.9.0.2")
)

const testPort = 8000

// site is a server's network with rules, and a client's network beside it.
type site struct{ server, client *namespace }

func newSite(t *testing.T) site {
	need(t)
	s := site{newNamespace(t), newNamespace(t)}
	s.server.run(t, "", "ip", "link", "set", "lo", "up")
	s.server.run(t, "", "ip", "link", "add", "fr0", "type", "veth", "peer", "name", "fr1", "netns", strconv.Itoa(s.client.tid))
	for _, end := range []struct {
		n            *namespace
		device, addr string
	}{{s.server, "fr0", "10.9.0.1"}, {s.client, "fr1", "10.9.0.2"}} {
		end.n.run(t, "", "ip", "addr", "add", end.addr+"/24", "dev", end.device)
		end.n.run(t, "", "ip", "link", "set", end.device, "up")
	}
	s.server.in(func() {
		for _, port := range []int{testPort, 9000} {
			l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { l.Close() })
		}
	})
	// The first connection through a new link waits for addresses to be resolved.
	if got := s.connect(t, 9000, 5*time.Second); got != Accepts {
		t.Fatalf("without rules, connecting %s", got)
	}
	return s
}

// connect tells what becomes of a real connection.
func (s site) connect(t *testing.T, port int, wait time.Duration) Outcome {
	t.Helper()
	var err error
	s.client.in(func() {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		var c net.Conn
		if c, err = new(net.Dialer).DialContext(ctx, "tcp4", netip.AddrPortFrom(serverAddr, uint16(port)).String()); err == nil {
			c.Close()
		}
	})
	switch {
	case err == nil:
		return Accepts
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH):
		return Rejects
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return Drops
	}
	t.Fatalf("connect: %v", err)
	return Unknown
}

func (s site) read(t *testing.T) Ruleset {
	t.Helper()
	var r Ruleset
	var err error
	s.server.in(func() { r, err = Read() })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// input wraps rules into a chain as most machines have it.
func input(policy, rules string) string {
	return "table inet filter {\n chain input {\n type filter hook input priority 0; policy " + policy + ";\n" + rules + "\n }\n}\n"
}

// TestAgreesWithTheKernel asks the kernel itself what becomes of a connection
// under each ruleset, and what For says of it.
func TestAgreesWithTheKernel(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules string
		want  Outcome
		text  string // of the conclusion
	}{
		{"no rules", "", Accepts, "no rule stops new connections to tcp dport 8000"},
		{"drop", input("accept", "tcp dport 8000 counter drop"), Drops, "a rule drops tcp dport 8000 in table inet filter chain input: tcp dport 8000 counter packets 0 drop"},
		{"drop another port", input("accept", "tcp dport 8001 drop"), Accepts, "no rule stops"},
		{"udp", input("accept", "udp dport 8000 drop"), Accepts, "no rule stops"},
		{"set", input("accept", "tcp dport { 22, 80, 8000 } drop"), Drops, "tcp dport { 22, 80, 8000 } drop"},
		{"not in set", input("accept", "tcp dport != { 22, 9000 } drop"), Drops, "tcp dport != { 22, 9000 } drop"},
		{"intervals", input("accept", "tcp dport { 22, 7000-8000, 9000-9100 } drop"), Drops, "tcp dport { 22, 7000-8000, 9000-9100 } drop"},
		{"outside intervals", input("accept", "tcp dport { 22, 7000-7999, 8001-9100 } drop"), Accepts, "no rule stops"},
		{"interval to the end", input("accept", "tcp dport { 7000-65535 } drop"), Drops, "drops"},
		{"range", input("accept", "tcp dport 7990-8010 drop"), Drops, "tcp dport 7990-8010 drop"},
		{"outside range", input("accept", "tcp dport 8001-8010 drop"), Accepts, "no rule stops"},
		{"not in range", input("accept", "tcp dport != 9000-9010 drop"), Drops, "tcp dport != 9000-9010 drop"},
		{"above", input("accept", "tcp dport > 1024 drop"), Drops, "tcp dport > 1024 drop"},
		{"below", input("accept", "tcp dport < 8000 drop"), Accepts, "no rule stops"},
		{"at most", input("accept", "tcp dport <= 8000 drop"), Drops, "tcp dport"},
		{"reject", input("accept", "tcp dport 8000 reject"), Rejects, "a rule rejects tcp dport 8000 in table inet filter chain input: tcp dport 8000 reject"},
		{"reset", input("accept", "tcp dport 8000 reject with tcp reset"), Rejects, "rejects"},
		{"policy", input("drop", "ct state established,related accept\n iifname lo accept\n tcp dport 22 accept"), Drops, "table inet filter chain input drops tcp dport 8000 by its policy: no rule accepts it"},
		{"policy and accepted", input("drop", "iif lo accept\n ct state established accept\n tcp dport { 22, 8000 } accept"), Accepts, "a rule accepts tcp dport 8000 in table inet filter chain input"},
		{"everything dropped at the end", input("accept", "tcp dport 22 accept\n counter drop"), Drops, "a rule drops tcp dport 8000 along with others"},
		{"state map", input("drop", "ct state vmap { established : accept, related : accept, invalid : drop }\n tcp dport 8000 ct state new accept"), Accepts, "a rule accepts"},
		{"new dropped", input("accept", "ct state new tcp dport 8000 drop"), Drops, "ct state new tcp dport 8000 drop"},
		{"flags", input("accept", "tcp flags & (fin|syn|rst|ack) == syn tcp dport 8000 drop"), Drops, "drops"},
		{"flags not", input("accept", "tcp flags & (fin|syn|rst|ack) != syn ct state new drop"), Accepts, "no rule stops"},
		{"jump", "table inet filter {\n chain web {\n tcp dport 8000 drop\n }\n chain input {\n type filter hook input priority 0; policy accept;\n jump web\n }\n}\n", Drops, "in table inet filter chain web: tcp dport 8000 drop"},
		{"return from a jump", "table inet filter {\n chain web {\n tcp dport 8000 return\n drop\n }\n chain input {\n type filter hook input priority 0; policy accept;\n tcp dport 8000 jump web\n }\n}\n", Accepts, "no rule stops"},
		{"goto does not come back", "table inet filter {\n chain web {\n tcp dport 22 accept\n }\n chain input {\n type filter hook input priority 0; policy drop;\n ct state established accept\n goto web\n tcp dport 8000 accept\n }\n}\n", Drops, "by its policy"},
		{"port map", "table inet filter {\n chain web {\n reject\n }\n chain input {\n type filter hook input priority 0; policy accept;\n tcp dport vmap { 22 : accept, 7000-8999 : jump web }\n }\n}\n", Rejects, "chain web"},
		{"accepted, then dropped by a later chain", input("accept", "tcp dport 8000 accept") + "table ip late {\n chain in {\n type filter hook input priority 10; policy accept;\n tcp dport 8000 drop\n }\n}\n", Drops, "table ip late chain in"},
		{"prerouting", "table ip raw {\n chain pre {\n type filter hook prerouting priority -300; policy accept;\n tcp dport 8000 drop\n }\n}\n", Drops, "table ip raw chain pre"},
		{"IPv6 alone", "table ip6 f {\n chain in {\n type filter hook input priority 0; policy drop;\n }\n}\n", Accepts, "no rule stops"},
		{"nfproto", input("accept", "meta nfproto ipv6 tcp dport 8000 drop\n ip6 nexthdr tcp drop"), Accepts, "no rule stops"},
		{"protocol", input("accept", "ip protocol tcp ct state new drop"), Drops, "ip protocol tcp"},
		{"loopback only", input("accept", "iifname != \"lo\" tcp dport 8000 drop"), Drops, `iifname != "lo" tcp dport 8000 drop`},
		{"on loopback", input("accept", "iifname \"lo\" tcp dport 8000 drop\n iif lo drop"), Accepts, "no rule stops"},
		{"type local", input("accept", "fib daddr type local tcp dport 8000 drop"), Drops, "fib daddr type local tcp dport 8000 drop"},
		{"way back", input("accept", "fib saddr . iif oif missing drop"), Accepts, "no rule stops"},
		{"mark that nobody sets", input("accept", "meta mark 0x10 drop"), Accepts, "no rule stops"},
		{"mark set", "table inet m {\n chain pre {\n type filter hook prerouting priority -150; policy accept;\n tcp dport 8000 meta mark set 0x10\n }\n}\n" + input("accept", "meta mark 0x10 drop"), Drops, "meta mark 16 drop"},
		{"marked by an earlier chain", "table inet m {\n chain late {\n type filter hook input priority 5; policy accept;\n meta mark 0x10 drop\n }\n chain early {\n type filter hook input priority -5; policy accept;\n tcp dport 8000 meta mark set 0x10\n }\n}\n", Drops, "chain late"},
		{"marked too late", "table inet m {\n chain early {\n type filter hook input priority -5; policy accept;\n meta mark 0x10 drop\n }\n chain late {\n type filter hook input priority 5; policy accept;\n tcp dport 8000 meta mark set 0x10\n }\n}\n", Accepts, "no rule stops"},
		{"mark masked", "table inet m {\n chain pre {\n type filter hook prerouting priority -150; policy accept;\n tcp dport 8000 meta mark set 0x30\n }\n}\n" + input("accept", "meta mark & 0x10 == 0x10 drop"), Drops, "drop"},
		{"redirected", "table ip n {\n chain pre {\n type nat hook prerouting priority -100; policy accept;\n tcp dport 8000 redirect to :9000\n }\n}\n" + input("accept", "tcp dport 8000 drop"), Accepts, "tcp dport 9000"},
		{"redirected and dropped", "table ip n {\n chain pre {\n type nat hook prerouting priority -100; policy accept;\n tcp dport 8000 redirect to :9000\n }\n}\n" + input("accept", "tcp dport 9000 drop"), Drops, "a rule drops tcp dport 9000"},
		{"answers", "table inet f {\n chain out {\n type filter hook output priority 0; policy accept;\n tcp sport 8000 drop\n }\n}\n", Drops, "a rule drops the answers"},
		{"answers, by flags", "table inet f {\n chain out {\n type filter hook output priority 0; policy accept;\n tcp sport 8000 tcp flags & (syn|ack) == (syn|ack) drop\n }\n}\n", Drops, "the answers"},
		{"answers, by address", "table inet f {\n chain out {\n type filter hook output priority 0; policy accept;\n ip saddr 10.9.0.1 ip daddr 10.9.0.2 ct direction reply oifname != \"lo\" drop\n }\n}\n", Drops, "the answers"},
		{"answers, by policy", "table inet f {\n chain out {\n type filter hook output priority 0; policy drop;\n tcp dport 443 accept\n }\n}\n", Drops, "drops the answers to tcp dport 8000 by its policy"},
		{"answers of connections", "table inet f {\n chain out {\n type filter hook output priority 0; policy drop;\n ct state established,related accept\n }\n}\n", Accepts, "no rule stops"},
		{"this source", input("accept", "ip saddr 10.9.0.0/24 tcp dport 8000 drop"), Drops, "ip saddr 10.9.0.0/24 tcp dport 8000 drop"},
		{"another source", input("accept", "ip saddr 10.8.0.0/16 drop\n ip saddr 10.9.0.64/26 drop\n ip saddr { 1.2.3.4, 10.9.0.3 } drop"), Accepts, "no rule stops"},
		{"joined", input("accept", "ip saddr . tcp dport { 10.9.0.2 . 8000, 1.2.3.4 . 22 } drop"), Drops, "ip saddr . tcp dport { "},
		{"joined, other port", input("accept", "ip saddr . tcp dport { 10.9.0.2 . 8001, 1.2.3.4 . 8000 } drop"), Accepts, "no rule stops"},
		{"joined intervals", input("accept", "ip saddr . tcp dport { 10.9.0.0/24 . 7000-8999 } drop"), Drops, "10.9.0.0-10.9.0.255 . 7000-8999"},
		{"merged loads", input("accept", "tcp sport 1024-65535 tcp dport 8000 drop"), Drops, "tcp sport 1024-65535 tcp dport 8000 drop"},
		{"named set", "table inet filter {\n set web {\n type inet_service\n elements = { 80, 8000 }\n }\n chain input {\n type filter hook input priority 0; policy accept;\n tcp dport @web drop\n }\n}\n", Drops, "tcp dport @web drop"},
		{"any-map", input("accept", "tcp dport vmap { 22 : accept, * : drop }"), Drops, "vmap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			if c.rules != "" {
				s.server.run(t, c.rules, "nft", "-f", "-")
			}
			report := s.read(t).For(Question{Port: testPort, Source: clientAddr, Destination: serverAddr})
			if report.Outcome != c.want || !strings.Contains(report.Text, c.text) {
				t.Errorf("says %s: %s\nwant %s: …%s…\nrules %+v", report.Outcome, report.Text, c.want, c.text, report.Rules)
			}
			truth := s.connect(t, testPort, 250*time.Millisecond)
			if report.Outcome != truth && report.Outcome != Depends {
				t.Errorf("says %s: %s\nbut connecting %s", report.Outcome, report.Text, truth)
			}
		})
	}
}

// TestAgreesOnIptables is the same for rules that iptables made in nftables.
func TestAgreesOnIptables(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []string
		want  Outcome
		text  string
	}{
		{"drop", []string{"-A INPUT -p tcp --dport 8000 -j DROP"}, Drops, "a rule drops tcp dport 8000 in table ip filter chain INPUT: tcp dport 8000 counter packets 0 drop"},
		{"policy", []string{"-P INPUT DROP", "-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -p tcp --dport 22 -j ACCEPT"}, Drops, "by its policy: no rule accepts it"},
		{"new accepted", []string{"-P INPUT DROP", "-A INPUT -m conntrack --ctstate NEW -p tcp -j ACCEPT"}, Accepts, ""},
		{"state", []string{"-A INPUT -m state ! --state NEW -j ACCEPT", "-A INPUT -p tcp -j DROP"}, Drops, "along with others"},
		{"several ports", []string{"-A INPUT -p tcp -m multiport --dports 80,443,7000:9000 -j REJECT"}, Rejects, "tcp dport { 80, 443, 7000-9000 } counter packets 0 reject"},
		{"other ports", []string{"-A INPUT -p tcp -m multiport --dports 80,443,8001:9000 -j REJECT"}, Accepts, "no rule stops"},
		{"not several ports", []string{"-A INPUT -p tcp -m multiport ! --dports 80,9000 -j DROP"}, Drops, "not tcp dport { 80, 9000 }"},
		{"local", []string{"-A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 8000 -m comment --comment x -j REJECT --reject-with tcp-reset"}, Rejects, "tcp dport 8000"},
		{"redirected", []string{"-t nat -A PREROUTING -p tcp --dport 8000 -j REDIRECT --to-ports 9000", "-A INPUT -p tcp --dport 9000 -j DROP"}, Drops, "tcp dport 9000"},
		{"sent to another", []string{"-t nat -A PREROUTING -p tcp --dport 8000 -j DNAT --to-destination 10.9.0.77:80", "-A INPUT -j DROP", "-A FORWARD -j DROP"}, Drops, "chain FORWARD"},
		{"not decoded", []string{"-A INPUT -p tcp --dport 8000 -m recent --name x --rcheck -j DROP"}, Depends, "tcp dport 8000 -m recent (not decoded) counter packets 0 drop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, "iptables-nft")
			s := newSite(t)
			for _, rule := range c.rules {
				s.server.run(t, "", "iptables-nft", strings.Fields(rule)...)
			}
			report := s.read(t).For(Question{Port: testPort, Source: clientAddr, Destination: serverAddr})
			if report.Outcome != c.want || !strings.Contains(report.Text, c.text) {
				t.Errorf("says %s: %s\nwant %s: …%s…\nrules %+v", report.Outcome, report.Text, c.want, c.text, report.Rules)
			}
			if truth := s.connect(t, testPort, 250*time.Millisecond); report.Outcome != truth && report.Outcome != Depends {
				t.Errorf("says %s: %s\nbut connecting %s", report.Outcome, report.Text, truth)
			}
		})
	}
}

// TestDepends: what is not known is told, not guessed.
func TestDepends(t *testing.T) {
	for _, c := range []struct{ name, rules, text string }{
		{"by source", input("drop", "ip saddr 10.0.0.0/8 tcp dport 8000 accept"), "table inet filter chain input drops tcp dport 8000 by its policy, unless one of these accepts it: “ip saddr 10.0.0.0/8 tcp dport 8000 accept”"},
		{"by source, an odd prefix", input("drop", "ip saddr 10.16.0.0/12 tcp dport 8000 accept"), "“ip saddr 10.16.0.0/12 tcp dport 8000 accept”"},
		{"by a list", "table inet f {\n set bad {\n type ipv4_addr\n flags interval\n elements = { 1.2.3.0/24 }\n }\n chain in {\n type filter hook input priority 0; policy accept;\n ip saddr @bad drop\n }\n}\n", "table inet f chain in may stop tcp dport 8000: “ip saddr @bad drop”"},
		{"by interface", input("accept", "iifname \"eth1\" tcp dport 8000 reject"), `may stop tcp dport 8000: “iifname "eth1" tcp dport 8000 reject”`},
		{"by interface, joined names", input("accept", "iifname \"eth*\" tcp dport 8000 reject"), `“iifname "eth*" tcp dport 8000 reject”`},
		{"by rate", input("accept", "tcp dport 8000 limit rate over 10/minute drop"), "limit rate over 10 per 60 s drop"},
		{"where a jump leads", "table inet filter {\n chain far {\n drop\n }\n chain input {\n type filter hook input priority 0; policy accept;\n iifname \"eth1\" jump far\n }\n}\n", "“drop (where iifname \"eth1\")”"},
		{"by a mark that may be set", "table inet m {\n chain pre {\n type filter hook prerouting priority -150; policy accept;\n iifname \"eth1\" meta mark set 0x10\n }\n}\n" + input("accept", "meta mark 0x10 drop"), "meta mark 16 drop"},
		{"by an option", input("accept", "tcp option maxseg size < 500 drop"), "(exthdr, not decoded)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t)
			n := newNamespace(t)
			n.run(t, c.rules, "nft", "-f", "-")
			report := site{server: n}.read(t).For(Question{Port: testPort})
			if report.Outcome != Depends || !strings.Contains(report.Text, c.text) {
				t.Errorf("says %s: %s\nwant it to depend: …%s…\nrules %+v", report.Outcome, report.Text, c.text, report.Rules)
			}
		})
	}
}

// TestReadWithoutPrivilege: an ordinary user is told so.
func TestReadWithoutPrivilege(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	n := newNamespace(t)
	var r Ruleset
	var err error
	n.in(func() {
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			err = errno
			return
		}
		r, err = Read()
	})
	if err != nil {
		t.Fatal(err)
	}
	if report := r.For(Question{Port: 80}); report.Outcome != Unknown || !strings.Contains(strings.Join(report.Notes, " "), "needs root") {
		t.Errorf("report %+v, want that reading needs root", report)
	}
}
