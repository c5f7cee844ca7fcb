// Command traefik asks as Traefik does, with its own code: the health checker of
// a service.
package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	gokitmetrics "github.com/go-kit/kit/metrics"
	"github.com/go-kit/kit/metrics/discard"
	"github.com/rs/zerolog"
	ptypes "github.com/traefik/paerser/types"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/runtime"
	"github.com/traefik/traefik/v3/pkg/healthcheck"

	"github.com/inservice/inservice/conformance/probers/frame"
)

func main() { frame.Main(ask) }

// pause is what Traefik waits before its first probe.
const pause = 20 * time.Millisecond

func ask(q frame.Question) (frame.Answer, error) {
	scheme := "http"
	if q.TLS {
		scheme = "https"
	}
	target := &url.URL{Scheme: scheme, Host: q.Address}

	check := &dynamic.ServerHealthCheck{}
	check.SetDefaults()
	check.Path, check.Hostname, check.Method = q.Path, q.Host, q.Method
	check.Interval, check.Timeout = ptypes.Duration(pause), ptypes.Duration(q.Timeout)
	if q.Kind == "grpc" {
		check.Mode = "grpc"
	}
	transport := transportFor(q)
	var log strings.Builder
	logger := zerolog.New(&log)
	ctx, stop := context.WithCancel(logger.WithContext(context.Background()))
	defer stop()
	result := &first{stop: stop}
	checker := healthcheck.NewServiceHealthChecker(ctx, gauges{}, check, result, &runtime.ServiceInfo{}, transport,
		map[string]*url.URL{"target": target}, "service")
	checker.Launch(ctx)
	transport.CloseIdleConnections()
	if result.up {
		return frame.Answer{Outcome: frame.Pass}, nil
	}
	return frame.Answer{Outcome: frame.Fail, Said: log.String()}, nil
}

// transportFor is the transport of a service without settings of its own. Traefik
// makes it in its package server/service, which needs all of Traefik, and so
// every provider of certificates, to be built; these are the lines that decide
// what is sent.
func transportFor(q frame.Question) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		MaxIdleConnsPerHost:   200,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
		TLSClientConfig:       &tls.Config{ServerName: q.Name, InsecureSkipVerify: !q.Verify},
		ForceAttemptHTTP2:     true,
	}
}

// first ends the checker with its first result.
type first struct {
	stop context.CancelFunc
	up   bool
}

func (f *first) SetStatus(_ context.Context, _ string, up bool) {
	f.up = up
	f.stop()
}

// gauges counts nothing.
type gauges struct{}

func (gauges) ServiceServerUpGauge() gokitmetrics.Gauge { return discard.NewGauge() }
