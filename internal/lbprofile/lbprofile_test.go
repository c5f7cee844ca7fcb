package lbprofile_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/matcher"
)

// TestEveryValueIsBacked: no value without a fact, and where a value can be told
// from a text, the facts tell the same one.
func TestEveryValueIsBacked(t *testing.T) {
	for _, p := range lbprofile.All() {
		v := reflect.ValueOf(p)
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			switch field {
			case "Name", "Aliases", "Title", "Facts", "Unknown":
				continue
			}
			if v.Field(i).IsZero() {
				continue
			}
			texts := textsAbout(p, field)
			if texts == "" {
				t.Errorf("%s: no fact is about %s, which is %v", p.Name, field, v.Field(i))
				continue
			}
			for _, want := range inWords(field, v.Field(i).Interface()) {
				if !hasWord(texts, want) {
					t.Errorf("%s: %s is %q, but its facts say: %s", p.Name, field, want, texts)
				}
			}
		}
	}
}

// hasWord reports whether word stands in text, not as a part of a longer one.
func hasWord(text, word string) bool {
	for rest := text; ; {
		before, after, found := strings.Cut(rest, word)
		if !found {
			return false
		}
		if (before == "" || !isWordByte(before[len(before)-1])) && (after == "" || !isWordByte(after[0])) {
			return true
		}
		rest = after
	}
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// inWords gives what must stand in the facts about a value.
func inWords(field string, value any) []string {
	switch value := value.(type) {
	case time.Duration:
		if value > 2*time.Minute {
			return []string{fmt.Sprintf("%d min", int(value.Minutes()))}
		}
		return []string{fmt.Sprintf("%d s", int(value.Seconds()))}
	case int:
		return []string{fmt.Sprint(value)}
	case []netip.Prefix:
		var words []string
		for _, p := range value {
			words = append(words, strings.TrimSuffix(p.String(), "/32"))
		}
		return words
	case lbprofile.Host, lbprofile.Redirects, lbprofile.TLS, lbprofile.Start, lbprofile.AllDown, lbprofile.Connection,
		lbprofile.Covers, lbprofile.Client, lbprofile.BodyRule, lbprofile.BodyEnd, lbprofile.SNI:
		// Facts of these kinds are worded freely.
		text := reflect.ValueOf(value).String()
		if text == string(lbprofile.AllDownVaries) || value == lbprofile.HostConfigured || value == lbprofile.RedirectsJudged {
			return nil
		}
		text, _, _ = strings.Cut(text, ";")
		return []string{text}
	case string:
		return []string{value} // Method, Path, Version, UserAgent, Success
	case []string:
		if field == "Protocols" || field == "ALPN" {
			return value
		}
	}
	return nil
}

func TestFacts(t *testing.T) {
	profile := reflect.TypeFor[lbprofile.Profile]()
	marks := []lbprofile.Mark{lbprofile.Documented, lbprofile.SourceCode, lbprofile.Measured, lbprofile.Observed, lbprofile.Unverified}
	for _, p := range lbprofile.All() {
		for _, f := range p.Facts {
			name := fmt.Sprintf("%s: %s %q", p.Name, f.About, f.Text)
			if _, ok := profile.FieldByName(f.About); f.About != "" && !ok {
				t.Errorf("%s: Profile has no such field", name)
			}
			if f.Text == "" || !slices.Contains(marks, f.Mark) {
				t.Errorf("%s: text or mark %q is none", name, f.Mark)
			}
			if (len(f.Sources) == 0) != (f.Mark == lbprofile.Unverified) {
				t.Errorf("%s: marked %q with sources %q", name, f.Mark, f.Sources)
			}
			for _, key := range f.Sources {
				if lbprofile.Source(key) == "" {
					t.Errorf("%s: no source %q", name, key)
				}
			}
		}
	}
}

func TestLookup(t *testing.T) {
	wanted := []string{
		"elb", "alb", "alb-grpc", "nlb", "nlb-tcp", "route53", "gcp", "azure-lb", "azure-appgw", "azure-frontdoor", "digitalocean",
		"cloudflare", "hetzner", "haproxy", "haproxy-tcp", "nginx-plus", "envoy", "traefik", "caddy", "varnish", "apache", "f5",
		"kubelet", "kubelet-tcp", "kubelet-grpc", "consul", "docker", "kamal", "blackbox", "gatus", "uptimerobot", "inservice", "generic",
		"elb-classic", "google", "frontdoor", "kube-probe", "k8s", "tcp",
	}
	seen := map[string]bool{}
	for _, p := range lbprofile.All() {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if seen[name] {
				t.Errorf("%q stands for two profiles", name)
			}
			seen[name] = true
			got, ok := lbprofile.Lookup(name)
			if diff := cmp.Diff(p, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); !ok || diff != "" {
				t.Errorf("Lookup(%q) = %v (-All +Lookup):\n%s", name, ok, diff)
			}
		}
		if p.Title == "" {
			t.Errorf("%s has no title", p.Name)
		}
	}
	for _, name := range wanted {
		if !seen[name] {
			t.Errorf("no profile %q", name)
		}
	}
	for _, name := range []string{"", "ALB", "nobody"} {
		if p, ok := lbprofile.Lookup(name); ok || p.Name != "" {
			t.Errorf("Lookup(%q) = %q, %v; want nothing", name, p.Name, ok)
		}
	}
}

func TestAllIsItsCallers(t *testing.T) {
	all := lbprofile.All()
	all[0].Name = "changed"
	if p, ok := lbprofile.Lookup("alb"); !ok || p.Name != "alb" {
		t.Error("a change of what All returned changed what Lookup finds")
	}
}

// TestValuesHangTogether holds what is said twice against each other.
func TestValuesHangTogether(t *testing.T) {
	for _, p := range lbprofile.All() {
		if p.Success != "" {
			if set, err := matcher.Parse(p.Success); err != nil || set.String() != p.Success {
				t.Errorf("%s: Success %q: %v, %v", p.Name, p.Success, set, err)
			}
		}
		userAgent, host := field(p, "User-Agent"), field(p, "Host")
		if userAgent != p.UserAgent && p.Fields != nil {
			t.Errorf("%s: field User-Agent is %q, UserAgent %q", p.Name, userAgent, p.UserAgent)
		}
		if p.UserAgent != "" && len(p.Agents) > 0 && !slices.ContainsFunc(p.Agents, func(pattern string) bool {
			start, open := strings.CutSuffix(pattern, "*")
			return p.UserAgent == start || open && strings.HasPrefix(p.UserAgent, start)
		}) {
			t.Errorf("%s: UserAgent %q is none of Agents %q", p.Name, p.UserAgent, p.Agents)
		}
		if want, ok := hosts[p.Host]; ok && (p.Exact || p.Fields != nil) && host != want {
			t.Errorf("%s: Host %q, but field Host is %q", p.Name, p.Host, host)
		}
		if closes := strings.EqualFold(field(p, "Connection"), "close"); closes && p.Connection == lbprofile.ConnectionKept {
			t.Errorf("%s: Connection: close, but it is %s", p.Name, p.Connection)
		}
		if p.Exact && (p.Method == "" || p.Version == "") {
			t.Errorf("%s: Exact without a request line", p.Name)
		}
		if p.Interval < 0 || p.Timeout < 0 || p.Healthy < 0 || p.Unhealthy < 0 {
			t.Errorf("%s: a default below zero", p.Name)
		}
	}
}

// TestWords: whoever can be asked like has words for passing and for any failure,
// a reason for every failure and none for a pass.
func TestWords(t *testing.T) {
	for _, p := range lbprofile.All() {
		if len(p.Words) == 0 {
			continue
		}
		seen := map[lbprofile.Event]bool{}
		for _, w := range p.Words {
			if seen[w.On] {
				t.Errorf("%s: two words for %q", p.Name, w.On)
			}
			seen[w.On] = true
			passes := p.Word(lbprofile.Passed).Text != "" && slices.Contains([]lbprofile.Event{
				lbprofile.Passed, lbprofile.Warned, lbprofile.RedirectUnseen, lbprofile.Connected, lbprofile.Shaken, lbprofile.Serving,
			}, w.On)
			thrown := p.BodyEnd == lbprofile.BodyThrown && (w.On == lbprofile.BodyCut || w.On == lbprofile.BodyTimeout)
			if w.Text == "" || (w.Reason == "") != (passes || thrown) {
				t.Errorf("%s: %q: reason %q, text %q", p.Name, w.On, w.Reason, w.Text)
			}
		}
		if !seen[lbprofile.Passed] || !seen[lbprofile.Failed] {
			t.Errorf("%s has no words for passing or failing", p.Name)
		}
	}
	alb, _ := lbprofile.Lookup("alb")
	for on, want := range map[lbprofile.Event]string{
		lbprofile.ConnectTimeout: "Target.Timeout",
		lbprofile.NotTrusted:     "Target.FailedHealthChecks",
		lbprofile.BrokenOff:      "Target.FailedHealthChecks",
		"never heard of":         "",
	} {
		if got := alb.Word(on).Reason; got != want {
			t.Errorf("alb says %q of %q, want %q", got, on, want)
		}
	}
}

// TestUnknown: what a profile leaves open, it says.
func TestUnknown(t *testing.T) {
	for _, p := range lbprofile.All() {
		http, https := slices.Contains(p.Protocols, "http"), slices.Contains(p.Protocols, "https") || slices.Contains(p.Protocols, "grpcs")
		if len(p.Words) == 0 {
			continue
		}
		for about, open := range map[string]bool{
			"version of HTTP": http && p.Version == "",
			"method":          http && p.Method == "",
			"path":            http && p.Path == "" && !slices.ContainsFunc(p.Facts, func(f lbprofile.Fact) bool { return f.About == "Path" }) && p.Name != "varnish",
			"SNI":             https && p.SNI == lbprofile.SNIUnknown,
			"certificate":     https && p.TLS == lbprofile.TLSUnknown,
			"body":            http && p.BodyEnd == lbprofile.BodyEndUnknown,
			"fields":          http && !p.Exact && p.Client == lbprofile.ClientOwn && p.Name != "generic",
			"time-out":        p.Timeout == 0,
		} {
			if open && !slices.ContainsFunc(p.Unknown, func(u string) bool { return strings.HasPrefix(u, about) }) {
				t.Errorf("%s: nothing says that %s is not known", p.Name, about)
			}
		}
	}
}

// hosts is what field Host must hold for each kind.
var hosts = map[lbprofile.Host]string{
	lbprofile.HostNone:       "",
	lbprofile.HostTargetPort: "<address>:<port>",
	lbprofile.HostTarget:     "<address>",
	lbprofile.HostNode:       "<node>:<listener-port>",
	lbprofile.HostLoopback:   "127.0.0.1",
	lbprofile.HostConfigured: "<host>",
	lbprofile.HostNoPort:     "<host>",
}

func field(p lbprofile.Profile, name string) string {
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

func textsAbout(p lbprofile.Profile, field string) string {
	var texts []string
	for _, f := range p.Facts {
		if f.About == field {
			texts = append(texts, f.Text)
		}
	}
	return strings.Join(texts, " | ")
}

func TestLookupDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = lbprofile.Lookup("uptimerobot") }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
}
