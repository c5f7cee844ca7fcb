package metrics

import (
	"fmt"
	"testing"

	"github.com/inservice/inservice/health"
)

// What is kept for quick counting is bounded as the series are.
func TestQuickCountersAreBounded(t *testing.T) {
	m := New(Sources{Snapshot: func() health.Snapshot { return health.Snapshot{} }})
	for i := range 1000 {
		m.Asked(fmt.Sprint("name", i), 200)
		m.Asked("", 1000+i)
	}
	if n := len(*m.counters.Load()); n != mostBalancers {
		t.Errorf("%d counters are kept, want those of %d names", n, mostBalancers)
	}
}
