// Package httpcheck checks that an HTTP server answers a request as it should.
//
// Each run opens a connection of its own: a kept one can go on answering after
// the server has stopped accepting. Redirects are judged, never followed, since
// what they lead to may be another server. Proxies named in the environment are
// not used.
package httpcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// userAgent names the asker in the checked server's log.
const userAgent = "inservice-check/1.0"

// maxBody is how much of an answer is read. What comes after it is not waited
// for, so a server that never stops sending can't hold the check.
const maxBody = 64 << 10

// Request is what is asked. The zero value of each field but URL is a good
// choice. It must not be changed once its Run is in use, which may then be
// called from any goroutine.
type Request struct {
	// URL is absolute, http or https. Errors name its scheme, host and path only:
	// passwords stand before those, and keys in the query behind them.
	URL string

	// Host is the Host field to send, for a server that is strict about it.
	// Empty means the URL's. Errors name it where it is another.
	Host string

	// Header is sent as well.
	Header http.Header

	// Accept says which status codes pass. Nil means 200 to 299.
	Accept func(status int) bool

	// Socket is the path of the Unix socket that the server listens on. Empty
	// means that the URL says where it is.
	Socket string

	// Dial opens the connection: to the URL's host and port over the network
	// "tcp", or to Socket over "unix". TLS is spoken on top of it. Nil means a
	// plain net.Dialer. Not used with a Transport, which dials by itself.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Transport sends the request. Nil means one that opens a new connection
	// for each run and verifies certificates.
	Transport http.RoundTripper
}

// Get returns a check that passes when url answers 200 to 299. It goes into
// health.Check's Run.
func Get(url string) func(context.Context) error { return Request{URL: url}.Run }

// fresh opens a new connection for each request.
var fresh = &http.Transport{
	DisableKeepAlives:      true,
	DisableCompression:     true,
	MaxResponseHeaderBytes: 64 << 10,
	TLSHandshakeTimeout:    30 * time.Second, // the context is the real bound
}

// Run asks once, with GET. The answer must be complete, up to 64 KiB of body. It
// goes into health.Check's Run, and is bounded by the context.
func (r Request) Run(ctx context.Context) error {
	request, err := r.request(ctx)
	if err != nil {
		return err
	}
	what := r.what(request.URL)
	response, err := r.transport().RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer response.Body.Close()
	if !r.accepts(response.StatusCode) {
		if to := response.Header.Get("Location"); to != "" {
			return fmt.Errorf("%s answered %s to %s", what, response.Status, bareLocation(to))
		}
		return fmt.Errorf("%s answered %s", what, response.Status)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxBody)); err != nil {
		return fmt.Errorf("%s: the answer broke off: %w", what, err)
	}
	return nil
}

// what says what is asked, where, and in whose name.
func (r Request) what(u *url.URL) string {
	what := "GET " + bare(u)
	if r.Socket != "" {
		what += " on " + r.Socket
	}
	if r.Host != "" && r.Host != u.Host {
		what += " as " + r.Host
	}
	return what
}

func (r Request) transport() http.RoundTripper {
	switch {
	case r.Transport != nil:
		return r.Transport
	case r.Socket != "" || r.Dial != nil:
		t := fresh.Clone()
		t.DialContext = r.dial
		return t // it keeps no connection, so nothing is left of it
	default:
		return fresh
	}
}

// dial is the transport's, which names the URL's address.
func (r Request) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if r.Socket != "" {
		network, address = "unix", r.Socket
	}
	if r.Dial != nil {
		return r.Dial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (r Request) request(ctx context.Context) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		// The text of err quotes the URL, with the password.
		return nil, errors.New("the URL to check can't be parsed: write it as http://host:port/path")
	}
	if (request.URL.Scheme != "http" && request.URL.Scheme != "https") || request.URL.Host == "" {
		return nil, errors.New("the URL to check is not absolute, or neither http nor https: write it as http://host:port/path")
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", userAgent)
	}
	if user := request.URL.User; user != nil && request.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	request.Host = r.Host // empty means the URL's
	return request, nil
}

func (r Request) accepts(status int) bool {
	if r.Accept != nil {
		return r.Accept(status)
	}
	return status >= 200 && status <= 299
}

// bare is a URL without what may be secret: user, password, query and fragment.
func bare(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return shown.String()
}

// bareLocation is a Location field, likewise.
func bareLocation(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" {
		return "an address that can't be shown"
	}
	return bare(u)
}
