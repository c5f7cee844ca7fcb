package cli

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/control"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/traffic"
	"github.com/inservice/inservice/ownaddr"
)

// makeGateway also warns of rules that were left out and would be missed.
func makeGateway(c *config.Agent, own *ownaddr.Finder, accessLog *accesslog.Log, log *slog.Logger) *gateway.Gateway {
	g := &gateway.Gateway{
		App: c.App, TrustedProxies: c.TrustedProxies, Hosts: c.Hosts,
		Redirect: c.HTTPSRedirect, HSTS: c.HSTS, HSTSSubdomains: c.HSTSSubdomains, ExemptPaths: c.ExemptPaths,
		ResponseTimeout: c.ResponseTimeout, AccessLog: accessLog, Log: log,
	}
	if own != nil { // a nil Finder in the interface would be one that is asked
		g.Own = own
	}
	if t := c.Traffic; t != nil {
		g.Traffic = &traffic.Policy{Window: t.Window, MinRequests: t.MinRequests, Warn: t.Warn, Fail: t.Fail}
	}
	return g
}

// ownAddresses finds what the entry self of allowed_hosts stands for; nil if it
// does not stand there, and then nobody is asked.
func ownAddresses(c *config.Agent, log *slog.Logger) *ownaddr.Finder {
	if c.Hosts == nil || !c.Hosts.UsesSelf() {
		return nil
	}
	return &ownaddr.Finder{
		AllowIMDSv1: c.IMDSv1,
		OnChange: func(r ownaddr.Report) {
			log.Info("this machine's own addresses, which allowed_hosts calls self", "addresses", fmt.Sprint(r.Addrs()), "took", r.Took.Round(time.Millisecond).String())
		},
	}
}

// accessLog writes visitors' requests to the standard output, which nothing else
// of the agent uses. The function returned writes what is left.
func (p *program) accessLog(format string) (*accesslog.Log, func()) {
	formats := map[string]accesslog.Format{"combined": accesslog.Combined, "json": accesslog.JSON}
	f, on := formats[format]
	if !on {
		return nil, func() {}
	}
	out := startOutput(p.stdout) // a reader that is slow must not hold up visitors
	return &accesslog.Log{Format: f, Writer: out}, out.close
}

// controlSocket is the path of the agent's control socket, empty for none. Without
// one in the file it is named after the address, so that agents on one machine
// don't collide.
func controlSocket(c *config.Agent) string {
	switch c.Control {
	case "off":
		return ""
	case "":
	default:
		return c.Control
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "0" {
		port = fmt.Sprintf("p%d", os.Getpid())
	}
	if host != "" {
		host += "-"
	}
	return filepath.Join(control.Dir(), "agent-"+host+port+".sock")
}
