package gateway_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/gateway"
)

// These tests send what is easily lost on the way through the whole stack: every
// handler in it has a writer of its own.

// TestStreams has the app wait, in the middle of its answer, until the visitor
// has seen the first part.
func TestStreams(t *testing.T) {
	seen := make(chan struct{})
	s := serve(t, &gateway.Gateway{App: app(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first\n")
		http.NewResponseController(w).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		io.WriteString(w, "last\n")
	})})
	_, reader := s.raw(stranger, "GET / HTTP/1.1\r\nHost: site.example\r\n\r\n")
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(res.Body)
	if line, err := body.ReadString('\n'); line != "first\n" || err != nil {
		t.Fatalf("the first part is %q, %v", line, err)
	}
	close(seen)
	if line, err := body.ReadString('\n'); line != "last\n" || err != nil {
		t.Errorf("the last part is %q, %v", line, err)
	}
	if line := s.accessLines(1)[0]; !strings.Contains(line, `"status":200,"target_status":200,"bytes":11,`) {
		t.Errorf("access log: %s", line)
	}
}

// TestTrailersAndInterimAnswers sends trailers both ways, and 103 before the
// answer.
func TestTrailersAndInterimAnswers(t *testing.T) {
	s := serve(t, &gateway.Gateway{App: app(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s, %s", body, r.Trailer.Get("X-Sum"))
		w.Header().Set("X-Sum", "theirs")
	})})
	var hints []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", header.Get("Link")))
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.doors[stranger]+"/", io.MultiReader(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "site.example"
	req.Trailer = http.Header{"X-Sum": {"ours"}}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if string(body) != "body, ours" || err != nil {
		t.Errorf("answer = %q, %v", body, err)
	}
	if got := res.Trailer.Get("X-Sum"); got != "theirs" {
		t.Errorf("trailer = %q", got)
	}
	if len(hints) != 1 || hints[0] != "103 </style.css>; rel=preload" {
		t.Errorf("interim answers: %q", hints)
	}
	if line := s.accessLines(1)[0]; !strings.Contains(line, `"status":200,"target_status":200,"bytes":10,`) {
		t.Errorf("access log: %s", line)
	}
}

// echoSocket is an app that answers each WebSocket frame with itself, unmasked,
// until it is told to close.
func echoSocket(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, section 4.2.2
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		rw.Flush()
		for {
			kind, payload, err := readFrame(rw)
			if err != nil {
				return
			}
			if _, err := c.Write(append([]byte{kind, byte(len(payload))}, payload...)); err != nil || kind == closing {
				return
			}
		}
	}
}

// Frames of RFC 6455, section 5.2, complete in one piece.
const (
	text    = 0x81
	closing = 0x88
)

// readFrame reads a frame of fewer than 126 bytes.
func readFrame(r io.Reader) (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	var key [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, head[1]&0x7f)
	_, err = io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return head[0], payload, err
}

// writeFrame writes a frame as clients do, masked.
func writeFrame(w io.Writer, kind byte, payload string) error {
	key := [4]byte{0x1b, 0xad, 0xca, 0xfe}
	frame := append([]byte{kind, 0x80 | byte(len(payload))}, key[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^key[i%4])
	}
	_, err := w.Write(frame)
	return err
}

// TestWebSocket holds a conversation over an upgraded connection, and looks at
// what is counted while it lasts.
func TestWebSocket(t *testing.T) {
	s := serve(t, &gateway.Gateway{App: app(t, echoSocket(t))})
	c, reader := s.raw(stranger, "GET /chat HTTP/1.1\r\nHost: site.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The key and what must be answered to it are those of RFC 6455, section 1.3.
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake answered with %d %v", res.StatusCode, res.Header)
	}
	for _, word := range []string{"one", "two"} {
		if err := writeFrame(c, text, word); err != nil {
			t.Fatal(err)
		}
		if kind, payload, err := readFrame(reader); kind != text || string(payload) != word || err != nil {
			t.Fatalf("frame = %x %q, %v, want %q", kind, payload, err, word)
		}
	}
	if got := s.g.Stats(); got.InFlight != 1 || got.Traffic.Requests != 1 || got.Traffic.Bad != 0 {
		t.Errorf("during the conversation: %+v", got)
	}
	if n := len(s.access.all()); n != 0 {
		t.Error("logged before the end")
	}
	if err := writeFrame(c, closing, "\x03\xe8"); err != nil {
		t.Fatal(err)
	}
	if kind, payload, err := readFrame(reader); kind != closing || string(payload) != "\x03\xe8" || err != nil {
		t.Errorf("frame = %x %q, %v", kind, payload, err)
	}
	c.Close()

	line := s.accessLines(1)[0]
	var logged struct {
		Status, Target int
		Bytes          int
		Aborted        bool
	}
	if err := json.Unmarshal([]byte(strings.Replace(line, "target_status", "target", 1)), &logged); err != nil {
		t.Fatal(err)
	}
	// Two frames of three bytes and one of two, each with a head of two.
	if logged.Status != 101 || logged.Target != 101 || logged.Bytes != 14 || logged.Aborted {
		t.Errorf("access log: %s", line)
	}
	s.await("nothing in flight", func() bool { return s.g.Stats().InFlight == 0 })
	if got := s.g.Stats().Traffic; got.Requests != 1 {
		t.Errorf("after the conversation: %+v", got)
	}
}

// TestRefusedUpgrade is an app that answers a handshake with an error.
func TestRefusedUpgrade(t *testing.T) {
	s := serve(t, &gateway.Gateway{App: app(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })})
	_, reader := s.raw(stranger, "GET / HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != http.StatusInternalServerError {
		t.Fatalf("answer: %v, %v", res, err)
	}
	s.await("evidence", func() bool { return s.g.Stats().Traffic.Requests == 1 })
	if got := s.g.Stats().Traffic; got.Bad != 1 {
		t.Errorf("traffic = %+v", got)
	}
}
