package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/proxy"
)

// TestStreams has the target wait, in the middle of its answer, until the client
// has seen the first part.
func TestStreams(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
	}{
		{"unknown length", nil},
		{"events", http.Header{"Content-Type": {"text/event-stream"}}},
		{"known length", http.Header{"Content-Length": {"11"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan string)
			address := target(t, func(w http.ResponseWriter, r *http.Request) {
				for name, values := range tt.header {
					w.Header()[name] = values
				}
				for _, part := range []string{"", "first ", "last."} {
					io.WriteString(w, part)
					http.NewResponseController(w).Flush()
					select {
					case got := <-seen:
						if got != part {
							t.Errorf("the client saw %q, want %q", got, part)
						}
					case <-r.Context().Done():
						return
					}
				}
			})
			f := serve(t, &proxy.Proxy{Picker: fixed(address)})

			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			seen <- "" // the header alone
			for _, want := range []string{"first ", "last."} {
				part := make([]byte, len(want))
				if _, err := io.ReadFull(res.Body, part); err != nil {
					t.Fatal(err)
				}
				seen <- string(part)
			}
			if rest, err := io.ReadAll(res.Body); len(rest) != 0 || err != nil {
				t.Errorf("after the end: %q, %v", rest, err)
			}
			if o := f.observation(t); o.Status != 200 || o.Err != nil {
				t.Errorf("observation = %+v", o)
			}
		})
	}
}

// TestFullDuplex has the target answer each line of the request body before the
// client has sent the next.
func TestFullDuplex(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintln(w, strings.ToUpper(lines.Text()))
			rc.Flush()
		}
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	body, send := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, body)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(send, "one\n")
		wrote <- err
	}()
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := receive(t, "write", wrote); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(res.Body)
	for _, word := range []string{"ONE", "TWO", "THREE"} {
		got, err := lines.ReadString('\n')
		if err != nil || got != word+"\n" {
			t.Fatalf("line = %q, %v, want %s", got, err, word)
		}
		switch word {
		case "ONE":
			io.WriteString(send, "two\n")
		case "TWO":
			io.WriteString(send, "three\n")
			send.Close()
		}
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("after the last line: %v, want EOF", err)
	}
}

func TestTrailers(t *testing.T) {
	sums := make(chan string, 1)
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		readAll(t, r.Body)
		sums <- r.Header.Get("TE") + " " + r.Trailer.Get("X-Sum")
		w.Header().Set("Trailer", "X-Announced")
		io.WriteString(w, "body")
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, io.MultiReader(strings.NewReader("chunked")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("TE", "trailers")
	req.Trailer = http.Header{"X-Sum": {"42"}}
	res, body := do(t, req)
	if body != "body" {
		t.Errorf("body = %q", body)
	}
	if got := receive(t, "trailer", sums); got != "trailers 42" {
		t.Errorf("TE and trailer at the target: %q, want \"trailers 42\"", got)
	}
	if diff := cmp.Diff(http.Header{"X-Announced": {"1"}, "X-Late": {"2"}}, res.Trailer); diff != "" {
		t.Errorf("trailers at the client (-want +got):\n%s", diff)
	}
}

// TestEarlyHints has the target wait after its interim answer until the client
// has it.
func TestEarlyHints(t *testing.T) {
	hinted := make(chan struct{})
	address := target(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		receive(t, "hint at the client", hinted)
		w.Header().Del("Link")
		w.Header().Set("X-Final", "1")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			if got := header.Get("Link"); code != http.StatusEarlyHints || got != "</style.css>; rel=preload" {
				t.Errorf("interim answer = %d, Link %q", code, got)
			}
			close(hinted)
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, _ := do(t, req)
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Final") != "1" || res.Header.Get("Link") != "" {
		t.Errorf("final answer = %d %v", res.StatusCode, res.Header)
	}
}

// TestHTTP10 sends a request of a version that knows neither interim answers nor
// upgrades to a target that makes use of both.
func TestHTTP10(t *testing.T) {
	heads := make(chan []string, 1)
	f := serve(t, &proxy.Proxy{Picker: fixed(wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
		heads <- readHead(t, r)
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}))})
	_, r := f.raw(t, "GET / HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res.Body); res.StatusCode != http.StatusOK || body != "ok" || res.Header.Get("Link") != "" {
		t.Errorf("answer = %d %q, %v", res.StatusCode, body, res.Header)
	}
	for _, line := range receive(t, "request", heads) {
		if strings.HasPrefix(line, "Upgrade:") || strings.HasPrefix(line, "Connection:") {
			t.Errorf("the target got %q", line)
		}
	}
}

// TestExpectContinue sends the header of a request first and its body only when
// told to.
func TestExpectContinue(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"

	t.Run("wanted", func(t *testing.T) {
		address := target(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, readAll(t, r.Body)) })
		f := serve(t, &proxy.Proxy{Picker: fixed(address)})
		c, r := f.raw(t, head)
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusContinue {
			t.Fatalf("interim answer: %v, %v", res, err)
		}
		io.WriteString(c, "body")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, res.Body); res.StatusCode != http.StatusOK || got != "body" {
			t.Errorf("answer = %d %q", res.StatusCode, got)
		}
	})
	t.Run("not asked for", func(t *testing.T) {
		// What the target says is for us; the client gets a 100 only when the
		// server reads the body that it announced.
		address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
			readHead(t, r)
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
		})
		f := serve(t, &proxy.Proxy{Picker: fixed(address)})
		_, r := f.raw(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusNoContent {
			t.Errorf("answer: %v, %v", res, err)
		}
	})
	t.Run("turned down on a connection to be kept", func(t *testing.T) {
		address := wireTarget(t, func(c *net.TCPConn, r *bufio.Reader) {
			readHead(t, r)
			io.WriteString(c, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
			_, _ = r.ReadByte() // until closed
		})
		f := serve(t, &proxy.Proxy{Picker: fixed(address)})
		_, r := f.raw(t, head)
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusExpectationFailed {
			t.Fatalf("answer: %v, %v", res, err)
		}
	})
	t.Run("turned down", func(t *testing.T) {
		address := target(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
		f := serve(t, &proxy.Proxy{Picker: fixed(address)})
		_, r := f.raw(t, head)
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("answer: %v, %v", res, err)
		}
		if o := f.observation(t); o.Status != http.StatusRequestEntityTooLarge || o.Err != nil {
			t.Errorf("observation = %+v", o)
		}
	})
}

func TestHead(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("method = %s", r.Method)
		}
		w.Header().Set("Content-Length", "12345")
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})
	c, r := f.raw(t, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
	req := &http.Request{Method: http.MethodHead}
	for range 2 { // the second shows that no byte of a body came after the first
		res, err := http.ReadResponse(r, req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK || res.ContentLength != 12345 {
			t.Errorf("answer = %d, Content-Length %d", res.StatusCode, res.ContentLength)
		}
		io.WriteString(c, "HEAD /b HTTP/1.1\r\nHost: h\r\n\r\n")
	}
}

// TestLargeBodies sends some megabytes up and the same down again, with and
// without a length.
func TestLargeBodies(t *testing.T) {
	data := make([]byte, 6<<20+13)
	chacha := rand.NewChaCha8([32]byte{1})
	chacha.Read(data)
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		got := readAll(t, r.Body)
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(got)))
		}
		io.WriteString(w, got)
	})
	f := serve(t, &proxy.Proxy{Picker: fixed(address)})

	for name, body := range map[string]io.Reader{
		"with length": bytes.NewReader(data),
		"chunked":     io.MultiReader(bytes.NewReader(data)),
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, body)
			if err != nil {
				t.Fatal(err)
			}
			_, got := do(t, req)
			if sha256.Sum256([]byte(got)) != sha256.Sum256(data) {
				t.Errorf("%d bytes came back, and not those that were sent (%d)", len(got), len(data))
			}
		})
	}
}
