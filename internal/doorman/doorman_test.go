package doorman_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/doorman"
)

// full is an answer as a bubble's clock has it: it begins with the year 2000.
func full(connection, body string) string {
	return "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: 2\r\nCache-Control: no-store\r\n" + connection + "\r\n" + body
}

const (
	closes = "Connection: close\r\n"
	keeps  = "Connection: keep-alive\r\n"
)

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, request, want string
		ends                bool
	}{
		{"1.1", bareGet, full("", "ok"), false},
		{"1.1 closing", "GET /health_check HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", full(closes, "ok"), true},
		{"1.1 without Host", "GET /health_check HTTP/1.1\r\n\r\n", full("", "ok"), false},
		{"1.0", "GET /health_check HTTP/1.0\r\n\r\n", full(closes, "ok"), true},
		{"1.0 kept", "GET /health_check HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", full(keeps, "ok"), false},
		{"no version", "GET /health_check\r\n", full(closes, "ok"), true},
		{"HEAD", "HEAD /health_check HTTP/1.1\r\nHost: h\r\n\r\n", full("", ""), false},
		{"OPTIONS", "OPTIONS /health_check/ HTTP/1.0\r\n\r\n", full(closes, "ok"), true},
		{"two at once", bareGet + "HEAD /health_check HTTP/1.1\r\n\r\n", full("", "ok") + full("", ""), false},
		{"nothing after the last", "GET /health_check HTTP/1.0\r\n\r\n" + bareGet, full(closes, "ok"), true},
		{"nothing at all", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := stand(t, &doorman.Doorman{})
				c := p.dial(t)
				got := record(c)
				io.WriteString(c, tt.request)
				synctest.Wait()
				if diff := cmp.Diff(tt.want, got.String()); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				if ended := len(got.over) > 0; ended != tt.ends {
					t.Errorf("the connection has ended: %v, want %v", ended, tt.ends)
				}
				if len(p.accepted) > 0 {
					t.Error("the connection was handed over")
				}
			})
		})
	}
}

// TestAnswerCode: other codes are told with their reason.
func TestAnswerCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{Answer: func(*doorman.Question) (int, string) { return 503, "draining" }})
		c := p.dial(t)
		go io.WriteString(c, bareGet)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); res.Status != "503 Service Unavailable" || string(body) != "draining" || err != nil {
			t.Errorf("answer = %s, %q, %v", res.Status, body, err)
		}
	})
}

// TestDate asks over one connection for more than a second.
func TestDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		c := p.dial(t)
		answers := bufio.NewReader(c)
		for _, want := range []string{"00:00:00", "00:00:00", "00:00:01", "00:00:01"} {
			go io.WriteString(c, bareGet)
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			if got := res.Header.Get("Date"); got != "Sat, 01 Jan 2000 "+want+" GMT" {
				t.Errorf("Date = %s, want %s", got, want)
			}
			time.Sleep(600 * time.Millisecond)
		}
	})
}

// TestQuestions: Answer sees each question, and what is in it.
func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		c := p.dial(t)
		record(c)
		probe := "HEAD /health_check HTTP/1.1\r\nhost: 10.0.0.5:80\r\nUser-Agent: ELB-HealthChecker/1.0\r\n\r\n"
		for _, s := range []string{bareGet, bareGet, probe, bareGet + bareGet, "GET /health_check\r\n"} {
			io.WriteString(c, s)
			synctest.Wait()
		}
		peer := netip.MustParseAddr("192.0.2.1")
		get := doorman.Question{Method: "GET", Proto: "HTTP/1.1", Host: "h", HasHost: true, Peer: peer, Head: []byte(bareGet)}
		want := []doorman.Question{
			get, get,
			{Method: "HEAD", Proto: "HTTP/1.1", Host: "10.0.0.5:80", HasHost: true, UserAgent: "ELB-HealthChecker/1.0", Peer: peer, Head: []byte(probe)},
			get, get,
			{Method: "GET", Proto: "HTTP/0.9", Peer: peer, Head: []byte("GET /health_check\r\n")},
		}
		if diff := cmp.Diff(want, p.questions(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("questions (-want +got):\n%s", diff)
		}
	})
}

// TestSplits sends the same bytes cut in two at every place, and one by one.
// Whatever the pieces, the answers, the questions and what is handed over must be
// the same.
func TestSplits(t *testing.T) {
	early := []string{bareGet, bareGet, "HEAD /health_check/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "OPTIONS /health_check HTTP/1.1\r\nUser-Agent: x\r\n\r\n"}
	for name, late := range map[string]string{
		"another path": others + bareGet,
		"a body":       "GET /health_check HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		"an odd head":  "GET /health_check HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n" + bareGet,
		"bytes":        "\x00\xff\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			stream := strings.Join(early, "") + late
			var cuts [][]string
			for i := range len(stream) + 1 {
				cuts = append(cuts, []string{stream[:i], stream[i:]})
			}
			cuts = append(cuts, strings.Split(stream, ""))
			want := full("", "ok") + full("", "ok") + full(keeps, "") + full("", "ok")
			for _, pieces := range cuts {
				synctest.Test(t, func(t *testing.T) {
					p := stand(t, &doorman.Doorman{})
					c := p.dial(t)
					got := record(c)
					var behind *transcript
					for _, piece := range pieces {
						go io.WriteString(c, piece) // on a pipe, what nobody reads is not sent
						synctest.Wait()
						if behind == nil && len(p.accepted) > 0 {
							behind = record(<-p.accepted)
						}
					}
					synctest.Wait()
					if diff := cmp.Diff(want, got.String()); diff != "" {
						t.Errorf("in pieces %q: answers (-want +got):\n%s", pieces, diff)
					}
					if n := len(p.questions()); n != len(early) {
						t.Errorf("in pieces %q: %d questions, want %d", pieces, n, len(early))
					}
					if behind == nil {
						t.Fatalf("in pieces %q: not handed over", pieces)
					}
					if diff := cmp.Diff(late, behind.String()); diff != "" {
						t.Errorf("in pieces %q: handed over (-want +got):\n%s", pieces, diff)
					}
				})
			}
		})
	}
}

// TestHandedOverIsItsOwn reads what was handed over only after others have been,
// and byte by byte.
func TestHandedOverIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		text := func(i int) string { return fmt.Sprintf("GET /page%d HTTP/1.1\r\nHost: h\r\n\r\n", i) }
		for i := range cap(p.accepted) {
			io.WriteString(p.dial(t), text(i))
			synctest.Wait()
		}
		for i := range cap(p.accepted) {
			b := make([]byte, len(text(i)))
			if _, err := io.ReadFull(iotest.OneByteReader(<-p.accepted), b); err != nil || string(b) != text(i) {
				t.Errorf("connection %d: %q, %v", i, b, err)
			}
		}
	})
}

// A half conn can be closed in one direction, in name at least.
type half struct {
	net.Conn
	closed chan struct{}
}

func (h *half) CloseWrite() error { close(h.closed); return nil }

// TestLinger has clients send more after the last question that is answered: at
// once, and later than the answer where one without a version may have more to
// say. It must be read, for a connection that is closed on unread bytes is reset.
func TestLinger(t *testing.T) {
	for _, tt := range []struct {
		first   string
		lingers bool
	}{
		{"GET /health_check\r\n", true},
		{"GET /health_check HTTP/1.0\r\n\r\n\r\n", true},
		{"GET /health_check HTTP/1.0\r\n\r\n", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &faulty{fail: make(chan error), come: make(chan net.Conn)}
			stand(t, &doorman.Doorman{Listener: l})
			ours, theirs := net.Pipe()
			defer ours.Close()
			h := &half{theirs, make(chan struct{})}
			l.come <- h
			got := record(ours)
			io.WriteString(ours, tt.first)
			synctest.Wait()
			if got.String() != full(closes, "ok") {
				t.Errorf("answer: %q", got)
			}
			begun := time.Now()
			_, err := io.WriteString(ours, "Host: h\r\n\r\n")
			if lingers := err == nil; lingers != tt.lingers {
				t.Errorf("after %q: what the client sends is read: %v, want %v", tt.first, lingers, tt.lingers)
			}
			if tt.lingers {
				<-h.closed
			}
			<-got.over
			if took := time.Since(begun); took > time.Second {
				t.Errorf("the end took %v", took)
			}
		})
	}
}

// TestLongHead: a head that does not fit is for the server to judge.
func TestLongHead(t *testing.T) {
	for size, handed := range map[int]bool{3000: false, 5000: true, 100_000: true} {
		synctest.Test(t, func(t *testing.T) {
			p := stand(t, &doorman.Doorman{})
			c := p.dial(t)
			got := record(c)
			text := "GET /health_check HTTP/1.1\r\nX: " + strings.Repeat("x", size) + "\r\n\r\n"
			go io.WriteString(c, text)
			synctest.Wait()
			if (len(p.accepted) > 0) != handed || (got.String() == "") != handed {
				t.Fatalf("%d bytes: handed over %v, answered %q", size, len(p.accepted) > 0, got)
			}
			if handed {
				behind := record(<-p.accepted)
				synctest.Wait()
				if behind.String() != text {
					t.Errorf("%d bytes: handed over %d of %d bytes", size, len(behind.String()), len(text))
				}
			}
		})
	}
}

// TestPipelineWithoutEnd sends more questions at once than are read at once.
func TestPipelineWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		c := p.dial(t)
		got := record(c)
		io.WriteString(c, strings.Repeat(bareGet, 1000)+"GET /health_check HTTP/1.0\r\n\r\n")
		if err := <-got.over; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(strings.Repeat(full("", "ok"), 1000)+full(closes, "ok"), got.String()); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if n := len(p.questions()); n != 1001 {
			t.Errorf("%d questions, want 1001", n)
		}
	})
}

// TestPart: from then on each answer ends its connection.
func TestPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		c := p.dial(t)
		got := record(c)
		io.WriteString(c, bareGet)
		synctest.Wait()
		p.Part()
		if n := p.Held(); n != 1 {
			t.Errorf("held = %d, want 1", n)
		}
		io.WriteString(c, bareGet)
		if err := <-got.over; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got.String() != full("", "ok")+full(closes, "ok") {
			t.Errorf("answers: %q", got)
		}
		if n := p.Held(); n != 0 {
			t.Errorf("held after the end = %d", n)
		}
	})
}
