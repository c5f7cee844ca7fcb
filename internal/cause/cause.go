// Package cause is the table of why a health check is red, or green without
// being true: how each cause looks, which experiment tells it from its
// neighbours, and how it is mended, in each server and at each load balancer.
// docs/causes.md is written from it.
//
// It is data, and pure. What it returns is shared: callers read it and change
// nothing. Everything may be called from any number of goroutines at once.
package cause

import "slices"

// ID names a cause. Programs read it, so it never changes.
type ID string

// Kind says what sort of verdict a cause explains.
type Kind string

// The Kinds.
const (
	Red     Kind = "fail"    // the probe fails
	Flap    Kind = "flap"    // it passes and fails
	Unknown Kind = "unknown" // nobody publishes what the load balancer makes of it
	Green   Kind = "pass"    // it passes, and should not be believed
)

// Cause is one row of the table.
type Cause struct {
	ID      ID
	Kind    Kind
	Title   string // a few words: "The app refuses the Host"
	Meaning string // what is wrong, in a sentence or two
	Looks   string // what is seen from outside
	Decides string // the experiment that tells it from its neighbours
	Fix     string // in general, where the server is not known; empty for "healthy" only
	// Balancer is what to set at the load balancer instead, if that is a good end
	// to mend it; empty if it is not. Knobs name the settings it speaks of.
	Balancer string
	Knobs    []Knob
	Never    string // what not to do about it, at either end; mostly empty
	Fixes    []Fix  // by server, the most specific software first, inservice last
}

// Fix is how one server is mended. Text and Lines may hold placeholders in angle
// brackets, such as <path> and <site>; Fill puts values in, and documents them.
type Fix struct {
	// Software is as package software names it, or what stands between the server
	// and its visitors ("docker", "ufw", "aws"); "inservice" is our own way, the last
	// to think of. Empty: lines that help whatever the server.
	Software string
	Text     string // what to do, a sentence or two
	Lines    string // what can be pasted; empty if there is nothing to paste
	File     string // where the lines go: "settings.py", or "shell" for a command
	// Place is where inside File the lines belong, if that matters: "server" is
	// inside a server { } of nginx, "frontend" inside a frontend of HAProxy.
	Place  string
	Syntax string // language of Lines, as a fenced block of Markdown names it
}

// All returns every cause: what fails first, what passes without being true
// last. The slice is a new one, what it holds is shared.
func All() []Cause { return slices.Clone(table) }

// Lookup returns the cause of that ID.
func Lookup(id ID) (Cause, bool) {
	i := slices.IndexFunc(table, func(c Cause) bool { return c.ID == id })
	if i < 0 {
		return Cause{}, false
	}
	return table[i], true
}

// FixFor returns the fix for one of the named programs. If several of them have
// one, the most specific counts, whatever the order of names: a framework's
// comes before that of the server that runs it, and that before the proxy's in
// front. Who knows which of them gave the answer names only that one. If none has
// a fix of its own, what they are built on decides (Laravel is PHP). If that has
// none either, FixFor returns the general advice, with lines if there are any,
// and false.
func (c Cause) FixFor(names []string) (Fix, bool) {
	for len(names) > 0 {
		var below []string
		for _, f := range c.Fixes {
			if slices.Contains(names, f.Software) {
				return f, true
			}
		}
		for _, n := range names {
			below = append(below, builtOn[n]...)
		}
		names = below
	}
	if i := slices.IndexFunc(c.Fixes, func(f Fix) bool { return f.Software == "" }); i >= 0 {
		return c.Fixes[i], false
	}
	return Fix{Text: c.Fix}, false
}

// builtOn says on what a program stands, where a fix for that would fit it too.
// It must have no circles.
var builtOn = map[string][]string{
	"laravel":            {"php"},
	"symfony":            {"php"},
	"wordpress":          {"php"},
	"php-cli":            {"php"},
	"php-fpm":            {"php"},
	"nestjs":             {"express"},
	"express":            {"node"},
	"fastify":            {"node"},
	"nextjs":             {"node"},
	"koa":                {"node"},
	"vite":               {"node"},
	"webpack-dev-server": {"node"},
	"fastapi":            {"starlette"},
	"spring-boot":        {"tomcat"},
	"aspnet":             {"kestrel"},
	"openresty":          {"nginx"},
	"tengine":            {"nginx"},
	"angie":              {"nginx"},
	"litespeed":          {"apache"},
}
