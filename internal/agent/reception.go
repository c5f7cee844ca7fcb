package agent

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/inservice/inservice/internal/askers"
	"github.com/inservice/inservice/internal/doorman"
	"github.com/inservice/inservice/internal/fingerprint"
)

// atDoor answers a bare health question before net/http has seen it.
func (a *Agent) atDoor(q *doorman.Question) (code int, word string) {
	return a.answer(q.Peer, fingerprint.NameHead(q.Head, q.Peer, a.own()))
}

// atDesk answers the health path to whom the doorman has let in: for details, or
// because the request is not one that the doorman reads.
func (a *Agent) atDesk(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Keeping the connection would mean to wait for a body that a probe has no
		// use for, and that may never come, before the answer goes out.
		w.Header().Set("Connection", "close")
	}
	bare := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if !bare || a.handler.Detailed(r) {
		a.handler.ServeHTTP(w, r)
		return
	}
	code, word := a.answer(peerOf(r), fingerprint.Name(fingerprint.FromHTTP(r), a.own()))
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(word)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write([]byte(word)) // net/http drops it for HEAD
}

// answer is what a stranger is told. It notes who asked: that is how a draining
// agent knows when it may close.
func (a *Agent) answer(peer netip.Addr, name string) (code int, word string) {
	code, word = a.registry.Bare()
	a.asked(askers.Key{Peer: peer, Name: name}, code == http.StatusOK, word)
	a.metrics.Asked(name, code)
	return code, word
}

// asked notes one question, in whatever tongue, and logs what is worth it:
// somebody new, an answer that differs from the last that this one got, and red
// answers at a bounded rate. Green ones are silent.
func (a *Agent) asked(k askers.Key, green bool, word string) {
	now := time.Now()
	change := a.askers.Asked(now, k, green)
	if green && change == askers.None {
		return
	}
	level, message := slog.LevelInfo, "first health question"
	switch {
	case !green && change == askers.None:
		level, message = slog.LevelWarn, "told again that the answer is red"
	case !green:
		level, message = slog.LevelWarn, "told, for the first time, that the answer is red"
	case change == askers.Changed:
		message = "told that the answer is green again"
	}
	ok, leftOut := a.lines.Allow(now)
	if !ok {
		return
	}
	attributes := []slog.Attr{slog.String("asker", nameOf(k)), slog.String("answer", word)}
	if leftOut > 0 {
		attributes = append(attributes, slog.Int("lines_left_out", leftOut))
	}
	a.Log.LogAttrs(context.Background(), level, message, attributes...)
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

// peerOf is the address that r came from; not valid if it has none.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}
