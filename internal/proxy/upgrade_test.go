package proxy_test

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/proxy"
)

// Frame types of RFC 6455, section 5.2.
const (
	text     = 0x1
	closing  = 0x8
	finished = 0x80 // first byte: no further frame belongs to the message
	masked   = 0x80 // second byte: a client's frame
)

// writeFrame writes one WebSocket frame with a payload of less than 126 bytes.
// Clients mask their frames and servers don't.
func writeFrame(w io.Writer, kind byte, payload string, fromClient bool) error {
	frame := []byte{finished | kind, byte(len(payload))}
	data := []byte(payload)
	if fromClient {
		key := binary.BigEndian.AppendUint32(nil, 0x1badcafe)
		frame[1] |= masked
		frame = append(frame, key...)
		for i := range data {
			data[i] ^= key[i%4]
		}
	}
	_, err := w.Write(append(frame, data...))
	return err
}

func readFrame(r io.Reader) (kind byte, payload string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	var key [4]byte
	if head[1]&masked != 0 {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return 0, "", err
		}
	}
	data := make([]byte, head[1]&^masked)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, "", err
	}
	for i := range data {
		data[i] ^= key[i%4]
	}
	return head[0] &^ finished, string(data), nil
}

// accept is what a server answers to a key (RFC 6455, section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// webSocketTarget is a target that does the server's part of the handshake and
// hands the connection to talk.
func webSocketTarget(t *testing.T, talk func(c net.Conn, rw *bufio.ReadWriter)) string {
	return target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-WebSocket-Version") != "13" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") ||
			!strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			t.Errorf("not a WebSocket request: %v", r.Header)
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			accept(r.Header.Get("Sec-WebSocket-Key")))
		rw.Flush()
		talk(c, rw)
	})
}

// webSocketClient does the client's part of the handshake.
func webSocketClient(t *testing.T, f *front) (net.Conn, *bufio.Reader) {
	t.Helper()
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	c, r := f.raw(t, "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+key+"\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != accept(key) {
		t.Fatalf("handshake answered with %d %v", res.StatusCode, res.Header)
	}
	return c, r
}

func checkUpgraded(t *testing.T, f *front) {
	t.Helper()
	if o := f.observation(t); o.Status != http.StatusSwitchingProtocols || o.Err != nil || o.ClientGone || o.Failed() {
		t.Errorf("observation = %+v", o)
	}
	if lines := f.log.lines(); len(lines) != 0 {
		t.Errorf("logged: %q", lines)
	}
}

// TestWebSocket exchanges frames in both directions, each side speaking first
// once, and has the client close.
func TestWebSocket(t *testing.T) {
	over := make(chan error, 1)
	f := serve(t, &proxy.Proxy{Picker: fixed(webSocketTarget(t, func(c net.Conn, rw *bufio.ReadWriter) {
		if err := writeFrame(c, text, "hello from the target", false); err != nil {
			t.Error(err)
		}
		for {
			kind, payload, err := readFrame(rw)
			if err != nil {
				over <- err
				return
			}
			if kind == text {
				payload = strings.ToUpper(payload)
			}
			if err := writeFrame(c, kind, payload, false); err != nil {
				t.Error(err)
			}
		}
	}))})
	c, r := webSocketClient(t, f)

	check := func(wantKind byte, want string) {
		t.Helper()
		if kind, payload, err := readFrame(r); kind != wantKind || payload != want || err != nil {
			t.Fatalf("frame = %x %q, %v, want %x %q", kind, payload, err, wantKind, want)
		}
	}
	check(text, "hello from the target")
	for _, word := range []string{"one", "two", "three"} {
		if err := writeFrame(c, text, word, true); err != nil {
			t.Fatal(err)
		}
		check(text, strings.ToUpper(word))
	}
	if err := writeFrame(c, closing, "\x03\xe8", true); err != nil {
		t.Fatal(err)
	}
	check(closing, "\x03\xe8")
	if len(f.observed) != 0 {
		t.Error("observed before the connection was over")
	}
	c.Close()
	if err := receive(t, "end at the target", over); err == nil {
		t.Error("the target did not see the end")
	}
	checkUpgraded(t, f)
}

func TestWebSocketClosedByTarget(t *testing.T) {
	f := serve(t, &proxy.Proxy{Picker: fixed(webSocketTarget(t, func(c net.Conn, _ *bufio.ReadWriter) {
		if err := writeFrame(c, closing, "\x03\xe9", false); err != nil {
			t.Error(err)
		}
	}))})
	c, r := webSocketClient(t, f)
	if kind, payload, err := readFrame(r); kind != closing || payload != "\x03\xe9" || err != nil {
		t.Errorf("frame = %x %q, %v", kind, payload, err)
	}
	if _, _, err := readFrame(r); !errors.Is(err, io.EOF) {
		t.Errorf("after the close frame: %v, want EOF", err)
	}
	c.Close()
	checkUpgraded(t, f)
}

// TestHalfClose ends one direction of an upgraded connection and goes on using
// the other.
func TestHalfClose(t *testing.T) {
	f := serve(t, &proxy.Proxy{Picker: fixed(wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(t, r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		all, err := io.ReadAll(r) // returns when the client has closed its side
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(c, "got %q", all)
	}))})
	c, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer: %v, %v", res, err)
	}
	io.WriteString(c, "all I have")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != `got "all I have"` || err != nil {
		t.Errorf("answer after the half-close: %q, %v", got, err)
	}
	checkUpgraded(t, f)
}
