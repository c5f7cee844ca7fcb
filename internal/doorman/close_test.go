package doorman_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/doorman"
)

// TestCloseEndsAll closes while one connection says nothing, one is kept, one has
// sent half a head and one has been handed over. Only the last is not the
// doorman's any more.
func TestCloseEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		var held []*transcript
		for _, s := range []string{"", bareGet, bareGet[:20]} {
			c := p.dial(t)
			held = append(held, record(c))
			io.WriteString(c, s)
		}
		c := p.dial(t)
		io.WriteString(c, others)
		handed := <-p.accepted
		synctest.Wait()
		if n := p.Held(); n != 3 {
			t.Errorf("held = %d, want 3", n)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := p.Held(); n != 0 {
			t.Errorf("held after Close = %d", n)
		}
		if err := <-p.ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v", err)
		}
		for i, tr := range held {
			if err := <-tr.over; err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		}
		behind := record(handed)
		synctest.Wait()
		if behind.String() != others || len(behind.over) > 0 {
			t.Errorf("the one handed over brought %q", behind)
		}
		handed.Close()
	})
}

// TestCloseWhileHandingOver closes while nobody accepts.
func TestCloseWhileHandingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		l, err := p.network.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		d := &doorman.Doorman{Listener: l, Path: path}
		accepted := make(chan net.Conn)
		go func() {
			c, err := d.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		}()
		first, second := p.dial(t), p.dial(t)
		io.WriteString(first, others)
		(<-accepted).Close()
		got := record(second)
		io.WriteString(second, others)
		synctest.Wait()
		if n := d.Held(); n != 1 {
			t.Errorf("held = %d, want the one that waits", n)
		}
		d.Close()
		if err := <-got.over; err != nil {
			t.Error(err)
		}
		if c, err := d.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close = %v, %v", c, err)
		}
	})
}

func TestCloseBeforeAccept(t *testing.T) {
	p := &post{}
	l, err := p.network.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	d := &doorman.Doorman{Listener: l, Path: path}
	if d.Addr() != l.Addr() {
		t.Errorf("Addr = %v", d.Addr())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if c, err := d.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, %v", c, err)
	}
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener's Accept = %v, %v", c, err)
	}
}

// A faulty listener fails when it is told to.
type faulty struct {
	net.Listener
	fail   chan error
	come   chan net.Conn
	closed atomic.Int32
}

func (f *faulty) Accept() (net.Conn, error) {
	select {
	case err, open := <-f.fail:
		if !open {
			err = net.ErrClosed
		}
		return nil, err
	case c := <-f.come:
		return c, nil
	}
}

func (f *faulty) Close() error {
	if f.closed.Add(1) == 1 {
		close(f.fail)
	}
	return nil
}

type temporary struct{}

func (temporary) Error() string   { return "too many of something" }
func (temporary) Temporary() bool { return true }

// TestListenerFails has a listener fail for a while, which changes nothing, and
// then for good: the error must wait for those who are inside, and those who were
// answered and have nothing to ask must go at once.
func TestListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &faulty{fail: make(chan error), come: make(chan net.Conn)}
		d := &doorman.Doorman{Listener: l, Path: path, Answer: func(*doorman.Question) (int, string) { return 200, "ok" }}
		type result struct {
			conn net.Conn
			err  error
		}
		results := make(chan result)
		go func() {
			for {
				c, err := d.Accept()
				results <- result{c, err}
				if errors.Is(err, io.ErrUnexpectedEOF) {
					return
				}
			}
		}()
		l.fail <- fmt.Errorf("accept: %w", temporary{})
		if r := <-results; !errors.Is(r.err, temporary{}) {
			t.Errorf("Accept = %v, want the listener's own error", r.err)
		}
		connect := func() (net.Conn, *transcript) {
			ours, theirs := net.Pipe()
			l.come <- theirs
			return ours, record(ours)
		}
		kept, keptSaw := connect()
		io.WriteString(kept, bareGet)
		slow, slowSaw := connect()
		io.WriteString(slow, bareGet[:10])
		late, lateSaw := connect()
		const health = "GET /healthy HTTP/1.1\r\nHost: h\r\n\r\n"
		io.WriteString(late, bareGet+health[:8])
		synctest.Wait()
		if keptSaw.String() == "" || l.closed.Load() != 0 {
			t.Error("nobody is answered after a passing failure")
		}

		l.fail <- io.ErrUnexpectedEOF
		synctest.Wait()
		if l.closed.Load() != 1 {
			t.Error("the listener is left open while others are waited for")
		}
		if len(keptSaw.over) == 0 {
			t.Error("a connection without a question is kept")
		}
		if n := d.Held(); n != 2 || len(slowSaw.over)+len(lateSaw.over) > 0 {
			t.Errorf("held = %d, want the two that have begun to ask", n)
		}
		go io.WriteString(late, health[8:])
		r := <-results
		if r.err != nil {
			t.Fatalf("Accept = %v before all were handed over", r.err)
		}
		defer r.conn.Close()
		behind := record(r.conn)
		synctest.Wait()
		if behind.String() != health {
			t.Errorf("handed over %q", behind)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		io.WriteString(slow, bareGet[10:])
		synctest.Wait()
		if !strings.Contains(slowSaw.String(), closes) || len(slowSaw.over) == 0 {
			t.Errorf("the slow question: %q, ended %v", slowSaw, len(slowSaw.over) > 0)
		}
		if r := <-results; !errors.Is(r.err, io.ErrUnexpectedEOF) {
			t.Errorf("Accept = %v", r.err)
		}
		d.Close()
	})
}

// TestListenerFailsWhileHandingOver: a connection that waits to be handed over must
// not get the deadline that sends others away.
func TestListenerFailsWhileHandingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &faulty{fail: make(chan error), come: make(chan net.Conn)}
		d := &doorman.Doorman{Listener: l, Path: path}
		defer d.Close()
		accept := func() net.Conn {
			c, err := d.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		connect := func() net.Conn {
			ours, theirs := net.Pipe()
			l.come <- theirs
			io.WriteString(ours, others)
			return ours
		}
		go func() { defer connect().Close() }()
		accept().Close() // so that the doorman is at work
		waiting := connect()
		defer waiting.Close()
		synctest.Wait()
		l.fail <- io.ErrUnexpectedEOF
		synctest.Wait()
		handed := accept()
		defer handed.Close()
		got := record(handed)
		io.WriteString(waiting, "more")
		synctest.Wait()
		if got.String() != others+"more" {
			t.Errorf("handed over %q", got)
		}
		if _, err := d.Accept(); err != io.ErrUnexpectedEOF {
			t.Errorf("Accept = %v", err)
		}
	})
}
