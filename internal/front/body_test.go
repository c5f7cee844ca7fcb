package front_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/front"
)

// bodyLinger is how long the rest of a body is waited for after the answer.
const bodyLinger = 5 * time.Second

// TestBodyThatNeverComes: each request is answered at once, whether its handler
// looks at the body or not, and its connection ends soon after.
func TestBodyThatNeverComes(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"answers":        handle,
		"writes nothing": func(http.ResponseWriter, *http.Request) {},
		"in full duplex": func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			handle(w, r)
		},
		"reads some": func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadFull(r.Body, make([]byte, 2)); err != nil {
				t.Error(err)
			}
			handle(w, r)
		},
	}
	fields := map[string]string{
		"length":            "Content-Length: 10\r\n\r\nhalf",
		"length, last byte": "Content-Length: 5\r\n\r\nhalf",
		"chunks":            "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"chunks, no end":    "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
		"Expect":            "Expect: 100-continue\r\nContent-Length: 10\r\n\r\nhalf",
		"too long a target": "Content-Length: 10\r\n\r\nhalf",
		"huge":              "Content-Length: 100000000\r\n\r\nhalf",
	}
	for who, handler := range handlers {
		for what, rest := range fields {
			t.Run(who+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					v := connect(t, &front.Front{Handler: handler})
					target := "/"
					if what == "too long a target" {
						target += strings.Repeat("x", front.DefaultMaxURIBytes)
					}
					started := time.Now()
					io.WriteString(v, "POST "+target+" HTTP/1.1\r\nHost: h\r\n"+rest)
					res, _ := answer(t, v.r)
					if res.StatusCode == http.StatusContinue {
						res, _ = answer(t, v.r)
					}
					if took := time.Since(started); took > 0 || !res.Close {
						t.Errorf("the answer took %v, says that the connection ends: %v", took, res.Close)
					}
					if got, err := io.ReadAll(v.r); err != nil || len(got) > 0 {
						t.Errorf("after the answer: %q, %v", got, err)
					}
					if took := time.Since(started); took > bodyLinger {
						t.Errorf("the connection ended after %v, want at most %v", took, bodyLinger)
					}
				})
			})
		}
	}
}

// TestUnreadBodyIsNoRequest sends the rest of a body that nobody read when the time
// for it is over: it must not be taken for a request.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		v := connect(t, &front.Front{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Path)
			http.NewResponseController(w).EnableFullDuplex()
		})})
		const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
		v.ask(t, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 36\r\n\r\n")
		time.Sleep(bodyLinger + time.Second)
		io.WriteString(v, smuggled)
		if got, _ := io.ReadAll(v.r); len(got) > 0 || len(asked) != 1 {
			t.Errorf("after the answer %q came, asked was %q", got, asked)
		}
	})
}

// TestBodyThatWasRead keeps its connection, however long it took, and its trailers
// arrive, announced or not.
func TestBodyThatWasRead(t *testing.T) {
	for _, rest := range []string{"Content-Length: 4\r\n\r\nha|lf", "Transfer-Encoding: chunked\r\n\r\n4\r\nha|lf\r\n0\r\nX-Sum: 42\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			v := connect(t, &front.Front{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				io.WriteString(w, string(body)+r.Trailer.Get("X-Sum"))
			})})
			first, second, _ := strings.Cut(rest, "|")
			for range 2 {
				go func() {
					io.WriteString(v, "POST / HTTP/1.1\r\nHost: h\r\n"+first)
					time.Sleep(time.Hour)
					io.WriteString(v, second)
				}()
				res, body := answer(t, v.r)
				want := "half"
				if strings.Contains(rest, "X-Sum") {
					want += "42"
				}
				if body != want || res.Close {
					t.Errorf("answer = %q, the connection ends: %v; want %q over a kept one", body, res.Close, want)
				}
			}
		})
	}
}

// TestTakenConnection belongs to whom it was handed to, although the request's body
// was not read: it has no deadline.
func TestTakenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := make(chan net.Conn, 1)
		v := connect(t, &front.Front{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			}
			taken <- c
		})})
		io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
		c := <-taken
		defer c.Close()
		go func() {
			time.Sleep(time.Hour)
			io.WriteString(v, "late\n")
		}()
		if got, err := bufio.NewReader(c).ReadString('\n'); got != "late\n" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}
