// Package accesslog writes one line for each visitor's request, after its end.
//
// What it guarantees: every request that a wrapped handler was given makes one
// line, also one that was refused, redirected, broken off or upgraded. A line is
// one Write, and Writes come one after another. Nothing of a request can forge a
// line or reach a terminal: a line is printable ASCII, whatever was sent. What
// can be a secret by its place (Authorization, Cookie, the user and password of
// a URL) is never written; the query is, as it is in every access log.
//
// The request's visitor is who trusted proxies say it is; see package visitor.
//
// Status is that of the answer that was sent. A request that ended before an
// answer began has 499, nginx's number for a client that did not wait. An answer
// that was broken off has the status it began with, as in nginx's log, and JSON
// says "aborted". Bytes are those of the body, of an upgraded connection those
// that were sent to the client after the upgrade.
//
// A Log may be used from any goroutine. It starts none, and a Writer that blocks
// holds up the requests: give it one that does not.
package accesslog

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/visitor"
)

// Format is how a line is written.
type Format uint8

const (
	// Combined is the format that Apache and nginx call by that name, which every
	// log reader knows:
	//
	//	203.0.113.9 - - [02/Jan/2026:15:04:05 +0000] "GET /a?b HTTP/1.1" 200 512 "https://example.com/" "curl/8.5.0"
	//
	// The time is that of the request's arrival. As nginx does, quotes,
	// backslashes and all that is not printable ASCII are written as \xHH, and an
	// empty field as "-".
	Combined Format = iota

	// JSON is one object a line. Beside what Combined has there are scheme and
	// host, "duration" in seconds, "target_status" if the app answered, and
	// "aborted" if the answer was broken off or there was none. "uri" is the
	// request's target as it was sent. Beyond ASCII there are escapes; bytes that
	// are no UTF-8 become U+FFFD.
	JSON
)

// statusClientGone is nginx's number for a request whose client did not wait for
// an answer. It is never sent.
const statusClientGone = 499

// Log is an access log. Set the fields before use and leave them alone; a Log
// must not be copied after it.
type Log struct {
	Format Format    // zero means Combined
	Writer io.Writer // required; its errors are not looked at

	mu     sync.Mutex // guards Writer and buffer
	buffer []byte     // of the last line, for the next
}

// Wrap returns a handler that serves by next and writes a line for each request
// after its end, even if next panics. Trusted are the networks of the proxies
// whose word on a visitor counts.
//
// Next gets another ResponseWriter, of which [http.ResponseController] finds all
// that the server's own can do, and a request that is a copy with a context of
// its own.
func (l *Log) Wrap(next http.Handler, trusted []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := &line{arrived: time.Now(), visitor: visitor.Of(r, trusted), request: r, aborted: true}
		counting := &writer{ResponseWriter: w}
		defer func() {
			line.took = time.Since(line.arrived)
			line.status, line.bytes = counting.status, counting.bytes()
			l.write(line)
		}()
		next.ServeHTTP(counting, r.WithContext(context.WithValue(r.Context(), lineKey{}, line)))
		line.aborted = false
	})
}

// SetTargetStatus notes the status of the app's own answer, for the line of the
// request whose context this is. Without a line it does nothing. It is called by
// the handler that was wrapped, on its goroutine.
func SetTargetStatus(ctx context.Context, status int) {
	if line, ok := ctx.Value(lineKey{}).(*line); ok {
		line.targetStatus = status
	}
}

type lineKey struct{}

// A line is what is known of one request. It belongs to the goroutine that
// serves the request.
type line struct {
	arrived      time.Time
	took         time.Duration
	visitor      visitor.Visitor
	request      *http.Request // as it came
	status       int           // 0: no answer began
	targetStatus int           // 0: unknown
	bytes        int64
	aborted      bool // the handler did not return
}

func (l *Log) write(of *line) {
	switch {
	case of.status != 0:
	case of.aborted:
		of.status = statusClientGone
	default:
		of.status = http.StatusOK // the server sends it for a handler that wrote nothing
	}
	if of.request.Method == http.MethodHead {
		of.bytes = 0 // whatever the handler wrote was not sent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Format == JSON {
		l.buffer = appendJSON(l.buffer[:0], of)
	} else {
		l.buffer = appendCombined(l.buffer[:0], of)
	}
	_, _ = l.Writer.Write(l.buffer) // there is nobody to tell
}
