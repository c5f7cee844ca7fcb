package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/firewall"
	"github.com/inservice/inservice/internal/report"
	"github.com/inservice/inservice/internal/sockets"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// machineNotes tells what only the machine itself knows of the port that is
// asked: who listens, whether a queue is full, what the packet filter does with
// strangers, and what the port answers from here.
func machineNotes(ctx context.Context, made dialect.Probe, here bool) []report.Note {
	if !here {
		return []report.Note{{ID: "not-here", Grade: "hint", Text: "--listening: " + made.Request.Address + " is no address of this machine; run it there", Evidence: []string{}}}
	}
	host, portText, err := net.SplitHostPort(made.Request.Address)
	port, atoi := strconv.ParseUint(portText, 10, 16)
	if err != nil || atoi != nil {
		return nil
	}
	// A loopback address says nothing about what the load balancer reaches.
	addr, _ := netip.ParseAddr(host)
	var notes []report.Note
	notes = append(notes, socketNotes(uint16(port), addr)...)
	notes = append(notes, firewallNotes(uint16(port), addr)...)
	if addr == loopback || mayAct(made.Request) {
		return notes // that is what was asked, or what must not be asked again
	}
	return append(notes, localAnswer(ctx, made, portText))
}

func socketNotes(port uint16, addr netip.Addr) []report.Note {
	table, err := sockets.Read()
	if err != nil {
		return []report.Note{{ID: "sockets", Grade: "hint", Text: "who listens can't be read here: " + err.Error(), Evidence: []string{}}}
	}
	if addr.IsLoopback() {
		addr = netip.Addr{} // what strangers meet
	}
	var notes []report.Note
	for _, f := range table.Findings(port, addr) {
		grade := map[sockets.Severity]string{sockets.Fault: "fault", sockets.Warning: "caution"}[f.Severity]
		if grade == "" {
			grade = "hint"
		}
		notes = append(notes, report.Note{ID: noteID("sockets", f.Cause), Grade: grade, Text: f.Text, Evidence: []string{}})
	}
	return append(notes, plainNotes("sockets", table.Notes)...)
}

func firewallNotes(port uint16, addr netip.Addr) []report.Note {
	rules, err := firewall.Read()
	if err != nil {
		return []report.Note{{ID: "firewall", Grade: "hint", Text: "firewall rules can't be read here: " + err.Error(), Evidence: []string{}}}
	}
	q := firewall.Question{Port: port}
	if !addr.IsLoopback() {
		q.Destination = addr
	}
	r := rules.For(q)
	note := report.Note{ID: "firewall", Grade: "hint", Text: r.Text, Evidence: []string{}}
	switch r.Outcome {
	case firewall.Drops, firewall.Rejects:
		note.ID, note.Grade = "filtered", "fault"
	case firewall.Depends:
		note.Grade = "caution"
	}
	if r.Outcome == firewall.Unknown && len(r.Notes) > 0 {
		return plainNotes("firewall", r.Notes) // they say why
	}
	for _, rule := range r.Rules {
		if evidence := fmt.Sprintf("%s: %s", rule.Where, rule.Text); !strings.Contains(note.Text, evidence) {
			note.Evidence = append(note.Evidence, evidence)
		}
	}
	return append([]report.Note{note}, plainNotes("firewall", r.Notes)...)
}

func plainNotes(id string, texts []string) []report.Note {
	notes := []report.Note{} // an array of --json, even if empty
	for _, text := range texts {
		notes = append(notes, report.Note{ID: id, Grade: "hint", Text: text, Evidence: []string{}})
	}
	return notes
}

func noteID(id, cause string) string {
	if cause != "" {
		return cause
	}
	return id
}

// localAnswer asks the same question over loopback: what differs from the load
// balancer's answer is the way there, not the app.
func localAnswer(ctx context.Context, made dialect.Probe, port string) report.Note {
	local := net.JoinHostPort(loopback.String(), port)
	answers, verdict := dialect.Ask(ctx, made.WithAddress(local), exchange.Do)
	text := "asked over loopback, at " + local + ", the same question passes"
	if verdict.Outcome != dialect.Pass {
		text = "asked over loopback, at " + local + ": " + report.Hide(verdict.Text, answers)
	}
	return report.Note{ID: "local", Grade: "hint", Text: text, Evidence: []string{}}
}
