package cli

import (
	"context"
	"errors"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/balancer"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/probe"
	"github.com/inservice/inservice/internal/threshold"
)

func (p *program) balanceCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "balance",
		Short: "Balance load over the targets that are in service",
		Long: `Listens for HTTP and sends each request to a target that passes its probes, in
turn. When no target does, requests go to all of them (fail_open, the default),
or are answered 503.

When it is told to end it stops accepting and lets requests finish, for
drain_timeout at most. A second signal ends it at once.`,
		Example: "  inservice balance --config inservice.yaml",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return &usageError{err: errors.New("balance needs a configuration: --config FILE"), hint: "the README shows one; 'inservice config validate FILE' checks it"}
			}
			file, err := loadConfig(path, logOverrides(c)...)
			if err != nil {
				return err
			}
			if file.Balance == nil {
				return missingSection(path, "balance")
			}
			return p.runBalance(c.Context(), file)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "", "configuration `FILE` (required)")
	addLogFlags(c)
	return c
}

func (p *program) runBalance(ctx context.Context, file *config.File) error {
	c := file.Balance
	log, endLog, err := p.logger(file.Log)
	if err != nil {
		return err
	}
	defer endLog()
	b := &balancer.Balancer{TrustedProxies: c.TrustedProxies, DrainTimeout: c.DrainTimeout, Log: log}
	for _, l := range c.Listeners {
		b.Listeners = append(b.Listeners, balancer.Listener{Address: l.Address, Group: l.TargetGroup})
	}
	for _, g := range c.TargetGroups {
		b.Groups = append(b.Groups, makeGroup(g))
	}
	defer context.AfterFunc(ctx, func() {
		log.Info("stopping: requests may finish; a second signal ends it at once", "drain_timeout", c.DrainTimeout.String())
	})()
	if err := b.Open(); err != nil {
		return listenHint(err, "balance.listeners in the file")
	}
	return b.Run(ctx)
}

func makeGroup(g config.TargetGroup) balancer.Group {
	h := g.HealthCheck
	made := balancer.Group{
		Name:      g.Name,
		Closed:    !g.FailOpen,
		Interval:  h.Interval,
		Threshold: threshold.Policy{Healthy: h.HealthyThreshold, Unhealthy: h.UnhealthyThreshold},
		Probe: probe.Probe{
			Protocol: probe.Protocol(h.Protocol), Host: h.Host, Path: h.Path,
			Timeout: h.Timeout, Matcher: h.Matcher,
		},
	}
	for _, address := range g.Targets {
		made.Targets = append(made.Targets, balancer.Target{Address: address, ProbeAddress: probeAddress(address, h.Port)})
	}
	return made
}

// probeAddress is where a target is probed: at its own port, or at the group's.
func probeAddress(address string, port int) string {
	if port == 0 {
		return ""
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "" // config has refused it
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
