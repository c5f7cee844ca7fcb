package ownaddr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// The instance metadata service of EC2. Where not said otherwise, the facts are
// from "Use the Instance Metadata Service" and its neighbours in the EC2 user
// guide, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/.
const (
	imdsBase  = "http://169.254.169.254"
	imdsBase6 = "http://[fd00:ec2::254]" // on Nitro, where it was switched on

	// Tokens have one path only; PUT to a versioned one is answered 403.
	imdsTokenPath = "/latest/api/token"
	imdsPath      = "/latest/meta-data/"

	imdsTokenTTL = "X-aws-ec2-metadata-token-ttl-seconds"
	imdsToken    = "X-aws-ec2-metadata-token"

	// tokenTTL, in seconds, outlasts a look. Each look takes a token of its own,
	// as the guide advises for few questions: then none can expire between looks.
	tokenTTL = "60"
)

// The environment variables of Amazon's own libraries (aws/aws-sdk-go-v2, feature/ec2/imds).
const (
	imdsDisabled     = "AWS_EC2_METADATA_DISABLED"
	imdsV1Disabled   = "AWS_EC2_METADATA_V1_DISABLED"
	imdsEndpoint     = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	imdsEndpointMode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
)

func planEC2(l *look, named bool) task {
	set := func(name string) bool { return strings.EqualFold(l.around.getenv(name), "true") }
	if set(imdsDisabled) {
		return task{why: imdsDisabled + " is true"}
	}
	t := task{why: imdsEndpoint + " is set", endpoint: strings.TrimSuffix(l.around.getenv(imdsEndpoint), "/")}
	if t.endpoint == "" {
		var ok bool
		if t.why, ok = l.reason(EC2, named); !ok {
			return t
		}
		t.endpoint = imdsBase
		if strings.EqualFold(l.around.getenv(imdsEndpointMode), "ipv6") {
			t.endpoint = imdsBase6
		}
	}
	t.ask = (&imds{
		around:   l.around,
		base:     t.endpoint,
		patience: l.timeout / 2,
		allowV1:  l.allowIMDSv1 && !set(imdsV1Disabled),
		instance: l.dmi.instance(),
	}).ask
	return t
}

// imds is one conversation with the service.
type imds struct {
	around   *surroundings
	base     string
	patience time.Duration // with a token request; the rest of the look is for finding out why
	allowV1  bool
	instance string // for hints; may be empty

	token string // empty with version 1
	// Why version 1 is asked, and what would mend it.
	trouble error
	mend    string
}

// ask learns the primary interface's addresses. The other addresses that the
// service knows of are left alone: on a node of EKS they are its pods'.
func (q *imds) ask(ctx context.Context) finding {
	if hint, err := q.open(ctx); err != nil {
		return finding{err: err, hint: hint}
	}
	var f finding
	lies, err := q.collect(ctx, &f)
	switch {
	case err == nil && q.trouble == nil:
		f.err = errors.Join(lies...)
	case err == nil:
		f.err = errors.Join(lies...)
		f.hint = fmt.Sprintf("asked by version 1, as you allow, because version 2 did not work (%v); to mend that: %s", q.trouble, q.mend)
	case q.trouble == nil:
		f.err, f.hint = errors.Join(append(lies, err)...), q.refusal(err)
	default:
		f.err, f.hint = errors.Join(append(lies, q.trouble, fmt.Errorf("version 1: %w", err))...), q.mend
	}
	return f
}

// collect adds what the service says to f, until it fails. Answers that can't
// be true are returned apart from that error.
func (q *imds) collect(ctx context.Context, f *finding) (lies []error, err error) {
	how := ""
	if q.token == "" {
		how = " (IMDSv1)"
	}
	believe := func(name string, kind Kind, texts ...string) {
		if lie := f.take(name+how, kind, texts...); lie != nil {
			lies = append(lies, lie)
		}
	}
	for _, item := range []struct {
		name string
		kind Kind
	}{{"local-ipv4", Private}, {"public-ipv4", Public}} {
		text, err := q.get(ctx, item.name)
		if err != nil {
			return lies, err
		}
		believe(item.name, item.kind, text)
	}

	mac, err := q.get(ctx, "mac")
	if err != nil || mac == "" {
		return lies, err
	}
	// The answer becomes part of a path, so it must be what it says it is.
	hardware, err := net.ParseMAC(strings.TrimSpace(mac))
	if err != nil {
		return append(lies, fmt.Errorf("mac: %w: %s is no hardware address", errNoAddress, excerpt(mac))), nil
	}
	text, err := q.get(ctx, "network/interfaces/macs/"+hardware.String()+"/ipv6s")
	if err != nil {
		return lies, err
	}
	believe("ipv6s", "", strings.Fields(text)...)
	return lies, nil
}

// get returns a value, or nothing for one that the instance does not have (404).
// A token that is no longer good is replaced once.
func (q *imds) get(ctx context.Context, name string) (string, error) {
	a, err := q.read(ctx, name, q.token)
	if err == nil && a.status == http.StatusUnauthorized && q.token != "" {
		if q.token, err = q.newToken(ctx); err != nil {
			return "", err
		}
		a, err = q.read(ctx, name, q.token)
	}
	if err != nil {
		return "", err
	}
	if a.status == http.StatusNotFound {
		return "", nil
	}
	if err := a.problem(); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(a.body), nil
}

func (q *imds) read(ctx context.Context, name, token string) (answer, error) {
	header := make(http.Header)
	if token != "" {
		header.Set(imdsToken, token)
	}
	return q.around.exchange(ctx, http.MethodGet, q.base+imdsPath+name, header)
}

// open begins a session of version 2, or settles for version 1 if it may. The
// hint goes with the error.
func (q *imds) open(ctx context.Context) (hint string, err error) {
	short, cancel := context.WithTimeout(ctx, q.patience)
	defer cancel()
	if q.token, err = q.newToken(short); err == nil {
		return "", nil
	}
	hint = q.refusal(err)
	e, ok := errors.AsType[*exchangeError](err)
	silent := ok && e.timeout() && e.stage == waiting && ctx.Err() == nil
	if silent && q.answers(ctx) {
		err = fmt.Errorf("%w, yet other questions are answered at once: the answer to a token request"+
			" is not allowed to travel as far as this container (hop limit)", err)
		hint = q.modify("--http-put-response-hop-limit 2 --http-endpoint enabled") + ", or give this container the host's network"
	}
	status, ok := errors.AsType[*statusError](err)
	if q.allowV1 && (silent || ok && noVersion2(status.status)) {
		q.trouble, q.mend = err, hint
		return "", nil
	}
	return hint, err
}

// noVersion2 are the answers of a service that knows no tokens; Amazon's own
// libraries go on with version 1 after them.
func noVersion2(status int) bool {
	return status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

func (q *imds) newToken(ctx context.Context) (string, error) {
	a, err := q.around.exchange(ctx, http.MethodPut, q.base+imdsTokenPath, http.Header{imdsTokenTTL: {tokenTTL}})
	if err == nil {
		err = a.problem()
	}
	if err != nil {
		return "", fmt.Errorf("token request: %w", err)
	}
	token := strings.TrimSpace(string(a.body))
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || strings.ContainsFunc(token, unfit) {
		return "", fmt.Errorf("token request: %w: %d bytes that are no token", errNoAddress, len(a.body))
	}
	return token, nil
}

// answers finds out, after a token request that nobody answered, whether only
// that answer was lost on its way here. The service sends the answer to a token
// request, and only that, with a time to live of the instance's hop limit; with
// the default of 1 it does not reach a container that has a network of its own.
// Other answers do. So this asks something else: with a token that can't be
// good, which is refused with 401, instead of with none, which would be a
// request of version 1. (The guide has the rule; DataDog/datadog-agent issue
// 55269 has the observation: PUT hangs while GET is answered 401 within 10 ms.)
func (q *imds) answers(ctx context.Context) bool {
	_, err := q.read(ctx, "", "none")
	return err == nil
}

// refusal says what to do about an answer that Amazon documents, or about any
// other error.
func (q *imds) refusal(err error) string {
	e, ok := errors.AsType[*statusError](err)
	if !ok {
		return advice(err)
	}
	switch e.status {
	case http.StatusForbidden:
		return "the service is switched off for this instance: " + q.modify("--http-endpoint enabled") +
			"; or a proxy on the way adds X-Forwarded-For, with which token requests are refused"
	case http.StatusUnauthorized:
		if q.token == "" {
			return "this instance wants version 2, which did not work"
		}
		return "a token that it had just given was refused: something stands between this process and the service"
	case http.StatusBadRequest:
		return "it takes this for a malformed token request: something on the way changes its headers"
	default:
		return advice(err)
	}
}

// modify is the command that changes the service's settings.
func (q *imds) modify(settings string) string {
	instance := q.instance
	if instance == "" {
		instance = "INSTANCE"
	}
	return "aws ec2 modify-instance-metadata-options --instance-id " + instance + " " + settings
}
