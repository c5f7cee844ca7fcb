package exchange_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/inservice/inservice/internal/exchange"
)

// patience is a timeout no test on a working machine comes near.
const patience = 30 * time.Second

// server is what answers a connection. The connection is closed after it.
type server func(conn net.Conn)

// listen runs s for every connection to a free port of 127.0.0.1.
func listen(t testing.TB, s server) string {
	t.Helper()
	return listenOn(t, "tcp", "127.0.0.1:0", s)
}

func listenOn(t testing.TB, network, address string, s server) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				s(conn)
			})
		}
	})
	return listener.Addr().String()
}

// ask is an ordinary question in HTTP/1.
func ask(address string) exchange.Request {
	return exchange.Request{
		Address: address, Protocol: exchange.HTTP1, Timeout: patience,
		Fields: []exchange.Field{{Name: "Host", Value: "example.test"}, {Name: "accept", Value: "*/*"}},
	}
}

// inMemory runs s behind the Dial of a request. Done is closed when s has ended.
func inMemory(r *exchange.Request, s server) (done chan struct{}) {
	done = make(chan struct{})
	r.Dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer close(done)
			defer theirs.Close()
			s(theirs)
		}()
		return ours, nil
	}
	return done
}

// says takes a request of less than 4 KiB and answers with these bytes.
func says(answer string) server {
	return func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 4096)); err == nil {
			io.WriteString(conn, answer)
		}
	}
}

// answered asks a server in memory that answers with these bytes and closes.
func answered(ctx context.Context, r exchange.Request, answer string) exchange.Answer {
	done := inMemory(&r, says(answer))
	a := exchange.Do(ctx, r)
	<-done
	return a
}

// check checks what must hold for every answer.
func check(t *testing.T, a exchange.Answer) {
	t.Helper()
	if (a.Failure == exchange.None) != (a.Err == nil) || (a.Failure == exchange.None) != (a.Stage == exchange.Done) || a.Whole() != (a.Err == nil) {
		t.Errorf("Failure %q, Err %v and Stage %d disagree", a.Failure, a.Err, a.Stage)
	}
	if a.Began.IsZero() || a.Phases.Total < a.Phases.Dial+a.Phases.TLS+a.Phases.FirstByte {
		t.Errorf("began %v, phases %+v: the parts exceed the total", a.Began, a.Phases)
	}
	if len(a.Sent) > 16<<10 || len(a.Received) > 16<<10 {
		t.Errorf("transcripts of %d and %d bytes are not bounded", len(a.Sent), len(a.Received))
	}
	if a.BodySize != int64(len(a.Body)) {
		t.Errorf("BodySize = %d of a body of %d bytes", a.BodySize, len(a.Body))
	}
	if a.Status != 0 && (a.Status < 101 || a.Status > 999 || a.Proto == "") {
		t.Errorf("status %d in protocol %q", a.Status, a.Proto)
	}
	if (a.Stage == exchange.ReadingBody) && a.Status == 0 {
		t.Error("reading the body of an answer without a status")
	}
}

// expect checks how an exchange ended.
func expect(t *testing.T, a exchange.Answer, failure exchange.Failure, stage exchange.Stage) {
	t.Helper()
	check(t, a)
	if a.Failure != failure || a.Stage != stage {
		t.Errorf("ended with %q in stage %d, want %q in %d; error %v; received %q", a.Failure, a.Stage, failure, stage, a.Err, a.Received)
	}
}
