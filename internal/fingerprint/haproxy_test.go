package fingerprint

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/realserver"
)

// haproxyBackends make HAProxy probe; %s is the server's address. The keys are
// files of testdata/probes.
var haproxyBackends = map[string]string{
	"haproxy": `
	option httpchk
	server s %s check inter 200ms`,
	"haproxy-http11": `
	option httpchk GET /health_check HTTP/1.1
	server s %s check inter 200ms`,
	"haproxy-host": `
	option httpchk
	http-check send meth GET uri /health_check ver HTTP/1.1 hdr Host mysite.example
	server s %s check inter 200ms`,
	"haproxy-send-state": `
	option httpchk
	http-check send-state
	server s %s check inter 200ms`,
	"haproxy-user-agent": `
	option httpchk
	http-check send-state
	http-check send meth GET uri /health_check ver HTTP/1.1 hdr Host mysite.example hdr User-Agent my-check
	server s %s check inter 200ms`,
}

// TestRealHAProxy recognises what HAProxy sends; for the version that the files
// were captured from, it holds the files against it, but for the state's values.
func TestRealHAProxy(t *testing.T) {
	config := strings.Builder{}
	config.WriteString("frontend unused\n\tbind {addr}\n")
	listeners := map[string]net.Listener{}
	for name, backend := range haproxyBackends {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		listeners[name] = l
		fmt.Fprintf(&config, "backend %s"+backend+"\n", name, l.Addr())
	}
	realserver.HAProxy(t, config.String())
	version, err := exec.CommandContext(t.Context(), "haproxy", "-v").Output()
	captured := err == nil && bytes.HasPrefix(version, []byte("HAProxy version 2.6."))
	for name, l := range listeners {
		head := readArrival(t, l)
		if got := NameHead(head, peer, own); got != "haproxy" {
			t.Errorf("%s: a real probe is taken for %q:\n%s", name, got, head)
		}
		if !captured {
			continue
		}
		if diff := cmp.Diff(withoutState(readHead(t, "probes", name)), withoutState(head)); diff != "" {
			t.Errorf("%s (-file +sent):\n%s", name, diff)
		}
	}
}

// readArrival reads the head of the first request that comes.
func readArrival(t *testing.T, l net.Listener) []byte {
	t.Helper()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		line, err := r.ReadBytes('\n')
		if err != nil {
			t.Fatalf("after %q: %v", head, err)
		}
		head = append(head, line...)
	}
	return head
}

// withoutState blanks the values that name a machine or a moment.
func withoutState(head []byte) string {
	const field = "x-haproxy-server-state: "
	before, after, found := strings.Cut(string(head), field)
	if !found {
		return before
	}
	state, rest, _ := strings.Cut(after, "\r\n")
	for part := range strings.SplitSeq(state, "; ") {
		key, _, _ := strings.Cut(part, "=")
		field, _, _ := strings.Cut(key, " ")
		before += field + ";"
	}
	return before + "\r\n" + rest
}
