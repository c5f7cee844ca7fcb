package inspect

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
)

// maxHello is how much of what a client sends in a handshake is kept.
const maxHello = 4 << 10

// handshake answers a TLS hello that r begins with. The Hello is never nil; the
// connection is nil if the handshake failed, which Hello.Err tells.
func (s *Server) handshake(ctx context.Context, conn net.Conn, r *bufio.Reader) (*tls.Conn, *Hello) {
	h := &Hello{}
	tap := &tapped{Conn: conn, from: r, kept: &h.Bytes}
	encrypted := tls.Server(tap, s.configTLS(h))
	if err := encrypted.HandshakeContext(ctx); err != nil {
		h.Err = err.Error()
		tap.kept = nil
		return nil, h
	}
	tap.kept = nil
	state := encrypted.ConnectionState()
	h.Version, h.Protocol = state.Version, state.NegotiatedProtocol
	return encrypted, h
}

// configTLS takes whoever comes: every version and every cipher that there is,
// and whatever protocol is offered. It notes in h what was offered.
func (s *Server) configTLS(h *Hello) *tls.Config {
	config := &tls.Config{
		MinVersion:     tls.VersionTLS10, // old probers are what somebody wants to see
		CipherSuites:   everyCipher(),
		GetCertificate: s.makeTLS.forHello,
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		h.ServerName = hello.ServerName
		h.ALPN = slices.Clone(hello.SupportedProtos)
		h.Versions = slices.Clone(hello.SupportedVersions)
		h.Ciphers = slices.Clone(hello.CipherSuites)
		ours := config.Clone()
		ours.GetConfigForClient = nil
		ours.NextProtos = []string{"h2", "http/1.1"}
		if len(h.ALPN) > 0 && !slices.ContainsFunc(h.ALPN, func(p string) bool { return slices.Contains(ours.NextProtos, p) }) {
			ours.NextProtos = h.ALPN[:1] // none of ours: say yes, and see what comes
		}
		return ours, nil
	}
	return config
}

func everyCipher() []uint16 {
	var all []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		all = append(all, suite.ID)
	}
	return all
}

// tapped is a connection whose first bytes were read already, into from. What is
// read goes to kept, as long as that is set, up to maxHello.
type tapped struct {
	net.Conn
	from *bufio.Reader
	kept *[]byte
}

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	if t.kept != nil {
		*t.kept = append(*t.kept, p[:min(n, maxHello-len(*t.kept))]...)
	}
	return n, err
}

// String says in one line what a client's hello was.
func (h *Hello) String() string {
	var b strings.Builder
	if h.ServerName == "" {
		b.WriteString("no SNI")
	} else {
		b.WriteString("SNI " + h.ServerName)
	}
	if len(h.ALPN) == 0 {
		b.WriteString(", no ALPN")
	} else {
		b.WriteString(", ALPN " + strings.Join(h.ALPN, " "))
	}
	if len(h.Versions) > 0 {
		b.WriteString(", offers " + strings.Join(VersionNames(h.Versions), " "))
	}
	if h.Version != 0 {
		b.WriteString("; " + tls.VersionName(h.Version))
		if h.Protocol != "" {
			b.WriteString(" " + h.Protocol)
		}
	}
	return b.String()
}
