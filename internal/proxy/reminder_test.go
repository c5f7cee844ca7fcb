package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReminder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var told []time.Duration
		r := remind(2*time.Second, func() { told = append(told, time.Since(started)) })
		time.Sleep(7 * time.Second)
		r.stop()
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second}, told); diff != "" {
			t.Errorf("told at (-want +got):\n%s", diff)
		}
	})
}

// TestDefaults checks what the documentation promises of zero values.
func TestDefaults(t *testing.T) {
	p := &Proxy{}
	p.once.Do(p.init)
	if p.dialer.timeout != 5*time.Second || p.dialer.stall != time.Minute || p.transport.ResponseHeaderTimeout != time.Minute {
		t.Errorf("dial %v, stall %v, response header %v; want 5s, 1m and 1m", p.dialer.timeout, p.dialer.stall, p.transport.ResponseHeaderTimeout)
	}
}
