package health

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
)

// Handler answers GET and HEAD with the registry's verdict, on whatever path it
// is mounted: 200 "ok" in service, 503 and one word when not ("fail",
// "unknown" or "draining"). Any other method is answered 405.
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
)

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		newAnswer(http.StatusMethodNotAllowed, "method not allowed").write(w)
		return
	}
	if h.Registry == nil {
		answerUnknown.write(w)
		return
	}
	if h.entitled(r) {
		writeDetails(w, h.Registry.Snapshot(), h.Service)
		return
	}
	bare(h.Registry.verdict()).write(w)
}

// bare is the answer to strangers.
func bare(status Status, draining bool) answer {
	switch {
	case draining:
		return answerDraining
	case status.InService():
		return answerOK
	case status == Unknown:
		return answerUnknown
	default:
		return answerFail
	}
}

// entitled reports whether r is to be answered with details.
func (h *Handler) entitled(r *http.Request) bool {
	return h.carriesToken(r) || asks(r) && h.trusts(r)
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
