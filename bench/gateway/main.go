// Command gateway measures what standing in front of an app costs: processor time
// of `inservice agent` with an app, for each request, beside nginx that proxies to
// the same app with kept connections and the same forwarding fields.
//
// The app is another nginx that returns a file, in processes of its own, whose
// time counts for nobody. It needs wrk and nginx; `make bench-gateway` installs
// them. It exits 1 only when something failed: the figures decide nothing.
package main

import (
	"flag"
	"fmt"

	"github.com/inservice/inservice/bench/internal/rig"
)

// byHTTPS is what the load balancer in front tells of every visitor.
const byHTTPS = "X-Forwarded-Proto: https"

func main() {
	isShort := flag.Bool("short", false, "a quick run that shows that it works; its figures mean nothing")
	flag.Parse()
	rounds := rig.Full
	if *isShort {
		rounds = rig.Short
	}
	rig.Main(func(r *rig.Rig) {
		fmt.Printf("gateway bench: %s, %v\n\n", rig.Machine(), rounds)
		servers := start(r)
		for _, c := range []rig.Comparison{
			{Title: "short answers, kept connections", Path: small, Header: []string{byHTTPS}},
			{Title: "64 KiB answers, kept connections", Path: large, Header: []string{byHTTPS}},
			{Title: "short answers, a new connection for each", Path: small, Header: []string{byHTTPS, "Connection: close"}},
		} {
			c.Servers = servers
			r.Compare(c, rounds)
		}
	})
}
