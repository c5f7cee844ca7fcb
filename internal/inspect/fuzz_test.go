package inspect

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzArrivals: whatever comes on a connection, something is told of it, within
// bounds, and nothing but an answer goes back; nothing panics, nothing stays.
func FuzzArrivals(f *testing.F) {
	for _, seed := range []string{
		"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "PROXY UNKNOWN\r\nGET / HTTP/1.0\r\n\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00GET / HTTP/1.0\r\n\r\n", preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x84\x86", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", "\x1b[2J\x1b]0;x\a\n",
		preface + "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff", "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9999999999\r\n\r\n",
	} {
		f.Add([]byte(seed), 0)
		f.Add([]byte(seed), 7)
	}
	f.Fuzz(func(t *testing.T, said []byte, split int) {
		if len(said) > 64<<10 {
			return
		}
		var told []Arrival
		s := newServer(Options{OnArrival: func(a Arrival) { told = append(told, a) }, Limits: Limits{Bytes: 2000, Silence: time.Second, Head: time.Second, Idle: time.Second}})
		ours, theirs := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			newCall(s, theirs, ":80", 1).serve(context.Background())
		}()
		go func() { // read all, or the pipe's other end would wait
			_, _ = io.Copy(io.Discard, ours)
		}()
		_ = ours.SetWriteDeadline(time.Now().Add(5 * time.Second))
		at := min(max(split, 0), len(said))
		for _, part := range [][]byte{said[:at], said[at:]} {
			if len(part) == 0 {
				continue
			}
			if _, err := ours.Write(part); err != nil {
				break
			}
		}
		_ = ours.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%q: it goes on", said)
		}
		if len(told) == 0 {
			t.Fatalf("%q: nothing was told", said)
		}
		for i, a := range told {
			if a.Number != i+1 || len(a.Bytes) > 2000 || a.Kind == "" {
				t.Fatalf("%q: told %+v", said, a)
			}
			if !slices.Contains([]Kind{HTTP2, GRPC, Other}, a.Kind) && !strings.Contains(string(said), string(a.Bytes)) {
				t.Fatalf("%q: told %q, which was not said", said, a.Bytes)
			}
			if _, err := MarshalLine(a.Recording()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
