package doorman_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/inservice/inservice/internal/doorman"
	"github.com/inservice/inservice/internal/memnet"
)

const (
	address = "10.0.0.1:80"
	path    = "/health_check"
	bareGet = "GET /health_check HTTP/1.1\r\nHost: h\r\n\r\n"
	others  = "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"
)

// A post is a doorman at work on a network in memory.
type post struct {
	*doorman.Doorman
	network  memnet.Network
	accepted chan net.Conn // handed over
	ended    chan error    // what ended accepting

	mu    sync.Mutex
	asked []doorman.Question // guarded by mu
}

// stand must be called in a bubble. Zero fields get what tests want.
func stand(t *testing.T, d *doorman.Doorman) *post {
	t.Helper()
	p := &post{Doorman: d, accepted: make(chan net.Conn, 9), ended: make(chan error, 1)}
	if d.Listener == nil {
		l, err := p.network.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		d.Listener = l
	}
	d.Path = path
	if d.Answer == nil {
		d.Answer = func(q *doorman.Question) (int, string) {
			kept := *q
			kept.Head = bytes.Clone(q.Head)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.asked = append(p.asked, kept)
			return 200, "ok"
		}
	}
	go func() {
		for {
			c, err := d.Accept()
			if err != nil {
				p.ended <- err
				close(p.ended)
				return
			}
			p.accepted <- c
		}
	}()
	t.Cleanup(func() {
		d.Close()
		<-p.ended
		for len(p.accepted) > 0 {
			(<-p.accepted).Close()
		}
	})
	return p
}

func (p *post) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := p.network.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (p *post) questions() []doorman.Question {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// A transcript collects what a connection sends.
type transcript struct {
	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	over chan error   // receives what ended it
}

// record reads a connection to its end.
func record(c io.Reader) *transcript {
	tr := &transcript{over: make(chan error, 1)}
	go func() {
		_, err := io.Copy(tr, c)
		tr.over <- err
	}()
	return tr
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.b.Write(p)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.b.String()
}
