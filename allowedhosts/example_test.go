package allowedhosts_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/inservice/inservice/allowedhosts"
)

// machine knows the addresses of this machine.
type machine []netip.Addr

func (m machine) Addrs() []netip.Addr { return m }

// A site that is reached by its names and by the machine's own address, and
// whose health path is answered whoever asks.
func Example() {
	rules, err := allowedhosts.Parse("example.com", ".example.org", "self")
	if err != nil {
		fmt.Println(err)
		return
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") })
	handler := &allowedhosts.Handler{
		Next:        site,
		Rules:       rules,
		Own:         machine{netip.MustParseAddr("10.0.0.5")},
		ExemptPaths: []string{"/health_check"},
		OnRefused:   func(r *http.Request) { fmt.Println("refused", r.Host) },
	}
	for _, url := range []string{
		"http://example.com/", "http://www.example.org:8080/", "http://10.0.0.5/", "http://evil.example/", "http://evil.example/health_check",
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", url, nil))
		fmt.Println(answer.Code, url)
	}
	// Output:
	// 200 http://example.com/
	// 200 http://www.example.org:8080/
	// 200 http://10.0.0.5/
	// refused evil.example
	// 400 http://evil.example/
	// 200 http://evil.example/health_check
}

// Every mistake is told, and what would be right.
func ExampleParse() {
	_, err := allowedhosts.Parse("example.com", "*.example.org", "10.0.0.5:8000", "10.1.2.3/8")
	fmt.Println(err)
	// Output:
	// "*.example.org": write .example.org, which stands for example.org and every name below it
	// "10.0.0.5:8000": ports are ignored; write 10.0.0.5
	// "10.1.2.3/8": the network is 10.0.0.0/8; write that, or the address 10.1.2.3 alone
}

func ExampleRules_Allow() {
	rules, err := allowedhosts.Parse(".example.com", "self")
	if err != nil {
		fmt.Println(err)
		return
	}
	own := []netip.Addr{netip.MustParseAddr("10.0.0.5")}
	for _, host := range []string{"example.com", "WWW.Example.com.:8080", "10.0.0.5:80", "example.com.evil.example"} {
		fmt.Println(rules.Allow(host, own), host)
	}
	// Output:
	// true example.com
	// true WWW.Example.com.:8080
	// true 10.0.0.5:80
	// false example.com.evil.example
}
