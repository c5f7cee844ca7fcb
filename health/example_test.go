package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/inservice/inservice/health"
)

// A server that answers its load balancer truthfully.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	checked := make(chan struct{})

	checks := &health.Registry{
		Checks: []health.Check{{
			Name: "stock",
			Run:  func(context.Context) error { return errors.New("the stock is gone") },
		}},
		OnChange: func(was health.Status, now health.Snapshot) {
			fmt.Printf("%v, was %v: %q\n", now.Status, was, now.Reasons())
			close(checked)
		},
	}
	ended := make(chan error)
	go func() { ended <- checks.Run(ctx) }()

	mux := http.NewServeMux()
	mux.Handle("/health_check", &health.Handler{Registry: checks})
	server := httptest.NewServer(mux)
	defer server.Close()

	<-checked
	response, err := http.Get(server.URL + "/health_check")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	fmt.Println(response.StatusCode, string(body))

	cancel()
	fmt.Println("ended:", <-ended)
	// Output:
	// fail, was unknown: ["stock: the stock is gone"]
	// 503 fail
	// ended: <nil>
}

// Details are for those who hold the token.
func ExampleHandler() {
	h := &health.Handler{Registry: &health.Registry{}, Token: "s3cret"}

	for _, token := range []string{"", "s3cret"} {
		request := httptest.NewRequest("GET", "/health_check", nil)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Header().Get("Content-Type"))
	}
	// Output:
	// 503 text/plain; charset=utf-8
	// 503 application/health+json
}

// What is worse but still serves is said without going out of service.
func ExampleDegraded() {
	full := 0.91 // as df tells it
	disk := func(context.Context) error {
		switch {
		case full > 0.98:
			return fmt.Errorf("the disk is %.0f%% full", full*100)
		case full > 0.9:
			return health.Degraded(fmt.Errorf("the disk is %.0f%% full", full*100))
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	checks := &health.Registry{
		Checks: []health.Check{{Name: "disk", Run: disk}},
		OnChange: func(_ health.Status, now health.Snapshot) {
			fmt.Printf("%v, in service: %t, %q\n", now.Status, now.Status.InService(), now.Reasons())
			cancel()
		},
	}
	if err := checks.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// warn, in service: true, ["disk: the disk is 91% full"]
}

// A server that takes its time to come up is starting, not failing.
func ExampleRegistry_Bare() {
	ctx, cancel := context.WithCancel(context.Background())
	looked := make(chan struct{}, 1)
	checks := &health.Registry{
		StartupGrace: time.Minute,
		Checks: []health.Check{{Name: "index", Run: func(context.Context) error {
			return errors.New("40% loaded")
		}}},
		OnResult: func(health.Result) { looked <- struct{}{} },
	}
	ended := make(chan error)
	go func() { ended <- checks.Run(ctx) }()

	<-looked
	fmt.Println(checks.Bare())
	checks.Drain()
	fmt.Println(checks.Bare())

	cancel()
	fmt.Println("ended:", <-ended)
	// Output:
	// 503 starting
	// 503 draining
	// ended: <nil>
}

// The questions that Kubernetes asks, answered from one registry.
func ExampleHandler_Readyz() {
	h := &health.Handler{Registry: &health.Registry{}, Token: "s3cret"}
	mux := http.NewServeMux()
	mux.Handle("/livez", h.Livez())
	mux.Handle("/readyz", h.Readyz())
	mux.Handle("/startupz", h.Startupz())

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	up := make(chan struct{})
	h.Registry.Checks = []health.Check{{Name: "index", Run: func(context.Context) error { return nil }}}
	h.Registry.OnChange = func(health.Status, health.Snapshot) { close(up) }
	go h.Registry.Run(ctx)
	<-up

	request := httptest.NewRequest("GET", "/readyz?verbose", nil)
	request.Header.Set("Authorization", "Bearer s3cret")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	fmt.Print(answer.Body)
	// Output:
	// [+]index ok
	// readyz check passed
}
