package ownaddr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const (
	// googleVariable names another server, as host or host:port. It is that of
	// Google's own libraries (cloud.google.com/go/compute/metadata), which also
	// take it as a statement that there is one.
	googleVariable = "GCE_METADATA_HOST"

	// The server is also called metadata.google.internal. Google documents the
	// number as stable, and it needs no resolver.
	googleHost = "169.254.169.254"

	googlePath = "/computeMetadata/v1/instance/network-interfaces/?recursive=true"

	// googleFlavor must be in a request, so that nobody asks by accident, and is
	// in every answer of the real server.
	// https://cloud.google.com/compute/docs/metadata/querying-metadata
	googleFlavor, googleFlavorValue = "Metadata-Flavor", "Google"
)

func planGoogle(l *look, named bool) task {
	t := task{}
	host := l.around.getenv(googleVariable)
	if host != "" {
		t.why = googleVariable + " is set"
	} else {
		host = googleHost
		var ok bool
		if t.why, ok = l.reason(Google, named); !ok {
			return t
		}
	}
	t.endpoint = "http://" + host
	t.ask = func(ctx context.Context) finding { return l.around.askGoogle(ctx, t.endpoint) }
	return t
}

func (s *surroundings) askGoogle(ctx context.Context, base string) finding {
	a, err := s.exchange(ctx, "GET", base+googlePath, http.Header{googleFlavor: {googleFlavorValue}})
	if err != nil {
		return failure(err)
	}
	if got := a.header.Get(googleFlavor); got != googleFlavorValue {
		return finding{
			err:  fmt.Errorf("answered %d without %s: %s", a.status, googleFlavor, googleFlavorValue),
			hint: "something else answers there in place of Google's metadata server: a proxy, or an emulator of another cloud",
		}
	}
	if a.status == http.StatusNotFound {
		return finding{} // as on Cloud Run, whose metadata server knows no interfaces
	}
	if err := a.problem(); err != nil {
		return failure(err)
	}
	var nics []struct {
		IP            string   `json:"ip"`
		IPv6s         []string `json:"ipv6s"`
		AccessConfigs []struct {
			ExternalIP string `json:"externalIp"`
		} `json:"accessConfigs"`
		// The addresses of load balancers that pass packets on unchanged: the
		// machine accepts them as its own.
		ForwardedIPs []string `json:"forwardedIps"`
	}
	if err := json.Unmarshal(a.body, &nics); err != nil {
		return failure(fmt.Errorf("answered %s, which is no list of interfaces: %w", excerpt(string(a.body)), err))
	}
	var f finding
	var errs []error
	for _, n := range nics {
		errs = append(errs, f.take("ip", Private, n.IP), f.take("ipv6s", "", n.IPv6s...))
		for _, c := range n.AccessConfigs {
			errs = append(errs, f.take("externalIp", Public, c.ExternalIP))
		}
		errs = append(errs, f.take("forwardedIps", "", n.ForwardedIPs...))
	}
	f.err = errors.Join(errs...)
	return f
}
