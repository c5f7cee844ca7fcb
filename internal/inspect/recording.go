package inspect

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
)

// RecordingVersion is the version of what a Recording looks like as JSON. A
// reader refuses others.
const RecordingVersion = 1

// Recording is an Arrival on one line of JSON, with its exact bytes: what is
// needed to send it again. Bytes are in base64.
type Recording struct {
	V        int            `json:"v"` // RecordingVersion
	Time     time.Time      `json:"time"`
	Listener string         `json:"listener"`
	Peer     netip.AddrPort `json:"peer"`
	Kind     Kind           `json:"kind"`

	Proxy *RecordedProxy `json:"proxy,omitempty"` // header of the PROXY protocol in front
	TLS   *RecordedTLS   `json:"tls,omitempty"`   // absent: plain

	// Bytes is what came, inside the encryption and behind the PROXY header. Of
	// HTTP/2 it is frames, and Fields is what they say.
	Bytes  []byte          `json:"bytes"`
	More   bool            `json:"more,omitempty"` // more came than was kept: it can't be sent again whole
	Fields []RecordedField `json:"fields,omitempty"`

	Sender     string `json:"sender,omitempty"` // whom it was taken for; a name of lbprofile
	Confidence string `json:"confidence,omitempty"`
}

// RecordedProxy is the PROXY header of a Recording.
type RecordedProxy struct {
	Version int    `json:"version"`
	Local   bool   `json:"local"`
	Source  string `json:"source,omitempty"`
	Bytes   []byte `json:"bytes"`
}

// RecordedTLS is what a client said of TLS.
type RecordedTLS struct {
	ServerName string   `json:"server_name,omitempty"`
	ALPN       []string `json:"alpn,omitempty"`
	Versions   []string `json:"versions,omitempty"` // offered, as crypto/tls names them
	Version    string   `json:"version,omitempty"`  // agreed on; empty: the handshake failed
	Hello      []byte   `json:"hello,omitempty"`
}

// RecordedField is a field of an HTTP/2 request, pseudo-fields included.
type RecordedField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Recording returns what is recorded of a.
func (a *Arrival) Recording() Recording {
	r := Recording{
		V: RecordingVersion, Time: a.Time.UTC(), Listener: a.Listener, Peer: a.Peer, Kind: a.Kind,
		Bytes: append([]byte{}, a.Bytes...), // not nil, which would be null
		More:  a.More, Sender: a.Guess.Name,
	}
	if a.Guess.Confidence != fingerprint.None {
		r.Confidence = a.Guess.Confidence.String()
	}
	if p := a.Proxy; p != nil {
		r.Proxy = &RecordedProxy{Version: p.Version, Local: p.Local, Bytes: p.Bytes}
		if p.Source.IsValid() {
			r.Proxy.Source = p.Source.String()
		}
	}
	if h := a.TLS; h != nil {
		r.TLS = &RecordedTLS{ServerName: h.ServerName, ALPN: h.ALPN, Versions: VersionNames(h.Versions), Hello: h.Bytes}
		if h.Version != 0 {
			r.TLS.Version = tls.VersionName(h.Version)
		}
	}
	if a.Kind == HTTP2 || a.Kind == GRPC {
		for _, f := range a.Request.Fields {
			r.Fields = append(r.Fields, RecordedField(f))
		}
	}
	return r
}

// VersionNames names versions of TLS.
func VersionNames(versions []uint16) []string {
	var names []string
	for _, v := range versions {
		names = append(names, tls.VersionName(v))
	}
	return names
}

// MarshalLine is v as one line of JSON in ASCII: no character of it controls a
// terminal.
func MarshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return ascii(b.Bytes()), nil
}

// ascii replaces what is not ASCII in JSON, which can only be inside strings, by
// escapes of JSON.
func ascii(line []byte) []byte {
	if !bytes.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
		return line
	}
	var b []byte
	for _, r := range string(line) {
		switch {
		case r <= '~':
			b = append(b, byte(r))
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return b
}

// ReadRecordings reads Recordings that MarshalLine wrote. Empty lines
// are passed over. An error names the line.
func ReadRecordings(r io.Reader) ([]Recording, error) {
	const longest = 4 << 20
	var all []Recording
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var one Recording
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("line %d is no recording: %w", number, err)
		}
		if one.V != RecordingVersion {
			return nil, fmt.Errorf("line %d is a recording of version %d, and this program reads version %d", number, one.V, RecordingVersion)
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", number+1, err)
	}
	return all, nil
}
