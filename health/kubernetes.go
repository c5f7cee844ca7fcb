package health

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// Livez answers as Kubernetes asks whether a container is to be restarted: 200
// as long as the registry runs, also while it drains and while checks fail. A
// restart mends neither, and a liveness probe that follows a database restarts
// every container when that is down.
//
// Like [Handler.Readyz] and [Handler.Startupz] it answers GET, HEAD and OPTIONS with one
// bare word and runs no check. With "verbose" in the query it tells more, one
// line for each thing, but only to those whom [Handler.Entitled] names; others
// get the bare word as if they had not asked.
func (h *Handler) Livez() http.Handler {
	return endpoint{handler: h, name: "livez", answer: livez, verbose: func(r *Registry) (answer, []string) {
		a := livez(r)
		if a.code == http.StatusOK {
			return a, []string{"[+]running ok"}
		}
		return a, []string{"[-]running failed: nothing runs the checks"}
	}}
}

func livez(r *Registry) answer {
	if r.running.Load() {
		return answerOK
	}
	return answerUnknown
}

// Readyz answers as Kubernetes asks whether to send traffic: the verdict, in the
// bare words of [Handler]. Verbose, it lists the checks: "[+]database ok",
// "[+]disk degraded: …" of what does not take the server out of service,
// "[-]database failed: …" and "[-]database unknown: …".
func (h *Handler) Readyz() http.Handler {
	return endpoint{handler: h, name: "readyz", answer: (*Registry).answer, verbose: func(r *Registry) (answer, []string) {
		s := r.Snapshot()
		return s.answer(), s.lines()
	}}
}

// Startupz answers as Kubernetes asks whether a container has started: 200 once
// it has been in service, and then as long as it lives, also while it drains.
// Until then it answers as Readyz does. Verbose, it lists the checks.
//
// A startup probe that gives up before [Registry]'s StartupGrace is over cuts
// that short: failureThreshold times periodSeconds should be more.
func (h *Handler) Startupz() http.Handler {
	return endpoint{handler: h, name: "startupz", answer: startupz, verbose: func(r *Registry) (answer, []string) {
		s := r.Snapshot()
		if s.Started {
			return answerOK, s.lines()
		}
		return s.answer(), s.lines()
	}}
}

func startupz(r *Registry) answer {
	if p := r.current.Load(); p != nil && p.startup.started {
		return answerOK
	}
	return r.answer()
}

// endpoint is one of the questions in Kubernetes' style.
type endpoint struct {
	handler *Handler
	name    string
	answer  func(*Registry) answer             // to strangers; allocates nothing
	verbose func(*Registry) (answer, []string) // the same, and the lines that say why
}

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused(w, r) {
		return
	}
	registry := e.handler.Registry
	switch {
	case registry == nil:
		answerUnknown.write(w)
	case asksVerbose(r) && e.handler.Entitled(r):
		e.list(registry).write(w)
	default:
		e.answer(registry).write(w)
	}
}

// list is the verbose answer. A last line sums it up, as Kubernetes' own API
// server does: https://kubernetes.io/docs/reference/using-api/health-checks/
func (e endpoint) list(r *Registry) answer {
	a, lines := e.verbose(r)
	sum := e.name + " check passed"
	if a.code != http.StatusOK {
		sum = e.name + " check failed: " + a.word
	}
	return newAnswer(a.code, strings.Join(append(lines, sum), "\n")+"\n")
}

// lines has a line for each check, by its weight in the verdict.
func (s Snapshot) lines() []string {
	lines := make([]string, 0, len(s.Results)+1)
	for i, r := range s.Results {
		var line string
		switch weigh(s.Results, i, s.Time) {
		case Pass:
			line = fmt.Sprintf("[+]%s ok", r.Check)
		case Warn:
			line = fmt.Sprintf("[+]%s degraded: %v", r.Check, r.Err)
		case Fail:
			line = fmt.Sprintf("[-]%s failed: %v", r.Check, r.Err)
		default:
			line = fmt.Sprintf("[-]%s unknown: %v", r.Check, r.Err)
		}
		lines = append(lines, oneLine(line))
	}
	return lines
}

// oneLine keeps a text that others have written, as errors are, from looking like
// several lines.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
