// Package report tells what a probe and its diagnosis brought: to people as
// text, to programs as one JSON object, to build servers as JUnit's XML.
//
// A View is the whole of it in plain values; the forms print it. What came over
// the network is shown through package visible, or escaped by JSON.
package report

import (
	"cmp"
	"encoding/base64"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/visible"
)

// View is what is told of one probe and its diagnosis: the object of --json. Its
// form is documented in docs/probe.schema.json; fields may be added, none is
// taken away.
type View struct {
	Dialect string `json:"dialect"`
	Title   string `json:"title"`          // of the dialect, for people
	Target  string `json:"target"`         // as it was given
	Asked   string `json:"asked"`          // protocol, address and path that were asked
	From    string `json:"from,omitempty"` // the place in a load balancer's configuration that it was read from

	Verdict diagnose.Verdict `json:"verdict"`
	Reason  string           `json:"reason"` // the load balancer's word; empty if it has none
	Text    string           `json:"text"`   // its sentence

	Causes   []Finding  `json:"causes"`
	Warnings []Finding  `json:"warnings"`
	Notes    []Note     `json:"notes"`
	RuledOut []string   `json:"ruled_out"`
	Software []Software `json:"software"`
	Machine  []Note     `json:"machine,omitempty"`  // what only this machine knows, with --listening
	Unknowns []string   `json:"unknowns,omitempty"` // of the dialect: what is known of it has these gaps

	Experiments []Experiment `json:"experiments"`
	Exchange    Exchange     `json:"exchange"`
	Phases      Phases       `json:"phases"`
	TookMS      float64      `json:"took_ms"`
}

// Finding is a cause of a red probe, or a reason to doubt a green one.
type Finding struct {
	ID         cause.ID  `json:"id"`
	Title      string    `json:"title"`
	Confidence float64   `json:"confidence"`          // 0..1
	Evidence   []string  `json:"evidence"`            // the decisive first
	Decided    []string  `json:"decided_by"`          // names of experiments
	Fix        string    `json:"fix"`                 // what to do, a sentence or two
	FixFor     string    `json:"fix_for,omitempty"`   // the software that Fix and Lines are for; empty: any
	FixFile    string    `json:"fix_file,omitempty"`  // where Lines go
	FixPlace   string    `json:"fix_place,omitempty"` // where inside the file
	FixLines   string    `json:"fix_lines,omitempty"` // what can be pasted
	Balancer   string    `json:"fix_at_balancer,omitempty"`
	Settings   []Setting `json:"balancer_settings,omitempty"` // of the load balancer that asked
}

// Setting is how the load balancer that asked is told something about its check.
type Setting struct {
	Knob  string `json:"knob"`
	Text  string `json:"text"`
	Lines string `json:"lines,omitempty"` // what can be pasted
	Can   bool   `json:"can"`             // whether it can be set at all
}

// Note is a remark with its weight: "hint" is worth knowing, "caution" will do
// harm one day, "fault" by itself makes a probe fail.
type Note struct {
	ID       string   `json:"id"`
	Grade    string   `json:"grade"`
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// Software is a program that had a part in the answer.
type Software struct {
	Name       string  `json:"name"`
	Title      string  `json:"title"`
	Version    string  `json:"version,omitempty"`
	Role       string  `json:"role"`
	Confidence float64 `json:"confidence"`
	Evidence   string  `json:"evidence"`
}

// Experiment is a probe that differs from the load balancer's in what Change
// names. The first one is the load balancer's own, whose Change is empty.
type Experiment struct {
	Name    string  `json:"name"`
	Change  string  `json:"change"`
	Verdict string  `json:"verdict"`
	Reason  string  `json:"reason"`
	Status  int     `json:"status"` // 0 if there was no HTTP answer
	Failure string  `json:"failure,omitempty"`
	Error   string  `json:"error,omitempty"` // what Failure says in a word
	TookMS  float64 `json:"took_ms"`
	Exchange
}

// Exchange is what was on the wire: the first 16 KiB of each direction, without
// the values of fields for secrets such as Authorization. Bytes that are no UTF-8
// are lost in the text, so then there is a second form.
type Exchange struct {
	Remote         string `json:"remote"` // address connected to; empty if there was no connection
	Sent           string `json:"sent"`
	SentBase64     string `json:"sent_base64,omitempty"`
	Received       string `json:"received"`
	ReceivedBase64 string `json:"received_base64,omitempty"`
}

// Phases is where the time of the load balancer's own probe went.
type Phases struct {
	DialMS      float64  `json:"dial_ms"`
	TLSMS       float64  `json:"tls_ms"`
	FirstByteMS *float64 `json:"first_byte_ms"` // nil if none came
	TotalMS     float64  `json:"total_ms"`
}

// Of makes the View of a diagnosis. Target is what the user gave.
func Of(target, site string, p dialect.Probe, r diagnose.Report) View {
	var answers []exchange.Answer
	for _, o := range r.Observations {
		answers = append(answers, o.Answers...)
	}
	hide := secretsOf(answers)
	v := View{
		Dialect: p.Profile.Name, Title: p.Profile.Title, Target: target, Asked: Asked(p.Request),
		Verdict: r.Verdict, Reason: r.Reason, Text: hide.line(r.Text),
		Causes: []Finding{}, Warnings: []Finding{}, Notes: []Note{}, RuledOut: hide.lines(r.RuledOut), Software: []Software{},
		Experiments: []Experiment{}, TookMS: milliseconds(r.Took), Unknowns: p.Unknowns(),
	}
	values := placeholders(site, p)
	var names []string // whose fixes are told: not those of a mere guess, if there is better
	for _, s := range r.Software {
		if s.Confidence >= likely || len(names) == 0 {
			names = append(names, s.Name)
		}
		v.Software = append(v.Software, Software{s.Name, s.Title, s.Version, string(s.Role), s.Confidence, hide.line(s.Evidence)})
	}
	finding := func(f diagnose.Finding, better string) Finding {
		f.Evidence = hide.lines(f.Evidence)
		whose := names
		if f.Programs != nil {
			whose = f.Programs
		}
		made := findingOf(f, whose, values)
		made.mendedAtBalancer(f, p.Profile.Name, offer{values, better, secured(f, p.Request.Address, r.Observations)})
		return made
	}
	for _, f := range r.Causes {
		v.Causes = append(v.Causes, finding(f, pathThatPassed(f, p.Request.Path, r.Observations)))
	}
	for _, f := range r.Warnings {
		v.Warnings = append(v.Warnings, finding(f, ""))
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, Note{n.ID, string(n.Grade), hide.line(n.Text), hide.lines(n.Evidence)})
	}
	for _, o := range r.Observations {
		v.Experiments = append(v.Experiments, experimentOf(o, hide))
	}
	if len(r.Observations) > 0 {
		v.Exchange = v.Experiments[0].Exchange
		for _, a := range r.Observations[0].Answers {
			v.Phases.add(a)
		}
	}
	return v
}

// pathThatPassed is the path of the experiment that decided, if it is another
// than the load balancer's own and passes: what its check should ask for.
func pathThatPassed(f diagnose.Finding, own string, observations []diagnose.Observation) string {
	for _, o := range observations {
		asked := o.Experiment.Probe.Request.Path
		if asked != own && o.Verdict.Outcome == dialect.Pass && slices.Contains(f.Decided, o.Experiment.Name) {
			return asked
		}
	}
	return ""
}

// findingOf is a finding with its row of the table of causes, for this server.
func findingOf(f diagnose.Finding, software []string, known map[string]string) Finding {
	row, _ := cause.Lookup(f.Cause)
	values := valuesOf(f, known)
	fix, _ := row.FixFor(software)
	return Finding{
		ID: f.Cause, Title: row.Title, Confidence: f.Confidence,
		Evidence: append([]string{}, f.Evidence...), Decided: append([]string{}, f.Decided...),
		Fix: strings.TrimSpace(cause.Fill(fix.Text+" "+row.Never, values)), FixFor: fix.Software, FixFile: fix.File, FixPlace: fix.Place, FixLines: cause.Fill(fix.Lines, values),
	}
}

// valuesOf joins what is known of the probe with what was found.
func valuesOf(f diagnose.Finding, known map[string]string) map[string]string {
	values := maps.Clone(known)
	maps.Copy(values, f.Values)
	if f.Location != "" {
		values["location"] = f.Location
	}
	return values
}

// placeholders are what is known of the values that package cause asks for.
func placeholders(site string, p dialect.Probe) map[string]string {
	r := p.Request
	values := map[string]string{"path": cmp.Or(r.Path, "/"), "method": cmp.Or(r.Method, "GET")}
	if site != "" {
		values["site"] = site
	}
	if host, port, err := net.SplitHostPort(r.Address); err == nil {
		values["address"], values["port"], values["host"] = host, port, host
	}
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, "Host") && f.Value != "" {
			values["host"] = f.Value
			if host, _, err := net.SplitHostPort(f.Value); err == nil {
				values["host"] = host
			}
		}
	}
	if r.Timeout > 0 {
		values["timeout"] = strconv.Itoa(int(math.Ceil(r.Timeout.Seconds())))
	}
	return values
}

func experimentOf(o diagnose.Observation, hide secrets) Experiment {
	e := Experiment{
		Name: o.Experiment.Name, Change: o.Experiment.Change,
		Verdict: string(o.Verdict.Outcome), Reason: o.Verdict.Reason, Exchange: exchangeOf(o.Answers, hide),
	}
	for _, a := range o.Answers {
		e.Status, e.Failure, e.Error = a.Status, string(a.Failure), ""
		if a.Err != nil {
			e.Error = hide.line(a.Err.Error())
		}
		e.TookMS += milliseconds(a.Phases.Total)
	}
	return e
}

// exchangeOf joins the answers of one probe: more than one where redirects were
// followed.
func exchangeOf(answers []exchange.Answer, hide secrets) Exchange {
	var e Exchange
	var sent, received []byte
	for _, a := range answers {
		e.Remote = a.Remote
		sent, received = append(sent, hide.wire(a.Sent)...), append(received, hide.wire(a.Received)...)
	}
	e.Sent, e.SentBase64 = textOf(sent)
	e.Received, e.ReceivedBase64 = textOf(received)
	return e
}

func textOf(wire []byte) (text, binary string) {
	if utf8.Valid(wire) {
		return string(wire), ""
	}
	return strings.ToValidUTF8(string(wire), "\ufffd"), base64.StdEncoding.EncodeToString(wire)
}

// wire is the direction as it was, whichever form holds it.
func wire(text, binary string) []byte {
	if b, err := base64.StdEncoding.DecodeString(binary); err == nil && len(b) > 0 {
		return b
	}
	return []byte(text)
}

func (p *Phases) add(a exchange.Answer) {
	p.DialMS += milliseconds(a.Phases.Dial)
	p.TLSMS += milliseconds(a.Phases.TLS)
	p.TotalMS += milliseconds(a.Phases.Total)
	if len(a.Received) > 0 { // else it is how long one came to nothing was waited for
		first := milliseconds(a.Phases.FirstByte)
		if p.FirstByteMS != nil {
			first += *p.FirstByteMS
		}
		p.FirstByteMS = &first
	}
}

// Asked names in one line what a request asks: "http://10.0.0.5:80/health".
func Asked(r exchange.Request) string {
	scheme := "tcp"
	switch {
	case r.Protocol == exchange.HTTP1, r.Protocol == exchange.HTTP2:
		scheme = "http"
	case r.Protocol == exchange.GRPC:
		scheme = "grpc"
	}
	if r.TLS != nil {
		scheme = map[string]string{"tcp": "tls", "http": "https", "grpc": "grpcs"}[scheme]
	}
	if scheme == "tcp" || scheme == "tls" {
		return scheme + "://" + r.Address
	}
	return scheme + "://" + r.Address + visible.Line(cmp.Or(r.Path, "/"), 200)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
