package ownaddr

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inservice/inservice/internal/memnet"
)

// metadata is where all clouds have their service. In these tests it is an
// address of a network in memory.
const metadata = "169.254.169.254:80"

// machine is a made-up machine. Its network is in memory, so time is virtual in
// a synctest bubble, and nobody else can be reached.
type machine struct {
	env  map[string]string
	dmi  map[string]string // by file name
	nics []nic
	net  memnet.Network

	mu    sync.Mutex
	dials []string // guarded by mu
}

// Firmware of the three clouds and of none.
var (
	nitro = map[string]string{"sys_vendor": "Amazon EC2", "product_name": "m7g.large", "board_asset_tag": "i-0af01c0123456789a", "bios_version": "1.0"}
	xen   = map[string]string{"sys_vendor": "Xen", "product_name": "HVM domU", "bios_version": "4.2.amazon"}
	gce   = map[string]string{"sys_vendor": "Google", "product_name": "Google Compute Engine", "bios_version": "Google"}
	azure = map[string]string{"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine", "chassis_asset_tag": azureAssetTag}
	qemu  = map[string]string{"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)", "bios_version": "1.16.2"}
)

func newMachine(dmi map[string]string) *machine {
	return &machine{
		env: map[string]string{},
		dmi: dmi,
		nics: []nic{
			{name: "lo", addrs: addrs("127.0.0.1", "::1")},
			{name: "eth0", addrs: addrs("10.0.0.5", "fe80::1%eth0")},
		},
	}
}

func addrs(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

// finder is a Finder on the machine.
func (m *machine) finder() *Finder {
	sys := fstest.MapFS{}
	for name, value := range m.dmi {
		sys[path.Join("class/dmi/id", name)] = &fstest.MapFile{Data: []byte(value + "\n")}
	}
	return &Finder{around: &surroundings{
		getenv:     func(name string) string { return m.env[name] },
		sys:        sys,
		interfaces: func() ([]nic, error) { return m.nics, nil },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			m.mu.Lock()
			m.dials = append(m.dials, address)
			m.mu.Unlock()
			return m.net.Dial(ctx, network, address)
		},
	}}
}

// dialled is whom the machine has called since the last time.
func (m *machine) dialled() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	dials := m.dials
	m.dials = nil
	return dials
}

// serve has a service answer at address until the test ends, or until the
// returned function is called.
func (m *machine) serve(t *testing.T, address string, h http.Handler) (stop func()) {
	t.Helper()
	l, err := m.net.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1) // Close does not wait for handlers
		defer serving.Done()
		h.ServeHTTP(w, r)
	})}
	serving.Go(func() { server.Serve(l) })
	stop = func() {
		server.Close()
		serving.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// swallow accepts every connection at address and says nothing.
func (m *machine) swallow(t *testing.T, address string) {
	t.Helper()
	l, err := m.net.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepting.Go(func() {
				defer conn.Close()
				for buffer := make([]byte, 512); ; {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
}

// unroutable makes packets to address vanish: a listener of memnet that never
// accepts is a host that never answers.
func (m *machine) unroutable(t *testing.T, address string) {
	t.Helper()
	l, err := m.net.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// attempt is how one source did.
func attempt(t *testing.T, r Report, s Source) Attempt {
	t.Helper()
	for _, a := range r.Attempts {
		if a.Source == s {
			return a
		}
	}
	t.Fatalf("the report says nothing of %s", s)
	panic("unreachable")
}

// summary is an attempt in the form that tests compare: outcome, then
// "address kind name" for each address.
func summary(a Attempt) []string {
	lines := []string{string(a.Outcome)}
	for _, x := range a.Addresses {
		lines = append(lines, strings.Join([]string{x.Addr.String(), string(x.Kind), x.Name}, " "))
	}
	return lines
}

// expect compares an attempt with its summary and its error, by a part of its
// text; none means that there is no error.
func expect(t *testing.T, a Attempt, err string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, summary(a), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", a.Source, diff)
	}
	mentions(t, "error", errText(a.Err), err)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// mentions fails unless text holds part. An empty part wants an empty text.
func mentions(t *testing.T, what, text, part string) {
	t.Helper()
	if part == "" && text != "" {
		t.Errorf("%s is %q, want none", what, text)
	}
	if !strings.Contains(text, part) {
		t.Errorf("%s is %q, want %q in it", what, text, part)
	}
}

// shout sends text to whoever connects to address, whatever they ask, and hangs
// up.
func (m *machine) shout(t *testing.T, address, text string) {
	t.Helper()
	l, err := m.net.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn)) // a pipe has no buffer: the question must be read
			io.WriteString(conn, text)
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
}

// onLoopback is a Finder with an environment that points at a service on a real
// socket; without a handler, at a port that is closed.
func onLoopback(t *testing.T, h http.Handler, env func(url string) map[string]string) *Finder {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	if h == nil {
		server.Close()
	}
	m := newMachine(nil)
	m.env = env(server.URL)
	f := m.finder()
	f.around.dial = network.dial
	f.Timeout = 20 * time.Second // a loaded machine may be slow; nothing here waits for it
	return f
}
