package httpcheck_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/inservice/inservice/health/httpcheck"
)

// What Dial connects to is asked as the URL says.
func TestOwnDial(t *testing.T) {
	var host string
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	defer site.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for _, test := range []struct {
		request httpcheck.Request
		dials   string
		to      string
		fails   string
	}{
		{httpcheck.Request{URL: "http://site.internal/"}, "tcp site.internal:80", site.Listener.Addr().String(), ""},
		{httpcheck.Request{URL: "http://site.internal:8000/"}, "tcp site.internal:8000", site.Listener.Addr().String(), ""},
		{httpcheck.Request{URL: "http://site.internal/", Socket: "/run/app.sock"}, "unix /run/app.sock", site.Listener.Addr().String(), ""},
		// The certificate is not trusted, which is found only after its name has been.
		{httpcheck.Request{URL: "https://example.com/"}, "tcp example.com:443", secure.Listener.Addr().String(), "unknown authority"},
		{httpcheck.Request{URL: "https://shop.example/"}, "tcp shop.example:443", secure.Listener.Addr().String(), "not shop.example"},
	} {
		var dialled []string
		test.request.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, network+" "+address)
			return new(net.Dialer).DialContext(ctx, "tcp", test.to)
		}
		for range 2 {
			err := test.request.Run(t.Context())
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("%s gave %v, want %q", test.dials, err, test.fails)
			}
			if test.fails == "" && !strings.HasPrefix(host, "site.internal") {
				t.Errorf("%s: the server was asked for %q", test.dials, host)
			}
		}
		if got := strings.Join(dialled, ", "); got != test.dials+", "+test.dials {
			t.Errorf("dialled %s, want %s for each run", got, test.dials)
		}
	}
}
