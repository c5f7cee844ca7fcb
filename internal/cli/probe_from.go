package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/lbconfig"
	"github.com/inservice/inservice/internal/report"
)

// probeFrom asks what a load balancer's own configuration says that it asks. A
// target on the command line stands for those that the file does not know; flags
// win over the file.
func (p *program) probeFrom(ctx context.Context, o probing, args []string) error {
	if len(args) > 0 {
		o.target = args[0]
	}
	checks, err := lbconfig.Read(o.from)
	if err != nil {
		return &usageError{err: err}
	}
	var views []report.View
	var hint string
	for _, check := range checks {
		if check.Target == "" && (check.Scheme == "" || o.target == "") {
			fmt.Fprintf(p.stderr, "%s: %s is left out: %s\n", check.Where, check.Name, check.Why)
			if check.Scheme != "" {
				hint = "name the address with --target HOST:PORT"
			}
			continue
		}
		v, err := o.probeCheck(ctx, check)
		if err != nil {
			return err
		}
		views = append(views, v)
	}
	if len(views) == 0 {
		return &usageError{err: fmt.Errorf("%s holds no health check that can be asked from here", o.from), hint: hint}
	}
	return p.tell(o, views)
}

func (o probing) probeCheck(ctx context.Context, check lbconfig.Check) (report.View, error) {
	target, err := targetOf(check, o.target)
	if err != nil {
		return report.View{}, err
	}
	if !o.asSet {
		o.as = check.Dialect
	}
	if o.target != "" {
		check.Port = 0 // it is in the target, if the target has none of its own
	}
	o.options = merge(o.options, check)
	made, err := newProbe(o, target)
	if err != nil {
		return report.View{}, fmt.Errorf("%s: %w", check.Where, err)
	}
	if check.SendBody != "" {
		made = made.WithField("Content-Length", strconv.Itoa(len(check.SendBody)))
		made.Request.Body = []byte(check.SendBody)
	}
	v, err := o.diagnose(ctx, made, target)
	v.From = check.Where + " (" + check.Name + ")"
	if check.Probe != "" {
		v.Text = strings.Replace(v.Text, "Readiness probe ", check.Probe+" probe ", 1)
	}
	v.Notes = append(plainNotes("from", check.Notes), v.Notes...)
	return v, err
}

// targetOf is the URL to ask: the file's, unless a target was given.
func targetOf(check lbconfig.Check, given string) (string, error) {
	if given == "" {
		return check.Target, nil
	}
	if strings.Contains(given, "://") {
		return given, nil
	}
	host, port, err := net.SplitHostPort(given)
	if err != nil {
		host, port = given, ""
	}
	if fixed := check.Port; port == "" && fixed != 0 {
		port = strconv.Itoa(int(fixed))
	}
	u := url.URL{Scheme: cmp.Or(check.Scheme, "http"), Host: host}
	if port != "" {
		u.Host = net.JoinHostPort(host, port)
	}
	if u.Host == "" {
		return "", &usageError{err: errors.New("--target is empty"), hint: "name one as HOST:PORT"}
	}
	return u.String(), nil
}

// merge puts what a file says under what the command line says.
func merge(o dialect.Options, check lbconfig.Check) dialect.Options {
	o.Path = cmp.Or(o.Path, check.Path)
	o.Port = cmp.Or(o.Port, check.Port)
	o.Method = cmp.Or(o.Method, check.Method)
	o.Version = cmp.Or(o.Version, check.Version)
	o.Matcher = cmp.Or(o.Matcher, check.Matcher)
	o.Timeout = cmp.Or(o.Timeout, check.Timeout)
	o.Body = cmp.Or(o.Body, check.Body)
	o.Service = cmp.Or(o.Service, check.GRPCService)
	o.Host = cmp.Or(o.Host, check.Host)
	o.SNI = cmp.Or(o.SNI, check.SNI)
	o.Verify = cmp.Or(o.Verify, check.Verify)
	o.Redirect = cmp.Or(o.Redirect, check.Redirect)
	if header := exchange.ProxyHeader(check.Proxy); o.Proxy == nil && check.Proxy != "" {
		o.Proxy = &header
	}
	fields := make([]exchange.Field, 0, len(check.Headers)+len(o.Fields))
	for _, f := range check.Headers {
		fields = append(fields, exchange.Field(f))
	}
	o.Fields = append(fields, o.Fields...)
	return o
}
