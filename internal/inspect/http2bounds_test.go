package inspect

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestHTTP2Floods: frames that ask nothing end the connection, whatever they are,
// and how soon is bounded by their number, not by the hour that a connection has.
func TestHTTP2Floods(t *testing.T) {
	fields := []string{":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a"}
	for name, flood := range map[string]func(w *wire, i uint32) error{
		"ping":     func(w *wire, _ uint32) error { return w.WritePing(false, [8]byte{}) },
		"settings": func(w *wire, _ uint32) error { return w.WriteSettings() },
		"windows":  func(w *wire, _ uint32) error { return w.WriteWindowUpdate(0, 1) },
		"unknown":  func(w *wire, _ uint32) error { return w.WriteRawFrame(0x77, 0, 0, nil) },
		"dead":     func(w *wire, _ uint32) error { return w.WriteData(1, false, []byte("x")) },
		"no data":  func(w *wire, _ uint32) error { return w.WriteData(1, false, nil) },
		"forbidden": func(w *wire, i uint32) error {
			w.ask(2*i+1, append(slices.Clone(fields), "Upper", "case")...)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			frames := mostIdle + 1
			if name == "forbidden" {
				frames = mostStreams + 1
			}
			r := start(t, Options{})
			reads := dialH2(r)
			over := make(chan http2.ErrCode, 1)
			go func() { // a peer that did not read would be stopped by that
				for {
					frame, err := reads.ReadFrame()
					if f, ok := frame.(*http2.GoAwayFrame); ok {
						over <- f.ErrCode
					}
					if err != nil {
						close(over)
						return
					}
				}
			}()
			var out bytes.Buffer
			writes := &wire{Framer: http2.NewFramer(&out, nil), t: t}
			for i := range uint32(frames) {
				if err := flood(writes, i); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = reads.conn.Write(out.Bytes()) // the end of it may come too late
			if code := <-over; code != http2.ErrCodeEnhanceYourCalm {
				t.Errorf("ended with %v", code)
			}
		})
	}
}

// TestHTTP2KeepAlives: who asks now and then may ping as often in between.
func TestHTTP2KeepAlives(t *testing.T) {
	r := start(t, Options{})
	w := dialH2(r)
	for i := range uint32(3) {
		for range mostIdle / 2 {
			if err := w.WritePing(false, [8]byte{}); err != nil {
				t.Fatal(err)
			}
			next[*http2.PingFrame](w)
		}
		w.ask(2*i+1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
		if f := next[*http2.MetaHeadersFrame](w); f.PseudoValue("status") != "200" {
			t.Errorf("%+v", f)
		}
	}
}

// TestHTTP2Slow: a question in many frames must be whole as soon as any other, and
// so must the first one come.
func TestHTTP2Slow(t *testing.T) {
	for name, dribble := range map[string]func(f *http2.Framer) error{
		"data": func(f *http2.Framer) error { return f.WriteData(1, false, []byte("x")) },
		"ping": func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(dial func() net.Conn, told func() []Arrival, _ *Server) {
				c := dial()
				go func() { _, _ = io.Copy(io.Discard, c) }()
				began := time.Now()
				f := http2.NewFramer(c, nil)
				_, _ = io.WriteString(c, preface)
				_ = f.WriteSettings()
				if name == "data" {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x83\x84\x86\x41\x01a"), EndHeaders: true})
				}
				for range 60 {
					if dribble(f) != nil {
						break
					}
					time.Sleep(time.Second)
				}
				if got := time.Since(began); got < 10*time.Second || got > 12*time.Second {
					t.Errorf("waited for %v", got)
				}
				if got := told(); len(got) != 1 || got[0].Kind != Other || got[0].Asks() != "HTTP/2" || !strings.HasSuffix(got[0].Ending, "no more came in time") {
					t.Errorf("told %+v", got)
				}
			})
		})
	}
}
