package targettest_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/memnet"
	"github.com/inservice/inservice/internal/targettest"
)

const get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

// ask sends request over a new connection and returns all that comes back.
func ask(t *testing.T, target *targettest.Target, request string) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", target.Addr())
	if err != nil {
		return "", err
	}
	return converse(conn, request)
}

func converse(conn net.Conn, request string) (string, error) {
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name      string
		behaviour targettest.Behaviour
		request   string
		want      string
	}{
		{"status", targettest.Status(503, "down"), get,
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndown"},
		{"status to HEAD has no body", targettest.Status(200, "ok"), "HEAD / HTTP/1.0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"},
		{"request with a body", targettest.Status(204, ""), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
			"HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"redirect", targettest.Redirect("http://elsewhere/"), get,
			"HTTP/1.1 301 Moved Permanently\r\nLocation: http://elsewhere/\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"garbage", targettest.Garbage, get, "\x00\x01 this is not HTTP \xff\r\n\r\n"},
		{"cut body", targettest.CutBody, get, "HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\nhalf of a body, "},
		{"raw", targettest.Raw("anything"), get, "anything"},
		{"close after accept", targettest.CloseAfterAccept, get, ""},
		{"slow", targettest.Slow(time.Microsecond, targettest.Raw("at last")), get, "at last"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, targettest.Start(t, tt.behaviour), tt.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReset(t *testing.T) {
	target := targettest.Start(t, targettest.Reset)
	if got, err := ask(t, target, get); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("asking gave %q, %v; want a reset", got, err)
	}
}

func TestRecordsWhatItSees(t *testing.T) {
	target := targettest.Start(t, targettest.Status(200, "ok"))
	for _, request := range []string{get, "get /b HTTP/1.0\r\nx:  y \r\n\r\n"} {
		if _, err := ask(t, target, request); err != nil {
			t.Fatal(err)
		}
	}
	want := []targettest.Request{{Head: get}, {Head: "get /b HTTP/1.0\r\nx:  y \r\n\r\n"}}
	if diff := cmp.Diff(want, target.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := target.Accepts(); got != 2 {
		t.Errorf("accepts = %d, want 2", got)
	}
}

func TestSetChangesTheNextConnection(t *testing.T) {
	target := targettest.Start(t, targettest.Raw("first"))
	for _, want := range []string{"first", "second"} {
		if got, err := ask(t, target, get); err != nil || got != want {
			t.Errorf("answer = %q, %v; want %q", got, err, want)
		}
		target.Set(targettest.Raw("second"))
	}
}

func TestTLSRecordsTheServerName(t *testing.T) {
	target := targettest.StartTLS(t, targettest.Raw("secret"))
	conn, err := tls.Dial("tcp", target.Addr(), &tls.Config{ServerName: "www.example.com", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := converse(conn, get); err != nil || got != "secret" {
		t.Errorf("answer = %q, %v", got, err)
	}
	if diff := cmp.Diff([]targettest.Request{{Head: get, ServerName: "www.example.com"}}, target.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if _, err := tls.Dial("tcp", target.Addr(), nil); err == nil {
		t.Error("a client that verifies certificates was content with this one")
	}
}

func TestCloseBreaksConnectionsAndRefusesNewOnes(t *testing.T) {
	target := targettest.Start(t, targettest.Hang)
	conn, err := net.Dial("tcp", target.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, get); err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		n, err := io.Copy(io.Discard, conn)
		if n > 0 {
			err = errors.New("Hang answered")
		}
		read <- err
	}()
	target.Close()
	target.Close()
	if err := <-read; err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the hanging connection ended with %v", err)
	}
	if _, err := net.Dial("tcp", target.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial after Close = %v, want ECONNREFUSED", err)
	}
}

func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		listener, err := network.Listen("web-1:80")
		if err != nil {
			t.Fatal(err)
		}
		target := targettest.StartOn(t, listener, targettest.Slow(time.Minute, targettest.Raw("at last")))
		began := time.Now()
		conn, err := network.Dial(t.Context(), "tcp", target.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := converse(conn, get); err != nil || got != "at last" {
			t.Errorf("answer = %q, %v", got, err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("the answer took %v, want 1m exactly", took)
		}

		// What sleeps when the test ends must not keep it from ending.
		target.Set(targettest.Slow(time.Hour, targettest.Hang))
		sleeping, err := network.Dial(t.Context(), "tcp", target.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer sleeping.Close()
		synctest.Wait()
		target.Close()
		if slept := time.Since(began); slept != time.Minute {
			t.Errorf("Close took %v", slept-time.Minute)
		}
	})
}

func TestHangAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		listener, err := network.Listen("web-1:80")
		if err != nil {
			t.Fatal(err)
		}
		target := targettest.StartOn(t, listener, targettest.Hang)
		conn, err := network.Dial(t.Context(), "tcp", target.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(24 * time.Hour))
		got, err := converse(conn, get)
		if netErr, ok := errors.AsType[net.Error](err); got != "" || !ok || !netErr.Timeout() {
			t.Errorf("a day of waiting gave %q, %v; want nothing", got, err)
		}
		if len(target.Requests()) != 1 {
			t.Error("the request was not read")
		}
	})
}

func TestHeadOfAnyLength(t *testing.T) {
	target := targettest.Start(t, targettest.Raw("read"))
	request := "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	if got, err := ask(t, target, request); err != nil || got != "read" {
		t.Errorf("answer = %q, %v", got, err)
	}
	if !bytes.Equal([]byte(target.Requests()[0].Head), []byte(request)) {
		t.Error("the head recorded is not the one sent")
	}
}
