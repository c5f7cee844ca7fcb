package tcpcheck_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/inservice/inservice/health/tcpcheck"
)

func TestOwnDial(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	var fails error
	check := tcpcheck.Server{Address: "mail.internal:25", Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != "mail.internal:25" {
			t.Errorf("dials %s over %s", address, network)
		}
		return ours, fails
	}}
	if err := check.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := ours.Write(nil); err == nil {
		t.Error("the connection was not closed")
	}
	fails = errors.New("out of reach")
	if err := check.Run(t.Context()); !errors.Is(err, fails) {
		t.Errorf("gave %v", err)
	}
}
