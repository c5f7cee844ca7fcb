package forwarder_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/forwarder"
)

// patience bounds every wait for something that comes at once.
const patience = 10 * time.Second

// echo is a server that sends back what comes and closes when the client does. It
// tells how many clients it has had.
type echo struct {
	net.Listener
	mu      sync.Mutex
	clients int
}

func startEcho(t *testing.T, network, address string) *echo {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: listener}
	var open sync.WaitGroup
	t.Cleanup(func() { listener.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.clients++
			e.mu.Unlock()
			open.Go(func() { defer conn.Close(); io.Copy(conn, conn) })
		}
	})
	return e
}

func (e *echo) count() int { e.mu.Lock(); defer e.mu.Unlock(); return e.clients }

// run opens and runs a forwarder until the test ends.
func run(t *testing.T, f *forwarder.Forwarder) *forwarder.Forwarder {
	t.Helper()
	if err := f.Open(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if open := f.Stats().Open; open != 0 {
			t.Errorf("%d connections are open after Run", open)
		}
	})
	return f
}

func connect(t *testing.T, f *forwarder.Forwarder) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(f.Addr().Network(), f.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// converse wants a word back.
func converse(t *testing.T, conn net.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(conn, word); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
		t.Fatalf("%q came back, %v, want %q", got, err, word)
	}
}

// silent wants nothing to come for a moment.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	defer conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Fatalf("%d bytes came, %v, want nothing", n, err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// cut wants a connection to be reset.
func cut(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("reading gave %v, want a reset", err)
	}
}

func set(t *testing.T, f *forwarder.Forwarder, mode forwarder.Mode, delay time.Duration) {
	t.Helper()
	if err := f.Set(mode, delay); err != nil {
		t.Fatal(err)
	}
}

func TestPass(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := run(t, &forwarder.Forwarder{Address: server.Addr().String()})
	conn := connect(t, f)
	converse(t, conn, "hello")

	// A megabyte is more than all buffers hold, and the end of one direction leaves
	// the other open.
	sent := make([]byte, 1<<20)
	rand.Read(sent)
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v, want the %d that were sent", len(got), err, len(sent))
	}
	if s := f.Stats(); s.Accepted != 1 || s.Reached != 1 || s.Err != nil {
		t.Errorf("stats are %+v", s)
	}
}

func TestRefuse(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := run(t, &forwarder.Forwarder{Address: server.Addr().String()})
	address := f.Addr().String()
	conn := connect(t, f)
	converse(t, conn, "hello")

	for range 2 { // once more is no mistake
		set(t, f, forwarder.Refuse, 0)
	}
	cut(t, conn)
	if _, err := net.DialTimeout("tcp", address, patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting gave %v, want refused", err)
	}
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "again")
}

// Who waits in the kernel's queue is refused as well.
func TestRefuseBeforeRun(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := &forwarder.Forwarder{Address: server.Addr().String()}
	if err := f.Open(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, f)
	set(t, f, forwarder.Refuse, 0)
	cut(t, conn)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- f.Run(ctx) }()
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "hello")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReset(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := run(t, &forwarder.Forwarder{Address: server.Addr().String()})
	old := connect(t, f)
	converse(t, old, "hello")
	set(t, f, forwarder.Reset, 0)
	cut(t, old)
	cut(t, connect(t, f)) // that waits for the server to begin
	talks := connect(t, f)
	io.WriteString(talks, "hello")
	cut(t, talks)
	if got := server.count(); got != 1 {
		t.Errorf("%d clients reached the server, want the one before", got)
	}
	if got := f.Stats().Accepted; got != 3 {
		t.Errorf("%d clients were counted, want 3", got)
	}
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "again")
}

// Who only connects is not reset while connecting.
func TestResetLetsConnect(t *testing.T) {
	f := run(t, &forwarder.Forwarder{Address: "127.0.0.1:1"})
	set(t, f, forwarder.Reset, 0)
	for range 100 {
		connect(t, f).Close()
	}
}

func TestHang(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := run(t, &forwarder.Forwarder{Address: server.Addr().String()})
	old := connect(t, f)
	converse(t, old, "hello")
	set(t, f, forwarder.Hang, 0)
	io.WriteString(old, "frozen")
	silent(t, old)
	young := connect(t, f)
	io.WriteString(young, "waiting")
	silent(t, young)

	// Who comes and leaves meanwhile never reaches the server.
	gone := connect(t, f)
	io.WriteString(gone, "impatient")
	gone.Close()
	await(t, func() bool { s := f.Stats(); return s.Accepted == 3 && s.Open == 2 })
	if got := server.count(); got != 1 {
		t.Errorf("%d clients reached the server, want the one before", got)
	}

	// Nothing is lost of the others.
	set(t, f, forwarder.Pass, 0)
	for conn, word := range map[net.Conn]string{old: "frozen", young: "waiting"} {
		got := make([]byte, len(word))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
			t.Errorf("%q came, %v, want %q", got, err, word)
		}
	}
	if got := server.count(); got != 2 {
		t.Errorf("%d clients reached the server, want 2", got)
	}
}

// await polls for what comes at once.
func await(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
	}
}

// A server that is not there looks like one that resets, and why is told.
func TestServerThatIsNotThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	f := run(t, &forwarder.Forwarder{Address: address})
	conn, err := net.Dial("tcp", f.Addr().String())
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) { // it may come before connecting is over
		t.Errorf("the client saw %v, want a reset", err)
	}
	if err := f.Stats().Err; !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), address) {
		t.Errorf("the error is %v, want one of %s that says refused", err, address)
	}
	again := startEcho(t, "tcp", address)
	converse(t, connect(t, f), "hello")
	if err := f.Stats().Err; err != nil || again.count() != 1 {
		t.Errorf("the error is %v after the server came back", err)
	}
}

// A server that resets has its client reset.
func TestServerThatResets(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	f := run(t, &forwarder.Forwarder{Address: listener.Addr().String()})
	conn := connect(t, f)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).SetLinger(0)
	server.Close()
	cut(t, conn)
}

// A server whose client is cut sees it hang up in order.
func TestCutIsOrderlyForTheServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	f := run(t, &forwarder.Forwarder{Address: listener.Addr().String()})
	conn := connect(t, f)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	io.WriteString(conn, "hello")
	if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	set(t, f, forwarder.Reset, 0)
	cut(t, conn)
	server.SetReadDeadline(time.Now().Add(patience))
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the server read %v, want the end", err)
	}
}

// Beyond the bound clients wait, and are served when others leave.
func TestBound(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := run(t, &forwarder.Forwarder{Address: server.Addr().String(), MaxConns: 1})
	first := connect(t, f)
	converse(t, first, "first")
	second := connect(t, f) // by the kernel
	io.WriteString(second, "second")
	silent(t, second)
	if got := f.Stats().Accepted; got != 1 {
		t.Errorf("%d clients were accepted, want 1", got)
	}
	first.Close()
	got := make([]byte, 6)
	if _, err := io.ReadFull(second, got); err != nil || string(got) != "second" {
		t.Errorf("%q came, %v", got, err)
	}
	// One whose slot is taken must not keep the forwarder from refusing.
	set(t, f, forwarder.Refuse, 0)
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "third")
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	behind, before := filepath.Join(dir, "server"), filepath.Join(dir, "forwarder")
	server := startEcho(t, "unix", behind)
	f := run(t, &forwarder.Forwarder{Listen: "unix:" + before, Network: "unix", Address: behind})
	conn := connect(t, f)
	converse(t, conn, "hello")
	set(t, f, forwarder.Refuse, 0)
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection lives on")
	}
	if _, err := net.Dial("unix", before); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting gave %v, want refused", err)
	}
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "again")
	if got := server.count(); got != 2 {
		t.Errorf("%d clients reached the server, want 2", got)
	}
	// What is there already is not taken over.
	other := &forwarder.Forwarder{Listen: "unix:" + behind, Address: "127.0.0.1:1"}
	if err := other.Open(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("opening at a socket that is there gave %v", err)
	}
}

func TestSocketIsGoneAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 { // the second time it is free again
		f := &forwarder.Forwarder{Listen: "unix:" + path, Address: "127.0.0.1:1"}
		if err := f.Open(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIPv6(t *testing.T) {
	server := startEcho(t, "tcp", "127.0.0.1:0")
	f := &forwarder.Forwarder{Listen: "[::1]:0", Address: server.Addr().String()}
	if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		probe.Close()
	}
	run(t, f)
	converse(t, connect(t, f), "hello")
	set(t, f, forwarder.Refuse, 0)
	set(t, f, forwarder.Pass, 0)
	converse(t, connect(t, f), "again")
}

func TestMistakes(t *testing.T) {
	if err := new(forwarder.Forwarder).Open(); err == nil {
		t.Error("a forwarder to nowhere was opened")
	}
	if err := new(forwarder.Forwarder).Set(forwarder.Hang, 0); err == nil {
		t.Error("a forwarder that is not open was set")
	}
	if err := new(forwarder.Forwarder).Run(t.Context()); err == nil {
		t.Error("a forwarder that is not open ran")
	}
	if err := new(forwarder.Forwarder).Close(); err != nil {
		t.Error(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	f := &forwarder.Forwarder{Listen: busy.Addr().String(), Address: "127.0.0.1:1"}
	if err := f.Open(); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), busy.Addr().String()) {
		t.Errorf("opening at a busy port gave %v", err)
	}

	f = &forwarder.Forwarder{Address: "127.0.0.1:1"}
	if err := f.Open(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := f.Set(forwarder.Pass, 0); err == nil {
		t.Error("a closed forwarder was set")
	}
	if err := f.Run(t.Context()); err == nil {
		t.Error("a closed forwarder ran")
	}
	free, err := net.Listen("tcp", f.Addr().String())
	if err != nil {
		t.Fatalf("the port is not free after Close: %v", err)
	}
	free.Close()
}

func TestModesHaveNames(t *testing.T) {
	var all []string
	for m := forwarder.Pass; m <= forwarder.Reset+1; m++ {
		all = append(all, m.String())
	}
	if got := strings.Join(all, " "); got != "pass refuse hang slow reset unknown" {
		t.Errorf("the modes are called %s", got)
	}
}
