package ownaddr

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The variables of the downward API have no fixed names: a pod's spec chooses
// them. These are the usual ones. Fields and their meaning:
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/ (status.podIP,
// status.podIPs, status.hostIP, status.hostIPs); the names with MY_ are those of
// https://kubernetes.io/docs/tasks/inject-data-application/environment-variable-expose-pod-information/
// and of .../docs/tasks/network/validate-dual-stack/, where several addresses
// are one value with commas.
var (
	podVariables  = []string{"POD_IP", "POD_IPS", "MY_POD_IP", "MY_POD_IPS"}
	hostVariables = []string{"HOST_IP", "HOST_IPS", "MY_HOST_IP", "MY_HOST_IPS", "NODE_IP"}
)

// inPod is set by the kubelet in every container of a pod.
const inPod = "KUBERNETES_SERVICE_HOST"

// planKubernetes reads the variables in a pod, or where a pod's address is set:
// HOST_IP alone is a name that people also use for other things.
func planKubernetes(l *look, named bool) task {
	t := task{ask: l.around.askKubernetes}
	for _, variable := range append([]string{inPod}, podVariables...) {
		if l.around.getenv(variable) != "" {
			t.why = variable + " is set"
			return t
		}
	}
	if named {
		t.why = askedFor
		return t
	}
	return task{why: "neither " + inPod + " nor POD_IP is set"}
}

func (s *surroundings) askKubernetes(context.Context) finding {
	var f finding
	var errs []error
	read := func(variables []string, host bool) {
		for _, variable := range variables {
			value := s.getenv(variable)
			if value == "" {
				continue
			}
			for text := range strings.SplitSeq(value, ",") {
				addr, err := parseAddr(text)
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", variable, err))
					continue
				}
				a := Address{Addr: addr, Kind: kindOf(addr), Name: variable}
				if host {
					a.Kind = Host
				}
				f.add(a)
			}
		}
	}
	read(podVariables, false)
	read(hostVariables, true)
	f.err = errors.Join(errs...)
	switch {
	case f.err != nil:
		f.hint = "let the pod's spec fill the variable: valueFrom: {fieldRef: {fieldPath: status.podIP}}, or .podIPs, .hostIP, .hostIPs"
	case len(f.addresses) == 0:
		f.hint = "add to the pod's spec: env: [{name: POD_IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}, " +
			"{name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]"
	}
	return f
}
