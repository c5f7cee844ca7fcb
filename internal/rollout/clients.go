package rollout

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// Clients of each kind, and how often each of them asks: 200 requests a second
	// in all.
	clientsPerKind = 10
	period         = 100 * time.Millisecond
	// postEvery is which of a client's requests are POSTs.
	postEvery = 3
	// answerLimit is for a request from its begin to the answer's last byte. A SYN
	// that is dropped costs a second.
	answerLimit = 10 * time.Second
	// visitHeader names a visit, so that the app sees who comes twice.
	visitHeader = "X-Visit"
)

// A Loss is a request that did not get what it asked for.
type Loss struct {
	At     time.Time
	Client string // "kept" or "fresh": what it does with connections
	Method string
	Nth    int // on its connection
	Why    string
}

func (l Loss) String() string {
	return fmt.Sprintf("%s %s %s, request %d on its connection: %s", l.At.Format("15:04:05.000000"), l.Client, l.Method, l.Nth, l.Why)
}

// clients visit a balancer until they are stopped.
type clients struct {
	address string
	ledger  *ledger
	stopped chan struct{}
	once    sync.Once
	running sync.WaitGroup

	mu   sync.Mutex
	sent int    // guarded by mu
	lost []Loss // guarded by mu
}

func visit(address string, l *ledger) *clients {
	c := &clients{address: address, ledger: l, stopped: make(chan struct{})}
	for i := range 2 * clientsPerKind {
		one := &client{clients: c, name: fmt.Sprintf("client%d", i), kept: i%2 == 0}
		// They don't all ask at the same moment.
		delay := time.Duration(i) * period / (2 * clientsPerKind)
		c.running.Go(func() { one.run(delay) })
	}
	return c
}

func (c *clients) stop() {
	c.once.Do(func() { close(c.stopped) })
	c.running.Wait()
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func (c *clients) losses() []Loss {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Loss(nil), c.lost...)
}

func (c *clients) note(loss *Loss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	if loss != nil {
		c.lost = append(c.lost, *loss)
	}
}

// A client asks at its pace. It is no http.Client, for those repeat requests that
// were lost.
type client struct {
	clients *clients
	name    string
	kept    bool // its connection, as long as the balancer keeps it

	conn   net.Conn // nil: none yet
	reader *bufio.Reader
	nth    int // requests on conn
}

func (c *client) run(delay time.Duration) {
	defer c.hangUp()
	for n, next := 0, time.Now().Add(delay); ; n++ {
		select {
		case <-c.clients.stopped:
			return
		case <-time.After(time.Until(next)):
		}
		// One that waited long for an answer does not make up for it.
		if next = next.Add(period); next.Before(time.Now()) {
			next = time.Now()
		}
		c.ask(n)
	}
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn, c.nth = nil, 0
}

// ask sends request number n.
func (c *client) ask(n int) {
	method, length := http.MethodGet, 0
	if n%postEvery == postEvery-1 {
		method, length = http.MethodPost, 2000
	}
	c.nth++
	began := time.Now()
	err := c.exchange(method, fmt.Sprintf("%s-%d", c.name, n), length)
	var loss *Loss
	if err != nil {
		kind := "fresh"
		if c.kept {
			kind = "kept"
		}
		loss = &Loss{began, kind, method, c.nth, fmt.Sprintf("after %v: %v", time.Since(began).Round(10*time.Microsecond), err)}
	}
	c.clients.note(loss)
	if err != nil || !c.kept {
		c.hangUp()
	}
}

// exchange returns nil if all went well.
func (c *client) exchange(method, id string, length int) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.clients.address, answerLimit)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s /page HTTP/1.1\r\nHost: site.example\r\n%s: %s\r\n", method, visitHeader, id)
	if length > 0 {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", length)
	}
	if !c.kept {
		head.WriteString("Connection: close\r\n")
	}
	head.WriteString("\r\n")
	if _, err := io.WriteString(c.conn, head.String()+strings.Repeat("b", length)); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("the answer %s broke off: %w", response.Status, err)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.200q", response.Status, body)
	case string(body) != answerTo(id, length):
		return errors.New("the answer is another request's")
	}
	if response.Close {
		c.hangUp()
	}
	return nil
}
