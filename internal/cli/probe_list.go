package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/lbprofile"
	"github.com/inservice/inservice/internal/report"
)

// listDialects prints what is known of those that probe can ask as: two lines
// each, or with a name, or o.all, every fact.
func (p *program) listDialects(o probing, names []string) error {
	profiles := lbprofile.All()
	if len(names) > 0 {
		one, ok := lbprofile.Lookup(names[0])
		if !ok {
			return &usageError{err: fmt.Errorf("no load balancer is called %q here", names[0]), hint: p.command + " probe --list"}
		}
		profiles, o.all = []lbprofile.Profile{one}, true
	}
	if o.asJSON {
		return report.JSON(p.stdout, profiles)
	}
	l := listing{out: p.stdout, paint: identity{color: paints(p.stdout)}.paint}
	for _, profile := range profiles {
		l.brief(profile)
		if o.all {
			l.facts(profile)
		}
	}
	if o.all {
		return l.sources(profiles)
	}
	_, err := fmt.Fprintf(p.stdout, "\n%s probe --list NAME prints every fact about one of them, how well it is known, and from where.\n", p.command)
	return err
}

// listing prints profiles for people.
type listing struct {
	out   io.Writer
	paint func(style, s string) string
}

// brief tells a profile in two lines.
func (l listing) brief(p lbprofile.Profile) {
	fmt.Fprintf(l.out, "%s  %s\n", l.paint(bold, fmt.Sprintf("%-15s", p.Name)), p.Title)
	var parts []string
	if !slices.Contains(dialect.Names(), p.Name) {
		parts = append(parts, "listen recognises it; too little is known to ask as it does")
	}
	add := func(format string, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	if p.Method != "" {
		add("%s", strings.TrimSpace(p.Method+" "+cmp.Or(p.Path, "/")+" "+p.Version))
	} else {
		add("%s", strings.Join(p.Protocols, ", "))
	}
	add("Host: %s", string(p.Host))
	add("passes %s", p.Success)
	add("3xx %s", string(p.Redirects))
	if p.TLS == lbprofile.TLSNone {
		add("%s", string(p.TLS))
	} else {
		add("certificate %s", string(p.TLS))
	}
	if p.Timeout > 0 {
		add("timeout %s", p.Timeout.String())
	}
	fmt.Fprintf(l.out, "%17s%s\n", "", strings.Join(parts, "; "))
}

// facts prints all that backs a profile.
func (l listing) facts(p lbprofile.Profile) {
	for _, f := range p.Facts {
		mark := string(f.Mark)
		if f.Disputed {
			mark += ", disputed"
		}
		marks := strings.TrimSpace("[" + mark + "] " + strings.Join(f.Sources, " "))
		fmt.Fprintf(l.out, "%17s%-11s %s  %s\n", "", cmp.Or(f.About, "also"), f.Text, l.paint(dim, marks))
	}
}

// sources prints what the keys of facts stand for.
func (l listing) sources(profiles []lbprofile.Profile) error {
	keys := map[string]bool{}
	for _, p := range profiles {
		for _, f := range p.Facts {
			for _, key := range f.Sources {
				keys[key] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if _, err := fmt.Fprintf(l.out, "%-9s %s\n", key, lbprofile.Source(key)); err != nil {
			return err
		}
	}
	return nil
}
