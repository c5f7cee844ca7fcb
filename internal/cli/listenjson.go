package cli

import (
	"encoding/base64"
	"io"
	"time"

	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/refusal"
)

// listenJSON prints one object for each arrival, on a line of its own, in ASCII.
type listenJSON struct {
	out    io.Writer
	failed func() // nobody reads any more
}

// arrivalJSON is that object. docs/listen.md tells what its members mean.
type arrivalJSON struct {
	Number     int          `json:"number"`
	Time       time.Time    `json:"time"`
	Listener   string       `json:"listener"`
	Peer       string       `json:"peer"`
	Connection int          `json:"connection"`
	Nth        int          `json:"nth"`
	Kind       inspect.Kind `json:"kind"`
	Bytes      string       `json:"bytes"` // base64
	More       bool         `json:"more"`
	Ending     string       `json:"ending,omitempty"`
	Speaks     string       `json:"speaks,omitempty"`

	Request  *requestJSON           `json:"request,omitempty"`
	Proxy    *inspect.RecordedProxy `json:"proxy,omitempty"`
	TLS      *inspect.RecordedTLS   `json:"tls,omitempty"`
	Sender   senderJSON             `json:"sender"`
	Refusals []refusalJSON          `json:"refusals"`
	Answer   answerJSON             `json:"answer"`
}

type requestJSON struct {
	Method  string                  `json:"method"`
	Target  string                  `json:"target"`
	Version string                  `json:"version"` // empty: none was sent
	Host    *string                 `json:"host"`    // null: none was sent
	Fields  []inspect.RecordedField `json:"fields"`
	Service *string                 `json:"grpc_service,omitempty"`
}

type senderJSON struct {
	Name       string   `json:"name"` // empty: nobody known, or one of Among
	Confidence string   `json:"confidence"`
	Evidence   []string `json:"evidence"`
	Among      []string `json:"among,omitempty"`
	Count      int      `json:"count"`
	Nodes      int      `json:"nodes"`
	Interval   *float64 `json:"interval_ms"` // null: not known yet
	Jitter     *float64 `json:"jitter_ms"`
}

type refusalJSON struct {
	Rule    string `json:"rule"`
	Server  string `json:"server"`
	Setting string `json:"setting"`
	Answers string `json:"answers"`
	Why     string `json:"why"`
	Allow   string `json:"allow"`
	Fix     string `json:"fix"`
	Always  bool   `json:"always"`
}

type answerJSON struct {
	Way    string  `json:"way"`    // reply, close, hang or none
	Status int     `json:"status"` // 0: none
	After  float64 `json:"after_ms"`
}

func (v *listenJSON) outcome(inspect.Outcome) {}

func (v *listenJSON) arrival(a inspect.Arrival) {
	line, err := inspect.MarshalLine(arrivalJSONOf(&a))
	if err == nil {
		_, err = v.out.Write(line)
	}
	if err != nil {
		v.failed()
	}
}

func arrivalJSONOf(a *inspect.Arrival) arrivalJSON {
	r := a.Recording()
	j := arrivalJSON{
		Number: a.Number, Time: r.Time, Listener: a.Listener, Peer: peerWords(a.Peer), Connection: a.Connection, Nth: a.Nth,
		Kind: a.Kind, Bytes: base64.StdEncoding.EncodeToString(a.Bytes), More: a.More, Ending: a.Ending, Speaks: a.Speaks,
		Proxy: r.Proxy, TLS: r.TLS, Refusals: []refusalJSON{},
		Sender: senderJSON{
			Name: a.Guess.Name, Confidence: a.Guess.Confidence.String(), Evidence: a.Guess.Evidence, Among: a.Guess.Among,
			Count: a.Count, Nodes: a.Nodes,
		},
		Answer: answerJSON{Way: "reply", Status: a.Answer.Code(), After: ms(a.Answer.After)},
	}
	if j.Sender.Evidence == nil {
		j.Sender.Evidence = []string{}
	}
	if a.Pace.Interval > 0 {
		interval, jitter := ms(a.Pace.Interval), ms(a.Pace.Jitter)
		j.Sender.Interval, j.Sender.Jitter = &interval, &jitter
	}
	for _, f := range a.Refusals {
		j.Refusals = append(j.Refusals, refusalJSONOf(f))
	}
	switch a.Answer.Way {
	case inspect.Close:
		j.Answer.Way = "close"
	case inspect.Hang:
		j.Answer.Way = "hang"
	case inspect.Reply:
	}
	switch a.Kind {
	case inspect.HTTP09, inspect.HTTP1, inspect.HTTP2, inspect.GRPC:
		j.Request = requestJSONOf(&a.Request)
		if a.Kind == inspect.GRPC {
			j.Request.Service = &a.Service
		}
	case inspect.Connect, inspect.Handshake, inspect.Other:
		j.Answer = answerJSON{Way: "none"} // nothing was asked
	}
	return j
}

func requestJSONOf(r *fingerprint.Request) *requestJSON {
	j := &requestJSON{Method: r.Method, Target: r.Target, Version: r.Proto, Fields: []inspect.RecordedField{}}
	if r.HasHost {
		j.Host = &r.Host
	}
	for _, f := range r.Fields {
		j.Fields = append(j.Fields, inspect.RecordedField(f))
	}
	return j
}

func refusalJSONOf(r refusal.Refusal) refusalJSON {
	return refusalJSON{
		Rule: r.Rule, Server: r.Server, Setting: r.Setting, Answers: r.Answers,
		Why: r.Why, Allow: r.Allow, Fix: r.Fix, Always: r.Always,
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
