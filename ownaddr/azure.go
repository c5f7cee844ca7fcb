package ownaddr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service:
// the header is required, requests with X-Forwarded-For are refused, an API
// version is required, no proxy may be used, and it answers 5 requests a second.
const (
	azureBase    = "http://169.254.169.254"
	azureNetwork = "/metadata/instance/network?api-version=2021-02-01"

	// A public address of the Standard kind, the only one that is still sold, is
	// not in the network's answer but in this one.
	// https://learn.microsoft.com/azure/load-balancer/howto-load-balancer-imds
	azureBalancer = "/metadata/loadbalancer?api-version=2020-10-01"
)

func planAzure(l *look, named bool) task {
	why, ok := l.reason(Azure, named)
	if !ok {
		return task{why: why}
	}
	return task{why: why, endpoint: azureBase, ask: l.around.askAzure}
}

func (s *surroundings) askAzure(ctx context.Context) finding {
	var network struct {
		Interface []struct {
			IPv4 azureFamily `json:"ipv4"`
			IPv6 azureFamily `json:"ipv6"`
		} `json:"interface"`
	}
	if err := s.getAzure(ctx, azureNetwork, &network); err != nil {
		return failure(err)
	}
	var f finding
	var errs []error
	for _, n := range network.Interface {
		for _, a := range slices.Concat(n.IPv4.IPAddress, n.IPv6.IPAddress) {
			errs = append(errs, f.take("privateIpAddress", Private, a.Private), f.take("publicIpAddress", Public, a.Public))
		}
	}

	var balancer struct {
		LoadBalancer struct {
			PublicIPAddresses []struct {
				Frontend string `json:"frontendIpAddress"`
			} `json:"publicIpAddresses"`
		} `json:"loadbalancer"`
	}
	err := s.getAzure(ctx, azureBalancer, &balancer)
	if status, ok := errors.AsType[*statusError](err); ok &&
		(status.status == http.StatusNotFound || status.status == http.StatusBadRequest) {
		err = nil // no such metadata for this machine, or a cloud that does not know the question
	}
	for _, a := range balancer.LoadBalancer.PublicIPAddresses {
		errs = append(errs, f.take("frontendIpAddress", Public, a.Frontend))
	}
	f.err = errors.Join(append(errs, err)...)
	return f
}

// azureFamily is the addresses of one family on one interface.
type azureFamily struct {
	IPAddress []struct {
		Private string `json:"privateIpAddress"`
		Public  string `json:"publicIpAddress"`
	} `json:"ipAddress"`
}

func (s *surroundings) getAzure(ctx context.Context, path string, into any) error {
	a, err := s.exchange(ctx, "GET", azureBase+path, http.Header{"Metadata": {"true"}})
	if err != nil {
		return err
	}
	if err := a.problem(); err != nil {
		return err
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("answered %s, which is no instance metadata: %w", excerpt(string(a.body)), err)
	}
	return nil
}
