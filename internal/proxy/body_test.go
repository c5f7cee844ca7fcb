package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// brokenBody fails from the first byte on.
type brokenBody struct{ reading func() }

func (b brokenBody) Read([]byte) (int, error) { b.reading(); return 0, errors.New("reset") }
func (brokenBody) Close() error               { return nil }

// TestRequestBodyBlame checks when a failure to read the request body counts as
// the client's: not after the transport has closed the body, for then it is an
// effect of the target's failure.
func TestRequestBodyBlame(t *testing.T) {
	newBody := func() *requestBody {
		return newRequestBody(brokenBody{func() {}}, &exchange{
			proxy:   &Proxy{},
			client:  httptest.NewRecorder(),
			request: &http.Request{},
		})
	}
	open := newBody()
	if _, err := open.Read(nil); err == nil || open.exchange.broken.Load() == nil {
		t.Errorf("reading failed with %v, and the client is not blamed", err)
	}
	closing := newBody()
	closing.ReadCloser = brokenBody{func() { closing.Close() }}
	if _, err := closing.Read(nil); err == nil || err == io.EOF || closing.exchange.broken.Load() != nil {
		t.Errorf("reading failed with %v after Close, and the client is blamed", err)
	}
	closed := newBody()
	closed.ReadCloser = brokenBody{func() { t.Error("the client's body was read after Close") }}
	closed.Close()
	if _, err := closed.Read(nil); err == nil || err == io.EOF {
		t.Errorf("reading after Close: %v", err)
	}
}
