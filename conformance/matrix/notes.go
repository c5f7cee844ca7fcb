package main

import (
	"path"
	"slices"
)

// notes explain why a real prober and its dialect differ about a case. Cases are
// patterns of package path. The first that matches counts.
var notes = []struct{ cases, prober, text string }{
	{"fastapi-slash-307", "caddy", caddyDials},
	{"ngx-canonical-www", "caddy", caddyDials},
}

const caddyDials = "Caddy 2.6 follows the redirect to another host, and asks its upstream all the same, with that name as its Host. " +
	"A dialect told to follow asks whom it leads to; Caddy as the dialect has it, a newer one, does not follow and is down."

// note is the number of the text about a case and a prober, counted from 1; 0 if
// there is none.
func note(name, prober string) int {
	for _, n := range notes {
		if ok, err := path.Match(n.cases, name); err == nil && ok && n.prober == prober {
			return slices.Index(texts(), n.text) + 1
		}
	}
	return 0
}

// texts are those of notes, each once.
func texts() []string {
	var all []string
	for _, n := range notes {
		if !slices.Contains(all, n.text) {
			all = append(all, n.text)
		}
	}
	return all
}
