package clinic

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// startPorts is for cases whose fault is below HTTP; a Config is a word:
//
//	nobody            listens
//	drop, reject      a good server behind a firewall that does so
//	redis, mysql, postgres  such a server
//	full              a server that accepts nobody, with its queue full
//	frozen            a lighttpd that was stopped
//	fine              a good server
func startPorts(w *world, tenants []*tenant) {
	for _, t := range tenants {
		switch kind := strings.TrimSpace(t.config); kind {
		case "nobody":
		case "fine", "drop", "reject":
			fine := *t
			fine.config = "fine"
			startPlain(w, []*tenant{&fine})
			if kind != "fine" {
				firewall(w, t, kind)
			}
		case "redis":
			t.ip, t.port = at(w, realserver.Redis(w.t))
		case "mysql":
			t.ip, t.port = at(w, realserver.MariaDB(w.t))
		case "postgres":
			t.ip, t.port = at(w, realserver.Postgres(w.t))
		case "full":
			full(w, t)
		case "frozen":
			s := realserver.Start(w.t, realserver.Recipe{
				Name: "lighttpd", Debian: "lighttpd", Program: "lighttpd", Args: []string{"-D", "-f", "lighttpd.conf"}, Users: []string{"www-data"},
				Files: map[string]string{
					"lighttpd.conf": "server.bind = \"" + t.ip + "\"\nserver.port = " + t.port + "\nserver.document-root = \"{dir}/www\"\n",
					"www/alive":     "fine\n",
				},
				Listens: []string{t.addr()},
			})
			s.Freeze()
		}
	}
}

func at(w *world, s *realserver.Server) (ip, port string) {
	ip, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	return ip, port
}

// full listens with the shortest queue there is and fills it: from then on the
// kernel drops whoever wants to connect, as if a firewall stood there.
func full(w *world, t *tenant) {
	fd, err := listenShort(t.port)
	if err != nil {
		w.t.Fatalf("clinic: listen on %s: %v", t.port, err)
	}
	w.t.Cleanup(func() { release(fd) })
	for range 4 {
		conn, err := net.DialTimeout("tcp", t.addr(), 300*time.Millisecond)
		if err != nil {
			return // that was the last place
		}
		w.t.Cleanup(func() { conn.Close() })
	}
	w.t.Fatalf("clinic: the queue of %s does not fill", t.addr())
}

// firewall makes the kernel drop or reject connections to the tenant's port,
// until the test ends: the table belongs to nft, which stays, and the kernel
// removes it with its owner, however that ends. Without root there is no way, and
// nothing to install, so the test is skipped.
func firewall(w *world, t *tenant, verdict string) {
	if os.Geteuid() != 0 {
		w.t.Skipf("a firewall takes root")
	}
	nft := realserver.Program(w.t, "nft", "nftables")
	if verdict == "reject" {
		verdict = "reject with icmpx admin-prohibited"
	}
	cmd := exec.Command(nft, "-i")
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("clinic: nft: %v", err)
	}
	w.t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	table := "clinic_" + t.port
	for _, line := range []string{
		"add table inet " + table + " { flags owner; }",
		"add chain inet " + table + " in { type filter hook input priority 0; }",
		"add rule inet " + table + " in tcp dport " + t.port + " " + verdict,
	} {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			w.t.Fatalf("clinic: nft: %v: %s", err, said.String())
		}
	}
}

var firewallCases = []Case{
	{
		Name: "port-dropped", Server: "firewall", Path: "/alive", Config: "drop", Mended: "fine", Timeout: 2e9, Want: "fail filtered",
		Trials: []string{"=> silence", "host={site} => silence"},
	}, {
		Name: "port-rejected", Server: "firewall", Path: "/alive", Config: "reject", Mended: "fine", Want: "fail filtered",
		Trials: []string{"=> unreachable", "host={site} => unreachable"},
	},
}

var portCases = []Case{
	{
		Name: "port-nobody", Server: "ports", Path: "/alive", Config: "nobody", Mended: "fine", Want: "fail refused",
		Trials: []string{"=> refused", "ip=127.0.0.3 => refused", "ip=::1 => refused", "host={site} => refused"},
	}, {
		Name: "port-nobody-tcp", Server: "ports", As: "nlb-tcp", Config: "nobody", Mended: "fine", Want: "fail refused",
		Trials: []string{"=> refused"},
	}, {
		Name: "redis-port", Server: "ports", Path: "/alive", Config: "redis", Mended: "fine", Want: "fail not_http",
		// Redis takes a line that begins with Host: for an attack by way of a browser.
		Trials: []string{"=> closed", "host= => noise", "host={site} => closed"},
	}, {
		Name: "mariadb-port", Server: "ports", Path: "/alive", Config: "mysql", Mended: "fine", Want: "fail not_http",
		Trials: []string{"=> noise"},
	}, {
		Name: "lighttpd-frozen", Server: "ports", Path: "/alive", Config: "frozen", Mended: "fine", Timeout: 2e9, Want: "fail no_response / worker_saturated",
		Trials: []string{"=> silence", "path=/nothing => silence", "host={site} => silence"},
	}, {
		Name: "postgres-port", Server: "ports", Path: "/alive", Config: "postgres", Mended: "fine", Want: "fail not_http / closed_no_response",
		Trials: []string{"=> closed", "path=/ => closed"},
	}, {
		Name: "port-queue-full", Server: "ports", Path: "/alive", Config: "full", Mended: "fine", Timeout: 2e9, Want: "fail worker_saturated / no_response",
		Trials: []string{"=> silence", "path=/ => silence", "host={site} => silence"},
	},
}
