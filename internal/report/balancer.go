package report

import (
	"cmp"
	"maps"
	"net"

	"github.com/inservice/inservice/internal/cause"
	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/exchange"
)

// offer is what is known of the settings that could be made at the load balancer.
type offer struct {
	values map[string]string // of the probe
	path   string            // that its check should ask for; empty if not known
	secure string            // the port at which TLS was seen to answer; empty if at none
}

// mendedAtBalancer adds what to set at the load balancer that asked, if that mends
// f. Where it is known that nothing can be set, the reasons alone are told.
func (made *Finding) mendedAtBalancer(f diagnose.Finding, balancer string, o offer) {
	row, _ := cause.Lookup(f.Cause)
	values := valuesOf(f, o.values)
	can, cannot := 0, 0
	for _, knob := range row.Knobs {
		if !o.fits(knob) {
			cannot++
			continue
		}
		s, ok := cause.SettingFor(balancer, knob)
		switch {
		case !ok:
			continue
		case s.Can:
			can++
		default:
			cannot++
		}
		values := maps.Clone(values)
		switch knob {
		case cause.Path: // the one that is asked now is what is wrong
			values["path"] = cmp.Or(f.Values["other"], o.path)
		case cause.Secure:
			values["otherport"] = o.secure
		}
		made.Settings = append(made.Settings, Setting{string(knob), cause.Fill(s.Text, values), cause.Fill(s.Lines, values), s.Can})
	}
	if can > 0 || cannot == 0 {
		made.Balancer = cause.Fill(row.Balancer, values)
	}
}

// fits reports whether a setting could help: a check by HTTPS needs a port that
// speaks TLS.
func (o offer) fits(k cause.Knob) bool {
	switch k {
	case cause.Protocol:
		return o.secure != "" && o.secure == o.values["port"]
	case cause.Secure:
		return o.secure != "" && o.secure != o.values["port"]
	}
	return true
}

// secured is the port at which TLS was seen to answer: the asked one, or else the one
// that a finding names, or else any.
func secured(f diagnose.Finding, asked string, observations []diagnose.Observation) string {
	_, own, _ := net.SplitHostPort(asked)
	other := ""
	for _, o := range observations {
		_, port, err := net.SplitHostPort(o.Experiment.Probe.Request.Address)
		if err != nil || len(o.Answers) == 0 || !speaksTLS(o.Answers[0]) {
			continue
		}
		if port == own {
			return own
		}
		if other == "" || port == f.Values["otherport"] {
			other = port
		}
	}
	if other == "" && f.Cause == "wrong_protocol_tls" {
		return own // it said so in plain words
	}
	return other
}

// speaksTLS reports whether a TLS server answered: the handshake stood, or was
// refused in TLS's own words.
func speaksTLS(a exchange.Answer) bool {
	return a.TLS != nil && a.TLS.Version != 0 || a.Failure == exchange.TLSRefused || a.Failure == exchange.TLSVersion
}
