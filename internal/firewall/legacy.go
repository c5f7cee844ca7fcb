package firewall

import (
	"fmt"
	"strings"

	"github.com/inservice/inservice/internal/visible"
)

// legacy says what the older packet filter of the kernel has, whose rules are not
// read here.
func legacy(readFile func(string) ([]byte, error)) []string {
	var notes []string
	for _, kind := range []struct{ file, program string }{{"ip_tables_names", "iptables"}, {"ip6_tables_names", "ip6tables"}} {
		text, err := readFile("/proc/net/" + kind.file)
		if tables := strings.Fields(string(text)); err == nil && len(tables) > 0 {
			notes = append(notes, fmt.Sprintf("legacy %s rules are not read here (tables %s): see %s-legacy-save", kind.program, visible.Line(strings.Join(tables, ", "), 0), kind.program))
		}
	}
	return notes
}
