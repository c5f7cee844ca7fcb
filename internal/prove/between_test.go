package prove

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/forwarder"
)

// listen is a server that says "hello" to whoever connects and waits.
func listen(t *testing.T) endpoint {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); io.WriteString(conn, "hello"); io.Copy(io.Discard, conn) }()
		}
	}()
	return endpoint{"tcp", listener.Addr().String()}
}

func hello(t *testing.T, dial DialFunc, e endpoint) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := dial(ctx, e.network, e.address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.ReadFull(conn, make([]byte, 5))
	return conn, err
}

// Everything that was broken is healed, also what was broken along the way.
func TestHealAll(t *testing.T) {
	b := newBetween()
	defer b.close()
	first, spare, other := listen(t), listen(t), listen(t)
	for _, e := range []endpoint{first, other} {
		if _, err := hello(t, b.dial("other"), e); err != nil {
			t.Fatal(err)
		}
	}
	b.dial("db")(t.Context(), first.network, first.address)
	for range 2 { // one delay after another
		if err := b.breakAll(forwarder.Refuse, 0, []endpoint{first}, []string{"db"}); err != nil {
			t.Fatal(err)
		}
		for _, e := range []endpoint{first, spare} {
			if _, err := hello(t, b.dial("db"), e); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("broken, dialling gave %v", err)
			}
		}
		if _, err := hello(t, b.dial("other"), other); err != nil {
			t.Errorf("what is not broken gave %v", err)
		}
		if err := b.breakAll(forwarder.Reset, 0, []endpoint{first}, []string{"db"}); err != nil {
			t.Fatal(err)
		}
	}
	broken, err := b.heal()
	if err != nil || len(broken) != 2 {
		t.Errorf("healed %v, %v", broken, err)
	}
	for _, e := range []endpoint{first, spare} {
		if _, err := hello(t, b.dial("db"), e); err != nil {
			t.Errorf("healed, dialling gave %v", err)
		}
	}
	if broken, err := b.heal(); broken != nil || err != nil {
		t.Errorf("healing what is whole: %v, %v", broken, err)
	}
}

// A connection looks like one to what is behind the forwarder: a client that dials
// the address that it sees gets there, and errors name it.
func TestConnectionsNameWhatIsMeant(t *testing.T) {
	b := newBetween()
	defer b.close()
	e := listen(t)
	conn, err := hello(t, b.dial("db"), e)
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.RemoteAddr(); got.Network() != e.network || got.String() != e.address {
		t.Errorf("it is connected to %s over %s, want %v", got, got.Network(), e)
	}
	if err := b.breakAll(forwarder.Reset, 0, []endpoint{e}, []string{"db"}); err != nil {
		t.Fatal(err)
	}
	_, reading := conn.Read(make([]byte, 1))
	_, writing := conn.Write([]byte("?"))
	for _, err := range []error{reading, writing} {
		var op *net.OpError
		if err == nil || !strings.Contains(err.Error(), "tcp "+e.address+":") || strings.Contains(err.Error(), "->") || !errors.As(err, &op) {
			t.Errorf("the error is %v", err)
		}
	}
	if !errors.Is(reading, syscall.ECONNRESET) {
		t.Errorf("reading gave %v", reading)
	}
	b.close()
	if _, err := b.dial("db")(t.Context(), "tcp", "elsewhere:1"); err == nil || !strings.Contains(err.Error(), "elsewhere:1: the proof has ended") {
		t.Errorf("afterwards, dialling gave %v", err)
	}
}
