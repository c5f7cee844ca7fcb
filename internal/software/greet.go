package software

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// greeting is what a server of another protocol says, or answers to a line that
// it does not understand.
type greeting struct {
	name   string
	begins *regexp.Regexp
	reads  string // what is read out of it
}

// The protocols' own documents say how they begin: RFC 4253 (SSH), RFC 5321
// (SMTP), RFC 959 (FTP), RFC 1939 (POP3), RFC 9051 (IMAP), RFC 6143 (VNC), RFC
// 9113 (HTTP/2: a SETTINGS frame comes first), RFC 8446 (TLS alert), AMQP 0-9-1
// section 4.2.2, MySQL's protocol documentation (HandshakeV10), Redis's RESP.
var greetings = sync.OnceValue(func() []greeting {
	return []greeting{
		{"ssh", regexp.MustCompile(`^SSH-[12]\.\d+-[^\r\n]*`), "the identification of an SSH server"},
		{"mariadb", regexp.MustCompile(`(?s)^...\x00(?:\x0a[^\x00]{0,40}MariaDB|\x{ff}.{2}[^\x00]{0,200}MariaDB)`), "a MariaDB server's first packet"},
		{"mysql", regexp.MustCompile(`(?s)^...\x00(?:\x0a[0-9][^\x00]{0,60}\x00|\x{ff}.{2}[^\x00]{0,200}MySQL)`), "a MySQL server's first packet"},
		{"postgresql", regexp.MustCompile(`(?s)^E....(?:S(?:FATAL|ERROR)|FATAL)`), "a PostgreSQL server's error"},
		{"redis", regexp.MustCompile(`^-(?:ERR|NOAUTH|DENIED|NOPERM|WRONGPASS|LOADING|MASTERDOWN) [^\r\n]*`), "a Redis server's error"},
		{"memcached", regexp.MustCompile(`^(?:ERROR|CLIENT_ERROR [^\r\n]*|SERVER_ERROR [^\r\n]*)\r\n`), "a memcached server's error"},
		{"amqp", regexp.MustCompile(`^AMQP`), "an AMQP protocol header"},
		{"nats", regexp.MustCompile(`^INFO \{[^\r\n]*`), "a NATS server's INFO"},
		{"vnc", regexp.MustCompile(`^RFB \d{3}\.\d{3}`), "a VNC server's version"},
		{"rsync", regexp.MustCompile(`^@RSYNCD:[^\r\n]*`), "an rsync daemon's version"},
		{"ftp", regexp.MustCompile(`(?i)^220[ -][^\r\n]*ftp[^\r\n]*`), "an FTP server's greeting"},
		{"smtp", regexp.MustCompile(`^(?:220|554|421)[ -][^\r\n]*`), "a mail server's greeting"},
		{"pop3", regexp.MustCompile(`^\+OK[^\r\n]*`), "a POP3 server's greeting"},
		{"imap", regexp.MustCompile(`^\* (?:OK|BYE|PREAUTH)[^\r\n]*`), "an IMAP server's greeting"},
		{"telnet", regexp.MustCompile(`^\x{ff}[\x{fb}-\x{fe}]`), "a Telnet negotiation"},
		{"fastcgi", regexp.MustCompile(`(?s)^\x01[\x01-\x0b]\x00.`), "a FastCGI record"},
		{"tls", regexp.MustCompile(`(?s)^\x15\x03[\x00-\x04]\x00\x02`), "a TLS alert: this port speaks TLS"},
		{"http2", regexp.MustCompile(`(?s)^\x00..\x04[\x00\x01]\x00\x00\x00\x00`), "an HTTP/2 SETTINGS frame"},
	}
})

// greet adds what bytes that are no HTTP answer tell.
func (s *seen) greet(add func(Guess)) {
	raw := s.Received[:min(len(s.Received), 1<<10)]
	text := latin1(raw)
	for _, g := range greetings() {
		m := g.begins.FindString(text)
		if m == "" {
			continue
		}
		told := Guess{Name: g.name, Confidence: 0.95, Page: PageGreeting, Evidence: g.reads + ": " + show(m)}
		switch g.name {
		case "ssh", "mariadb", "mysql":
			told.Version = greetedVersion(g.name, raw)
		case "tls":
			told.Page = PageTLSRequired
		case "memcached", "pop3", "imap", "smtp":
			told.Confidence = 0.85
		}
		add(told)
		return
	}
}

// latin1 makes a string in which each byte is one character of its value:
// patterns read characters, not bytes.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// greetedVersion reads the version that a greeting tells.
func greetedVersion(name string, raw []byte) string {
	if name == "ssh" {
		_, rest, _ := bytes.Cut(raw, []byte("_"))
		return version.FindString(string(rest))
	}
	if len(raw) < 6 || raw[4] != 10 {
		return ""
	}
	text, _, _ := bytes.Cut(raw[5:], []byte{0})
	v := string(text)
	if name == "mariadb" {
		v = strings.TrimPrefix(v, "5.5.5-") // written before it for old replicas
	}
	return version.FindString(v)
}
