package ownaddr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// The agent of ECS puts the endpoint into each container's environment, with
// the container's own path in it: version 4 since agent 1.39.0 and Fargate
// 1.4.0, version 3 before. The answer to the bare URL is the container's own
// metadata, with its addresses in Networks; both versions agree in that.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
const (
	ecsVariable4 = "ECS_CONTAINER_METADATA_URI_V4"
	ecsVariable3 = "ECS_CONTAINER_METADATA_URI"
)

func planECS(l *look, _ bool) task {
	for _, variable := range []string{ecsVariable4, ecsVariable3} {
		if url := l.around.getenv(variable); url != "" {
			return task{
				why:      variable + " is set",
				endpoint: url,
				ask:      func(ctx context.Context) finding { return l.around.askECS(ctx, url) },
			}
		}
	}
	return task{why: ecsVariable4 + " is not set"}
}

func (s *surroundings) askECS(ctx context.Context, url string) finding {
	a, err := s.exchange(ctx, "GET", url, nil)
	if err == nil {
		err = a.problem()
	}
	if err != nil {
		return failure(err)
	}
	var container struct {
		Networks []struct {
			IPv4Addresses []string
			IPv6Addresses []string
		}
	}
	if err := json.Unmarshal(a.body, &container); err != nil {
		return failure(fmt.Errorf("answered %s, which is no task metadata: %w", excerpt(string(a.body)), err))
	}
	var f finding
	var errs []error
	for _, n := range container.Networks {
		errs = append(errs, f.take("IPv4Addresses", "", n.IPv4Addresses...), f.take("IPv6Addresses", "", n.IPv6Addresses...))
	}
	f.err = errors.Join(errs...)
	return f
}
