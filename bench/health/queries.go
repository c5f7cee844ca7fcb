package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inservice/inservice/bench/internal/rig"
	"github.com/inservice/inservice/internal/realserver"
)

// probeRate is how many probes arrive each second, in all.
const probeRate = 1000

// interval is that of the checks: the agent's default.
const interval = 5 * time.Second

// measureQueries counts the queries that arrive at the database while probes do
// at the agent. They must be those of the check's own clock.
func measureQueries(r *rig.Rig, program string, probes time.Duration) {
	database := realserver.Postgres(r)
	s := r.Agent(program, "sidecar, 1 check", sidecar(sqlCheck(database)))

	before := database.Queries("select 1")
	began := time.Now()
	answered, failed := probeFor(r.Context, s.URL+rig.HealthPath, probes)
	took := time.Since(began)
	queries := database.Queries("select 1") - before

	perMinute := float64(queries) / took.Minutes()
	want := time.Minute.Seconds() / interval.Seconds()
	fmt.Printf("queries while %d probes a second arrive\n\n", probeRate)
	fmt.Printf("  probes answered 200  %8d  in %v (%.0f a second); not answered 200: %d\n", answered, took.Round(time.Millisecond), float64(answered)/took.Seconds(), failed)
	fmt.Printf("  database queries     %8d  counted in PostgreSQL's own log\n", queries)
	fmt.Printf("  queries per minute   %8.1f  want 60 / interval = %.1f\n", perMinute, want)

	// A window of n intervals holds n of the clock's beats, one more or less at its
	// edges. With fewer probes than promised it would show nothing.
	beats := int(probes / interval)
	arrived := float64(answered) / took.Seconds()
	if queries < beats-1 || queries > beats+1 || failed > 0 || arrived < 0.9*probeRate {
		r.Fatalf("want %d queries, one more or less, and %d probes a second, all answered 200", beats, probeRate)
	}
}

// probeFor asks at a fixed pace, whether or not earlier answers have come.
func probeFor(ctx context.Context, url string, d time.Duration) (answered, failed int64) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	var good, bad atomic.Int64
	var asking sync.WaitGroup
	defer asking.Wait()
	began := time.Now()
	for i := range int64(probeRate) * int64(d/time.Second) {
		if wait := time.Until(began.Add(time.Duration(i) * time.Second / probeRate)); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		asking.Go(func() {
			response, err := client.Get(url)
			if err != nil {
				bad.Add(1)
				return
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				good.Add(1)
			} else {
				bad.Add(1)
			}
		})
	}
	asking.Wait()
	return good.Load(), bad.Load()
}
