package doorman

import (
	"io"
	"net"
	"testing"
	"time"
)

// A steady conn asks the same again and again. It has no socket, so that nothing
// is measured but what is done here.
type steady struct {
	net.Conn
	head []byte
	left int
}

func (s *steady) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	s.left--
	return copy(p, s.head), nil
}

func (*steady) Write(p []byte) (int, error)   { return len(p), nil }
func (*steady) RemoteAddr() net.Addr          { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9} }
func (*steady) SetDeadline(_ time.Time) error { return nil }

var elb = []byte("GET /health_check HTTP/1.1\r\nhost: 10.0.0.5:80\r\nUser-Agent: ELB-HealthChecker/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n")

// ready is a doorman without a listener. It counts what it answers.
func ready(answered *int) *Doorman {
	return &Doorman{
		Answer: func(*Question) (int, string) { *answered++; return 200, "ok" },
		lines:  requestLines("/health_check"),
		memory: newMemory(),
	}
}

// TestAnswersAllocateNothing counts what a thousand answers on a kept connection
// allocate: as much as one.
func TestAnswersAllocateNothing(t *testing.T) {
	var answered int
	d := ready(&answered)
	answers := func(n int) float64 {
		conn := &steady{head: elb}
		return testing.AllocsPerRun(100, func() {
			conn.left, answered = n, 0
			c := newCaller(d, conn)
			c.converse()
			c.free()
			if answered != n {
				t.Fatalf("%d of %d questions were answered", answered, n)
			}
		})
	}
	// Once a second the date is written anew, which may fall into either.
	one, thousand := answers(1), answers(1000)
	if thousand > one+2 || one > 4 {
		t.Errorf("allocations for a connection with one answer: %v, with a thousand: %v", one, thousand)
	}
}

func BenchmarkAnswer(b *testing.B) {
	d := ready(new(int))
	c := newCaller(d, &steady{head: elb, left: b.N})
	defer c.free()
	b.ReportAllocs()
	b.ResetTimer()
	c.converse()
}

// BenchmarkConnection has a new connection for each answer.
func BenchmarkConnection(b *testing.B) {
	d := ready(new(int))
	conn := &steady{head: elb}
	b.ReportAllocs()
	for b.Loop() {
		conn.left = 1
		c := newCaller(d, conn)
		c.converse()
		c.free()
	}
}
