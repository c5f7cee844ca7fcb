package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/exchange"
	"github.com/inservice/inservice/internal/fingerprint"
	"github.com/inservice/inservice/internal/inspect"
	"github.com/inservice/inservice/internal/report"
	"github.com/inservice/inservice/internal/visible"
)

// maxReplayed bounds how many recorded requests one call sends.
const maxReplayed = 20

// probeReplay sends what `listen --record` has recorded to a target, and judges
// the answers as the recorded sender would.
func (p *program) probeReplay(ctx context.Context, o probing, target string) error {
	recordings, err := readRecordings(o.replay)
	if err != nil {
		return err
	}
	var views []report.View
	unsent := map[string]int{}
	for i, r := range recordings {
		if len(views) == maxReplayed {
			fmt.Fprintf(p.stderr, "%d more recordings were not sent: at most %d are at a time\n", len(recordings)-i, maxReplayed)
			break
		}
		why := unsendable(r)
		if why == "" && slices.ContainsFunc(recordings[:i], func(before inspect.Recording) bool { return sameQuestion(r, before) }) {
			why = "the same request is sent already"
		}
		if why != "" {
			unsent[why]++
			continue
		}
		v, err := o.replayOne(ctx, r, target)
		if err != nil {
			return fmt.Errorf("recording %d of %s: %w", i+1, o.replay, err)
		}
		v.From = fmt.Sprintf("%s, recording %d, from %s at %s", o.replay, i+1, r.Peer.Addr(), r.Time.Format("2006-01-02 15:04:05Z07:00"))
		views = append(views, v)
	}
	for _, why := range slices.Sorted(maps.Keys(unsent)) {
		fmt.Fprintf(p.stderr, "%d of the recordings were left out: %s\n", unsent[why], why)
	}
	if len(views) == 0 {
		return &usageError{err: fmt.Errorf("--replay: %s holds no request that could be sent again", o.replay)}
	}
	return p.tell(o, views)
}

// unsendable says why a recording can't be sent again; empty if it can.
func unsendable(r inspect.Recording) string {
	switch r.Kind {
	case inspect.HTTP1, inspect.HTTP2, inspect.GRPC:
		if r.More {
			return "only its beginning was kept"
		}
		return ""
	}
	return fmt.Sprintf("%s, no request that could be sent again", visible.Line(string(r.Kind), 0))
}

// sameQuestion reports whether two recordings ask the same in the same way.
func sameQuestion(a, b inspect.Recording) bool {
	if a.Kind != b.Kind || !slices.Equal(a.Fields, b.Fields) || len(a.Fields) == 0 && !bytes.Equal(a.Bytes, b.Bytes) {
		return false
	}
	if (a.Proxy == nil) != (b.Proxy == nil) || (a.TLS == nil) != (b.TLS == nil) {
		return false
	}
	if a.Proxy != nil && (a.Proxy.Version != b.Proxy.Version || a.Proxy.Local != b.Proxy.Local) {
		return false
	}
	return a.TLS == nil || a.TLS.ServerName == b.TLS.ServerName && slices.Equal(a.TLS.ALPN, b.TLS.ALPN)
}

func readRecordings(name string) ([]inspect.Recording, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("--replay: %w", err), hint: "'inservice listen --record FILE' writes one"}
	}
	defer file.Close()
	recordings, err := inspect.ReadRecordings(file)
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("--replay: %s: %w", name, err)}
	}
	if len(recordings) == 0 {
		return nil, &usageError{err: fmt.Errorf("--replay: %s holds no recording", name)}
	}
	return recordings, nil
}

// replayOne sends one recorded request. Where its parts give the very same bytes
// again, experiments can change one of them; else it is sent whole, and that is
// all.
func (o probing) replayOne(ctx context.Context, r inspect.Recording, target string) (report.View, error) {
	if r.Proxy != nil && o.options.Proxy == nil {
		kind := map[bool]exchange.ProxyHeader{true: exchange.ProxyV2, false: exchange.ProxyV1}[r.Proxy.Version == 2]
		if r.Proxy.Local && r.Proxy.Version == 2 {
			kind = exchange.ProxyV2Local
		}
		o.options.Proxy = &kind
	}
	if r.TLS != nil && !strings.Contains(target, "://") {
		target = strings.Replace(withScheme(target), "http://", "https://", 1)
	}
	target = withScheme(target)
	if r.TLS != nil && strings.HasPrefix(target, "https://") {
		o.shakeHandsAs(*r.TLS)
	}
	if !o.asSet {
		o.as = "generic"
		if _, err := dialect.New(r.Sender, target, dialect.Options{}); err == nil && r.Sender != "" {
			o.as = r.Sender
		}
	}
	made, err := newProbe(o, target)
	if err != nil {
		return report.View{}, err
	}
	if r.TLS != nil && made.Request.TLS != nil {
		made.Request.TLS.ALPN = r.TLS.ALPN
	}
	switch r.Kind {
	case inspect.HTTP1:
		if !takeApart(&made.Request, r.Bytes) {
			made.Request.Raw, o.quick = r.Bytes, true
		}
	default:
		takeFields(&made.Request, r.Fields)
	}
	return o.diagnose(ctx, made, target)
}

// shakeHandsAs makes a probe shake hands as was recorded, where flags say nothing
// else. Whoever sent a request through the throw-away certificate of listen does
// not verify any.
func (o *probing) shakeHandsAs(r inspect.RecordedTLS) {
	if o.options.SNI == nil {
		o.options.SNI = &r.ServerName
	}
	if o.options.Verify == nil {
		o.options.Verify = new(bool)
	}
}

// takeApart sets the parts of a request of HTTP/1 to those of the recorded one. It
// reports whether they give the same bytes again.
func takeApart(request *exchange.Request, recorded []byte) bool {
	head, body, found := bytes.Cut(recorded, []byte("\r\n\r\n"))
	parsed := fingerprint.ParseHead(recorded, netip.Addr{})
	if !found || parsed.Cut || parsed.Proto == "" {
		return false
	}
	request.Protocol = exchange.HTTP1
	request.Method, request.Path, request.Version, request.Body = parsed.Method, parsed.Target, parsed.Proto, body
	request.Fields = nil
	var again strings.Builder
	fmt.Fprintf(&again, "%s %s %s", parsed.Method, parsed.Target, parsed.Proto)
	for _, f := range parsed.Fields {
		request.Fields = append(request.Fields, exchange.Field(f))
		fmt.Fprintf(&again, "\r\n%s: %s", f.Name, f.Value)
	}
	return again.String() == string(head)
}

// takeFields sets the parts of a request of HTTP/2 to those of the recorded one.
func takeFields(request *exchange.Request, fields []inspect.RecordedField) {
	request.Fields, request.Pseudo = nil, nil
	for _, f := range fields {
		if strings.HasPrefix(f.Name, ":") {
			request.Pseudo = append(request.Pseudo, f.Name)
		}
		switch f.Name {
		case ":method":
			request.Method = f.Value
		case ":path":
			request.Path = f.Value
		case ":authority":
			request.Fields = append(request.Fields, exchange.Field{Name: "Host", Value: f.Value})
		case ":scheme":
		default:
			request.Fields = append(request.Fields, exchange.Field{Name: f.Name, Value: f.Value})
		}
	}
	request.Protocol = cmp.Or(request.Protocol, exchange.HTTP2)
	if request.Protocol == exchange.HTTP1 {
		request.Protocol = exchange.HTTP2
	}
}
