package inspect

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/inservice/inservice/internal/fingerprint"
)

// h2 is a client that speaks HTTP/2 only.
func h2(t *testing.T, plain bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(!plain)
	protocols.SetUnencryptedHTTP2(plain)
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestHTTP2(t *testing.T) {
	for name, plain := range map[string]bool{"prior knowledge": true, "TLS": false} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{})
			url := map[bool]string{true: "http://", false: "https://"}[plain] + r.address
			client := h2(t, plain)
			for i, method := range []string{"GET", "POST", "HEAD"} {
				request, err := http.NewRequestWithContext(t.Context(), method, url+"/x?y", strings.NewReader(map[string]string{"POST": strings.Repeat("b", 100_000)}[method]))
				if err != nil {
					t.Fatal(err)
				}
				answer, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(answer.Body)
				if want := map[bool]string{true: "", false: "ok"}[method == "HEAD"]; err != nil || answer.StatusCode != 200 || string(text) != want {
					t.Errorf("%s: %d %q %v", method, answer.StatusCode, text, err)
				}
				a := r.arrival(i + 1)
				if a.Kind != HTTP2 || a.Request.Method != method || a.Request.Target != "/x?y" || a.Request.Host != r.address || a.Request.Proto != "HTTP/2.0" {
					t.Errorf("told %+v", a.Request)
				}
				if (a.TLS == nil) != plain || a.More != (method == "POST") || len(a.Bytes) == 0 {
					t.Errorf("told TLS %+v, %d bytes, more %t", a.TLS, len(a.Bytes), a.More)
				}
			}
		})
	}
}

// wire is an HTTP/2 client that says just what it is told to.
type wire struct {
	*http2.Framer
	t    *testing.T
	conn net.Conn
}

func dialH2(r *run, settings ...http2.Setting) *wire {
	c := r.dial()
	w := &wire{Framer: http2.NewFramer(c, c), t: r.t, conn: c}
	w.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(c, preface); err != nil {
		r.t.Fatal(err)
	}
	if err := w.WriteSettings(settings...); err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (w *wire) ask(id uint32, fields ...string) {
	w.t.Helper()
	var block strings.Builder
	e := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		if err := e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(block.String()), EndStream: true, EndHeaders: true}); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the next frame of a kind, and passes over others.
func next[F http2.Frame](w *wire) F {
	w.t.Helper()
	for {
		frame, err := w.ReadFrame()
		if err != nil {
			w.t.Fatal(err)
		}
		if f, ok := frame.(F); ok {
			return f
		}
	}
}

// TestHTTP2Order: fields are told in the order in which they came.
func TestHTTP2Order(t *testing.T) {
	r := start(t, Options{})
	w := dialH2(r)
	w.ask(1, ":path", "/", ":scheme", "http", ":method", "OPTIONS", ":authority", "a:1", "b", "2", "a", "\x80", "b", "3")
	next[*http2.MetaHeadersFrame](w)
	want := []fingerprint.Field{{Name: ":path", Value: "/"}, {Name: ":scheme", Value: "http"}, {Name: ":method", Value: "OPTIONS"}, {Name: ":authority", Value: "a:1"},
		{Name: "b", Value: "2"}, {Name: "a", Value: "\x80"}, {Name: "b", Value: "3"}}
	a := r.arrival(1)
	if diff := cmp.Diff(want, a.Request.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(string(a.Bytes), preface) {
		t.Errorf("the bytes are %q", a.Bytes)
	}
}

// TestHTTP2Windows: an answer waits until the peer has room for it.
// What makes room is a window's update or the peer's settings.
func TestHTTP2Windows(t *testing.T) {
	r := start(t, Options{})
	w := dialH2(r, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	w.ask(1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	if d := next[*http2.DataFrame](w); string(d.Data()) != "o" || d.StreamEnded() {
		t.Fatalf("first data %q", d.Data())
	}
	if err := w.WriteWindowUpdate(1, 1); err != nil {
		t.Fatal(err)
	}
	if d := next[*http2.DataFrame](w); string(d.Data()) != "k" || !d.StreamEnded() {
		t.Fatalf("second data %q", d.Data())
	}
	w.ask(3, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	if d := next[*http2.DataFrame](w); d.StreamID != 3 || string(d.Data()) != "o" {
		t.Fatalf("data %q", d.Data())
	}
	if err := w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}); err != nil {
		t.Fatal(err)
	}
	if d := next[*http2.DataFrame](w); string(d.Data()) != "k" || !d.StreamEnded() {
		t.Fatalf("last data %q", d.Data())
	}
}

// TestHTTP2NoTable: a peer that keeps no table of fields can read every answer.
func TestHTTP2NoTable(t *testing.T) {
	r := start(t, Options{})
	w := dialH2(r, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	w.ReadMetaHeaders.SetAllowedMaxDynamicTableSize(0)
	w.ReadMetaHeaders.SetMaxDynamicTableSize(0)
	for id := uint32(1); id < 7; id += 2 {
		w.ask(id, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
		if f := next[*http2.MetaHeadersFrame](w); f.PseudoValue("status") != "200" || len(f.Fields) != 4 {
			t.Errorf("answer %d: %+v", id, f.Fields)
		}
	}
}

// TestHTTP2Ping: a connection is alive while an answer is waited for.
func TestHTTP2Ping(t *testing.T) {
	r := start(t, Options{Script: Script{{Answer: Answer{Way: Hang}}}})
	w := dialH2(r)
	w.ask(1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	if err := w.WritePing(false, [8]byte{7}); err != nil {
		t.Fatal(err)
	}
	if p := next[*http2.PingFrame](w); !p.IsAck() || p.Data != [8]byte{7} {
		t.Errorf("answered %+v", p)
	}
	if err := w.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
		t.Fatal(err)
	}
	if out := r.outcome(1); out.What != GaveUp {
		t.Errorf("outcome %+v", out)
	}
}

// TestHTTP2Wrong: what HTTP/2 forbids is told, and ends no more than it must.
// TestHTTP2Ends: who hangs up while it waits gave up, which is its time-out; what
// this side ends is cut off.
func TestHTTP2Ends(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *wire) error
		want Result
	}{
		"hangs up": {func(w *wire) error { return w.conn.Close() }, GaveUp},
		"mistake":  {func(w *wire) error { return w.WriteRawFrame(http2.FrameData, 0, 0, nil) }, CutOff},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Script: Script{{Answer: Answer{Way: Hang}}}})
			w := dialH2(r)
			w.ask(1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
			r.arrival(1)
			if err := test.end(w); err != nil {
				t.Fatal(err)
			}
			if out := r.outcome(1); out.What != test.want {
				t.Errorf("it %s", out.What)
			}
		})
	}
}

// TestHTTP2Patience: who waits for an answer is not cut off, however long it says
// nothing; with the answer, the connection is idle.
func TestHTTP2Patience(t *testing.T) {
	ask := func(t *testing.T, o Options, waits time.Duration) (told []Outcome, lasted time.Duration) {
		o.OnOutcome = func(out Outcome) { told = append(told, out) }
		bubble(t, o, func(dial func() net.Conn, arrivals func() []Arrival, _ *Server) {
			c := dial()
			over := make(chan struct{})
			began := time.Now()
			go func() {
				_, _ = io.Copy(io.Discard, c)
				lasted = time.Since(began)
				close(over)
			}()
			f := http2.NewFramer(c, nil)
			_, _ = io.WriteString(c, preface)
			_ = f.WriteSettings()
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x82\x84\x86\x41\x01a"), EndHeaders: true, EndStream: true})
			time.Sleep(waits)
			_ = c.Close()
			<-over
			arrivals() // waits until the server has seen it
		})
		return told, lasted
	}
	if told, _ := ask(t, Options{Script: Script{{Answer: Answer{Way: Hang}}}}, 5*time.Minute); len(told) != 1 || told[0].What != GaveUp || told[0].After != 5*time.Minute {
		t.Errorf("hung: %+v", told)
	}
	if told, lasted := ask(t, Options{Script: Script{{Answer: Answer{After: 3 * time.Minute}}}}, time.Hour); len(told) != 1 || told[0].What != Answered || lasted < 5*time.Minute || lasted > 6*time.Minute {
		t.Errorf("answered after 3m: %+v, and the connection lasted %v", told, lasted)
	}
}

func TestHTTP2Wrong(t *testing.T) {
	r := start(t, Options{})
	w := dialH2(r)
	w.ask(1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a", "Upper", "case")
	if f := next[*http2.RSTStreamFrame](w); f.StreamID != 1 {
		t.Errorf("%+v", f)
	}
	if a := r.arrival(1); a.Kind != Other || !strings.Contains(a.Ending, "not allowed") {
		t.Errorf("told %+v", a)
	}
	w.ask(3, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	if f := next[*http2.MetaHeadersFrame](w); f.PseudoValue("status") != "200" {
		t.Errorf("%+v", f)
	}
	w.ask(2, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	if f := next[*http2.GoAwayFrame](w); f.ErrCode != http2.ErrCodeProtocol {
		t.Errorf("%+v", f)
	}
}

// TestHTTP2Streams: many questions at once, each answered; too many refused.
func TestHTTP2Streams(t *testing.T) {
	r := start(t, Options{Script: Script{{Answer: Answer{Way: Hang}}}})
	w := dialH2(r)
	for i := range uint32(maxStreams + 1) {
		w.ask(2*i+1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
	}
	if f := next[*http2.RSTStreamFrame](w); f.StreamID != 2*maxStreams+1 || f.ErrCode != http2.ErrCodeRefusedStream {
		t.Errorf("%+v", f)
	}
	// Those that were answered later do not count.
	r2 := start(t, Options{Script: Script{{Answer: Answer{After: time.Millisecond}}}})
	w2 := dialH2(r2)
	for i := range uint32(3 * maxStreams) {
		w2.ask(2*i+1, ":method", "GET", ":path", "/", ":scheme", "http", ":authority", "a")
		next[*http2.DataFrame](w2)
		r2.outcome(int(i) + 1)
	}
}

func TestGRPC(t *testing.T) {
	for name, test := range map[string]struct {
		answer Answer
		want   grpc_health_v1.HealthCheckResponse_ServingStatus
		other  codes.Code
	}{
		"default": {Answer{}, grpc_health_v1.HealthCheckResponse_SERVING, codes.Unimplemented},
		"503":     {Answer{Status: 503}, grpc_health_v1.HealthCheckResponse_NOT_SERVING, codes.Unavailable},
		"drip":    {Answer{Drip: time.Millisecond}, grpc_health_v1.HealthCheckResponse_SERVING, codes.Unimplemented},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Script: Script{{Answer: test.answer}}})
			c, err := grpc.NewClient(r.address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("kube-probe/1.31"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			question := &grpc_health_v1.HealthCheckRequest{Service: "shop.v1.Cart"}
			answer, err := grpc_health_v1.NewHealthClient(c).Check(ctx, question)
			if err != nil || answer.Status != test.want {
				t.Fatalf("Check = %v, %v", answer, err)
			}
			a := r.arrival(1)
			if a.Kind != GRPC || a.Service != "shop.v1.Cart" || a.Guess.Name != "kubelet-grpc" {
				t.Errorf("told %+v", a)
			}
			err = c.Invoke(ctx, "/AWS.ALB/healthcheck", question, answer)
			if got := status.Code(err); got != test.other {
				t.Errorf("another method: %v", err)
			}
			watch, err := grpc_health_v1.NewHealthClient(c).Watch(ctx, question)
			if err != nil {
				t.Fatal(err)
			}
			if answer, err = watch.Recv(); err != nil || answer.Status != test.want {
				t.Errorf("Watch = %v, %v", answer, err)
			}
			// The stream stays open, and others are answered meanwhile.
			if _, err := grpc_health_v1.NewHealthClient(c).Check(ctx, question); err != nil {
				t.Error(err)
			}
			r.await("the outcomes", func() bool { return len(r.outcomes) >= 3 })
			r.mu.Lock()
			if slices.ContainsFunc(r.outcomes, func(o Outcome) bool { return o.Number == 3 }) {
				t.Error("the watch has ended")
			}
			r.mu.Unlock()
			if n := len(r.server.Senders()); n != 3 {
				t.Errorf("%d senders", n)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	r := start(t, Options{})
	for name, test := range map[string]struct {
		config  *tls.Config
		version uint16
		names   []string
	}{
		"name":             {&tls.Config{ServerName: "app.example", NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS13}, tls.VersionTLS13, []string{"app.example"}},
		"no name":          {&tls.Config{}, tls.VersionTLS13, nil},
		"1.0":              {&tls.Config{ServerName: "old.example", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, tls.VersionTLS10, []string{"old.example"}},
		"RSA only":         {&tls.Config{ServerName: "rsa.example", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, tls.VersionTLS12, []string{"rsa.example"}},
		"unknown protocol": {&tls.Config{ServerName: "a.example", NextProtos: []string{"acme-tls/1"}}, tls.VersionTLS13, []string{"a.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.InsecureSkipVerify = true
			c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", r.address, test.config)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			state := c.ConnectionState()
			if state.Version != test.version || !slices.Equal(state.PeerCertificates[0].DNSNames, test.names) {
				t.Errorf("%s, names %q", tls.VersionName(state.Version), state.PeerCertificates[0].DNSNames)
			}
			if test.names == nil && !state.PeerCertificates[0].IPAddresses[0].Equal(net.IPv4(127, 0, 0, 1)) {
				t.Errorf("addresses %v", state.PeerCertificates[0].IPAddresses)
			}
			if len(test.config.NextProtos) > 0 && state.NegotiatedProtocol != test.config.NextProtos[0] {
				t.Errorf("agreed on %q", state.NegotiatedProtocol)
			}
			if _, err := io.WriteString(c, "GET /"+name+" HTTP/1.0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("the answer ends with %v", err)
			}
			var a Arrival
			r.await(name, func() bool {
				i := slices.IndexFunc(r.arrivals, func(a Arrival) bool { return a.Request.Target == "/"+name })
				if i >= 0 {
					a = r.arrivals[i]
				}
				return i >= 0
			})
			if a.TLS == nil || a.TLS.ServerName != test.config.ServerName || !slices.Equal(a.TLS.ALPN, test.config.NextProtos) || a.TLS.Version != test.version || a.TLS.Bytes[0] != 0x16 {
				t.Errorf("told %+v", a.TLS)
			}
			if test.config.MaxVersion != 0 && a.TLS.Versions[0] != test.config.MaxVersion {
				t.Errorf("versions offered: %v", VersionNames(a.TLS.Versions))
			}
		})
	}
}

// TestHandshakes: TLS and nothing else, and what is only the beginning of it.
func TestHandshakes(t *testing.T) {
	r := start(t, Options{})
	c, err := tls.Dial("tcp", r.address, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if a := r.arrival(1); a.Kind != Handshake || a.TLS.Version == 0 || a.Ending != "closed by the other side" || len(a.Guess.Among) == 0 {
		t.Errorf("told %+v", a)
	}
	// A hello of SSL 3, as HAProxy's ssl-hello-chk sends: it agrees on nothing.
	d := r.dial()
	if _, err := io.WriteString(d, "\x16\x03\x00\x00\x2d\x01\x00\x00\x29\x03\x00"+strings.Repeat("r", 32)+"\x00\x00\x02\x00\x0a\x01\x00"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(d)
	if a := r.arrival(2); a.Kind != Handshake || a.TLS.Version != 0 || !strings.HasPrefix(a.Ending, "the handshake failed: ") {
		t.Errorf("told %+v", a)
	}
}

// TestCertificatesAreBounded: strangers ask for any number of names.
func TestCertificatesAreBounded(t *testing.T) {
	c := newCertificates()
	for i := range 2*maxCertificates + 1 {
		name := "site-" + strconv.Itoa(i) + ".example"
		made, err := c.get(certificateKey{name: name})
		if err != nil || len(made.Certificate) != 1 {
			t.Fatalf("%v, %v", made, err)
		}
		if len(c.made) > maxCertificates || c.made[certificateKey{name: name}] != made {
			t.Fatalf("%d are remembered", len(c.made))
		}
	}
}

// TestHelloIsBounded: of a long hello, the beginning is kept.
func TestHelloIsBounded(t *testing.T) {
	r := start(t, Options{})
	var many []string
	for i := range 1000 {
		many = append(many, "protocol-"+strconv.Itoa(i))
	}
	c, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true, NextProtos: many})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if a := r.arrival(1); len(a.TLS.Bytes) != maxHello || a.TLS.Bytes[0] != 0x16 {
		t.Errorf("kept %d bytes", len(a.TLS.Bytes))
	}
}

func TestTLSModes(t *testing.T) {
	never := start(t, Options{TLS: TLSNever})
	if _, err := tls.Dial("tcp", never.address, &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("TLS was answered")
	}
	if a := never.arrival(1); a.Kind != Other || a.Bytes[0] != 0x16 || !strings.Contains(a.Ending, "TLS is switched off") {
		t.Errorf("told %+v", a)
	}
	only := start(t, Options{TLS: TLSOnly})
	if answer := only.say("GET / HTTP/1.0\r\n\r\n"); answer != "" {
		t.Errorf("answered %q", answer)
	}
	if a := only.arrival(1); a.Kind != Other || string(a.Bytes) != "GET / HTTP/1.0\r\n\r\n" || !strings.Contains(a.Ending, "it is no TLS") {
		t.Errorf("told %+v", a)
	}
}
