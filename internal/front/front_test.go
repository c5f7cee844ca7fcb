package front_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/front"
)

// TestSilentConnection has a client connect and say nothing while the front is
// drained. It must not hold the end up beyond the drain timeout.
func TestSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, &front.Front{})
		started := time.Now()
		v.stop()
		if err := <-v.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := time.Since(started); got != drainTimeout {
			t.Errorf("draining took %v, want %v", got, drainTimeout)
		}
		if _, err := v.r.ReadByte(); err != io.EOF {
			t.Errorf("the connection: %v, want EOF", err)
		}
	})
}

func TestSlowHeader(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{{0, front.DefaultReadHeaderTimeout}, {3 * time.Second, 3 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			v := connect(t, &front.Front{ReadHeaderTimeout: tt.set})
			started := time.Now()
			io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\nX-Never-End")
			got, err := io.ReadAll(v.r)
			if err != nil || strings.Contains(string(got), "418") {
				t.Errorf("got %q, %v, want at most the server's own complaint and the end", got, err)
			}
			if got := time.Since(started); got != tt.want {
				t.Errorf("the header was waited for %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSlowBody(t *testing.T) {
	for _, limit := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			read := make(chan error, 1)
			v := connect(t, &front.Front{ReadTimeout: limit, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
			})})
			started := time.Now()
			io.WriteString(v, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx")
			go func() {
				time.Sleep(time.Hour)
				io.WriteString(v, "x")
			}()
			err, took := <-read, time.Since(started)
			if limit == 0 && (err != nil || took != time.Hour) {
				t.Errorf("without a limit: %v after %v", err, took)
			}
			if limit > 0 && (err == nil || took != limit) {
				t.Errorf("with a limit of %v: %v after %v", limit, err, took)
			}
			time.Sleep(time.Hour)
		})
	}
}

// TestSlowReader has a client that never reads its answer.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan error, 1)
		v := connect(t, &front.Front{WriteTimeout: 3 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20))
			cut <- err
		})})
		started := time.Now()
		io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if err, took := <-cut, time.Since(started); err == nil || took != 3*time.Second {
			t.Errorf("writing ended with %v after %v", err, took)
		}
	})
}

func TestIdleConnection(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{{0, front.DefaultIdleTimeout}, {3 * time.Second, 3 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			v := connect(t, &front.Front{IdleTimeout: tt.set})
			res, _ := v.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if res.StatusCode != http.StatusTeapot || res.Close {
				t.Errorf("answer = %d, close %v", res.StatusCode, res.Close)
			}
			started := time.Now()
			if _, err := v.r.ReadByte(); err != io.EOF {
				t.Errorf("after the answer: %v, want the connection to end", err)
			}
			if got := time.Since(started); got != tt.want {
				t.Errorf("the connection was kept for %v, want %v", got, tt.want)
			}
		})
	}
}

// TestOptionsAsterisk asks about the server as a whole. The answer must come
// from where all others come from; net/http's own would be a 200 that nobody has
// any part in.
func TestOptionsAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, &front.Front{})
		if res, body := v.ask(t, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"); res.StatusCode != http.StatusTeapot {
			t.Errorf("answer: %d %q, want the handler's", res.StatusCode, body)
		}
	})
}

func TestLargeRequests(t *testing.T) {
	header := func(size int) string {
		return "GET / HTTP/1.1\r\nHost: h\r\nX-Large: " + strings.Repeat("x", size) + "\r\n\r\n"
	}
	target := func(size int) string {
		return "GET /" + strings.Repeat("x", size-1) + " HTTP/1.1\r\nHost: h\r\n\r\n"
	}
	for _, tt := range []struct {
		name    string
		request string
		want    int
	}{
		{"half a header", header(front.DefaultMaxHeaderBytes / 2), http.StatusTeapot},
		{"two headers", header(2 * front.DefaultMaxHeaderBytes), http.StatusRequestHeaderFieldsTooLarge},
		{"longest target", target(front.DefaultMaxURIBytes), http.StatusTeapot},
		{"a byte more", target(front.DefaultMaxURIBytes + 1), http.StatusRequestURITooLong},
		{"a target larger than a header", target(2 * front.DefaultMaxHeaderBytes), http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := connect(t, &front.Front{})
				if res, _ := v.ask(t, tt.request); res.StatusCode != tt.want {
					t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
				}
			})
		})
	}
}

// TestLimitsAreSettings sets limits of its own.
func TestLimitsAreSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, &front.Front{MaxURIBytes: 10})
		if res, _ := v.ask(t, "GET /123456789 HTTP/1.1\r\nHost: h\r\n\r\n"); res.StatusCode != http.StatusTeapot {
			t.Errorf("ten bytes: %d", res.StatusCode)
		}
		if res, _ := v.ask(t, "GET /1234567890 HTTP/1.1\r\nHost: h\r\n\r\n"); res.StatusCode != http.StatusRequestURITooLong {
			t.Errorf("eleven bytes: %d", res.StatusCode)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, &front.Front{MaxHeaderBytes: 100})
		if res, _ := v.ask(t, "GET / HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", 5000)+"\r\n\r\n"); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("5000 bytes of header: %d", res.StatusCode)
		}
	})
}

// TestEveryAnswerParts has answers begin in every way there is while the front is
// leaving. Each must tell its client that the connection ends.
func TestEveryAnswerParts(t *testing.T) {
	early := func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }
	for name, handle := range map[string]http.HandlerFunc{
		"header":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"body only":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"flush only":   func(w http.ResponseWriter, _ *http.Request) { http.NewResponseController(w).Flush() },
		"after a hint": func(w http.ResponseWriter, _ *http.Request) { early(w) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				goOn := make(chan struct{})
				f := &front.Front{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					early(w) // so the first answer is no answer yet
					<-goOn
					handle(w, r)
				})}
				v := connect(t, f)
				if res, _ := v.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); res.StatusCode != http.StatusEarlyHints {
					t.Errorf("the hint is a %d", res.StatusCode)
				}
				synctest.Wait()
				if got := f.InFlight(); got != 1 {
					t.Errorf("in flight: %d, want 1", got)
				}
				v.stop()
				synctest.Wait()
				close(goOn)
				res, _ := answer(t, v.r)
				if res.StatusCode == http.StatusEarlyHints {
					res, _ = answer(t, v.r)
				}
				if !res.Close {
					t.Error("the answer does not say that the connection will be closed")
				}
				if got := f.InFlight(); got != 0 {
					t.Errorf("in flight after the answer: %d", got)
				}
			})
		})
	}
}

// TestRunAfterTheEnd runs with a context that has ended.
func TestRunAfterTheEnd(t *testing.T) {
	socket, err := front.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	f := &front.Front{Socket: socket, Handler: http.NotFoundHandler()}
	if err := f.Run(ctx, within(0, time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := socket.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is still open: %v", err)
	}
}
