package memorycheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// tree unpacks an archive of testdata, which stands for "/".
func tree(t *testing.T, name string) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The comment of each archive says what machine it is.
func TestRun(t *testing.T) {
	tests := []struct {
		tree string
		b    Bounds
		want string // empty means a pass
	}{
		{"container-full", Bounds{}, "96.3 % of the 512 MiB limit (memory.max of cgroup /) is used, more than 95 %"},
		{"container-full", Bounds{MaxUsed: 97}, ""},
		{"container-full", Bounds{MaxUsed: 100}, ""},
		{"container-cache", Bounds{}, ""},
		{"container-cache", Bounds{MaxUsed: 20}, "23.4 % of the 512 MiB limit (memory.max of cgroup /) is used, more than 20 %"},
		{"container-tmpfs", Bounds{}, "98.2 % of the 512 MiB limit (memory.max of cgroup /) is used, more than 95 %"},
		{"service-high", Bounds{}, "98.3 % of the 1 GiB limit (memory.high of cgroup /system.slice/app.service) is used, more than 95 %"},
		{"slice-full", Bounds{}, "98.2 % of the 400 MiB limit (memory.max of cgroup /app.slice/app-web.slice) is used, more than 95 %"},
		{"limit-above-machine", Bounds{}, "97.5 % of the machine's 15.6 GiB is used, more than 95 %"},
		{"machine", Bounds{}, ""},
		{"machine", Bounds{MaxUsed: 39.5}, "40 % of the machine's 15.6 GiB is used, more than 39.5 %"},
		{"hybrid", Bounds{}, "98 % of the machine's 15.6 GiB is used, more than 95 %"},

		{"stalled", Bounds{}, "all programs waited for memory for 71.5 % of the last 10 s, more than 60 %"},
		{"stalled", Bounds{MaxStalled: 72}, ""},
		{"stalled", Bounds{MaxStalled: 100, MaxSomeStalled: 80}, "a program waited for memory for 88.3 % of the last 10 s, more than 80 %"},
		{"stalled", Bounds{MaxUsed: 50, MaxStalled: 10, MaxSomeStalled: 10},
			"74.8 % of the 512 MiB limit (memory.max of cgroup /) is used, more than 50 %; " +
				"all programs waited for memory for 71.5 % of the last 10 s, more than 10 %; " +
				"a program waited for memory for 88.3 % of the last 10 s, more than 10 %"},
		{"pressure-on-machine", Bounds{}, "all programs waited for memory for 93 % of the last 10 s, more than 60 %"},
		{"old", Bounds{}, ""},
		{"old", Bounds{MaxSomeStalled: 100}, ""},
		{"old", Bounds{MaxStalled: 60}, "no figures of memory pressure: this kernel keeps none (PSI is not built in, or off)"},

		{"broken-limit", Bounds{}, `no figures of memory: memory.max of cgroup / is "much", not a number`},
		{"broken-stat", Bounds{}, "no figures of memory: /sys/fs/cgroup/memory.stat has no sound inactive_file"},
		{"broken-meminfo", Bounds{}, "no figures of memory: /proc/meminfo has no sound MemTotal and MemAvailable"},
		{"broken-pressure", Bounds{}, `no figures of memory pressure: /proc/pressure/memory: no line that begins "full avg10=" and a percentage`},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.tree, test.b), func(t *testing.T) {
			test.b.root = tree(t, test.tree)
			got := ""
			if err := test.b.Run(t.Context()); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// A limit whose use can't be told must not pass for a machine without one.
func TestMissingFiles(t *testing.T) {
	for _, root := range []string{tree(t, "broken-current"), t.TempDir()} {
		err := Bounds{root: root}.Run(t.Context())
		if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "no figures of memory: ") {
			t.Errorf("error is %v, want one of a file that does not exist", err)
		}
	}
}

func TestThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no figures of memory but on Linux")
	}
	if err := (Bounds{MaxUsed: 100, MaxSomeStalled: 100, MaxStalled: 100}).Run(t.Context()); err != nil {
		t.Errorf("with every bound off: %v", err)
	}
	err := Bounds{MaxUsed: 1e-9}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), " is used, more than 1e-09 %") {
		t.Errorf("error is %v, want that some memory is used", err)
	}
}

func TestBoundsThatMakeNoSense(t *testing.T) {
	for _, b := range []Bounds{{MaxUsed: -1}, {MaxStalled: 101}, {MaxSomeStalled: math.NaN()}} {
		if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "must be from 0 to 100") {
			t.Errorf("%+v gave %v", b, err)
		}
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Bounds{}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func FuzzParsePressure(f *testing.F) {
	f.Add("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=7.00 avg60=0.00 avg300=0.00 total=0\n")
	f.Add("some avg10=\nfull avg10=NaN")
	f.Add("full avg10=1e2 \nsome avg10=0x1p-2")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePressure(text)
		if !(p.some >= 0 && p.some <= 100 && p.full >= 0 && p.full <= 100) || err != nil && p != (pressure{}) {
			t.Errorf("%q gave %+v, %v", text, p, err)
		}
	})
}
