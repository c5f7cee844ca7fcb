package proxy

import (
	"encoding/hex"
	"net"
	"strings"
)

// unixPrefix begins the address of a target on a Unix socket, before its path.
const unixPrefix = "unix:"

// socketPath returns the path of the socket that a target's address names.
func socketPath(target string) (path string, unix bool) {
	return strings.CutPrefix(target, unixPrefix)
}

// authority returns what stands for a target in the URL given to the transport,
// which keeps connections by it and would read a path's colons as a port. A slash
// can't begin the name of a host, so nothing else looks like a socket.
func authority(target string) string {
	if path, unix := socketPath(target); unix {
		return "/" + hex.EncodeToString([]byte(path))
	}
	return target
}

// authoritySocket returns the path of the socket that the transport wants to
// dial, by the address that it made of an authority.
func authoritySocket(address string) (path string, unix bool) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	encoded, unix := strings.CutPrefix(host, "/")
	if !unix {
		return "", false
	}
	decoded, err := hex.DecodeString(encoded)
	return string(decoded), err == nil
}
