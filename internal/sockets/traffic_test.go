package sockets

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// connection is a struct inet_diag_msg of an established connection with its
// times, as the kernel writes it.
func connection(sentAgo, gotAgo uint32, delivered, arrived uint64) []byte {
	b := make([]byte, diagAnswer+attributeHead+infoEnd)
	b[0], b[1] = familyInet, stateOpen
	binary.BigEndian.PutUint16(b[4:], 8000)
	binary.BigEndian.PutUint16(b[6:], 41000)
	copy(b[8:], []byte{127, 0, 0, 1})
	copy(b[24:], []byte{127, 0, 0, 9})
	binary.NativeEndian.PutUint32(b[68:], 4711)
	binary.NativeEndian.PutUint16(b[diagAnswer:], attributeHead+infoEnd)
	binary.NativeEndian.PutUint16(b[diagAnswer+2:], diagInfo)
	info := b[diagAnswer+attributeHead:]
	binary.NativeEndian.PutUint32(info[infoLastSent:], sentAgo)
	binary.NativeEndian.PutUint32(info[infoLastReceived:], gotAgo)
	binary.NativeEndian.PutUint64(info[infoAcked:], delivered)
	binary.NativeEndian.PutUint64(info[infoReceived:], arrived)
	return b
}

func TestParseOpen(t *testing.T) {
	c, ok, err := parseOpen(connection(700, 300, 5, 80))
	if !ok || err != nil || c.local != netip.MustParseAddrPort("127.0.0.1:8000") || c.peer != netip.MustParseAddrPort("127.0.0.9:41000") || c.inode != 4711 {
		t.Errorf("got %+v, %v, %v", c, ok, err)
	}
	listening := connection(0, 0, 0, 0)
	listening[1] = stateListen
	if c, ok, err := parseOpen(listening); ok || err != nil {
		t.Errorf("a listener: %+v, %v", c, err)
	}
	if c, ok, err := parseOpen(connection(0, 0, 0, 0)[:diagAnswer]); ok || err != nil {
		t.Errorf("without its times: %+v, %v", c, err)
	}
	foreign := connection(0, 0, 0, 0)
	foreign[0] = 1
	for name, b := range map[string][]byte{"short": foreign[:diagAnswer-1], "family": foreign, "attribute": connection(0, 0, 0, 0)[:diagAnswer+20]} {
		if _, _, err := parseOpen(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestUnanswered(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name           string
		sentAgo, got   uint32
		acked, arrived uint64
		owes, waits    time.Duration
	}{
		{"nothing was said", 900, 900, 0, 0, 0, 0},
		{"a server was asked with the connection", 900, 900, 0, 80, 900 * ms, 0},
		{"a server was asked later", 900, 300, 0, 80, 300 * ms, 0},
		{"a server answered", 300, 300, 200, 80, 0, 0},
		{"a server was asked once more", 900, 300, 200, 160, 300 * ms, 0},
		{"a client connected", 900, 900, 1, 0, 0, 0},
		{"a client asked", 300, 900, 81, 0, 0, 300 * ms},
	} {
		got, ok, err := parseOpen(connection(c.sentAgo, c.got, c.acked, c.arrived))
		if !ok || err != nil {
			t.Fatalf("%s: %v, %v", c.name, ok, err)
		}
		if owes := got.owes(); owes != c.owes {
			t.Errorf("%s: owes for %v, want %v", c.name, owes, c.owes)
		}
		if waits := got.waits(); c.waits != 0 && waits != c.waits {
			t.Errorf("%s: waits for %v, want %v", c.name, waits, c.waits)
		}
	}
	got, _, _ := parseOpen(connection(300, 900, 200, 80))
	if got.owes() != 0 {
		t.Error("a server that has sent since owes nothing")
	}
	got, _, _ = parseOpen(connection(900, 300, 81, 200))
	if got.waits() != 0 {
		t.Error("a client that was answered waits for nothing")
	}
}

// TestLongestFirst: who was answered before, and says more, waits for no first answer.
func TestLongestFirst(t *testing.T) {
	socket, asker := Conn{Unanswered: time.Minute, Answered: true}, Conn{Unanswered: time.Second}
	for _, c := range []struct {
		clients []Conn
		want    time.Duration
	}{
		{nil, 0}, {[]Conn{socket}, 0}, {[]Conn{asker}, time.Second}, {[]Conn{socket, asker}, time.Second}, {[]Conn{socket, {}}, 0},
	} {
		if got := (Traffic{Clients: c.clients}).LongestFirst(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.clients, got, c.want)
		}
	}
}

func FuzzParseOpen(f *testing.F) {
	f.Add(connection(700, 300, 5, 80))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok, err := parseOpen(b); ok && (err != nil || !c.local.IsValid() || c.owes() < 0 || c.waits() < 0) {
			t.Errorf("%x gives %+v, %v", b, c, err)
		}
	})
}
