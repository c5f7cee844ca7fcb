package rollout

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLosses: whatever is not a whole answer to this request is a loss, and a
// client repeats nothing.
func TestLosses(t *testing.T) {
	abort := func() { panic(http.ErrAbortHandler) }
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, whole string)
		want   string // in the error; empty: none
	}{
		{"a whole answer", func(w http.ResponseWriter, whole string) { io.WriteString(w, whole) }, ""},
		{"another status", func(w http.ResponseWriter, whole string) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, whole)
		}, "502"},
		{"another's answer", func(w http.ResponseWriter, whole string) { io.WriteString(w, strings.Replace(whole, "c-", "d-", 1)) }, "another request's"},
		{"no body", func(http.ResponseWriter, string) {}, "another request's"},
		{"no answer", func(http.ResponseWriter, string) { abort() }, "EOF"},
		{"half an answer", func(w http.ResponseWriter, whole string) {
			io.WriteString(w, whole[:len(whole)/2])
			http.NewResponseController(w).Flush()
			abort()
		}, "broke off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				body, _ := io.ReadAll(r.Body)
				test.answer(w, answerTo(r.Header.Get(visitHeader), len(body)))
			}))
			defer server.Close()
			c := &client{clients: &clients{address: server.Listener.Addr().String()}, name: "c", kept: true}
			defer c.hangUp()
			err := c.exchange(http.MethodPost, "c-1", 100)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("it is a loss: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("it asked %d times", n)
			}
			c.hangUp()
			c.ask(0)
			if noted := len(c.clients.losses()); noted > 1 || (noted == 1) != (test.want != "") {
				t.Errorf("%d losses are noted", noted)
			}
		})
	}
}

// TestKept: connections are kept by those who say so.
func TestKept(t *testing.T) {
	for _, kept := range []bool{true, false} {
		var mu sync.Mutex
		peers := map[string]bool{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			peers[r.RemoteAddr] = true
			mu.Unlock()
			body, _ := io.ReadAll(r.Body)
			io.WriteString(w, answerTo(r.Header.Get(visitHeader), len(body)))
		}))
		c := &client{clients: &clients{address: server.Listener.Addr().String()}, name: "c", kept: kept}
		for n := range 6 {
			c.ask(n)
		}
		c.hangUp()
		server.Close()
		if want := map[bool]int{true: 1, false: 6}[kept]; len(peers) != want {
			t.Errorf("kept %t: 6 requests over %d connections, want %d", kept, len(peers), want)
		}
		if len(c.clients.lost) > 0 || c.clients.sent != 6 {
			t.Errorf("kept %t: %d sent, lost %v", kept, c.clients.sent, c.clients.lost)
		}
	}
}

// TestRepeated: a POST that comes twice is a loss, a GET is none.
func TestRepeated(t *testing.T) {
	l := newLedger()
	for _, visit := range [][2]string{{"GET", "a"}, {"GET", "a"}, {"POST", "b"}, {"POST", "c"}, {"POST", "b"}} {
		l.note(visit[0], visit[1])
	}
	got := l.repeated()
	if len(got) != 1 || got[0].Client != "b" {
		t.Errorf("repeated: %v, want b alone", got)
	}
}

func TestLastSaid(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte(`{"msg":"target is in service","target":"a","now":"in service"}
{"msg":"target is in service","target":"b","now":"in service"}
{"msg":"target is out of service","target":"a","now":"out of service"}
{"msg":"target failed","target":"b","status":502}
{"msg":"target is in serv`), 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{"a": "out of service", "b": "in service", "c": ""} {
		if got := lastSaid(log, target); got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
}
