package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/matcher"
	"github.com/inservice/inservice/internal/visible"
)

// Judge returns what this prober makes of answers: those to Request and to what
// Next said after each. Only what it looks at counts: a prober that does not read
// the body does not mind one that breaks off.
func (p Probe) Judge(answers []exchange.Answer) Verdict {
	if len(answers) == 0 {
		return Verdict{Outcome: Unknown, Text: "nothing was asked"}
	}
	last := p.read(overdue(answers[len(answers)-1]))
	if last.Failure == exchange.OwnFault {
		return Verdict{Outcome: Unknown, Text: visible.Line("the probe could not be made: "+errorText(last), 0)}
	}
	s, _ := p.walk(answers)
	event := s.event
	if event == "" {
		event = p.event(last, s)
	}
	return p.verdict(event, last, s)
}

// overdue returns a late answer as it stood when the time was up.
func overdue(a exchange.Answer) exchange.Answer {
	if !a.Late {
		return a
	}
	a.Failure, a.Stage, a.Err = exchange.TimedOut, a.Overdue, exchange.ErrTimeout
	if a.Stage < exchange.ReadingBody {
		a.Status, a.Text, a.Fields, a.Body, a.BodySize, a.Received = 0, "", nil, nil, 0, nil
		a.GRPCCode, a.GRPCStatus = -1, ""
	}
	return a
}

// read returns an answer as this prober reads it.
func (p Probe) read(a exchange.Answer) exchange.Answer {
	if p.Profile.Interim && len(a.Interim) > 0 {
		a.Status, a.Text = a.Interim[0], http.StatusText(a.Interim[0])
	}
	size := 0
	for _, f := range a.Fields {
		size += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	if limit := p.Profile.HeadBytes; limit > 0 && size > limit && a.Failure != exchange.Malformed {
		a.Failure, a.Stage, a.Err = exchange.HeadTooLong, exchange.ReadingHead, errors.New("its head is too long")
	}
	return a
}

// event says what happened, as far as this prober looks.
func (p Probe) event(a exchange.Answer, s step) lbprofile.Event {
	if s.request.Protocol == exchange.Bare {
		return bareEvent(a, s)
	}
	if p.Profile.Body == lbprofile.AnswerHolds && len(a.Received) > 0 && a.Stage > exchange.Handshaking {
		return p.bytesEvent(a.Received)
	}
	if p.Profile.FirstLine && a.Stage >= exchange.ReadingHead { // and it waits for the server to close
		switch a.Failure {
		case exchange.TimedOut:
			return lbprofile.AnswerTimeout
		case exchange.Reset:
			return lbprofile.BrokenOff
		}
	}
	if e := beforeAnswer(a); e != "" {
		if e == lbprofile.NotHTTP && p.takesBroken(a) {
			if status, ok := firstLine(a.Received); ok {
				a.Status = status
				return p.codeEvent(a)
			}
		}
		if e == lbprofile.NotHTTP && p.Profile.Client == lbprofile.ClientCurl && bytes.HasPrefix(a.Received, []byte("HTTP/")) {
			return lbprofile.NoAnswer // a line that does not end is none, to curl
		}
		return e
	}
	if s.request.Protocol == exchange.GRPC {
		return p.grpcEvent(a)
	}
	return p.answerEvent(a)
}

// beforeAnswer says what went wrong before the head of an answer was whole; it is
// empty if nothing did.
func beforeAnswer(a exchange.Answer) lbprofile.Event {
	switch a.Failure {
	case exchange.None:
		return ""
	case exchange.NoSuchHost:
		return lbprofile.NoName
	case exchange.Refused, exchange.Unreachable:
		return lbprofile.NoConnection
	case exchange.NotTLS, exchange.TLSRefused, exchange.TLSVersion:
		return lbprofile.NoHandshake
	case exchange.Untrusted:
		return lbprofile.NotTrusted
	case exchange.Malformed, exchange.HeadTooLong:
		return lbprofile.NotHTTP
	case exchange.TimedOut:
		return timeoutAt(a.Stage)
	case exchange.Reset, exchange.Closed:
		return endAt(a)
	}
	return "" // of the body
}

// timeoutAt is the Event of a time-out at that stage; empty if only the body is
// late.
func timeoutAt(stage exchange.Stage) lbprofile.Event {
	switch stage {
	case exchange.Dialling:
		return lbprofile.ConnectTimeout
	case exchange.Handshaking:
		return lbprofile.TLSTimeout
	case exchange.Sending, exchange.Waiting, exchange.ReadingHead:
		return lbprofile.AnswerTimeout
	}
	return ""
}

// endAt is the Event of a connection that ended too early; empty if only the body
// broke off.
func endAt(a exchange.Answer) lbprofile.Event {
	switch a.Stage {
	case exchange.Dialling:
		return lbprofile.NoConnection
	case exchange.Handshaking:
		return lbprofile.NoHandshake
	case exchange.Sending, exchange.Waiting:
		if a.Failure == exchange.Reset {
			return lbprofile.BrokenOff
		}
		return lbprofile.NoAnswer
	case exchange.ReadingHead:
		return lbprofile.NotHTTP
	}
	return ""
}

// takesBroken reports whether a status line is enough for this prober, where the
// rest of the head is broken.
func (p Probe) takesBroken(a exchange.Answer) bool {
	return p.Profile.FirstLine || p.Profile.HeadCut && a.Failure == exchange.Closed && bytes.Contains(a.Received, []byte("\n"))
}

func bareEvent(a exchange.Answer, s step) lbprofile.Event {
	switch e := beforeAnswer(a); {
	case e != "":
		return e
	case s.request.TLS != nil:
		return lbprofile.Shaken
	}
	return lbprofile.Connected
}

// bytesEvent judges by the bytes of the answer, whatever they are.
func (p Probe) bytesEvent(received []byte) lbprofile.Event {
	if p.holds(received) {
		return lbprofile.Passed
	}
	return lbprofile.WrongBody
}

// firstLine reads a status from the first line of what came, however broken the
// rest is.
func firstLine(received []byte) (status int, ok bool) {
	line, _, _ := bytes.Cut(received, []byte("\n"))
	rest, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\r"), "HTTP/")
	if !ok {
		return 0, false
	}
	version, code, _ := strings.Cut(rest, " ")
	if _, err := strconv.ParseFloat(version, 64); err != nil {
		return 0, false
	}
	code, _, _ = strings.Cut(strings.TrimLeft(code, " "), " ")
	status, err := strconv.Atoi(code)
	return status, err == nil
}

func (p Probe) grpcEvent(a exchange.Answer) lbprofile.Event {
	switch {
	case a.Failure == exchange.TimedOut:
		return lbprofile.AnswerTimeout
	case a.GRPCCode < 0:
		return lbprofile.NotHTTP
	case p.Rules.GRPC == "" && a.GRPCCode == 0 && a.GRPCStatus != "SERVING":
		return lbprofile.NotServing
	case p.Rules.GRPC == "" && a.GRPCCode == 0:
		return lbprofile.Serving
	}
	if set, err := parseCodes(p.Rules.GRPC); p.Rules.GRPC != "" && err == nil && set.match(a.GRPCCode) {
		return lbprofile.Serving
	}
	if a.GRPCCode == 12 {
		return lbprofile.NoService
	}
	return lbprofile.WrongGRPC
}

// answerEvent judges an answer whose head is whole.
func (p Probe) answerEvent(a exchange.Answer) lbprofile.Event {
	cut := p.bodyFault(a)
	if cut != "" && p.Profile.BodyEnd == lbprofile.BodyThrown {
		return cut
	}
	if e := p.codeEvent(a); !passes(e) {
		return e
	} else if cut == "" && (p.Rules.Body == "" || p.holds(a.Body)) {
		return e
	}
	if cut != "" {
		return cut
	}
	return lbprofile.WrongBody
}

// passes reports whether an Event is one of a probe that passes.
func passes(e lbprofile.Event) bool {
	switch e {
	case lbprofile.Passed, lbprofile.Warned, lbprofile.RedirectUnseen, lbprofile.Connected, lbprofile.Shaken, lbprofile.Serving:
		return true
	}
	return false
}

// codeEvent judges the status code alone.
func (p Probe) codeEvent(a exchange.Answer) lbprofile.Event {
	if p.Rules.Success != "" && !matches(p.Rules.Success, a.Status) {
		if p.Profile.Warn != "" && matches(p.Profile.Warn, a.Status) {
			return lbprofile.Warned
		}
		return lbprofile.WrongCode
	}
	if p.Rules.Redirects == lbprofile.RedirectsSameHost && a.Status >= 300 && a.Status < 400 {
		return lbprofile.RedirectUnseen
	}
	return lbprofile.Passed
}

func matches(text string, status int) bool {
	set, err := matcher.Parse(text)
	return err == nil && set.Match(status)
}

// bodyFault says what is wrong with the body, if this prober minds.
func (p Probe) bodyFault(a exchange.Answer) lbprofile.Event {
	fault := lbprofile.Event("")
	switch {
	case a.Failure == exchange.TimedOut:
		fault = lbprofile.BodyTimeout
	case a.Failure == exchange.BodyBroken:
		fault = lbprofile.BodyBroken
	case a.Failure != exchange.None:
		fault = lbprofile.BodyCut
	case p.Profile.BodyEnd == lbprofile.BodyAnnounced && a.BodySize > 0 && a.Get("Content-Length") == "" && a.Get("Transfer-Encoding") == "":
		return lbprofile.BodyCut
	}
	if fault == "" || p.Request.Method == "HEAD" {
		return ""
	}
	if p.Profile.BodyBytes > 0 && a.BodySize >= int64(p.Profile.BodyBytes) {
		return "" // it does not read on
	}
	unread := p.Profile.BodyEnd == lbprofile.BodyUnread || p.Profile.BodyEnd == lbprofile.BodyChunks && fault != lbprofile.BodyBroken
	if unread && p.Rules.Body == "" {
		return ""
	}
	return fault
}

// holds reports whether what came holds what Rules.Body asks for, within what
// this prober looks at.
func (p Probe) holds(content []byte) bool {
	if p.Rules.Body == "" {
		return true
	}
	if n := p.Profile.BodyBytes; n > 0 && len(content) > n {
		content = content[:n]
	}
	re, err := bodyPattern(p.Rules.Body, p.Profile.Body)
	switch {
	case err != nil:
		return false
	case re != nil:
		return re.Match(content)
	case p.Profile.Body == lbprofile.BodyHoldsAny:
		return bytes.Contains(bytes.ToLower(content), bytes.ToLower([]byte(p.Rules.Body)))
	}
	return bytes.Contains(content, []byte(p.Rules.Body))
}

// verdict puts an Event into the prober's words.
func (p Probe) verdict(event lbprofile.Event, a exchange.Answer, s step) Verdict {
	word := p.Profile.Word(event)
	if s.request.Protocol == exchange.Bare && !passes(event) && event != lbprofile.NoHandshake {
		for _, w := range p.Profile.Words {
			if w.On == lbprofile.Unconnected {
				word = w
			}
		}
	}
	v := Verdict{Outcome: Fail, Event: event}
	fill := p.filler(a, s, passes(event))
	v.Reason, v.Text = visible.Line(fill(word.Reason), 0), visible.Line(fill(word.Text), 0)
	ofBody := event == lbprofile.BodyCut || event == lbprofile.BodyBroken || event == lbprofile.BodyTimeout
	switch {
	case passes(event):
		v.Outcome = Pass
	case ofBody && p.Profile.BodyEnd == lbprofile.BodyThrown:
		v.Outcome, v.Reason = Unknown, ""
	case ofBody && p.undecided(a):
		v.Outcome, v.Reason = Unknown, ""
		v.Text = fmt.Sprintf("status %d passes, but the body %s: whether %s reads it is not published", a.Status, faultWords(event), p.Profile.Title)
	}
	if v.Outcome == Fail && v.Reason == "" {
		v.Reason = "unhealthy"
	}
	if v.Text == "" {
		v.Text = string(event)
	}
	return v
}

// undecided reports whether nothing is published about what this prober makes of
// a fault in the body.
func (p Probe) undecided(a exchange.Answer) bool {
	switch p.Profile.BodyEnd {
	case lbprofile.BodyEndUnknown:
		return p.Rules.Body == ""
	case lbprofile.BodyAnnounced: // announced it was; the rest is not published
		return a.Failure != exchange.None
	}
	return false
}

func faultWords(event lbprofile.Event) string {
	switch event {
	case lbprofile.BodyTimeout:
		return "does not end in time"
	case lbprofile.BodyBroken:
		return "breaks the rules of chunks"
	}
	return "breaks off"
}
