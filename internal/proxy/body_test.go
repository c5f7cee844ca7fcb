package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// brokenBody fails from the first byte on.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("reset") }
func (brokenBody) Close() error             { return nil }

// TestRequestBodyBlame checks when a failure to read the request body counts as
// the client's: not after the transport has closed the body, for then it is an
// effect of the target's failure.
func TestRequestBodyBlame(t *testing.T) {
	newBody := func() *requestBody {
		return &requestBody{
			ReadCloser: brokenBody{},
			exchange:   &exchange{},
			client:     http.NewResponseController(httptest.NewRecorder()),
		}
	}
	open := newBody()
	if _, err := open.Read(nil); err == nil || open.exchange.broken.Load() == nil {
		t.Errorf("reading failed with %v, and the client is not blamed", err)
	}
	closed := newBody()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Read(nil); err == nil || err == io.EOF || closed.exchange.broken.Load() != nil {
		t.Errorf("after Close reading failed with %v, and the client is blamed", err)
	}
}
