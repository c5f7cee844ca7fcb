package diagnose

import (
	"fmt"
)

// greenConnect: a probe that only connects says nothing about what users get.
func (d *desk) greenConnect(base view, r *Report) {
	w := d.see(base.at.with(change{factor: fAsk, label: "GET"}))
	if !w.ok {
		return
	}
	root := w
	a := w.answer()
	broken := func(v view) bool { return v.ok && (v.status() >= 500 || v.closed() || v.silent()) }
	if a.Status/100 == 4 || broken(w) {
		// The path may not be the app's: look at the home page, by the site's name if it is known.
		at := w.at
		if d.q.Site != "" {
			at = at.with(change{factor: fHost, label: "site", arg: d.q.Site})
			root = d.see(at)
		}
		if p := w.request().Path; p != "" && p != "/" {
			root = d.see(at.with(pathChange("/", "/")))
		}
	}
	switch {
	case !broken(w) && !broken(root):
		return
	case broken(root) && root.speaks():
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.94, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request gives %s.", told(root.answer())), root, base))
	case broken(w) && w.speaks():
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.85, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request gives %s.", told(a)), w, base))
	case d.q.Site != "" && broken(w) && broken(root):
		if t := d.see(base.at.with(change{factor: fAsk, label: "GET"}).with(change{factor: fTLS, label: "on"})); speaksTLS(w, t) && (!t.speaks() || t.status() < 500) {
			return
		}
		r.Warnings = append(r.Warnings, seen("shallow_check_ok", 0.75, fmt.Sprintf("The connection stands, and that is all the load balancer looks at; an HTTP request is met by %s.", told(a)), w, base))
	}
}

// greenCall: a gRPC call that passes.
func (d *desk) greenCall(base view, r *Report) {
	a := base.answer()
	if a.GRPCCode == 12 {
		r.Notes = append(r.Notes, Note{ID: "unimplemented", Grade: Caution,
			Text:     "It passes because the server does not know the method that is asked: any gRPC server does so, whatever its state.",
			Evidence: []string{"The call ends with code 12, UNIMPLEMENTED."}})
	}
	d.repeatCall(base, r)
}

// repeatCall is repeat, unless the call is found not to pass.
func (d *desk) repeatCall(base view, r *Report) {
	if r.Verdict == Pass {
		d.repeat(base, r)
	}
}
