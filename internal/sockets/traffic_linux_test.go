package sockets

import (
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestWatch: a request that has no answer is seen from both of its ends, one that
// has is not.
func TestWatch(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	open := func(question, answer string) *net.TCPConn {
		client, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		exchange(t, client, server, question)
		exchange(t, server, client, answer)
		return client.(*net.TCPConn)
	}
	unanswered := open("GET /slow", "")
	open("GET /", "200")
	open("", "")

	got, err := watch(at.Port(), at.Addr(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Clients) != 3 {
		t.Fatalf("got %+v, want three clients", got)
	}
	if c := got.Clients[0]; c.Unanswered == 0 || c.Peer != unanswered.LocalAddr().(*net.TCPAddr).AddrPort() {
		t.Errorf("first is %+v, want the one without an answer", c)
	}
	if got.Clients[1].Unanswered != 0 || got.Longest() != got.Clients[0].Unanswered {
		t.Errorf("got %+v, want one without an answer", got)
	}
	answered := 0
	for _, c := range got.Clients {
		if c.Answered {
			answered++
		}
	}
	if answered != 1 || got.Clients[0].Answered || got.LongestFirst() != got.Longest() {
		t.Errorf("got %+v, want one that was answered, and that is not the first", got)
	}
	if len(got.Upstreams) != 0 {
		t.Errorf("connections to the port itself are upstreams: %+v", got.Upstreams)
	}
	if got, err := watch(at.Port(), netip.MustParseAddr("127.0.0.7"), time.Minute); err != nil || len(got.Clients) != 0 {
		t.Errorf("at another address: %+v, %v", got, err)
	}
}

// TestWatchUpstreams: what a program that listens on one port has asked another.
func TestWatchUpstreams(t *testing.T) {
	door := listen(t, "tcp4", "127.0.0.1:0")
	// The other end is the kernel's alone: a queue that nobody accepts from.
	behind := listen(t, "tcp4", "127.0.0.1:0")
	c, err := net.Dial("tcp", behind.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /"); err != nil {
		t.Fatal(err)
	}
	got, err := watch(door.Port(), netip.Addr{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range got.Upstreams {
		if got.Seen && u.Peer == behind && u.Unanswered > 0 {
			return
		}
	}
	t.Errorf("pid %d waits for %s, got %+v", os.Getpid(), behind, got)
}

func exchange(t *testing.T, from io.Writer, to io.Reader, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, len(text))); err != nil {
		t.Fatal(err)
	}
}
