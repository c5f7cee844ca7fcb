package clinic

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/inservice/inservice/internal/realserver"
)

// world is what stands behind the servers of one house, and what belongs to
// them all: apps, ports, certificates. It ends with the test.
type world struct {
	t              realserver.TB
	app, ill, hung string // addresses: a living app, one that always says 500, one that accepts and never answers
	dead           string // refuses
	papers         papers
	held           map[string]int // descriptors of the ports that are held
}

func newWorld(t realserver.TB) *world {
	w := &world{t: t, papers: makePapers(t), held: make(map[string]int)}
	w.app = w.serve(appHandler())
	w.ill = w.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the shop has a problem", http.StatusInternalServerError)
	}))
	hung := w.listen()
	w.hung = hung.Addr().String()
	w.dead = net.JoinHostPort("127.0.0.1", w.port()) // never lent
	return w
}

// appHandler is the app behind the front servers: it answers the paths that a
// site would, some of them not well.
func appHandler() http.Handler {
	mux := http.NewServeMux()
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text+"\n") }
	}
	mux.HandleFunc("/{$}", say("welcome to the shop"))
	for _, path := range []string{"/status", "/healthz", "/alive", "/ready", "/ping", "/monitor", "/en/{$}", "/internal/status"} {
		mux.HandleFunc(path, say("fine"))
	}
	mux.HandleFunc("/orders", say("three orders"))
	// A head that no front server has a buffer for.
	mux.HandleFunc("/big/status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Trace", strings.Repeat("t", 20<<10))
		io.WriteString(w, "fine\n")
	})
	// An answer whose head is no head.
	mux.HandleFunc("/odd/status", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nfine, thank you\r\n\r\n")
			conn.Close()
		}
	})
	// Killed by the question.
	mux.HandleFunc("/gone/status", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	// Begun, then given up.
	mux.HandleFunc("/cut/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "fine so far\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	// Until whoever asked goes away.
	mux.HandleFunc("/export", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
}

// serve serves until the test ends and returns the address.
func (w *world) serve(h http.Handler) string {
	l := w.listen()
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	w.t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l.Addr().String()
}

// mortal serves one request and dies.
func (w *world) mortal() string {
	l := w.listen()
	var once sync.Once
	answered := make(chan struct{})
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "close")
		io.WriteString(rw, "fine\n")
		once.Do(func() { l.Close(); close(answered) })
	})
	go server.Serve(l)
	w.t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// listen listens on a loopback port until the test ends.
func (w *world) listen() net.Listener {
	w.t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", anyPort())); err == nil {
			w.t.Cleanup(func() { l.Close() })
			return l
		}
	}
	w.t.Fatalf("clinic: no port to listen on")
	return nil
}

// port returns a port that is free on every address. It is held until the test
// ends: bound, and never listened on, so connecting to it is refused and nobody
// is given it by chance. Who is to listen there must be let in, see lend.
func (w *world) port() string {
	w.t.Helper()
	for range 100 {
		port := anyPort()
		if fd, err := hold(port); err == nil {
			w.t.Cleanup(func() { release(fd) })
			w.held[port] = fd
			return port
		}
	}
	w.t.Fatalf("clinic: no free port")
	return ""
}

// lend lets servers listen on a port that is held.
func (w *world) lend(port string) {
	w.t.Helper()
	if err := lend(w.held[port]); err != nil {
		w.t.Fatalf("clinic: port %s: %v", port, err)
	}
}

// anyPort returns a port below the ephemeral ones, see realserver.
func anyPort() string { return strconv.Itoa(15000 + mathrand.IntN(32000-15000)) }

// papers are an authority and what it signed.
type papers struct {
	cert, key, authority string // PEM, of the server for Site
	client               tls.Certificate
	clientPEM            string
}

func makePapers(t realserver.TB) papers {
	t.Helper()
	root, rootKey, rootPEM, _ := paper(t, "Clinic authority", nil, nil)
	_, _, cert, key := paper(t, Site, root, rootKey)
	_, _, clientCert, clientKey := paper(t, "probe", root, rootKey)
	client, err := tls.X509KeyPair([]byte(clientCert), []byte(clientKey))
	if err != nil {
		t.Fatalf("clinic: %v", err)
	}
	return papers{cert: cert, key: key, authority: rootPEM, client: client, clientPEM: clientCert + clientKey}
}

// paper makes a certificate, signed by itself if there is no parent.
func paper(t realserver.TB, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	t.Helper()
	fatal := func(err error) {
		if err != nil {
			t.Fatalf("clinic: certificate for %s: %v", name, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	fatal(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{strings.ReplaceAll(name, " ", "-")},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: parent == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, parentKey = template, key
		template.ExtKeyUsage = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	fatal(err)
	cert, err := x509.ParseCertificate(der)
	fatal(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(err)
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// tenant is one server of a case: ports of its own in a house.
type tenant struct {
	c      Case
	role   string // why it is there: "ill" or "mended"; a case that is Fresh has "ill" twice
	id     string // a word of letters and digits, unique in the house
	ip     string // where it listens
	port   string
	second string // {port2}, empty if the case has no use for it
	config string // what is said of it in braces filled in
}

func (t *tenant) addr() string { return net.JoinHostPort(t.ip, t.port) }

// listens returns the addresses of all tenants, for a house that starts them in
// one program. Who has a second port and says nothing of the first leaves that
// to nobody, on purpose.
func listens(tenants []*tenant) []string {
	var all []string
	for _, t := range tenants {
		if t.second == "" || strings.Contains(t.config, t.addr()) {
			all = append(all, t.addr())
		}
		if t.second != "" {
			all = append(all, net.JoinHostPort(t.ip, t.second))
		}
	}
	return all
}

// admit gives a case a server's place in a house. In its Config may stand:
//
//	{addr} {ip} {port}    where it listens
//	{addr2} {port2}       a second port of its own
//	{app} {ill} {hung} {dead} {mortal}  addresses of apps behind it: see world; a mortal one serves
//	                      one request and dies; {app.port} and so on are their ports
//	{site}                Site
//	{id}                  a word that is its alone
//	{dir}                 its program's directory, with cert.pem, key.pem, both.pem (for Site), ca.pem
func (w *world) admit(c Case, role, id, config string) *tenant {
	t := &tenant{c: c, role: role, id: id, ip: "127.0.0.1", port: w.port()}
	if strings.Contains(config, "[{ip6}]") {
		t.ip = "::1"
	}
	pairs := []string{
		"{addr}", t.addr(), "[{ip6}]", "[::1]", "{ip}", t.ip, "{port}", t.port, "{site}", Site, "{id}", id,
	}
	if strings.Contains(config, "{addr2}") || strings.Contains(config, "{port2}") {
		t.second = w.port()
		pairs = append(pairs, "{addr2}", net.JoinHostPort(t.ip, t.second), "{port2}", t.second)
	}
	for name, addr := range map[string]string{"app": w.app, "ill": w.ill, "hung": w.hung, "dead": w.dead} {
		pairs = append(pairs, "{"+name+"}", addr, "{"+name+".port}", portOf(addr))
	}
	if strings.Contains(config, "{mortal") {
		addr := w.mortal()
		pairs = append(pairs, "{mortal}", addr, "{mortal.port}", portOf(addr))
	}
	t.config = strings.NewReplacer(pairs...).Replace(config)
	return t
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// files adds the certificates to the files of a program.
func (w *world) files(more map[string]string) map[string]string {
	files := map[string]string{
		"cert.pem": w.papers.cert, "key.pem": w.papers.key, "both.pem": w.papers.cert + w.papers.key, "ca.pem": w.papers.authority,
	}
	for name, content := range more {
		files[name] = content
	}
	return files
}

// sections joins the configurations of all tenants.
func sections(tenants []*tenant) string {
	var all []string
	for _, t := range tenants {
		all = append(all, t.config)
	}
	return strings.Join(slices.Clip(all), "\n")
}
