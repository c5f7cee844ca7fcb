package cli

import "testing"

// TestSite: a name is taken as visitors type it, and nothing that would break a
// request.
func TestSite(t *testing.T) {
	for given, want := range map[string]string{
		"":                                "",
		"www.example.com":                 "www.example.com",
		"https://www.example.com":         "www.example.com",
		"https://www.example.com/a/b?c#d": "www.example.com",
		"www.example.com/":                "www.example.com",
		"http://shop.example:8443/":       "shop.example:8443",
		"[2001:db8::1]:80":                "[2001:db8::1]:80",
		"my_app.internal":                 "my_app.internal",
		"a b":                             "error",
		"a\r\nX-Injected: b":              "error",
		"https://":                        "error",
		"https://user:pw@www.example.com": "error",
		"bücher.example":                  "error",
		"a%0d%0ab":                        "error",
		"www.example.com:x":               "error",
	} {
		o := probing{site: given}
		err := setSite(&o)
		if (err != nil) != (want == "error") || err == nil && o.site != want {
			t.Errorf("--site %q is %q, %v; want %q", given, o.site, err, want)
		}
	}
}
