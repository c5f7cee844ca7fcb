package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/dialect"
	"github.com/inservice/inservice/internal/lab"
	"github.com/inservice/inservice/internal/sockets"
)

// try runs one case of l from its start to its end.
func try(ctx context.Context, l *lab.Lab, c testCase, mended bool) outcome {
	defer l.Stop(c.Name)
	said, err := l.Start(ctx, c.Name, mended)
	if err != nil {
		return outcome{Case: c, Mended: mended, Problems: []string{"not started: " + err.Error()}}
	}
	q, timeout, err := question(said)
	if err != nil {
		return outcome{Case: c, Mended: mended, Problems: []string{err.Error()}}
	}
	began := time.Now()
	report := diagnose.Run(ctx, q)
	return judge(c, mended, report, time.Since(began), timeout)
}

// question is what `inservice probe` would ask with the flags that the words of a
// started case stand for.
func question(f map[string]string) (diagnose.Question, time.Duration, error) {
	timeout, err := time.ParseDuration(f["timeout"] + "s")
	if err != nil {
		return diagnose.Question{}, 0, fmt.Errorf("%q: timeout: %w", f, err)
	}
	o := dialect.Options{Timeout: timeout}
	if !strings.HasSuffix(f["lb"], "-tcp") { // those only connect, and have nothing else to set
		o.Method, o.Matcher = f["method"], f["matcher"]
	}
	// Nor does the lab's haproxy send a Host, as its own text says; the host of the
	// line is the one that others would send.
	if host := f["host"]; f["lb"] != "haproxy" && o.Method != "" {
		o.Host = &host
	}
	p, err := dialect.New(f["lb"], f["proto"]+"://"+f["target"]+f["path"], o)
	if err != nil {
		return diagnose.Question{}, 0, fmt.Errorf("%q: %w", f, err)
	}
	machine, err := sockets.Read()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return diagnose.Question{}, 0, err
	}
	return diagnose.Question{Probe: p, Site: f["site"], Machine: machine}, timeout, nil
}
