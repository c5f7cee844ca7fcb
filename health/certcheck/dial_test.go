package certcheck

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What Dial connects to is asked for the name that the address says.
func TestOwnDial(t *testing.T) {
	site := httptest.NewTLSServer(http.NotFoundHandler()) // for example.com, signed by itself
	defer site.Close()
	for address, want := range map[string]string{"example.com:443": "unknown authority", "shop.example:443": "not shop.example"} {
		dialled := ""
		check := Server{Address: address, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = network + " " + address
			return new(net.Dialer).DialContext(ctx, "tcp", site.Listener.Addr().String())
		}}
		err := check.Run(t.Context())
		if dialled != "tcp "+address {
			t.Errorf("dialled %s, want tcp %s", dialled, address)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v, want %q", address, err, want)
		}
	}
}
