package software

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/exchange"
)

// answer makes of the bytes that a server sent what package exchange would.
func answer(t testing.TB, raw []byte) exchange.Answer {
	t.Helper()
	a := exchange.Answer{Received: raw}
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	line, fields, _ := strings.Cut(string(head), "\r\n")
	if !strings.HasPrefix(line, "HTTP/") {
		a.Stage, a.Failure = exchange.ReadingHead, exchange.Malformed
		return a
	}
	var status string
	a.Proto, status, _ = strings.Cut(line, " ")
	status, a.Text, _ = strings.Cut(status, " ")
	var err error
	if a.Status, err = strconv.Atoi(status); err != nil {
		t.Fatalf("status line %q: %v", line, err)
	}
	for f := range strings.SplitSeq(fields, "\r\n") {
		if name, value, ok := strings.Cut(f, ":"); ok {
			a.Fields = append(a.Fields, exchange.Field{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	// net/http takes off the framing; it does not know a version above 1.1.
	plain := append([]byte("HTTP/1.1"), raw[len(a.Proto):]...)
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(plain)), nil)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	a.Body, err = io.ReadAll(resp.Body)
	a.BodySize, a.Stage = int64(len(a.Body)), exchange.Done
	if err != nil {
		a.Failure = exchange.BodyCutShort
		if len(a.Body) == 0 { // to HEAD
			a.Failure = exchange.None
		}
	}
	return a
}

// seenAnswers are what real servers answered, byte for byte but for dates.
func seenAnswers(t testing.TB) map[string]exchange.Answer {
	t.Helper()
	files, err := filepath.Glob("testdata/seen/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no answers in testdata/seen: %v", err)
	}
	all := map[string]exchange.Answer{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".http")] = answer(t, raw)
	}
	return all
}
