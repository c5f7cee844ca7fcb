package balancer

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/inservice/inservice/internal/front"
)

// An entrance is a listener at work: what it accepts, its group answers.
type entrance struct {
	front *front.Front
	group *group
}

func newEntrance(socket net.Listener, g *group, log *slog.Logger) entrance {
	return entrance{&front.Front{Socket: socket, Handler: g.proxy, Log: log}, g}
}

// run waits until the group is ready, while connections wait in the listener's
// queue, and then serves as front.Front.Run does.
func (e entrance) run(ctx context.Context, leave func() (partingTime, drainTimeout time.Duration)) error {
	e.group.await(ctx)
	return e.front.Run(ctx, leave)
}
