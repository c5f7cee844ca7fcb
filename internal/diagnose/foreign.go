package diagnose

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/inservice/inservice/internal/exchange"
)

// hungUp: connected, and closed without a byte.
func (d *desk) hungUp(v view) outcome {
	a := v.answer()
	if a.TLS != nil && a.TLS.ClientAuth {
		return d.handshake(v)
	}
	// A port that answers another path speaks HTTP, and asks nothing else of the
	// connection: neither TLS nor a PROXY header nor another protocol is the matter.
	random := d.random(v)
	client := d.clientTrials(v)[:min(1, len(d.clientTrials(v)))]
	trials := slices.Concat(d.prelude(v), d.hostTrials(v), client, d.sourceTrials(v))
	if !random.speaks() {
		trials = slices.Concat(d.prelude(v), d.hostTrials(v), d.tlsTrial(v), d.proxyTrial(v), d.http2Trial(v), client, d.sniTrials(v), d.sourceTrials(v))
	}
	if o, ok := d.try(v, trials); ok {
		return o
	}
	if !random.speaks() {
		for _, protocol := range []string{"fastcgi", "uwsgi", "ajp", "redis", "postgresql"} {
			if f, ok := d.talks(v, protocol); ok {
				return only(f)
			}
		}
	}
	if o, ok := d.try(v, d.forwardedTrials(v, 2)); ok && o.solved {
		return o
	}
	root := d.root(v)
	f := seen("closed_no_response", 0.85, fmt.Sprintf("It accepts the connection, and closes it without a byte (%s), whatever is sent.", a.Failure), v, random)
	for _, w := range []view{random, root} {
		if w.speaks() {
			f = seen("closed_no_response", 0.9, fmt.Sprintf("%s is answered (%s); here it closes the connection without a byte, whatever else is changed: the program breaks on this path.", quoted(w.request().Path), told(w.answer())), v, w)
			return only(f)
		}
	}
	if d.q.Site == "" {
		return only(f, seen("vhost_mismatch", 0.35, "A default server may close connections for a Host that it does not know: ask with --site www.example.com to find out.", v))
	}
	return only(f, seen("not_http", 0.25, "Another protocol's port may do so, too.", v))
}

// talks asks in another protocol's own words whether the port speaks it.
func (d *desk) talks(v view, protocol string) (Finding, bool) {
	if v.request().TLS != nil || v.request().Protocol == exchange.Bare {
		return Finding{}, false
	}
	var question []byte
	switch protocol {
	case "fastcgi": // FCGI_GET_VALUES, as its specification 1.0, section 4.1
		question = []byte("\x01\x09\x00\x00\x00\x10\x00\x00\x0e\x00FCGI_MAX_CONNS")
	case "ajp": // CPing
		question = []byte("\x12\x34\x00\x01\x0a")
	case "uwsgi":
		question = uwsgiRequest(v.request())
	case "redis": // an inline command, which needs no login to be refused
		question = []byte("PING\r\n")
	case "postgresql": // SSLRequest
		question = []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")
	}
	w := d.see(v.at.with(change{factor: fTalk, label: protocol, arg: string(question)}))
	if !w.ok {
		return Finding{}, false
	}
	a := w.answer()
	yes := false
	switch protocol {
	case "fastcgi":
		yes = len(a.Received) > 1 && a.Received[0] == 1 && a.Received[1] == 10
	case "ajp":
		yes = bytes.HasPrefix(a.Received, []byte("AB\x00\x01\x09"))
	case "uwsgi":
		yes = a.Status != 0 && a.Status != 400
	case "redis":
		yes = bytes.HasPrefix(a.Received, []byte("+PONG")) || bytes.HasPrefix(a.Received, []byte("-"))
	case "postgresql":
		yes = len(a.Received) == 1 && (a.Received[0] == 'S' || a.Received[0] == 'N')
	}
	if !yes {
		return Finding{}, false
	}
	f := seen("not_http", 0.97, fmt.Sprintf("It does not answer HTTP, and does answer a question in the words of %s.", protocol), w, v)
	f.Values["name"] = protocol
	return f, true
}

// uwsgiRequest is the same question in the protocol that uWSGI's socket speaks.
func uwsgiRequest(r exchange.Request) []byte {
	path, query, _ := cutQuery(r.Path)
	if path == "" {
		path = "/"
	}
	host, port := splitAddress(r.Address)
	var vars []byte
	for _, kv := range [][2]string{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", path}, {"PATH_INFO", path}, {"QUERY_STRING", query}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"HTTP_HOST", hostOf(r)}, {"SERVER_NAME", host}, {"SERVER_PORT", port}, {"REMOTE_ADDR", host}} {
		for _, s := range kv {
			vars = binary.LittleEndian.AppendUint16(vars, uint16(len(s)))
			vars = append(vars, s...)
		}
	}
	packet := []byte{0}
	packet = binary.LittleEndian.AppendUint16(packet, uint16(len(vars)))
	return append(append(packet, 0), vars...)
}

// garbage: bytes came that are no HTTP.
func (d *desk) garbage(v view) outcome {
	a := v.answer()
	got := a.Received
	switch {
	case len(got) > 2 && (got[0] == 0x15 || got[0] == 0x16) && got[1] == 3:
		if o, ok := d.try(v, d.tlsTrial(v)); ok {
			return o
		}
		return only(seen("wrong_protocol_tls", 0.85, "It answers plain HTTP with a TLS record.", v))
	case len(got) > 8 && got[0] == 0 && got[3] <= 9 && (got[3] == 4 || got[3] == 7):
		if o, ok := d.try(v, d.http2Trial(v)); ok {
			return o
		}
		return only(seen("http2_only", 0.85, "It answers with a frame of HTTP/2.", v))
	}
	if o, ok := d.try(v, d.prelude(v)); ok && o.solved {
		return o
	}
	// An HTTP server never speaks first.
	if w := d.see(v.at.with(change{factor: fTalk, label: "nothing", arg: ""})); w.ok && len(w.answer().Received) > 0 {
		return only(seen("not_http", 0.97, "It speaks first, before it was asked anything: "+excerpt(w.answer().Received)+". No HTTP server does.", w, v))
	}
	if own, ok := v.ownPage(); ok && own.Page == "greeting" {
		return only(seen("not_http", 0.95, fmt.Sprintf("It answers in the words of %s: %s.", own.Title, excerpt(got)), v))
	}
	text := strings.TrimSpace(string(got))
	lower := strings.ToLower(text)
	webby := strings.HasPrefix(text, "HTTP/") || strings.HasPrefix(text, "<") || strings.HasPrefix(text, "{") || strings.Contains(lower, "content-type:") || strings.HasPrefix(lower, "status:") || strings.HasPrefix(lower, "http")
	switch {
	case a.Failure == exchange.HeadTooLong || webby:
		return only(seen("malformed_response", 0.92, fmt.Sprintf("What it answers is nearly HTTP, but %s: %s.", complaintOf(a), excerpt(got)), v), seen("not_http", 0.3, "", v))
	case !printableText(got):
		return only(seen("not_http", 0.88, "It answers with bytes of another protocol: "+excerpt(got)+".", v), seen("malformed_response", 0.3, "", v))
	case strings.Contains(lower, "err") || strings.Contains(lower, "unknown command") || strings.Contains(lower, "invalid command") || strings.Contains(lower, "protocol") || strings.Contains(lower, "syntax"):
		return only(seen("not_http", 0.8, "It complains in words of another protocol: "+excerpt(got)+".", v), seen("malformed_response", 0.4, "", v))
	}
	return only(seen("malformed_response", 0.75, "It answers with text without a status line: "+excerpt(got)+".", v), seen("not_http", 0.4, "It may be another protocol.", v))
}

// complaintOf is what is wrong with bytes that are nearly an answer.
func complaintOf(a exchange.Answer) string {
	if a.Failure == exchange.HeadTooLong {
		return "its head does not end"
	}
	if bytes.HasPrefix(a.Received, []byte("HTTP/")) {
		return "its head is broken"
	}
	return "it has no status line"
}

// printableText reports whether bytes are text that a person could read.
func printableText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			return false
		}
	}
	return true
}

// truncated: an answer that ends early.
func (d *desk) truncated(v view) outcome {
	a := v.answer()
	if !passed(v.o.Experiment.Probe.Judge(whole(v))) {
		if o := d.status(v); len(o.chain) > 0 {
			return o
		}
	}
	if a.Failure == exchange.TimedOut && a.Stage == exchange.ReadingBody {
		f := seen("truncated_response", 0.6, fmt.Sprintf("The head and %d bytes of the body come, and then no more: the time-out passes before the body is whole.", a.BodySize), v)
		return only(f, seen("slow_response", 0.4, "The rest may be late.", v))
	}
	how := "the connection ends before the body is as long as Content-Length says"
	if strings.Contains(strings.ToLower(a.Get("Transfer-Encoding")), "chunked") {
		how = "the connection ends before the last chunk"
	}
	if a.Failure == exchange.BodyBroken {
		how = "its chunks are broken"
	}
	return only(seen("truncated_response", 0.95, fmt.Sprintf("The status is %d, but %s (%d bytes came).", a.Status, how, a.BodySize), v))
}
