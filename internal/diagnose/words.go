package diagnose

import (
	"fmt"
	"strconv"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/visible"
)

// text tells the change to people.
func (c change) text() string {
	v := quoted(c.value())
	switch c.factor {
	case fHost:
		if c.arg == "" {
			return "no Host"
		}
		return "Host: " + v
	case fField:
		return v
	case fHTTPSWords:
		return "every other field that says https (" + httpsWords[0].Name + ", " + httpsWords[1].Name + ", …)"
	case fClient:
		return "a browser's User-Agent and Accept"
	case fPath:
		return "path " + v
	case fMethod:
		return "method " + v
	case fHTTP:
		if c.label == "1.1" {
			return "HTTP/1.1 with a Host"
		}
		return "HTTP/" + v
	case fTLS:
		switch c.label {
		case "on":
			return "TLS"
		case "off":
			return "no TLS"
		case "unverified":
			return "the certificate not verified"
		}
		return "TLS from " + v + " on"
	case fSNI:
		return "TLS server name (SNI) " + v
	case fCert:
		return "a client certificate (one that nobody trusts)"
	case fProxy:
		return "a PROXY header (" + v + ")"
	case fSource:
		return "asked from " + v
	case fAddr:
		return "address " + v
	case fPort:
		return "port " + v
	case fTalk:
		switch c.label {
		case "nothing":
			return "connected, and nothing said"
		default:
			return "a question in " + v
		}
	case fAsk:
		return "an HTTP request (" + v + ")"
	case fWait:
		return "a longer time-out"
	case fAgain:
		if c == later {
			return "the same again a little later"
		}
		return "the same again"
	}
	return c.name()
}

// mostQuoted is how much of a stranger's text is quoted, in characters.
const mostQuoted = 200

// quoted makes a stranger's text safe to print, in one short line.
func quoted(s string) string { return visible.Line(s, mostQuoted) }

// told is an answer in a few words: "200", "301 to https://…", "refused",
// "closed without an answer".
func told(a exchange.Answer) string {
	switch {
	case a.Status != 0 && a.Failure == exchange.None:
		s := strconv.Itoa(a.Status)
		if location := a.Get("Location"); location != "" && a.Status/100 == 3 {
			s += " to " + quoted(location)
		}
		if a.Late {
			s += fmt.Sprintf(" after %.1f s", a.Phases.Total.Seconds())
		}
		return s
	case a.Status != 0:
		return fmt.Sprintf("%d, then %s", a.Status, a.Failure)
	}
	switch a.Failure {
	case exchange.TimedOut:
		switch a.Stage {
		case exchange.Dialling:
			return "no connection (timed out)"
		case exchange.Handshaking:
			return "silence in the TLS handshake"
		}
		if len(a.Received) > 0 {
			return "bytes, but no whole answer in time"
		}
		return "silence"
	case exchange.Closed:
		if a.Stage <= exchange.Handshaking {
			return "closed in the TLS handshake"
		}
		return "closed without an answer"
	case exchange.Reset:
		if a.Stage <= exchange.Handshaking {
			return "reset in the TLS handshake"
		}
		return "reset without an answer"
	case exchange.TLSRefused:
		if a.TLS != nil && a.TLS.Alert != 0 {
			return fmt.Sprintf("TLS refused (alert %d)", a.TLS.Alert)
		}
		return "TLS refused"
	case exchange.NotTLS:
		if renegotiated(a) {
			return "no answer, but another handshake"
		}
		return "bytes that are no TLS"
	case exchange.Malformed:
		return "bytes that are no HTTP: " + excerpt(a.Received)
	case exchange.None:
		return "a connection"
	}
	return string(a.Failure)
}

// excerpt is the beginning of some bytes, in quotation marks; if there are none it
// says so.
func excerpt(b []byte) string {
	const most = 60
	if len(b) == 0 {
		return "no byte at all"
	}
	return `"` + visible.Line(string(b[:min(len(b), 4*most)]), most) + `"`
}
