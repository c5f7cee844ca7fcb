// Command kubelet asks as a kubelet does: with its own code, package probe of
// Kubernetes.
package main

import (
	"net"
	"net/http"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kubernetes/pkg/probe"
	grpcprobe "k8s.io/kubernetes/pkg/probe/grpc"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	tcpprobe "k8s.io/kubernetes/pkg/probe/tcp"

	"github.com/inservice/inservice/conformance/probers/frame"
)

func main() { frame.Main(ask) }

func ask(q frame.Question) (frame.Answer, error) {
	host, portText, err := net.SplitHostPort(q.Address)
	if err != nil {
		return frame.Answer{}, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return frame.Answer{}, err
	}
	var result probe.Result
	var said string
	switch q.Kind {
	case "tcp":
		result, said, err = tcpprobe.New().Probe(host, port, q.Timeout)
	case "grpc":
		result, said, err = grpcprobe.New().Probe(host, "", port, q.Timeout)
	default:
		var request *http.Request
		if request, err = httpGet(q, host, port); err != nil {
			return frame.Answer{}, err
		}
		// The kubelet follows redirects to its target's own host only.
		result, said, err = httpprobe.New(false).Probe(request, q.Timeout)
	}
	// The kubelet throws away a result with an error: the container keeps the
	// state it has.
	switch {
	case err != nil:
		return frame.Answer{Outcome: frame.Unknown, Said: err.Error()}, nil
	case result == probe.Success || result == probe.Warning:
		return frame.Answer{Outcome: frame.Pass, Said: said}, nil
	}
	return frame.Answer{Outcome: frame.Fail, Said: said}, nil
}

// httpGet makes the request as the kubelet makes it of a pod's httpGet.
func httpGet(q frame.Question, host string, port int) (*http.Request, error) {
	action := &v1.HTTPGetAction{Path: q.Path, Port: intstr.FromInt(port), Scheme: v1.URISchemeHTTP}
	if q.TLS {
		action.Scheme = v1.URISchemeHTTPS
	}
	if q.Host != "" {
		action.HTTPHeaders = []v1.HTTPHeader{{Name: "Host", Value: q.Host}}
	}
	return httpprobe.NewRequestForHTTPGetAction(action, &v1.Container{}, host, "probe")
}
