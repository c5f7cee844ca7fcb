package rig

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEndsWhatItStarted: all is ended, the last first and a stage's before what
// comes after it, whoever fails.
func TestEndsWhatItStarted(t *testing.T) {
	for _, test := range []struct {
		name   string
		bench  func(r *Rig, note func(string))
		status int
		want   []string
	}{
		{"all goes well", func(r *Rig, note func(string)) {
			r.Cleanup(func() { note("database gone") })
			r.Stage(func(r *Rig) {
				r.Cleanup(func() { note("agent gone") })
				r.Cleanup(func() { note("load gone") })
			})
			note("next stage")
		}, 0, []string{"load gone", "agent gone", "next stage", "database gone"}},
		{"a stage fails", func(r *Rig, note func(string)) {
			r.Cleanup(func() { note("database gone") })
			r.Stage(func(r *Rig) {
				r.Cleanup(func() { note("agent gone") })
				r.Fatalf("no answer")
			})
			note("next stage")
		}, 1, []string{"agent gone", "database gone"}},
		{"ending fails", func(r *Rig, note func(string)) {
			r.Cleanup(func() { note("database gone") })
			r.Cleanup(func() { r.Fatalf("can't end the agent") })
		}, 1, []string{"database gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var notes []string
			status := run(&Rig{Context: t.Context()}, func(r *Rig) {
				test.bench(r, func(s string) { notes = append(notes, s) })
			})
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			if diff := cmp.Diff(test.want, notes); diff != "" {
				t.Errorf("what happened (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMedianTakesEachNumberOnItsOwn(t *testing.T) {
	got := median([]figure{{1, 30}, {3, 10}, {2, 20}})
	if want := (figure{2, 20}); got != want {
		t.Errorf("median %v, want %v", got, want)
	}
}
