package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/fingerprint"
)

func hostile() Arrival {
	a := *made(1, 1, "/x?a=\u009b&b=1+2", 0)
	a.Bytes = []byte("POST /x HTTP/1.1\r\nHost: \x1b]0;t\a\r\nContent-Type: t\r\nCookie: a=b; c\r\n\r\n\xff\u009b\U0001f600")
	a.Request = fingerprint.ParseHead(a.Bytes, netip.Addr{})
	a.Request.Target = "/x?a=\u009b&b=1+2"
	a.TLS = &Hello{ServerName: "\u202ename", Versions: []uint16{0x0304, 0x9a9a}, Version: 0x0304, Bytes: []byte{0x16, 3, 1}}
	a.Proxy = &Proxy{Version: 1, Source: netip.MustParseAddrPort("192.0.2.7:1"), Bytes: []byte("PROXY x\r\n")}
	a.Guess = fingerprint.Guess{Name: "alb", Confidence: fingerprint.Likely}
	return a
}

// TestRecordings: what is written can be read again, byte for byte, and holds
// nothing that a terminal would act on.
func TestRecordings(t *testing.T) {
	var file bytes.Buffer
	want := []Recording{}
	h2 := *made(2, 1, "/", 0)
	h2.Kind, h2.Request.Fields = GRPC, []fingerprint.Field{{Name: ":path", Value: "\u009b"}, {Name: "a", Value: "b"}}
	for _, a := range []Arrival{hostile(), h2, {Kind: Connect, Time: time.Unix(9, 0)}} {
		r := a.Recording()
		line, err := MarshalLine(r)
		if err != nil {
			t.Fatal(err)
		}
		file.Write(line)
		want = append(want, r)
	}
	if strings.ContainsFunc(file.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
		t.Errorf("not printable ASCII: %q", file.String())
	}
	got, err := ReadRecordings(strings.NewReader(file.String() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	first := got[0]
	if !bytes.Equal(first.Bytes, hostile().Bytes) || first.TLS.Version != "TLS 1.3" || !bytes.Equal(first.TLS.Hello, []byte{0x16, 3, 1}) || first.Proxy.Source != "192.0.2.7:1" ||
		first.Sender != "alb" || first.Confidence != "likely" || first.Fields != nil || len(got[1].Fields) != 2 {
		t.Errorf("read %+v", first)
	}
}

func TestReadRecordingsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{\"v\":1}\nx\n":       "line 2 is no recording: ",
		`{"v":2}`:              "line 1 is a recording of version 2, and this program reads version 1",
		`{"v":1,"bytes":"!!"}`: "line 1 is no recording: ",
		"{\"v\":1}\n{\"v\":1,\"bytes\":\"" + strings.Repeat("A", 5<<20): "line 2: ",
	} {
		if _, err := ReadRecordings(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
}

func FuzzASCII(f *testing.F) {
	f.Add("a\u009b\U0001f600\x7f\xff")
	f.Fuzz(func(t *testing.T, s string) {
		line, err := MarshalLine(s)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsFunc(line[:len(line)-1], func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is written as %q", s, line)
		}
		var back string
		if err := json.Unmarshal(line, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Fatalf("%q is read as %q, %v", s, back, err)
		}
	})
}

// har is what is required of HTTP Archive 1.2, as far as it can be told by types.
type har struct {
	Log struct {
		Version string
		Creator struct{ Name, Version string }
		Entries []struct {
			StartedDateTime time.Time
			Time            *float64
			Request         struct {
				Method, URL, HTTPVersion      string
				Cookies, Headers, QueryString []struct{ Name, Value *string }
				PostData                      *struct{ MimeType, Text, Comment string }
				HeadersSize, BodySize         *int
			}
			Response struct {
				Status                  *int
				StatusText, HTTPVersion *string
				Cookies, Headers        []struct{ Name, Value *string }
				Content                 *struct {
					Size     *int
					MimeType *string
					Text     string
				}
				RedirectURL           *string
				HeadersSize, BodySize *int
			}
			Cache   *struct{}
			Timings struct{ Send, Wait, Receive *float64 }
		}
	}
}

func readHAR(t *testing.T, path string) har {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsFunc(content, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
		t.Errorf("not printable ASCII: %q", content)
	}
	var h har
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&h); err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more in the file: %s", content)
	}
	return h
}

// TestHAR: the file is a whole archive at any moment.
func TestHAR(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.har")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	h, err := NewHAR(file, "v1\u009b")
	if err != nil {
		t.Fatal(err)
	}
	if got := readHAR(t, path); got.Log.Version != "1.2" || got.Log.Entries == nil || len(got.Log.Entries) != 0 {
		t.Errorf("empty: %+v", got)
	}
	hung := hostile()
	hung.Answer = Answer{Way: Hang}
	redirected := *made(3, 1, "*", 0)
	redirected.Answer = Answer{Redirect: "/y", After: time.Second}
	for i, a := range []Arrival{hostile(), {Kind: Connect}, hung, redirected} {
		if err := h.Add(a); err != nil {
			t.Fatal(err)
		}
		if got := readHAR(t, path); len(got.Log.Entries) != max(1, i) {
			t.Errorf("after %d: %d entries", i, len(got.Log.Entries))
		}
	}
	got := readHAR(t, path).Log
	for _, e := range got.Entries {
		if e.Time == nil || e.StartedDateTime.IsZero() || e.Request.Cookies == nil || e.Request.Headers == nil || e.Request.QueryString == nil || e.Request.HeadersSize == nil ||
			e.Request.BodySize == nil || e.Response.Status == nil || e.Response.StatusText == nil || e.Response.HTTPVersion == nil || e.Response.Cookies == nil ||
			e.Response.Headers == nil || e.Response.Content == nil || e.Response.Content.Size == nil || e.Response.Content.MimeType == nil || e.Response.RedirectURL == nil ||
			e.Response.HeadersSize == nil || e.Response.BodySize == nil || e.Cache == nil || e.Timings.Send == nil || e.Timings.Wait == nil || e.Timings.Receive == nil {
			t.Errorf("an entry lacks what HAR requires: %+v", e)
		}
		if !strings.HasPrefix(e.Request.URL, "http") {
			t.Errorf("URL %q is not absolute", e.Request.URL)
		}
	}
	e := got.Entries[0].Request
	if e.Method != "POST" || e.PostData == nil || e.PostData.Comment != "base64" || len(e.Headers) != 3 || len(e.Cookies) != 2 || len(e.QueryString) != 2 || *e.QueryString[1].Value != "1 2" {
		t.Errorf("%+v", e)
	}
	if r := got.Entries[0].Response; *r.Status != 200 || r.Content.Text != "ok" || *r.Content.Size != 2 {
		t.Errorf("%+v", r)
	}
	if r := got.Entries[1].Response; *r.Status != 0 {
		t.Errorf("a hung answer has status %d", *r.Status)
	}
	if e := got.Entries[2]; *e.Response.RedirectURL != "/y" || *e.Response.Status != 302 || *e.Timings.Wait != 1000 || e.Request.URL != "http://localhost:80/*" {
		t.Errorf("%+v", e)
	}
	h.entries = maxEntries
	if err := h.Add(redirected); !errors.Is(err, ErrFull) {
		t.Errorf("a full file: %v", err)
	}
}

// TestRecordingOfSilence: bytes are base64 in every recording, and of none it is
// empty: a reader need not know null.
func TestRecordingOfSilence(t *testing.T) {
	line, err := MarshalLine((&Arrival{Kind: Connect}).Recording())
	if err != nil || !strings.Contains(string(line), `"bytes":""`) {
		t.Errorf("%s, %v", line, err)
	}
}
