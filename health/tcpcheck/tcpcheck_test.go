package tcpcheck_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/tcpcheck"
)

func TestDial(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	check := tcpcheck.Dial(listener.Addr().String())
	if err := check(t.Context()); err != nil {
		t.Errorf("a port that listens: %v", err)
	}
	listener.Close()
	err = check(t.Context())
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a closed port gave %v, want an error that names it and says refused", err)
	}
}

func TestDialObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tcpcheck.Dial("127.0.0.1:9")(ctx); err == nil {
		t.Error("a check with an ended context passed")
	}
}

func ExampleDial() {
	check := health.Check{
		Name:     "mail",
		Run:      tcpcheck.Dial("127.0.0.1:25"),
		Interval: 30 * time.Second,
	}
	fmt.Println(check.Name)
	// Output: mail
}
