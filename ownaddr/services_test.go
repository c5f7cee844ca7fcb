package ownaddr

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The services here behave as the real ones do, as far as public sources say
// how those behave; each behaviour has its source beside it.

// ec2Service is the instance metadata service of EC2.
//
// Where not said otherwise: "Use IMDSv2", "Retrieve instance metadata" and
// "Instance metadata categories" in the EC2 user guide.
type ec2Service struct {
	values map[string]string // below /latest/meta-data/

	tokensRequired bool // HttpTokens: required
	off            bool // HttpEndpoint: disabled
	onlyV1         bool // an imitation from before 2019, as OpenStack's was
	hopLimit       bool // the answer to PUT never arrives
	delay          time.Duration
	forgetful      int    // that many GETs with a good token find it forgotten
	token          string // given instead of a token of its own

	mu       sync.Mutex
	issued   map[string]time.Time // token → its end; guarded by mu
	puts     []time.Time          // guarded by mu
	v1       int                  // GETs without a token; guarded by mu
	refused  int                  // GETs answered 401; guarded by mu
	paths    []string             // guarded by mu
	strange  []string             // what no well-behaved client does; guarded by mu
	unusable int                  // forgotten so far; guarded by mu
}

const ec2Mac = "0e:49:61:0f:c3:11"

func newEC2() *ec2Service {
	return &ec2Service{values: map[string]string{
		"local-ipv4":  "10.0.0.5",
		"public-ipv4": "198.51.100.7",
		"mac":         ec2Mac,
		"network/interfaces/macs/" + ec2Mac + "/ipv6s": "2001:db8:8:4::2\n2001:db8:8:4::3",
	}}
}

// set changes a value while the service runs; empty takes it away.
func (s *ec2Service) set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == "" {
		delete(s.values, name)
	} else {
		s.values[name] = value
	}
}

func (s *ec2Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws") // tailscale, util/cloudenv
	w.Header().Set("Content-Type", "text/plain")
	select {
	case <-time.After(s.delay):
	case <-r.Context().Done(): // the client has gone
		return
	}
	if s.off { // "403 - Forbidden: the instance metadata service is turned off"
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPut {
		s.put(w, r)
	} else {
		s.get(w, r)
	}
}

func (s *ec2Service) put(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.puts = append(s.puts, time.Now())
	s.mu.Unlock()
	if s.onlyV1 {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if s.hopLimit {
		// "The IMDSv2 response does not return because going to the container is
		// considered an additional network hop": connected, and then nothing.
		<-r.Context().Done()
		return
	}
	// "PUT requests are rejected if they contain an X-Forwarded-For header", and
	// "issuing PUT requests to any version-specific path will result in 403".
	if len(r.Header["X-Forwarded-For"]) > 0 || r.URL.Path != "/latest/api/token" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	// "400: the PUT request is not valid"; the time to live is 1 to 21,600 s.
	seconds, err := strconv.Atoi(r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds"))
	if err != nil || seconds < 1 || seconds > 21600 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := fmt.Sprintf("AQAEAL%d==", len(s.puts))
	if s.issued == nil {
		s.issued = make(map[string]time.Time)
	}
	s.issued[token] = time.Now().Add(time.Duration(seconds) * time.Second)
	// aws-sdk-go-v2, feature/ec2/imds, reads the lifetime from this field.
	w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", strconv.Itoa(seconds))
	if s.token != "" {
		token = s.token
	}
	io.WriteString(w, token)
}

func (s *ec2Service) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = append(s.paths, r.URL.Path)
	if r.Header.Get("User-Agent") != "inservice" || len(r.Header["X-Forwarded-For"]) > 0 {
		s.strange = append(s.strange, r.URL.Path)
	}
	token, sent := r.Header.Get("X-aws-ec2-metadata-token"), len(r.Header["X-Aws-Ec2-Metadata-Token"]) > 0
	if !sent {
		s.v1++
		if s.tokensRequired { // "requests without a valid token or with an expired token receive a 401"
			s.refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
	} else if end, ok := s.issued[token]; !ok || !time.Now().Before(end) || s.unusable < s.forgetful {
		// "401 - Unauthorized: the GET request uses an invalid token. The
		// recommended action is to generate a new token."
		s.unusable++
		s.refused++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	value, ok := s.values[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
	if !ok { // "404 - Not Found if the resource is not available"
		w.WriteHeader(http.StatusNotFound)
		return
	}
	io.WriteString(w, value)
}

// googleService is the metadata server of Compute Engine.
type googleService struct {
	body   string
	status int // zero: 200
	bare   bool
}

// googleNIC is the answer for one interface, with the fields of real ones (seen
// in google/cadvisor and others); addresses are changed to documentation's.
const googleNIC = `[{"accessConfigs":[{"externalIp":"203.0.113.9","type":"ONE_TO_ONE_NAT"}],"dnsServers":["169.254.169.254"],` +
	`"forwardedIps":["203.0.113.80"],"gateway":"10.128.0.1","ip":"10.128.0.70","ipAliases":["10.24.3.0/24"],` +
	`"ipv6s":["2001:db8:4::70"],"mac":"42:01:0a:80:00:46","mtu":1460,"network":"projects/1/networks/default",` +
	`"subnetmask":"255.255.240.0","targetInstanceIps":[]}]`

func (s *googleService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "Metadata Server for VM")
	if !s.bare {
		w.Header().Set("Metadata-Flavor", "Google") // on every answer: google-cloud-go tells the server by it
	}
	// Without the field: 403. With X-Forwarded-For: "automatically rejected".
	// https://cloud.google.com/compute/docs/metadata/querying-metadata
	if r.Header.Get("Metadata-Flavor") != "Google" || len(r.Header["X-Forwarded-For"]) > 0 {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.URL.Path != "/computeMetadata/v1/instance/network-interfaces/" || r.URL.Query().Get("recursive") != "true" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, s.body)
}

// azureService is the instance metadata service of Azure.
//
// https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
// and https://learn.microsoft.com/azure/load-balancer/howto-load-balancer-imds
type azureService struct {
	network, balancer string // empty: 404
	status            int    // zero: by the rules
}

const (
	azureNIC = `{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.1.0.4","publicIpAddress":""}],` +
		`"subnet":[{"address":"10.1.0.0","prefix":"24"}]},"ipv6":{"ipAddress":[{"privateIpAddress":"2001:db8:a::4"}]},` +
		`"macAddress":"000D3A36DDED"}]}`
	azureFront = `{"loadbalancer":{"publicIpAddresses":[{"frontendIpAddress":"203.0.113.51","privateIpAddress":"10.1.0.4"}],` +
		`"inboundRules":[],"outboundRules":[]}}`
)

func (s *azureService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "Microsoft-IIS/10.0") // tailscale, util/cloudenv
	// "Any request with an X-Forwarded-For header is rejected"; "400: missing
	// Metadata: true header"; "no version is specified: an error"; "405: only GET".
	switch {
	case s.status != 0:
		w.WriteHeader(s.status)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Header.Get("Metadata") != "true" || len(r.Header["X-Forwarded-For"]) > 0 || r.URL.Query().Get("api-version") == "":
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == "/metadata/instance/network" && s.network != "":
		io.WriteString(w, s.network)
	case r.URL.Path == "/metadata/loadbalancer" && s.balancer != "":
		io.WriteString(w, s.balancer)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// ecsContainer is the answer of ECS to a container about itself, abridged from
// the example in the developer guide ("Task metadata endpoint version 4").
const ecsContainer = `{"DockerId":"ea32192c8553","Name":"curl","Type":"NORMAL","Networks":[{"NetworkMode":"awsvpc",` +
	`"IPv4Addresses":["10.0.2.100"],"IPv6Addresses":["2001:db8:e::100"],"AttachmentIndex":0,"MACAddress":"0e:9e:32:c7:48:85",` +
	`"IPv4SubnetCIDRBlock":"10.0.2.0/24","SubnetGatewayIpv4Address":"10.0.2.1/24"}]}`

// says is a service that gives the same answer to everything.
func says(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// redirects is a service that sends everybody to target.
func redirects(target string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusFound)
	})
}

// after is a service that takes its time.
func after(delay time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(delay):
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}
