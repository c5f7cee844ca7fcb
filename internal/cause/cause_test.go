package cause

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIDs: programs read the IDs. None may be lost, renamed or moved.
func TestIDs(t *testing.T) {
	want, err := os.ReadFile("testdata/ids.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, c := range All() {
		got.WriteString(string(c.ID) + "\t" + string(c.Kind) + "\n")
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// texts are all that people read of a cause, by what it is.
func texts(c Cause) map[string]string {
	all := map[string]string{"title": c.Title, "meaning": c.Meaning, "looks": c.Looks, "decides": c.Decides, "fix": c.Fix, "balancer": c.Balancer, "never": c.Never}
	for _, f := range c.Fixes {
		all["text of "+f.Software], all["lines of "+f.Software], all["file of "+f.Software] = f.Text, f.Lines, f.File
	}
	return all
}

func TestRows(t *testing.T) {
	tag := regexp.MustCompile(`<[a-z]+>`)
	// Tags of the XML files that lines are for.
	tags := strings.Fields("<action> <conditions> <security> <authentication> <servlet> <rule> <anonymous> <location>")
	for _, c := range All() {
		if c.Title == "" || c.Meaning == "" || c.Looks == "" || c.Decides == "" {
			t.Errorf("%s: something is missing: %+v", c.ID, c)
		}
		if (c.Fix == "") != (c.ID == "healthy") || (len(c.Fixes) == 0) != (c.ID == "healthy") {
			t.Errorf("%s: no fix", c.ID)
		}
		if len(c.Title) > 60 || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: %q is no title", c.ID, c.Title)
		}
		for what, text := range texts(c) {
			for _, found := range tag.FindAllString(text, -1) {
				_, known := Placeholders[strings.Trim(found, "<>")]
				if !known && !slices.Contains(tags, found) {
					t.Errorf("%s: %s: %s is no placeholder", c.ID, what, found)
				}
			}
			if strings.Contains(text, "\r") || strings.TrimSpace(text) != text {
				t.Errorf("%s: %s: white space at an end", c.ID, what)
			}
		}
		for _, k := range c.Knobs {
			if !slices.Contains(Knobs(), k) {
				t.Errorf("%s: there is no knob %q", c.ID, k)
			}
		}
		if c.Never != "" && slices.ContainsFunc(c.Fixes, func(f Fix) bool { return strings.HasSuffix(f.Text, ":") }) {
			t.Errorf("%s: a fix announces its lines, and what never to do would stand between", c.ID)
		}
		if len(c.Knobs) > 0 && c.Balancer == "" {
			t.Errorf("%s: knobs, and nothing said of the balancer", c.ID)
		}
		seen := map[string]bool{}
		for i, f := range c.Fixes {
			if seen[f.Software] {
				t.Errorf("%s: two fixes of %q: the second is never found", c.ID, f.Software)
			}
			seen[f.Software] = true
			if f.Text == "" || !strings.HasSuffix(strings.TrimRight(f.Text, "`)"), ".") && !strings.HasSuffix(f.Text, ":") && !strings.HasSuffix(f.Text, "?") {
				t.Errorf("%s: %s: %q is no sentence", c.ID, f.Software, f.Text)
			}
			if f.Lines != "" && (f.File == "" || f.Syntax == "") {
				t.Errorf("%s: %s: nobody knows where the lines go, or what language they are", c.ID, f.Software)
			}
			if f.Software == "inservice" && i != len(c.Fixes)-1 {
				t.Errorf("%s: our own way is not the last", c.ID)
			}
		}
	}
}

// TestSafe: what people paste must not open what was closed for a reason.
func TestSafe(t *testing.T) {
	dangerous := regexp.MustCompile(`(?i)ALLOWED_HOSTS\s*=\s*\[\s*["']\*|"AllowedHosts":\s*"\*"|allowedHosts:\s*(true|"all"|\["?\*)|allowed_hosts=\["\*"\]|trustProxies\(at:\s*'\*'|` +
		`config\.hosts\.clear|config\.hosts = nil|trust proxy",\s*true|FORWARDED_ALLOW_IPS=\*|--forwarded-allow-ips[= ]'?\*|TLSv1(\.0|\.1)?[ ;,"]|verify_client off|SSLVerifyClient none|` +
		`csrf_exempt|SECURE_SSL_REDIRECT = False|force_ssl = false|chmod 777|setenforce 0|ufw disable|iptables -F|curl [^|]*\| *(sudo )?(ba)?sh|0\.0\.0\.0/0|rm -rf|DEBUG = True`)
	for _, c := range All() {
		for what, text := range texts(c) {
			if found := dangerous.FindString(text); found != "" {
				t.Errorf("%s: %s says %q", c.ID, what, found)
			}
		}
	}
	for _, s := range settings {
		if found := dangerous.FindString(s.Lines); found != "" {
			t.Errorf("%s: %s says %q", s.Balancers, s.Knob, found)
		}
	}
}

func TestFixFor(t *testing.T) {
	c, ok := Lookup("host_not_allowed")
	if !ok {
		t.Fatal("no such cause")
	}
	for _, test := range []struct {
		names    []string
		software string
		own      bool
	}{
		{[]string{"django"}, "django", true},
		{[]string{"gunicorn", "django"}, "django", true},
		{[]string{"nginx", "django"}, "django", true}, // the framework's, whatever the order
		{[]string{"django", "nginx"}, "django", true},
		{[]string{"nginx"}, "nginx", true},
		{[]string{"nestjs"}, "express", true},        // built on it
		{[]string{"openresty"}, "nginx", true},       // built on it
		{[]string{"nestjs", "nginx"}, "nginx", true}, // a fix of its own goes before one that is inherited
		{[]string{"squid"}, "", false},
		{nil, "", false},
		{[]string{"inservice"}, "inservice", true},
	} {
		f, own := c.FixFor(test.names)
		if f.Software != test.software || own != test.own {
			t.Errorf("%v: a fix of %q, %v; want %q, %v", test.names, f.Software, own, test.software, test.own)
		}
		if !own && f.Text != c.Fix {
			t.Errorf("%v: not the general advice: %q", test.names, f.Text)
		}
	}
	refused, _ := Lookup("refused")
	if f, own := refused.FixFor([]string{"squid"}); own || f.Lines == "" {
		t.Errorf("refused: the general lines are not found: %+v", f)
	}
	healthy, _ := Lookup("healthy")
	if f, own := healthy.FixFor([]string{"django"}); own || f != (Fix{}) {
		t.Errorf("healthy: %+v", f)
	}
	if _, ok := Lookup("no_such_cause"); ok {
		t.Error("a cause that is not there was found")
	}
}

// TestBuiltOn: FixFor ends.
func TestBuiltOn(t *testing.T) {
	for name := range builtOn {
		at, steps := []string{name}, 0
		for len(at) > 0 {
			var next []string
			for _, n := range at {
				next = append(next, builtOn[n]...)
			}
			if at, steps = next, steps+1; steps > 10 {
				t.Fatalf("%s is built on itself", name)
			}
		}
	}
}

func TestAllIsTheCallers(t *testing.T) {
	a := All()
	a[0].Title = "spoilt"
	if All()[0].Title == "spoilt" {
		t.Error("the table was changed through what All returned")
	}
}

func TestFill(t *testing.T) {
	given := map[string]string{"path": "/shop/health.v1?x=1", "site": "app.example.com", "app": "[::1]:8000", "host": "10.0.0.1"}
	for text, want := range map[string]string{
		"GET <path> of <site>": "GET /shop/health.v1 of app.example.com",
		"r'^<barepat>$'":       `r'^shop/health\.v1$'`,
		"^<pattern>$":          `^/shop/health\.v1$`,
		"<sitepat> <hostpat>":  `app\.example\.com 10\.0\.0\.1`,
		"<toggled>":            "/shop/health.v1/",
		"<apphost> <appport>":  "[::1] 8000",
		"<port>":               "<port>", // not given
		"<rule>a</rule> <path": "<rule>a</rule> <path",
		"<<path>>":             "</shop/health.v1>",
		"a < b > c":            "a < b > c",
		"<nonsense> <site>":    "<nonsense> app.example.com",
		"":                     "",
		"<url-pattern><path><": "<url-pattern>/shop/health.v1<",
	} {
		if got := Fill(text, given); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := Fill("<toggled>", map[string]string{"path": "/health/"}); got != "/health" {
		t.Errorf("toggled: %q", got)
	}
	if got := Fill("<nonsense>", map[string]string{"nonsense": "x"}); got != "<nonsense>" {
		t.Errorf("what is no placeholder was filled: %q", got)
	}
}

// TestFillRefuses: values come from strangers' answers, and the lines are pasted
// into configurations and shells.
func TestFillRefuses(t *testing.T) {
	for _, bad := range []string{
		"", " ", "/a b", "/a\nb", "/a;rm", "/$(id)", "/`id`", "/a'b", `/a"b`, "/a{b", "/a}b", "/a|b", "/a&b", "/a<b", "/a>b", "/a#b", `/a\b`,
		"/\x1b[2J", "/\u202e", "-rf", "/a*b", "/a!b", "/(a)", strings.Repeat("a", 501),
	} {
		for name := range Placeholders {
			if name == "pattern" || strings.HasSuffix(name, "pat") || (name == "path" || name == "other") && strings.Contains(bad, "?") {
				continue
			}
			if got := Fill("<"+name+">", map[string]string{name: bad}); got != "<"+name+">" {
				t.Errorf("%s: %q was put in: %q", name, bad, got)
			}
		}
		if got := Fill("<pattern> <bare> <toggled>", map[string]string{"path": bad}); got != "<pattern> <bare> <toggled>" {
			t.Errorf("made of the path %q: %q", bad, got)
		}
	}
}

func FuzzFill(f *testing.F) {
	f.Add("GET <path> <site>", "/x", "a.b")
	f.Add("<<path>><path", "/x?<site>", "<path>")
	f.Fuzz(func(t *testing.T, text, path, site string) {
		got := Fill(text, map[string]string{"path": path, "site": site})
		for _, c := range "\n;'\"`$|&{}\x1b" {
			if strings.ContainsRune(path+site, c) && !strings.ContainsRune(text, c) && strings.ContainsRune(got, c) {
				t.Errorf("%q of %q, %q let %q through: %q", text, path, site, c, got)
			}
		}
	})
}

// TestExamples: what is shown where no value is known is a value that can be
// filled in, or a pattern.
func TestExamples(t *testing.T) {
	for name, example := range Placeholders {
		if got := Fill("<"+name+">", Placeholders); got != example {
			t.Errorf("%s: %q became %q", name, example, got)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, k := range Knobs() {
		seen := map[string]bool{}
		for _, s := range Settings(k) {
			for _, b := range s.Balancers {
				if seen[b] {
					t.Errorf("%s: %s is told twice", k, b)
				}
				seen[b] = true
				found, ok := SettingFor(b, k)
				if !ok || found.Text != s.Text {
					t.Errorf("%s: %s: SettingFor found %+v", k, b, found)
				}
			}
			if s.Text == "" || !s.Can && s.Lines != "" {
				t.Errorf("%s: %v: %+v", k, s.Balancers, s)
			}
			for _, name := range regexp.MustCompile(`<([a-z]+)>`).FindAllStringSubmatch(s.Lines, -1) {
				if _, known := Placeholders[name[1]]; !known {
					t.Errorf("%s: %v: %s is no placeholder", k, s.Balancers, name[0])
				}
			}
		}
		if len(seen) == 0 {
			t.Errorf("nobody can set %s", k)
		}
	}
	// The settings that the most common causes need.
	for balancer, knobs := range map[string][]Knob{
		"alb": {Path, Host, Header, Method, Matcher, BodyMatch, Protocol, Plain, TCP, Port, Proxy, Timeout, Interval, Grace}, "haproxy": Knobs()[:14],
		"kubelet": {Path, Host, Header, Method, Protocol, Plain, TCP, Port, Timeout}, "gcp": {Path, Host, Header, Method, Matcher, Protocol, Plain, TCP, Port, Timeout},
	} {
		for _, k := range knobs {
			if _, ok := SettingFor(balancer, k); !ok {
				t.Errorf("%s: nothing is said about %s", balancer, k)
			}
		}
	}
	// What is pasted does what the cause asks for.
	for id, want := range map[ID]string{"https_redirect": "HTTPS", "wrong_protocol_tls": "HTTPS", "wrong_protocol_plain": "HTTP", "tls_incompatible": "HTTP", "shallow_check_ok": "HTTP"} {
		row, _ := Lookup(id)
		lines := ""
		for _, k := range row.Knobs {
			s, _ := SettingFor("nlb", k)
			lines += s.Lines + "\n"
		}
		if !strings.Contains(lines, "--health-check-protocol "+want+"\n") {
			t.Errorf("%s: its check should speak %s, and these are the lines:\n%s", id, want, lines)
		}
	}
	if _, ok := SettingFor("nobody", Path); ok {
		t.Error("a load balancer that is not there was found")
	}
}
