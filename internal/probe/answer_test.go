package probe_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/targettest"
)

func TestAnswers(t *testing.T) {
	const failed = "Health checks failed: "
	repeat := strings.Repeat
	tests := []struct {
		name   string
		answer string
		status int
		want   string // description; "" passes
	}{
		{"HTTP/1.0 without length", "HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, ""},
		{"no reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, ""},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, ""},
		{"chunked with trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n", 200, ""},
		{"interim answers", repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 16) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
		{"code outside the classes", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", 999, "Health checks failed with these codes: [999]"},
		{"switching protocols unasked", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "Health checks failed with these codes: [101]"},

		{"cut body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 200, failed + "body of the answer cut short: 4 of 10 bytes"},
		{"body has a bound of its own", "HTTP/1.1 200 OK\r\nA: " + repeat("a", 60_000) + "\r\nContent-Length: 20000\r\n\r\n" + repeat("b", 10_000), 200, failed + "body of the answer cut short: 10000 of 20000 bytes"},
		{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", 200, failed + "body of the answer cut short after 4 bytes"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 200, failed + "body of the answer cut short after 2 bytes"},
		{"broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n", 200, failed + "body not understood: invalid byte in chunk length"},
		{"unknown encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nbx", 0, failed + `answer not understood: unsupported transfer encoding: "rot13"`},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", 0, failed + `answer not understood: http: message cannot contain multiple Content-Length headers; got ["2" "3"]`},
		{"cut status line", "HTTP/1.1 2", 0, failed + "answer broken off in its header"},
		{"cut header", "HTTP/1.1 200 OK\r\nContent-Le", 0, failed + "answer broken off in its header"},
		{"no colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", 0, failed + "answer not understood: malformed MIME header: missing colon: \"nonsense\""},
		{"garbage", "\x1b[31mnot HTTP\r\n\r\n", 0, failed + `answer not understood: malformed HTTP status code "HTTP"`},
		{"other protocol", "SSH-2.0-OpenSSH_9.9\r\n", 0, failed + `answer not understood: malformed HTTP response "SSH-2.0-OpenSSH_9.9"`},
		{"control characters", "HTTP/1.1 200 OK\r\n\x1b[31m\r\n\r\n", 0, failed + `answer not understood: malformed MIME header: missing colon: "\x1b[31m"`},
		{"control characters in a key", "HTTP/1.1 200 OK\r\n\x1b[31mA: b\r\n\r\n", 0, failed + `answer not understood: malformed MIME header line: "\x1b[31mA: b"`},
		{"HTTP/2 by name", "HTTP/2.0 200 OK\r\n\r\n", 0, failed + "answer not understood: answer in protocol HTTP/2.0"},
		{"code below 100", "HTTP/1.1 020 Low\r\n\r\n", 0, failed + "answer not understood: status code 020 is below 100"},
		{"signed code", "HTTP/1.1 +20 Odd\r\n\r\n", 0, failed + "answer not understood: status code 020 is below 100"},
		{"interim answer alone", "HTTP/1.1 100 Continue\r\n\r\n", 0, failed + "answer broken off in its header"},
		{"flood of interim answers", repeat("HTTP/1.1 100 Continue\r\n\r\n", 17) + "HTTP/1.1 200 OK\r\n\r\n", 0, failed + "more than 16 interim answers (1xx) and no final one"},
		{"flood of large interim answers", repeat("HTTP/1.1 100 Continue\r\nA: "+repeat("a", 9000)+"\r\n\r\n", 10) + "HTTP/1.1 200 OK\r\n\r\n", 0, failed + "header of the answer exceeds 64 KiB"},
		{"huge status line", "HTTP/1.1 200 " + repeat("a", 100_000) + "\r\n\r\n", 0, failed + "header of the answer exceeds 64 KiB"},
		{"huge header", "HTTP/1.1 200 OK\r\nA: " + repeat("a", 100_000) + "\r\n\r\n", 0, failed + "header of the answer exceeds 64 KiB"},
		{"many headers", "HTTP/1.1 200 OK\r\n" + repeat("A: b\r\n", 20_000) + "\r\n", 0, failed + "header of the answer exceeds 64 KiB"},
		{"TLS alert", "\x15\x03\x01\x00\x02\x02\x46\n", 0, failed + `answer not understood: malformed HTTP response "\x15\x03\x01\x00\x02\x02F" (the target speaks TLS: is this port meant for http?)`},
		{"HTTP/2 settings", "\x00\x00\x00\x04\x00\x00\x00\x00\x00\n", 0, failed + `answer not understood: malformed HTTP response "\x00\x00\x00\x04\x00\x00\x00\x00\x00" (the target speaks HTTP/2)`},
		{"HTTP/2 settings, then silence", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", 0, failed + "answer broken off in its header (the target speaks HTTP/2)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := runAgainst(t.Context(), tt.answer)
			switch {
			case tt.want == "":
				expect(t, r, probe.Passed, "")
			case strings.Contains(tt.want, "codes"):
				expect(t, r, probe.ResponseCodeMismatch, tt.want)
			default:
				expect(t, r, probe.FailedHealthChecks, tt.want)
			}
			if r.Status != tt.status {
				t.Errorf("status = %d, want %d", r.Status, tt.status)
			}
			if kept := min(len(tt.answer), 16<<10); !strings.HasPrefix(tt.answer, string(r.Received)) || len(r.Received) > kept {
				t.Errorf("received %d bytes that do not begin the answer", len(r.Received))
			}
		})
	}
}

// runAgainst probes a target in memory that takes the request and answers with
// these bytes. It returns when the target is done as well.
func runAgainst(ctx context.Context, answer string) probe.Result {
	p := httpProbe("target:80")
	done := make(chan struct{})
	p.Dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer close(done)
			defer theirs.Close()
			request := make([]byte, 1024)
			if _, err := theirs.Read(request); err == nil {
				io.WriteString(theirs, answer)
			}
		}()
		return ours, nil
	}
	r := p.Run(ctx)
	<-done
	return r
}

func TestHugeBodyIsFineAndNotRead(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", int64(1)<<40),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
	} {
		var written int64
		done := make(chan struct{})
		target := targettest.Start(t, func(c *targettest.Conn) {
			defer close(done)
			c.ReadRequest()
			io.WriteString(c, head)
			// Ends when the probe closes the connection, and only then.
			written, _ = io.Copy(c, endless{})
		})
		r := httpProbe(target.Addr()).Run(t.Context())
		expect(t, r, probe.Passed, "")
		if len(r.Received) != 16<<10 || !strings.HasPrefix(string(r.Received), head) {
			t.Errorf("kept %d bytes of the answer, want the first 16 KiB", len(r.Received))
		}
		<-done
		if written == 0 {
			t.Error("the target wrote no body")
		}
	}
}

// endless is a reader of spaces without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 503 No\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n",
		"HTTP/1.1 -00 x\r\n\r\n",
		"\x16\x03\x01\x00\x00",
		"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := runAgainst(t.Context(), string(answer))
		checkResult(t, r)
		if r.Pass && r.Status != 200 {
			t.Errorf("passed with status %d", r.Status)
		}
		if r.Status != 0 && (r.Status < 101 || r.Status > 999) {
			t.Errorf("status %d", r.Status)
		}
		if r.Reason == probe.InternalError || r.Reason == probe.Timeout {
			t.Errorf("an answer that ended gave %v", r)
		}
		if !strings.HasPrefix(string(answer), string(r.Received)) {
			t.Error("the transcript does not begin the answer")
		}
	})
}
