package proof

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Who asks. The tests have one machine, so the parties differ by the loopback
// address that they come from: the agent is told to trust the balancer's.
const (
	balancer = "127.0.0.1"
	stranger = "127.0.0.2"
)

const (
	siteHost      = "mysite.example"
	targetAddress = "10.11.12.13" // what the balancer calls the server
)

// wait bounds one exchange. The slowest waits for a hung app.
const wait = 20 * time.Second

// answer is what came back, and the exchange as the page shows it.
type answer struct {
	Status   int
	Location string
	Body     string
	shown    string
}

// probe is the health check of an AWS Application Load Balancer: HTTP/1.1, GET,
// the target's private address and port as Host, this User-Agent (AWS's user
// guide), Connection: close (seen in issues). The Accept-Encoding is what logs
// show; no source of AWS has it.
func probe(port, path string) []string {
	return []string{
		"GET " + path + " HTTP/1.1",
		"Host: " + targetAddress + ":" + port,
		"Connection: close",
		"User-Agent: ELB-HealthChecker/2.0",
		"Accept-Encoding: gzip, compressed",
	}
}

// visit is a visitor's request as that balancer forwards it: it writes the
// three X-Forwarded fields itself.
func visit(scheme, host, path, client string) []string {
	port := map[string]string{"http": "80", "https": "443"}[scheme]
	return []string{
		"GET " + path + " HTTP/1.1",
		"X-Forwarded-For: " + client,
		"X-Forwarded-Proto: " + scheme,
		"X-Forwarded-Port: " + port,
		"Host: " + host,
		"Connection: close",
	}
}

// send sends the lines of a request's head to addr, on a connection of its own
// that comes from the given address, and reads the answer.
func send(ctx context.Context, from, addr string, head []string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, strings.Join(head, "\r\n")+"\r\n\r\n"); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, fmt.Errorf("no answer to %q: %w", head[0], err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("answer to %q: %w", head[0], err)
	}
	a := answer{Status: resp.StatusCode, Location: resp.Header.Get("Location"), Body: string(body)}
	a.shown = show(head, resp, body)
	return a, nil
}

// mustSend is send where there must be an answer.
func mustSend(t *testing.T, from, addr string, head []string) answer {
	t.Helper()
	a, err := send(t.Context(), from, addr, head)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var heading = regexp.MustCompile(`(?s)<h1>(.*?)</h1>`)

// show writes an exchange for the page: the request whole; of the answer the
// status, where it redirects to, and the body, of HTML its heading alone.
func show(head []string, resp *http.Response, body []byte) string {
	var b strings.Builder
	for _, line := range head {
		fmt.Fprintln(&b, ">", line)
	}
	fmt.Fprintln(&b, "<", resp.Proto, resp.Status)
	if location := resp.Header.Get("Location"); location != "" {
		fmt.Fprintln(&b, "< Location:", location)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode/100 == 3:
		return b.String() // its body, if it has one, is for programs of the nineties
	case kind == "text/html":
		if found := heading.FindSubmatch(body); found != nil {
			body = found[1]
		}
	case strings.HasSuffix(kind, "json"):
		var pretty bytes.Buffer
		if json.Indent(&pretty, bytes.TrimSpace(body), "", "  ") == nil {
			body = pretty.Bytes()
		}
	}
	if len(body) > 0 {
		fmt.Fprintln(&b, "<")
		for line := range strings.Lines(strings.TrimSuffix(string(body), "\n") + "\n") {
			b.WriteString("< " + line)
		}
	}
	return b.String()
}

var checks = regexp.MustCompile(`(?s)("checks": )\{.*\}(\n< \})`)

// brief is the shown exchange without what the details say of each check.
func brief(a answer) string { return checks.ReplaceAllString(a.shown, "$1{ … }$2") }

// await asks until the answer is as wanted, and returns it.
func await(t *testing.T, what string, ask func() (answer, error), wanted func(answer) bool) answer {
	t.Helper()
	const patience = time.Minute
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := ask()
		if err == nil && wanted(a) {
			return a
		}
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v, last: %v\n%s", what, patience, err, a.shown)
		case <-tick.C:
		}
	}
}
