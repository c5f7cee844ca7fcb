// Command blackbox asks as Prometheus' blackbox_exporter does, with its own code.
package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/inservice/inservice/conformance/probers/frame"
)

func main() { frame.Main(ask) }

func ask(q frame.Question) (frame.Answer, error) {
	// The defaults are those of a module in its configuration that says no more
	// than the prober's name.
	module := config.DefaultModule
	module.HTTP, module.TCP, module.GRPC = config.DefaultHTTPProbe, config.DefaultTCPProbe, config.DefaultGRPCProbe
	tried := prober.ProbeHTTP
	target := q.Address
	switch q.Kind {
	case "tcp":
		tried = prober.ProbeTCP
		module.TCP.TLS = q.TLS
		module.TCP.TLSConfig.InsecureSkipVerify = !q.Verify
		module.TCP.TLSConfig.ServerName = q.Name
	case "grpc":
		tried = prober.ProbeGRPC
		module.GRPC.TLS = q.TLS
		module.GRPC.TLSConfig.InsecureSkipVerify = !q.Verify
	default:
		target = "http://" + q.Address + q.Path
		if q.TLS {
			target = "https" + strings.TrimPrefix(target, "http")
		}
		module.HTTP.Method = q.Method
		if q.Host != "" {
			module.HTTP.Headers = map[string]string{"Host": q.Host}
		}
		module.HTTP.HTTPClientConfig.TLSConfig.InsecureSkipVerify = !q.Verify
		module.HTTP.HTTPClientConfig.TLSConfig.ServerName = q.Name
	}
	ctx, cancel := context.WithTimeout(context.Background(), q.Timeout)
	defer cancel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if tried(ctx, target, module, prometheus.NewRegistry(), logger) {
		return frame.Answer{Outcome: frame.Pass}, nil
	}
	return frame.Answer{Outcome: frame.Fail, Said: log.String()}, nil
}
