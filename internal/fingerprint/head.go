package fingerprint

import (
	"net/http"
	"net/netip"
	"strings"
	"unsafe"
)

// What of a head is looked at. No prober known sends a tenth of it.
const (
	maxHead   = 16 << 10
	maxFields = 64
)

// ParseHead takes the head of an HTTP/1 request apart as it came over the wire:
// the request line and all up to the empty line; what follows is ignored. It takes
// whatever comes: a head that breaks off is Cut, a line that is no field a Field
// without a name. Lines may end in a bare LF. The Request keeps nothing of head.
func ParseHead(head []byte, peer netip.Addr) Request {
	if len(head) > maxHead {
		head = head[:maxHead]
	}
	return parse(string(head), peer, nil)
}

// FromHTTP takes a request apart that net/http has read. Order and case of its
// fields are lost. A Host field without a value passes for none.
func FromHTTP(r *http.Request) Request {
	q := Request{
		Method: r.Method, Target: r.RequestURI, Proto: r.Proto,
		Host: r.Host, HasHost: r.Host != "",
		Fields: make([]Field, 0, len(r.Header)+1),
	}
	if q.HasHost {
		q.Fields = append(q.Fields, Field{"Host", r.Host})
	}
	for name, values := range r.Header {
		for _, value := range values {
			q.Fields = append(q.Fields, Field{name, value})
		}
	}
	if len(r.TransferEncoding) > 0 { // net/http takes it out of the Header
		q.Fields = append(q.Fields, Field{"Transfer-Encoding", strings.Join(r.TransferEncoding, ", ")})
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.Peer = peer.Addr()
	}
	if len(q.Fields) > maxFields {
		q.Fields, q.Cut = q.Fields[:maxFields], true
	}
	return q
}

// borrow returns b as a string without copying it. The string must not outlive
// the call that was given b, nor b change before its end.
func borrow(b []byte) string {
	b = b[:min(len(b), maxHead)]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// parse is ParseHead of a head within maxHead. The Fields are appended to fields.
func parse(head string, peer netip.Addr, fields []Field) Request {
	r := Request{Fields: fields, Peer: peer, Ordered: true}
	line, rest, whole := cutLine(head)
	for whole && line == "" { // servers overlook empty lines in front
		line, rest, whole = cutLine(rest)
	}
	r.Method, r.Target, r.Proto = cutRequestLine(line)
	if !whole || r.Proto == "" && rest == "" { // without a version no empty line need follow
		r.Cut = !whole
		return r
	}
	for {
		line, rest, whole = cutLine(rest)
		switch {
		case !whole || len(r.Fields) == maxFields && line != "":
			r.Cut = true
			return r
		case line == "":
			return r
		}
		f := cutField(line)
		if !r.HasHost && strings.EqualFold(f.Name, "Host") {
			r.Host, r.HasHost = f.Value, true
		}
		r.Fields = append(r.Fields, f)
	}
}

// cutLine cuts s behind its first line, which comes without its end. Whole is
// false if the line has no end.
func cutLine(s string) (line, rest string, whole bool) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, "", false
	}
	return strings.TrimSuffix(s[:i], "\r"), s[i+1:], true
}

func cutRequestLine(line string) (method, target, proto string) {
	method, target, _ = strings.Cut(line, " ")
	if i := strings.LastIndexByte(target, ' '); i >= 0 && strings.HasPrefix(target[i+1:], "HTTP/") {
		target, proto = target[:i], target[i+1:]
	}
	return method, target, proto
}

func cutField(line string) Field {
	name, value, isField := strings.Cut(line, ":")
	if !isField || name == "" || strings.ContainsAny(name, " \t") {
		return Field{Value: line}
	}
	return Field{name, strings.Trim(value, " \t")}
}
