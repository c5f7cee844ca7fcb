package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

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
