package traffic_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/traffic"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		policy traffic.Policy
		want   []string
	}{
		{"all defaults", traffic.Policy{}, nil},
		{"all given", traffic.Policy{Window: time.Minute, MinRequests: 1, Warn: 0.5, Fail: 0.5}, nil},
		{"the edges", traffic.Policy{Window: traffic.MinWindow, Warn: 1e-9, Fail: 1}, nil},
		{"the longest window", traffic.Policy{Window: traffic.MaxHold}, nil},
		{"window too short", traffic.Policy{Window: traffic.MinWindow - 1}, []string{"window 999.999999ms is not between 1s and 5m0s"}},
		{"window too long", traffic.Policy{Window: traffic.MaxHold + 1}, []string{"window 5m0.000000001s"}},
		{"negative", traffic.Policy{Window: -1, MinRequests: -1, Warn: -0.1, Fail: -0.5}, []string{"window", "min requests -1", "warn is a share of -0.1", "fail is a share of -0.5"}},
		{"shares above 1 are percentages", traffic.Policy{Warn: 10, Fail: 50}, []string{"warn is a share of 10", "fail is a share of 50"}},
		{"no numbers", traffic.Policy{Warn: math.NaN(), Fail: math.Inf(1)}, []string{"warn is a share of NaN", "fail is a share of +Inf"}},
		{"warn above fail", traffic.Policy{Warn: 0.6, Fail: 0.4}, []string{"warn at 60% is above fail at 40%: nothing would ever be a warning; give a warn of 40% or less"}},
		{"warn above the default", traffic.Policy{Warn: 0.6}, []string{"warn at 60% is above fail at 50%"}},
		{"fail below the default", traffic.Policy{Fail: 0.05}, []string{"warn at 10% is above fail at 5%"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("Validate() = %v, want %q", err, tt.want)
			}
			if err == nil {
				return
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("Validate() = %q, want %q", lines, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("problem %d: %q, want it to begin with %q", i+1, lines[i], want)
				}
			}
			// And yet it works, as the default does.
			w := traffic.New(tt.policy)
			if v := (step{got: []answers{good(80, 20), bad(20, 20)}}).take(w, start); v.Level != warn {
				t.Errorf("a Window of it says %v for a fifth, want warn", v.Level)
			}
			if v := (step{got: []answers{bad(60, 20)}}).take(w, start); v.Level != fail {
				t.Errorf("a Window of it says %v for half, want fail", v.Level)
			}
		})
	}
}

func TestLevelString(t *testing.T) {
	for level, want := range map[traffic.Level]string{none: "no evidence", pass: "pass", warn: "warn", fail: "fail", 9: "Level(9)"} {
		if got := level.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestReason(t *testing.T) {
	tests := []struct {
		name   string
		policy traffic.Policy
		got    []answers
		want   string
	}{
		{"nobody", traffic.Policy{}, nil, "too few requests to judge: 0 of 20 in 30s"},
		{"one", traffic.Policy{Window: 90 * time.Second}, []answers{good(1, 1)}, "too few requests to judge: 1 of 20 in 1m30s"},
		{"all well", traffic.Policy{}, []answers{good(100, 10), bad(1, 1)}, ""},
		{"a share under the limit does not look like it", traffic.Policy{Window: time.Minute, Warn: 0.33, Fail: 0.5}, []answers{good(20004, 50), bad(19996, 50)},
			"19996 of 40000 requests in 1m failed (49.9%), from 50 clients"},
		{"a round share", traffic.Policy{}, []answers{good(71, 50), bad(29, 29)}, "29 of 100 requests in 30s failed (29%), from 50 clients"},
		{"a share with a tenth", traffic.Policy{}, []answers{good(743, 50), bad(257, 50)}, "257 of 1000 requests in 30s failed (25.7%), from 50 clients"},
		{"one client", traffic.Policy{}, []answers{bad(30, 1)},
			"30 of 30 requests in 30s failed (100%), all from one client: if that is your load balancer, list it in trusted_proxies and let it send X-Forwarded-For, or errors can't take this server out"},
		{"one among others", traffic.Policy{}, []answers{good(100, 10), bad(30, 1).to(1)},
			"30 of 130 requests in 30s failed (23%), from 11 clients; without one of the clients hardly any did"},
		{"one among few others", traffic.Policy{}, []answers{good(1, 1), bad(30, 1).to(1)},
			"30 of 31 requests in 30s failed (96.7%), from 2 clients; without one of the clients they are too few to judge by"},
		{"one makes it worse", traffic.Policy{}, []answers{good(80, 10), bad(20, 10), bad(100, 1).to(1)},
			"120 of 200 requests in 30s failed (60%), from 11 clients; without one of the clients it is less"},
		{"many", traffic.Policy{}, []answers{bad(400, 200)}, "400 of 400 requests in 30s failed (100%), from at least 64 clients"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := traffic.New(tt.policy)
			if diff := cmp.Diff(tt.want, step{got: tt.got}.take(w, start).Reason); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReasonOfARelapse(t *testing.T) {
	w := traffic.New(traffic.Policy{})
	for _, s := range []step{{got: []answers{bad(100, 10)}}, {got: []answers{good(100, 10)}}} {
		s.take(w, start)
	}
	got := step{got: []answers{bad(200, 10)}}.take(w, start).Reason
	want := "200 of 300 requests in 30s failed (66.6%), from 10 clients; again soon after it got better, so out of service for at least 1m"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
}
