package cli

import (
	"bytes"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbconfig"
)

// TestFlagsWin: what a file says is taken where no flag says otherwise, and there
// alone.
func TestFlagsWin(t *testing.T) {
	proxy := exchange.ProxyV2Local
	given := dialect.Options{
		Host: new("flag"), Path: "/flag", Port: 1, Method: "FLAG", Matcher: "201", Timeout: time.Second, SNI: new("flag"), Proxy: &proxy,
		Body: "flag", Verify: new(true), Version: "1.0", Service: "flag", Redirect: new(true),
	}
	check := lbconfig.Check{
		Host: new("file"), Path: "/file", Port: 2, Method: "FILE", Matcher: "202", Timeout: time.Minute, SNI: new("file"), Proxy: "v1",
		Body: "file", Verify: new(false), Version: "1.1", GRPCService: "file", Redirect: new(false),
		Headers: []lbconfig.Field{{Name: "X", Value: "file"}},
	}
	all, filed := given, exchange.ProxyV1
	all.Fields = []exchange.Field{{Name: "X", Value: "file"}}
	file := dialect.Options{
		Host: check.Host, Path: "/file", Port: 2, Method: "FILE", Matcher: "202", Timeout: time.Minute, SNI: check.SNI, Proxy: &filed,
		Body: "file", Verify: check.Verify, Version: "1.1", Service: "file", Redirect: check.Redirect, Fields: all.Fields,
	}
	both := file
	both.Fields = []exchange.Field{{Name: "X", Value: "file"}, {Name: "X", Value: "flag"}} // of which a dialect takes the last
	for name, test := range map[string]struct{ flags, want dialect.Options }{
		"all flags": {given, all},
		"no flags":  {dialect.Options{}, file},
		"a field":   {dialect.Options{Fields: both.Fields[1:]}, both},
	} {
		if diff := cmp.Diff(test.want, merge(test.flags, check), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWaitEnds: it waits no longer than it must.
func TestWaitEnds(t *testing.T) {
	var requests atomic.Int32
	site := startHandler(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	var out bytes.Buffer
	if status := Run([]string{"probe", "http://" + site + "/", "--wait", "1m", "--quick"}, &out, &out); status != exitOK || requests.Load() != 3 {
		t.Errorf("exit status %d after %d requests, want 0 after 3\n%s", status, requests.Load(), out.String())
	}
}
