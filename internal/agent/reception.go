package agent

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/doorman"
	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/visitor"
)

// atDoor answers a bare health question before net/http has seen it.
func (a *Agent) atDoor(q *doorman.Question) (code int, word string) {
	if passedOn(q.Head) {
		return a.answerVisitor()
	}
	return a.answer(q.Peer, fingerprint.NameHead(q.Head, q.Peer, a.own()))
}

// atDesk answers the health path to whom the doorman has let in: for details, or
// because the request is not one that the doorman reads.
func (a *Agent) atDesk(w http.ResponseWriter, r *http.Request) {
	if !isQuestion(r) || a.handler.Detailed(r) {
		a.handler.ServeHTTP(w, r)
		return
	}
	var code int
	var word string
	if passedOnHTTP(r) {
		code, word = a.answerVisitor()
	} else {
		code, word = a.answer(visitor.Peer(r.RemoteAddr), fingerprint.Name(fingerprint.FromHTTP(r), a.own()))
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(word)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write([]byte(word)) // net/http drops it for HEAD
}

func isQuestion(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// answer is what a stranger is told. It notes who asked: that is how a draining
// agent knows when it may close.
func (a *Agent) answer(peer netip.Addr, name string) (code int, word string) {
	code, word = a.registry.Bare()
	a.asked(askers.Key{Peer: peer, Name: name}, code, word)
	return code, word
}

// answerVisitor is the same for a question that somebody passed on. It is not
// noted: it would be under the address of the balancer that passed it on, so
// anybody on the internet could have the balancer look as if it knew.
func (a *Agent) answerVisitor() (code int, word string) {
	code, word = a.registry.Bare()
	a.metrics.Asked(byVisitor, code)
	return code, word
}

// asked notes one question, in whatever tongue, by its answer as HTTP has it.
func (a *Agent) asked(k askers.Key, code int, word string) {
	now := time.Now()
	green := code == http.StatusOK
	a.notices.question(a.Log, now, k, a.askers.Asked(now, k, green), green, word)
	a.metrics.Asked(k.Name, code)
}

// askedBy notes questions that have no fingerprint but the tongue they come in.
func (a *Agent) askedBy(tongue string) func(peer netip.Addr, green bool) {
	return func(peer netip.Addr, green bool) {
		code, word := http.StatusServiceUnavailable, "out of service"
		if green {
			code, word = http.StatusOK, "in service"
		}
		a.asked(askers.Key{Peer: peer, Name: tongue}, code, word)
	}
}

// noting notes the questions that next answers with a bare word, which is to all
// but those who want details and may have them by the rules of h.
//
// A green answer while the verdict is red is only counted. /startupz gives it once
// the server has started, and whoever asks nothing else learns nothing by asking on.
func (a *Agent) noting(h *health.Handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isQuestion(r) || r.URL.Query().Has("verbose") && h.Entitled(r) {
			next.ServeHTTP(w, r)
			return
		}
		verdict, _ := a.registry.Bare()
		heard := &heard{ResponseWriter: w}
		next.ServeHTTP(heard, r)
		if passedOnHTTP(r) {
			a.metrics.Asked(byVisitor, heard.code)
			return
		}
		name := fingerprint.Name(fingerprint.FromHTTP(r), a.own())
		if heard.code == http.StatusOK && verdict != http.StatusOK {
			a.metrics.Asked(name, heard.code)
			return
		}
		a.asked(askers.Key{Peer: visitor.Peer(r.RemoteAddr), Name: name}, heard.code, heard.word)
	})
}

// heard is what a bare answer says.
type heard struct {
	http.ResponseWriter
	code int
	word string
}

func (h *heard) WriteHeader(code int) {
	h.code = code
	h.ResponseWriter.WriteHeader(code)
}

func (h *heard) Write(p []byte) (int, error) {
	h.word = string(p)
	return h.ResponseWriter.Write(p)
}

// own tells this machine's addresses, by which one balancer is told from another;
// nil if they are not known.
func (a *Agent) own() func(netip.Addr) bool {
	if a.Own == nil {
		return nil
	}
	return a.isOwn
}

func (a *Agent) isOwn(address netip.Addr) bool { return slices.Contains(a.Own.Addrs(), address) }
