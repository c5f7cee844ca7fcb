package inspect

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrFull says that a file has as much as it may have.
var ErrFull = errors.New("the file has reached its bound; nothing more is written to it")

// maxEntries bounds a HAR file: strangers decide how much there is to write.
const maxEntries = 20_000

// HAR writes HTTP arrivals as an HTTP Archive, version 1.2. The file is whole and
// valid after each of its methods. It is for one goroutine.
type HAR struct {
	w       io.WriteSeeker
	entries int
	end     int64 // where the next entry goes
}

const harTail = "\n]}}\n"

// NewHAR begins an archive at the beginning of w. version is the program's.
func NewHAR(w io.WriteSeeker, version string) (*HAR, error) {
	name, err := json.Marshal(version)
	if err != nil {
		return nil, err
	}
	head := `{"log":{"version":"1.2","creator":{"name":"inservice","version":` + string(ascii(name)) + `},"entries":[`
	h := &HAR{w: w, end: int64(len(head))}
	_, err = io.WriteString(w, head+harTail)
	return h, err
}

// Add appends a, if it is HTTP. The answer told is the one that a is to get.
func (h *HAR) Add(a Arrival) error {
	switch a.Kind {
	case HTTP09, HTTP1, HTTP2, GRPC:
	case Connect, Handshake, Other:
		return nil
	}
	if h.entries >= maxEntries {
		return ErrFull
	}
	line, err := MarshalLine(entryOf(&a))
	if err != nil {
		return err
	}
	text := strings.TrimSuffix(string(line), "\n")
	if h.entries > 0 {
		text = "," + text
	}
	text = "\n" + text
	if _, err := h.w.Seek(h.end, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.WriteString(h.w, text+harTail); err != nil {
		return err
	}
	h.end += int64(len(text))
	h.entries++
	return nil
}

// The objects of HAR 1.2. A number that is not known is -1.
type (
	harEntry struct {
		Started    string      `json:"startedDateTime"`
		Time       float64     `json:"time"` // ms
		Request    harRequest  `json:"request"`
		Response   harResponse `json:"response"`
		Cache      struct{}    `json:"cache"`
		Timings    harTimings  `json:"timings"`
		ServerIP   string      `json:"serverIPAddress,omitempty"`
		Connection string      `json:"connection"`
		Comment    string      `json:"comment,omitempty"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		Version     string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Query       []harPair  `json:"queryString"`
		Post        *harPosted `json:"postData,omitempty"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harPosted struct {
		MimeType string    `json:"mimeType"`
		Params   []harPair `json:"params"`
		Text     string    `json:"text"`
		Comment  string    `json:"comment,omitempty"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		Version     string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		Redirect    string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harContent struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

func entryOf(a *Arrival) harEntry {
	wait := milliseconds(a.Answer.After)
	send := milliseconds(a.Lasted)
	return harEntry{
		Started: a.Time.UTC().Format(time.RFC3339Nano), Time: send + wait,
		Request: harRequestOf(a), Response: harResponseOf(a),
		Timings:    harTimings{Send: send, Wait: wait},
		Connection: strconv.Itoa(a.Connection),
		Comment:    strings.TrimSpace("from " + a.Peer.String() + " " + a.Guess.Name),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func harRequestOf(a *Arrival) harRequest {
	r := harRequest{
		Method: a.Request.Method, URL: urlOf(a), Version: a.Request.Proto,
		Cookies: []harPair{}, Headers: []harPair{}, Query: []harPair{}, HeadersSize: -1, BodySize: -1,
	}
	var mime string
	for _, f := range a.Request.Fields {
		r.Headers = append(r.Headers, harPair(f))
		switch {
		case strings.EqualFold(f.Name, "Content-Type"):
			mime = f.Value
		case strings.EqualFold(f.Name, "Cookie"):
			for part := range strings.SplitSeq(f.Value, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				r.Cookies = append(r.Cookies, harPair{name, value})
			}
		}
	}
	_, query, _ := strings.Cut(a.Request.Target, "?")
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		r.Query = append(r.Query, harPair{unescaped(name), unescaped(value)})
	}
	if a.Kind != HTTP1 {
		return r
	}
	head, body, whole := strings.Cut(string(a.Bytes), "\r\n\r\n")
	if !whole {
		return r
	}
	r.HeadersSize = len(head) + 4
	r.BodySize = len(body)
	if body != "" {
		r.Post = &harPosted{MimeType: mime, Params: []harPair{}, Text: body}
		if !utf8.ValidString(body) {
			r.Post.Text, r.Post.Comment = base64.StdEncoding.EncodeToString([]byte(body)), "base64"
		}
	}
	return r
}

func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// urlOf is where the request went: HAR wants it absolute.
func urlOf(a *Arrival) string {
	if strings.Contains(a.Request.Target, "://") {
		return a.Request.Target
	}
	scheme, host := "http", a.Request.Host
	if a.TLS != nil {
		scheme = "https"
	}
	if host == "" {
		host = a.Listener
		if strings.HasPrefix(host, ":") {
			host = "localhost" + host
		}
	}
	target := a.Request.Target
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return scheme + "://" + host + target
}

func harResponseOf(a *Arrival) harResponse {
	r := harResponse{
		Status: a.Answer.Code(), StatusText: http.StatusText(a.Answer.Code()), Version: "HTTP/1.1",
		Cookies: []harPair{}, Headers: []harPair{}, Redirect: a.Answer.Redirect, HeadersSize: -1, BodySize: -1,
		Content: harContent{MimeType: "text/plain; charset=utf-8"},
	}
	if a.Kind == HTTP2 || a.Kind == GRPC {
		r.Version = "HTTP/2.0"
	}
	if r.Status == 0 {
		r.Version, r.Content.MimeType = "", "x-unknown"
		return r
	}
	if a.Kind == GRPC {
		r.Status, r.StatusText, r.Content.MimeType = http.StatusOK, http.StatusText(http.StatusOK), "application/grpc"
		return r
	}
	if a.Request.Method != http.MethodHead && r.Status != http.StatusNoContent && r.Status != http.StatusNotModified {
		r.Content.Text = body(r.Status)
		r.Content.Size, r.BodySize = len(r.Content.Text), len(r.Content.Text)
	}
	return r
}
