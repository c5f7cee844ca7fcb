package exchange_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/exchange"
)

// stuck is an exchange that comes to a stage and no further, unless somebody is
// patient.
type stuck struct {
	name    string
	stage   exchange.Stage
	ask     exchange.Request
	server  server // it has 3 s until it goes on; nil: the connection takes 3 s
	phase   func(*exchange.Phases) *time.Duration
	failure exchange.Failure // of who is patient
}

func stuckAt() []stuck {
	const pause = 3 * time.Second
	first := func(p *exchange.Phases) *time.Duration { return &p.FirstByte }
	http1, handshake := ask("x:80"), ask("x:443")
	handshake.TLS = &exchange.TLS{}
	http2 := ask("x:80")
	http2.Protocol = exchange.HTTP2
	bare := exchange.Request{Address: "x:80"}
	proxied := ask("x:80")
	proxied.Proxy, proxied.TLS = exchange.ProxyV1, &exchange.TLS{}
	inTwo := func(one, two string) server {
		return func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, one)
			time.Sleep(pause)
			io.WriteString(conn, two)
		}
	}
	return []stuck{
		{"connecting", exchange.Dialling, bare, nil, func(p *exchange.Phases) *time.Duration { return &p.Dial }, exchange.None},
		{"handshake", exchange.Handshaking, handshake, func(net.Conn) { time.Sleep(pause) }, func(p *exchange.Phases) *time.Duration { return &p.TLS }, exchange.Closed},
		{"sending", exchange.Sending, http1, func(conn net.Conn) { time.Sleep(pause); says(ok)(conn) }, first, exchange.None},
		{"sending a PROXY header", exchange.Sending, proxied, func(net.Conn) { time.Sleep(pause) }, nil, exchange.Closed},
		{"first byte", exchange.Waiting, http1, inTwo("", ok), first, exchange.None},
		{"first byte of HTTP/2", exchange.Waiting, http2, func(conn net.Conn) { conn.Read(make([]byte, 4096)); time.Sleep(pause) }, first, exchange.Closed},
		{"answer in HTTP/2", exchange.Waiting, http2, func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "\x00\x00\x00\x04\x00\x00\x00\x00\x00") // SETTINGS are no answer
			conn.Read(make([]byte, 4096))
			time.Sleep(pause)
		}, first, exchange.Closed},
		{"head", exchange.ReadingHead, http1, inTwo(ok[:20], ok[20:]), nil, exchange.None},
		{"interim answer", exchange.ReadingHead, http1, inTwo("HTTP/1.1 103 x\r\n\r\n", ok), nil, exchange.None},
		{"body", exchange.ReadingBody, http1, inTwo(ok[:len(ok)-1], "k"), nil, exchange.None},
	}
}

// start makes the request that finds s stuck.
func (s stuck) start(t *testing.T) exchange.Request {
	t.Helper()
	r := s.ask
	r.Timeout = 2 * time.Second
	if s.server != nil {
		done := inMemory(&r, s.server)
		t.Cleanup(func() { <-done })
		return r
	}
	r.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case <-time.After(3 * time.Second):
			conn, _ := net.Pipe()
			return conn, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r
}

func TestTimeoutInEveryStage(t *testing.T) {
	for _, tt := range stuckAt() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := exchange.Do(t.Context(), tt.start(t))
				expect(t, a, exchange.TimedOut, tt.stage)
				want := exchange.Phases{Total: 2 * time.Second}
				if tt.phase != nil {
					*tt.phase(&want) = 2 * time.Second
				}
				if diff := cmp.Diff(want, a.Phases); diff != "" {
					t.Errorf("phases (-want +got):\n%s", diff)
				}
				if a.Late || !errors.Is(a.Err, exchange.ErrTimeout) {
					t.Errorf("late: %v, error: %v", a.Late, a.Err)
				}
			})
		})
	}
}

// TestPatience: what was late comes all the same, and it is told where it was
// waited for.
func TestPatience(t *testing.T) {
	for _, tt := range stuckAt() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tt.start(t)
				r.Patience = 5 * time.Second
				a := exchange.Do(t.Context(), r)
				check(t, a)
				if !a.Late || a.Overdue != tt.stage || a.Failure != tt.failure || a.Phases.Total != 3*time.Second {
					t.Errorf("late %v in stage %d, ended with %q after %v; want true, %d, %q, 3s; error %v",
						a.Late, a.Overdue, a.Failure, a.Phases.Total, tt.stage, tt.failure, a.Err)
				}
				r = tt.start(t)
				r.Patience = time.Second / 2
				a = exchange.Do(t.Context(), r)
				expect(t, a, exchange.TimedOut, tt.stage)
				if !a.Late || a.Overdue != tt.stage || a.Phases.Total != 2500*time.Millisecond {
					t.Errorf("late %v in stage %d, took %v", a.Late, a.Overdue, a.Phases.Total)
				}
			})
		})
	}
}

func TestPatienceIsNotNeeded(t *testing.T) {
	r := ask("x:80")
	r.Patience = time.Hour
	a := answered(t.Context(), r, ok)
	expect(t, a, exchange.None, exchange.Done)
	if a.Late || a.Overdue != exchange.Dialling {
		t.Errorf("late %v in stage %d", a.Late, a.Overdue)
	}
}

func TestStopInEveryStage(t *testing.T) {
	for _, tt := range stuckAt() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reason := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second, func() { cancel(reason) })
				a := exchange.Do(ctx, tt.start(t))
				expect(t, a, exchange.OwnFault, tt.stage)
				if !errors.Is(a.Err, reason) || a.Phases.Total != time.Second {
					t.Errorf("stopped after 1s: took %v, error %v", a.Phases.Total, a.Err)
				}
				r := tt.start(t)
				a = exchange.Do(ctx, r) // ended before it began
				expect(t, a, exchange.OwnFault, exchange.Dialling)
			})
		})
	}
}

func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := stuckAt()[0]
		r := slow.start(t)
		r.ConnectTimeout, r.Patience = time.Second, time.Hour
		a := exchange.Do(t.Context(), r)
		expect(t, a, exchange.TimedOut, exchange.Dialling)
		if a.Phases.Total != time.Second || a.Late || !errors.Is(a.Err, exchange.ErrTimeout) {
			t.Errorf("took %v, late %v, error %v", a.Phases.Total, a.Late, a.Err)
		}
		r = stuckAt()[4].start(t) // connects at once, and then thinks for 3s
		r.ConnectTimeout, r.Timeout = time.Second, 5*time.Second
		expect(t, exchange.Do(t.Context(), r), exchange.None, exchange.Done)
	})
}

// TestAnswerTimeout: it bounds what comes between the connection and the body, and
// nothing else.
func TestAnswerTimeout(t *testing.T) {
	const limit = 2 * time.Second
	for name, tt := range map[string]struct {
		stuck    int // of stuckAt, for 3 s
		patience time.Duration
		failure  exchange.Failure
		stage    exchange.Stage
		total    time.Duration
		late     bool
	}{
		"connecting":               {0, 0, exchange.None, exchange.Done, 3 * time.Second, false},
		"handshake":                {1, 0, exchange.TimedOut, exchange.Handshaking, limit, false},
		"first byte":               {4, 0, exchange.TimedOut, exchange.Waiting, limit, false},
		"head":                     {7, 0, exchange.TimedOut, exchange.ReadingHead, limit, false},
		"body":                     {9, 0, exchange.None, exchange.Done, 3 * time.Second, false},
		"with patience":            {4, 2 * time.Second, exchange.None, exchange.Done, 3 * time.Second, true},
		"with too little patience": {4, time.Second / 2, exchange.TimedOut, exchange.Waiting, limit + time.Second/2, true},
		"body, with patience":      {9, time.Minute, exchange.None, exchange.Done, 3 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := stuckAt()[tt.stuck].start(t)
				r.Timeout, r.AnswerTimeout, r.Patience = 5*time.Second, limit, tt.patience
				a := exchange.Do(t.Context(), r)
				expect(t, a, tt.failure, tt.stage)
				if a.Phases.Total != tt.total || a.Late != tt.late || tt.late && a.Overdue != exchange.Waiting {
					t.Errorf("took %v, late %v at %v; want %v, %v", a.Phases.Total, a.Late, a.Overdue, tt.total, tt.late)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := stuckAt()[4].start(t)
		r.Timeout, r.AnswerTimeout = time.Second, limit
		if a := exchange.Do(t.Context(), r); a.Phases.Total != time.Second {
			t.Errorf("took %v, longer than the whole may", a.Phases.Total)
		}
	})
}

// TestDrip: no stage is endless for coming in small pieces.
func TestDrip(t *testing.T) {
	const frame = "\x00\x00\x08\x06\x00\x00\x00\x00\x00pingpong"
	tests := []struct {
		name     string
		protocol exchange.Protocol
		head     string
		rest     string
		stage    exchange.Stage
	}{
		{"status line", exchange.HTTP1, "HTTP/1.1 200 ", "a", exchange.ReadingHead},
		{"head", exchange.HTTP1, "HTTP/1.1 200 OK\r\n", "A: b\r\n", exchange.ReadingHead},
		{"body", exchange.HTTP1, "HTTP/1.1 200 OK\r\n\r\n", "b", exchange.ReadingBody},
		{"chunks", exchange.HTTP1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n", exchange.ReadingBody},
		{"trailers", exchange.HTTP1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", exchange.ReadingBody},
		{"HTTP/2", exchange.HTTP2, "\x00\x00\x00\x04\x00\x00\x00\x00\x00", frame, exchange.Waiting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ask("x:80")
				r.Protocol, r.Timeout = tt.protocol, 10*time.Second
				done := inMemory(&r, func(conn net.Conn) {
					conn.Read(make([]byte, 4096))
					go io.Copy(io.Discard, conn)
					_, err := io.WriteString(conn, tt.head)
					for err == nil {
						time.Sleep(time.Second)
						_, err = io.WriteString(conn, tt.rest)
					}
				})
				a := exchange.Do(t.Context(), r)
				<-done
				expect(t, a, exchange.TimedOut, tt.stage)
				if a.Phases.Total != 10*time.Second {
					t.Errorf("took %v", a.Phases.Total)
				}
			})
		})
	}
}

// TestNoHTTPIsNotWaitedFor: what cannot become an answer is read for a moment
// more, for the transcript, and not until time is up.
func TestNoHTTPIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ask("x:80")
		r.Timeout = time.Minute
		done := inMemory(&r, func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "H")
			time.Sleep(time.Second) // which may still become HTTP
			io.WriteString(conn, "\x00")
			io.WriteString(conn, "more")
			io.Copy(io.Discard, conn)
		})
		a := exchange.Do(t.Context(), r)
		<-done
		expect(t, a, exchange.Malformed, exchange.ReadingHead)
		if string(a.Received) != "H\x00more" || a.Phases.Total > 2*time.Second {
			t.Errorf("received %q in %v", a.Received, a.Phases.Total)
		}
	})
}

// TestEndless: memory is bounded by what is kept.
func TestEndless(t *testing.T) {
	for name, flood := range map[string][2]string{
		"status line":    {"HTTP/1.1 200 ", "a"},
		"head":           {"HTTP/1.1 200 OK\r\n", "A: b\r\n"},
		"folded field":   {"HTTP/1.1 200 OK\r\nA: b\r\n", " c\r\n"},
		"interim":        {"", "HTTP/1.1 100 Continue\r\n\r\n"},
		"no HTTP":        {"\x00", "\x00"},
		"chunk line":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"},
		"empty chunk":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1;" + strings.Repeat("x", 1000) + "\r\nx\r\n"},
		"trailers":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"},
		"body":           {"HTTP/1.1 200 OK\r\n\r\n", "b"},
		"body of chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask("x:80")
			written := 0
			done := inMemory(&r, func(conn net.Conn) {
				conn.Read(make([]byte, 4096))
				io.WriteString(conn, flood[0])
				block := []byte(strings.Repeat(flood[1], max(1, 4096/len(flood[1]))))
				for {
					n, err := conn.Write(block)
					if written += n; err != nil {
						return
					}
				}
			})
			a := exchange.Do(t.Context(), r)
			<-done
			check(t, a)
			if whole := strings.HasPrefix(name, "body"); whole != a.Whole() || whole != a.BodyMore {
				t.Errorf("ended with %q, body longer: %v", a.Failure, a.BodyMore)
			}
			if written > 512<<10 {
				t.Errorf("read %d bytes", written)
			}
		})
	}
}
