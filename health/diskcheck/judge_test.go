package diskcheck

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	well := usage{bytes: share{total: 100 * gib, free: 50 * gib}, inodes: share{total: 1e6, free: 5e5}}
	with := func(change func(*usage)) usage {
		u := well
		change(&u)
		return u
	}
	tests := []struct {
		name string
		f    Filesystem
		u    usage
		want string // empty means a pass
	}{
		{"defaults", Filesystem{}, well, ""},
		{"default bound of space", Filesystem{}, with(func(u *usage) { u.bytes.free = 100*mib - 1 }),
			"/srv: 100 MiB of 100 GiB are free (0.1 %), at least 100 MiB must be"},
		{"just enough space", Filesystem{}, with(func(u *usage) { u.bytes.free = 100 * mib }), ""},
		{"default bound of inodes", Filesystem{}, with(func(u *usage) { u.inodes.free = 999 }),
			"/srv: 999 of 1000000 inodes are free (0.1 %), at least 1000 must be"},
		{"just enough inodes", Filesystem{}, with(func(u *usage) { u.inodes.free = 1000 }), ""},
		{"own bound instead of the default", Filesystem{MinBytes: 1, MinInodes: 1},
			with(func(u *usage) { u.bytes.free, u.inodes.free = 1, 1 }), ""},
		{"percent instead of the default", Filesystem{MinPercent: 1e-9, MinInodesPercent: 1e-9},
			with(func(u *usage) { u.bytes.free, u.inodes.free = mib, 10 }), ""},
		{"percent", Filesystem{MinPercent: 50.5}, well, "/srv: 50 GiB of 100 GiB are free (50.0 %), at least 50.5 % must be"},
		{"just enough percent", Filesystem{MinPercent: 50, MinInodesPercent: 50}, well, ""},
		{"both bounds", Filesystem{MinPercent: 60, MinBytes: 60 * gib, MinInodes: 6e5, MinInodesPercent: 60}, well,
			"/srv: 50 GiB of 100 GiB are free (50.0 %), at least 60 GiB and 60 % must be; " +
				"500000 of 1000000 inodes are free (50.0 %), at least 600000 and 60 % must be"},
		{"no figure of inodes", Filesystem{MinInodesPercent: 10}, with(func(u *usage) { u.inodes = share{} }), ""},
		{"no size", Filesystem{}, with(func(u *usage) { u.bytes = share{} }),
			"/srv: the filesystem has no size, so it is no disk: name a path on one"},
		{"read-only", Filesystem{}, with(func(u *usage) { u.readOnly = true }), "/srv: the filesystem is read-only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.f.Path = "/srv"
			got := ""
			if err := test.f.judge(test.u); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0:              "0 bytes",
		1023:           "1023 bytes",
		1024:           "1 KiB",
		1536:           "1.5 KiB",
		999 << 10:      "999 KiB",
		1000 << 10:     "0.977 MiB",
		123456789:      "118 MiB",
		5 << 40:        "5 TiB",
		math.MaxUint64: "16 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestBoundsThatMakeNoSense(t *testing.T) {
	for _, f := range []Filesystem{
		{},
		{Path: "/", MinPercent: -1},
		{Path: "/", MinPercent: 100.1},
		{Path: "/", MinInodesPercent: math.NaN()},
	} {
		if err := f.validate(); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}
