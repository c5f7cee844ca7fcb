package exchange_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func ask2(address string) exchange.Request {
	r := ask(address)
	r.Protocol = exchange.HTTP2
	return r
}

// h2server is net/http's, which speaks HTTP/2 with and without TLS.
func h2server(t *testing.T, h http.Handler, secure bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestHTTP2(t *testing.T) {
	var seen string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = fmt.Sprintf("%s %s %s %s x=%q %q", r.Method, r.URL, r.Proto, r.Host, r.Header.Values("X"), body)
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "short")
		w.Header().Set("X-Sum", "1")
	})
	for _, secure := range []bool{false, true} {
		r := ask2(h2server(t, handler, secure))
		r.Method, r.Path, r.Body = "PUT", "/a?b", []byte("body")
		r.Fields = append(r.Fields, exchange.Field{Name: "X", Value: "1"}, exchange.Field{Name: "X", Value: "2"})
		if secure {
			r.TLS = &exchange.TLS{ALPN: []string{"h2"}}
		}
		a := exchange.Do(t.Context(), r)
		expect(t, a, exchange.None, exchange.Done)
		if want := `PUT /a?b HTTP/2.0 example.test x=["1" "2"] "body"`; seen != want {
			t.Errorf("the server saw %s, want %s", seen, want)
		}
		if a.Status != 418 || a.Proto != "HTTP/2" || string(a.Body) != "short" || a.BodyMore || a.Get("Content-Type") == "" {
			t.Errorf("answer %+v", a)
		}
		if diff := cmp.Diff([]int{103}, a.Interim); diff != "" {
			t.Errorf("interim (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]exchange.Field{{Name: "x-sum", Value: "1"}}, a.Trailers); diff != "" {
			t.Errorf("trailers (-want +got):\n%s", diff)
		}
		if want := "PUT /a?b HTTP/2\r\nhost: example.test\r\naccept: */*\r\nx: 1\r\nx: 2\r\n\r\nbody"; string(a.Sent) != want {
			t.Errorf("sent is told as %q, want %q", a.Sent, want)
		}
		got := string(a.Received)
		if !strings.HasPrefix(got, "HTTP/2 103\r\n") || !strings.Contains(got, "\r\n\r\nHTTP/2 418\r\n") || !strings.HasSuffix(got, "\r\n\r\nshort\r\nx-sum: 1\r\n") {
			t.Errorf("received is told as %q", got)
		}
		if secure && a.TLS.ALPN != "h2" {
			t.Errorf("ALPN %q", a.TLS.ALPN)
		}
	}
}

func TestHTTP2Body(t *testing.T) {
	address := h2server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", r.URL.Query().Get("n"))
		var n int
		fmt.Sscan(r.URL.Query().Get("n"), &n)
		io.WriteString(w, strings.Repeat("b", n))
	}), false)
	for _, tt := range []struct{ size, max int }{{0, 0}, {1 << 16, 0}, {1<<16 + 1, 0}, {1 << 20, 1 << 20}, {1<<20 + 1, 1 << 20}} {
		r := ask2(address)
		r.Path, r.MaxBody = fmt.Sprintf("/?n=%d", tt.size), tt.max
		allowed := max(tt.max, 1<<16)
		a := exchange.Do(t.Context(), r)
		expect(t, a, exchange.None, exchange.Done)
		if len(a.Body) != min(tt.size, allowed) || a.BodyMore != (tt.size > allowed) {
			t.Errorf("of %d bytes %d were read (more: %v), MaxBody is %d", tt.size, len(a.Body), a.BodyMore, tt.max)
		}
		r.Method = "HEAD"
		a = exchange.Do(t.Context(), r)
		expect(t, a, exchange.None, exchange.Done)
	}
	r := ask2(address)
	r.Body = make([]byte, 1<<16)
	expect(t, exchange.Do(t.Context(), r), exchange.OwnFault, exchange.Dialling)
}

func TestHTTP2LongHead(t *testing.T) {
	address := h2server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, fmt.Sprint(len(r.Header.Get("Long"))))
	}), false)
	r := ask2(address)
	r.Fields = append(r.Fields, exchange.Field{Name: "Long", Value: strings.Repeat("x", 100_000)}) // several frames
	a := exchange.Do(t.Context(), r)
	expect(t, a, exchange.None, exchange.Done)
	if string(a.Body) != "100000" {
		t.Errorf("the server got %s bytes", a.Body)
	}
}

// h2peer answers by hand. The request has been taken already.
func h2peer(answer func(f *http2.Framer)) server {
	return func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, conn)
		}()
		f := http2.NewFramer(conn, nil)
		f.AllowIllegalWrites = true
		answer(f)
		conn.Close()
		<-drained
	}
}

func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

func head(f *http2.Framer, stream uint32, end bool, fields ...string) error {
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block(fields...), EndHeaders: true, EndStream: end})
}

func TestHTTP2Failures(t *testing.T) {
	settings := func(f *http2.Framer) { f.WriteSettings() }
	tests := []struct {
		name    string
		answer  func(f *http2.Framer)
		failure exchange.Failure
		stage   exchange.Stage
		status  int
		body    string
	}{
		{"whole, in odd company", func(f *http2.Framer) {
			settings(f)
			f.WriteSettingsAck()
			f.WriteWindowUpdate(0, 1)
			f.WritePing(false, [8]byte{})
			f.WriteRawFrame(0xbe, 0, 0, []byte("unknown"))
			head(f, 1, false, ":status", "200", "a", "b")
			f.WriteDataPadded(1, false, []byte("o"), make([]byte, 99))
			f.WriteGoAway(1, http2.ErrCodeNo, nil)
			f.WriteData(1, true, []byte("k"))
		}, exchange.None, exchange.Done, 200, "ok"},
		{"closes after SETTINGS", settings, exchange.Closed, exchange.Waiting, 0, ""},
		{"closes at once", func(*http2.Framer) {}, exchange.Closed, exchange.Waiting, 0, ""},
		{"refuses the stream", func(f *http2.Framer) { settings(f); f.WriteRSTStream(1, http2.ErrCodeRefusedStream) }, exchange.Reset, exchange.Waiting, 0, ""},
		{"breaks the body off", func(f *http2.Framer) {
			settings(f)
			head(f, 1, false, ":status", "200")
			f.WriteData(1, false, []byte("half"))
			f.WriteRSTStream(1, http2.ErrCodeInternal)
		}, exchange.Reset, exchange.ReadingBody, 200, "half"},
		{"closes in the body", func(f *http2.Framer) {
			settings(f)
			head(f, 1, false, ":status", "200")
			f.WriteData(1, false, []byte("half"))
		}, exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"ends before its length", func(f *http2.Framer) {
			settings(f)
			head(f, 1, false, ":status", "200", "content-length", "9")
			f.WriteData(1, true, []byte("half"))
		}, exchange.BodyCutShort, exchange.ReadingBody, 200, "half"},
		{"goes away in anger", func(f *http2.Framer) { settings(f); f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil) }, exchange.Reset, exchange.Waiting, 0, ""},
		{"goes away", func(f *http2.Framer) { settings(f); f.WriteGoAway(0, http2.ErrCodeNo, nil) }, exchange.Closed, exchange.Waiting, 0, ""},
		{"interim alone", func(f *http2.Framer) { settings(f); head(f, 1, false, ":status", "100") }, exchange.Closed, exchange.ReadingHead, 0, ""},
		{"too many interim answers", func(f *http2.Framer) {
			settings(f)
			for range 17 {
				head(f, 1, false, ":status", "100")
			}
		}, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"no status", func(f *http2.Framer) { settings(f); head(f, 1, true, "a", "b") }, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"odd status", func(f *http2.Framer) { settings(f); head(f, 1, true, ":status", "2000") }, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"status below 100", func(f *http2.Framer) { settings(f); head(f, 1, true, ":status", "099") }, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"upper case", func(f *http2.Framer) { settings(f); head(f, 1, true, ":status", "200", "A", "b") }, exchange.Malformed, exchange.Waiting, 0, ""},
		{"body without head", func(f *http2.Framer) { settings(f); f.WriteData(1, true, []byte("x")) }, exchange.Malformed, exchange.Waiting, 0, ""},
		{"no SETTINGS", func(f *http2.Framer) { head(f, 1, true, ":status", "200") }, exchange.Malformed, exchange.ReadingHead, 0, ""},
		{"frame too large", func(f *http2.Framer) { settings(f); f.WriteData(1, false, make([]byte, 1<<15)) }, exchange.Malformed, exchange.Waiting, 0, ""},
		{"push", func(f *http2.Framer) {
			settings(f)
			f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block(":path", "/"), EndHeaders: true})
		}, exchange.Malformed, exchange.Waiting, 0, ""},
		{"garbage in the head", func(f *http2.Framer) {
			settings(f)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
		}, exchange.Malformed, exchange.Waiting, 0, ""},

		{"SETTINGS flood", func(f *http2.Framer) {
			for range 100_000 {
				if f.WriteSettings() != nil {
					return
				}
			}
		}, exchange.Malformed, exchange.Waiting, 0, ""},
		{"PING flood", func(f *http2.Framer) {
			settings(f)
			for range 100_000 {
				if f.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		}, exchange.Malformed, exchange.Waiting, 0, ""},
		{"empty DATA flood", func(f *http2.Framer) {
			settings(f)
			head(f, 1, false, ":status", "200")
			for range 100_000 {
				if f.WriteData(1, false, nil) != nil {
					return
				}
			}
		}, exchange.Malformed, exchange.ReadingBody, 200, ""},
		{"padding flood", func(f *http2.Framer) {
			settings(f)
			head(f, 1, false, ":status", "200")
			for range 100_000 {
				if f.WriteDataPadded(1, false, nil, make([]byte, 255)) != nil {
					return
				}
			}
		}, exchange.Malformed, exchange.ReadingBody, 200, ""},
		{"empty CONTINUATION flood", func(f *http2.Framer) {
			settings(f)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "200")})
			for range 100_000 {
				if f.WriteContinuation(1, false, nil) != nil {
					return
				}
			}
		}, exchange.Malformed, exchange.Waiting, 0, ""},
		{"CONTINUATION flood", func(f *http2.Framer) {
			settings(f)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "200")})
			for range 100_000 {
				if f.WriteContinuation(1, false, block("a", strings.Repeat("{", 8000))) != nil {
					return
				}
			}
		}, exchange.HeadTooLong, exchange.Waiting, 0, ""},
		{"bomb", func(f *http2.Framer) {
			settings(f)
			// One long field goes into the table, and is then named by one byte.
			bomb := append(block(":status", "200", "a", strings.Repeat("b", 3900)), bytes.Repeat([]byte{0x80 | 62}, 10_000)...)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: bomb, EndHeaders: true, EndStream: true})
		}, exchange.HeadTooLong, exchange.Waiting, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask2("x:80")
			done := inMemory(&r, h2peer(tt.answer))
			a := exchange.Do(t.Context(), r)
			<-done
			expect(t, a, tt.failure, tt.stage)
			if a.Status != tt.status || string(a.Body) != tt.body {
				t.Errorf("status %d, body %q; want %d, %q", a.Status, a.Body, tt.status, tt.body)
			}
		})
	}
}

// TestGoneAwayIsNotWaitedFor: a server that says it will not answer need not
// close the connection as well.
func TestGoneAwayIsNotWaitedFor(t *testing.T) {
	r := ask2("x:80")
	done := inMemory(&r, func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		f := http2.NewFramer(conn, conn)
		f.WriteSettings()
		f.ReadFrame() // its acknowledgement
		f.WriteGoAway(0, http2.ErrCodeNo, nil)
		io.Copy(io.Discard, conn)
	})
	a := exchange.Do(t.Context(), r)
	<-done
	expect(t, a, exchange.Closed, exchange.Waiting)
}

// TestWindow: what pads the data uses up the window too, and is given back.
func TestWindow(t *testing.T) {
	const frames, size = 600, 1 + 1 + 255
	var given [2]int
	r := ask2("x:80")
	done := inMemory(&r, func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		f := http2.NewFramer(conn, conn)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					return
				}
				if update, ok := frame.(*http2.WindowUpdateFrame); ok {
					given[update.StreamID] += int(update.Increment)
				}
			}
		}()
		f.WriteSettings()
		head(f, 1, false, ":status", "200")
		for range frames {
			f.WriteDataPadded(1, false, []byte("b"), make([]byte, 255))
		}
		f.WriteData(1, true, nil)
		conn.Close()
		<-drained
	})
	a := exchange.Do(t.Context(), r)
	<-done
	expect(t, a, exchange.None, exchange.Done)
	for stream, got := range given {
		if used := frames * size; got > used || got < used-1<<16 {
			t.Errorf("stream %d: of %d bytes %d were given back", stream, used, got)
		}
	}
}

func TestNotHTTP2(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "no", "SSH-2.0-OpenSSH_9.9\r\n"} {
		a := answered(t.Context(), ask2("x:80"), answer)
		expect(t, a, exchange.Malformed, exchange.ReadingHead)
		if string(a.Received) != answer {
			t.Errorf("received %q, want %q", a.Received, answer)
		}
	}
}

func TestGRPC(t *testing.T) {
	cert := newAuthority(t).issue(t, soon(), "x")
	for _, secure := range []bool{false, true} {
		var options []grpc.ServerOption
		if secure {
			options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
		}
		server := grpc.NewServer(options...)
		checks := health.NewServer()
		checks.SetServingStatus("up", grpc_health_v1.HealthCheckResponse_SERVING)
		checks.SetServingStatus("down", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		checks.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
		grpc_health_v1.RegisterHealthServer(server, checks)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go server.Serve(listener)
		t.Cleanup(server.Stop)

		const check = "/grpc.health.v1.Health/Check"
		tests := []struct {
			path, service string
			code          codes.Code
			message       string
			status        string
		}{
			{check, "", codes.OK, "", "SERVING"},
			{check, "up", codes.OK, "", "SERVING"},
			{check, "down", codes.OK, "", "NOT_SERVING"},
			{check, "none", codes.NotFound, "unknown service", ""},
			{"/AWS.ALB/healthcheck", "", codes.Unimplemented, "unknown service AWS.ALB", ""},
		}
		for _, tt := range tests {
			r := ask(listener.Addr().String())
			r.Protocol, r.Path, r.Service = exchange.GRPC, tt.path, tt.service
			if secure {
				r.TLS = &exchange.TLS{ALPN: []string{"h2"}}
			}
			a := exchange.Do(t.Context(), r)
			expect(t, a, exchange.None, exchange.Done)
			if a.Status != 200 || a.GRPCCode != int(tt.code) || a.GRPCMessage != tt.message || a.GRPCStatus != tt.status {
				t.Errorf("%s %q: status %d, code %d %q, %q", tt.path, tt.service, a.Status, a.GRPCCode, a.GRPCMessage, a.GRPCStatus)
			}
		}
	}
}

func TestGRPCAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer func(f *http2.Framer)
		code   int
		text   string
		status string
	}{
		{"no gRPC", func(f *http2.Framer) { head(f, 1, true, ":status", "404") }, -1, "", ""},
		{"trailers only", func(f *http2.Framer) {
			head(f, 1, true, ":status", "200", "grpc-status", "12", "grpc-message", "no%20%25 such")
		}, 12, "no % such", ""},
		{"message badly encoded", func(f *http2.Framer) { head(f, 1, true, ":status", "200", "grpc-status", "2", "grpc-message", "100%") }, 2, "100%", ""},
		{"odd code", func(f *http2.Framer) { head(f, 1, true, ":status", "200", "grpc-status", "-1") }, -1, "", ""},
		{"unknown", grpcAnswer("\x00\x00\x00\x00\x00"), 0, "", "UNKNOWN"},
		{"new status", grpcAnswer("\x00\x00\x00\x00\x02\x08\x07"), 0, "", "7"},
		{"other fields", grpcAnswer("\x00\x00\x00\x00\x08\x12\x01x\x08\x01\x1d\x00\x00"), 0, "", ""},
		{"other fields, whole", grpcAnswer("\x00\x00\x00\x00\x0a\x12\x01x\x08\x01\x1d\x00\x00\x00\x00"), 0, "", "SERVING"},
		{"length beyond all bounds", grpcAnswer("\x00\x00\x00\x00\x13\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xxxxxxxx"), 0, "", ""},
		{"compressed", grpcAnswer("\x01\x00\x00\x00\x02\x08\x01"), 0, "", ""},
		{"cut", grpcAnswer("\x00\x00\x00\x00\x09\x08\x01"), 0, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask2("x:80")
			r.Protocol, r.Path = exchange.GRPC, "/grpc.health.v1.Health/Check"
			done := inMemory(&r, h2peer(func(f *http2.Framer) { f.WriteSettings(); tt.answer(f) }))
			a := exchange.Do(t.Context(), r)
			<-done
			expect(t, a, exchange.None, exchange.Done)
			if a.GRPCCode != tt.code || a.GRPCMessage != tt.text || a.GRPCStatus != tt.status {
				t.Errorf("code %d %q, %q; want %d %q, %q", a.GRPCCode, a.GRPCMessage, a.GRPCStatus, tt.code, tt.text, tt.status)
			}
		})
	}
}

func grpcAnswer(message string) func(*http2.Framer) {
	return func(f *http2.Framer) {
		head(f, 1, false, ":status", "200")
		f.WriteData(1, false, []byte(message))
		head(f, 1, true, "grpc-status", "0")
	}
}

// TestGRPCFieldsMayBeReplaced: what a prober is known to send is sent.
func TestGRPCFieldsMayBeReplaced(t *testing.T) {
	r := ask2("x:80")
	r.Protocol, r.Path = exchange.GRPC, "/x/y"
	r.Fields = []exchange.Field{{Name: "Content-Type", Value: "application/grpc+proto"}}
	done := inMemory(&r, h2peer(func(f *http2.Framer) { f.WriteSettings(); head(f, 1, true, ":status", "200") }))
	a := exchange.Do(t.Context(), r)
	<-done
	if want := "POST /x/y HTTP/2\r\ncontent-type: application/grpc+proto\r\nte: trailers\r\n\r\n\x00\x00\x00\x00\x00"; string(a.Sent) != want {
		t.Errorf("sent %q, want %q", a.Sent, want)
	}
}
