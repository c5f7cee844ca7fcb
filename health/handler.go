package health

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
)

// Handler answers GET, HEAD, and OPTIONS, which HAProxy asks with by default, with
// the registry's verdict, on whatever path it is mounted: 200 "ok" in service, 503 and one word when not ("fail",
// "unknown", "draining" or "starting"). Any other method is answered 405.
//
// Strangers get only that. The results of the checks, as
// application/health+json, are for a request that carries Token, and for one
// that comes from a Trusted network and asks: with an Accept field that names
// JSON, or with "verbose" in the query. A load balancer of a trusted network
// does not ask, so it goes on getting the bare word that body matchers look for.
//
// The fields may not be changed once it serves. It may be used from any
// goroutine.
type Handler struct {
	// Registry is what answers are read from. Required; a nil registry answers
	// 503 "unknown".
	Registry *Registry

	// Token, if not empty, entitles requests with the field
	// "Authorization: Bearer <Token>" to details.
	Token string

	// Trusted are the networks whose requests may ask for details. A request
	// with a forwarding field (X-Forwarded-For, Forwarded, X-Real-IP, Via) was
	// sent on for somebody else, who is not known to be trusted. A proxy that adds
	// none of them passes strangers on as itself: do not trust a network that
	// holds such a one (nginx's proxy_pass adds none by itself), use Token.
	Trusted []netip.Prefix

	// Service describes the server in detailed answers. Zero leaves it out.
	Service Service
}

// Service is what health+json says of a server beside its health.
type Service struct {
	ID          string // serviceId
	Description string // description
	Version     string // version, the public one
	ReleaseID   string // releaseId, the one that changes with each build
}

// Answers that never change share their header values: the answer to a load
// balancer allocates nothing for them.
var (
	plain   = []string{"text/plain; charset=utf-8"}
	noStore = []string{"no-store"}

	answerOK       = newAnswer(http.StatusOK, "ok")
	answerFail     = newAnswer(http.StatusServiceUnavailable, "fail")
	answerUnknown  = newAnswer(http.StatusServiceUnavailable, "unknown")
	answerDraining = newAnswer(http.StatusServiceUnavailable, "draining")
	answerStarting = newAnswer(http.StatusServiceUnavailable, "starting")

	answerMethod = newAnswer(http.StatusMethodNotAllowed, "method not allowed")
)

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused(w, r) {
		return
	}
	if h.Registry == nil {
		answerUnknown.write(w)
		return
	}
	if h.Detailed(r) {
		writeDetails(w, h.Registry.Snapshot(), h.Service)
		return
	}
	h.Registry.answer().write(w)
}

// refused answers requests of the wrong method.
func refused(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	answerMethod.write(w)
	return true
}

// bare is the answer to strangers.
func bare(draining bool, v verdict) answer {
	switch {
	case draining:
		return answerDraining
	case v.starting:
		return answerStarting
	case v.status.InService():
		return answerOK
	case v.status == Unknown:
		return answerUnknown
	default:
		return answerFail
	}
}

// answer is the bare answer of the snapshot's moment.
func (s Snapshot) answer() answer {
	return bare(s.Draining, verdict{status: s.Status, starting: s.Starting})
}

// Detailed reports whether r is answered with details: it carries Token, or comes
// from a Trusted network and asks for them.
func (h *Handler) Detailed(r *http.Request) bool {
	return h.carriesToken(r) || asks(r) && h.trusts(r)
}

// Entitled reports whether details may be shown to the sender of r: it carries
// Token or comes from a Trusted network. It is for other handlers that tell as
// much, such as one of metrics; this Handler wants those of a trusted network to
// ask as well.
func (h *Handler) Entitled(r *http.Request) bool {
	return h.carriesToken(r) || h.trusts(r)
}

func (h *Handler) carriesToken(r *http.Request) bool {
	if h.Token == "" {
		return false
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	// Digests have one length, so the comparison does not tell the token's.
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(h.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// asks reports whether r asks for details.
func asks(r *http.Request) bool {
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, "application/health+json") || strings.Contains(accept, "application/json") {
			return true
		}
	}
	return asksVerbose(r)
}

// asksVerbose reports whether "verbose" is in the query.
func asksVerbose(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "verbose") && r.URL.Query().Has("verbose")
}

// trusts reports whether r comes from a trusted network, and from there only.
func (h *Handler) trusts(r *http.Request) bool {
	for _, field := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if _, forwarded := r.Header[field]; forwarded {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, network := range h.Trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
