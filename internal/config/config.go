// Package config reads the one YAML file that people write, and the flags that stand in
// for it, into plain structs. The structs are the manual: each field says its unit, its
// default and whether it may be left out.
//
// # What is guaranteed
//
// A file is read whole and strictly, and either all of it is right or none of it is used.
// [Load] and [Parse] give an [*Error] that lists every problem at once, in the order of
// the file, each with line, column and key, what is wrong and what would be right. Values
// that may be secret (a DSN, a token, a URL, anything that came out of the environment)
// are never part of a problem.
//
// Every key may be set by a flag too: see [Override]. File and flags are validated
// together, once.
//
// # The file
//
//	balance:
//	  listeners:
//	    - {address: ":8080", target_group: web}
//	  target_groups:
//	    web:
//	      targets: ["10.0.0.5:80", "10.0.0.6:80"]
//	      health_check: {path: /health_check}
//	agent:
//	  listen: ":8086"
//	  app: http://127.0.0.1:8000 # left out, the agent is a sidecar
//	  checks:
//	    - sql: {driver: postgres, dsn: "${DATABASE_URL}"}
//	    - app: {path: /}
//
// ${NAME} in a value is replaced by the environment variable NAME after the file has been
// parsed, so that no value can change the file's structure; $${ stands for a plain ${. In
// flow style, inside { } or [ ], a value with ${…} must be quoted: YAML wants that. A
// variable that is not set is a problem, and so is a secret that is exactly $NAME, which
// would be taken as it stands. Keys are not expanded, nor are flags.
//
// A duration has a unit: 500ms, 5s, 1m30s. Anchors, aliases, merge keys and tags are
// refused, so that each value stands in exactly one place that a problem can point at.
//
// All functions are safe for use by any number of goroutines. A [File] is the caller's own.
package config

import (
	"net/netip"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/internal/matcher"
)

// File is a whole configuration. At least one of Balance and Agent is there; the other is
// nil.
type File struct {
	Balance *Balance `yaml:"balance"` // what inservice balance does
	Agent   *Agent   `yaml:"agent"`   // what inservice agent does
	Log     Log      `yaml:"log"`     // how either of them logs
}

// Log is how a process logs, on its error stream. Every key is optional.
type Log struct {
	// Format is text, the default, or json.
	Format string `yaml:"format" default:"text"`
	// Level is the least that is logged: debug, info, warn or error; default info.
	Level string `yaml:"level" default:"info"`
}

// Balance is the load balancer: where it listens and where it sends requests.
type Balance struct {
	// Listeners are the addresses clients connect to. At least one.
	Listeners []Listener `yaml:"listeners"`
	// TargetGroups are the groups of servers, by name, in the order of the file. At
	// least one. A name is made of letters, digits, - and _.
	TargetGroups []TargetGroup `yaml:"target_groups"`
	// TrustedProxies are the networks whose X-Forwarded-… headers are believed.
	// Optional; without it no header is believed. A bare address is a network of one.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// DrainTimeout is how long requests may take to finish when the balancer stops.
	// More than 0; default 30s.
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"30s"`
}

// Listener is one address that accepts clients.
type Listener struct {
	// Address is host:port to listen on, such as "127.0.0.1:8080"; ":8080" is every
	// address of the machine; port 0 is a free one. Must be given, no two of them
	// overlapping.
	Address string `yaml:"address"`
	// Protocol is http, the default; this version serves nothing else.
	Protocol string `yaml:"protocol" default:"http"`
	// TargetGroup is the name of the group that gets the requests. It may be left out
	// when there is exactly one group, and is then filled in.
	TargetGroup string `yaml:"target_group"`
}

// TargetGroup is a set of servers that do the same work.
type TargetGroup struct {
	// Name is the key of the group in the file.
	Name string `yaml:",name"`
	// Targets are host:port of each server, port 1 to 65535. At least one, each once.
	Targets []string `yaml:"targets"`
	// FailOpen says what happens when no target is in service: true, the default, sends
	// requests to all of them; false answers 503.
	FailOpen bool `yaml:"fail_open" default:"true"`
	// HealthCheck says how the targets are probed. Optional.
	HealthCheck HealthCheck `yaml:"health_check"`
}

// HealthCheck is the probe of a target group. Every key is optional.
type HealthCheck struct {
	// Protocol is http, the default, https or tcp. tcp only connects; path, host and
	// matcher must then be left out.
	Protocol string `yaml:"protocol" default:"http"`
	// Port is 1 to 65535; 0, written traffic-port and the default, is each target's own.
	Port int `yaml:"port" default:"traffic-port" parse:"port"`
	// Path is what is asked for, with query if need be, percent-encoded. Starts with /;
	// default "/".
	Path string `yaml:"path" default:"/"`
	// Host is the Host header of the probe: a name or an address (IPv6 in brackets),
	// with a port if need be. Default: the address that is probed.
	Host string `yaml:"host"`
	// Interval is the time from the start of one probe to the start of the next. At
	// least 10ms; default 5s.
	Interval time.Duration `yaml:"interval" default:"5s"`
	// Timeout is the time a whole probe may take. At least 10ms and not more than
	// Interval, since a target has at most one probe in flight; default 2s, or Interval
	// where that is shorter.
	Timeout time.Duration `yaml:"timeout" default:"2s"`
	// HealthyThreshold is how many passes in a row bring a target back into service.
	// At least 1; default 2.
	HealthyThreshold int `yaml:"healthy_threshold" default:"2"`
	// UnhealthyThreshold is how many failures in a row take a target out of service.
	// At least 1; default 2.
	UnhealthyThreshold int `yaml:"unhealthy_threshold" default:"2"`
	// Matcher is the status codes that pass, such as "200-299,301"; default 200.
	Matcher matcher.Set `yaml:"matcher" default:"200"`
}

// Agent answers the load balancer's probes truthfully: beside an app as a sidecar, or with
// App in front of it as its gateway.
type Agent struct {
	// Listen is host:port to answer on, as [Listener.Address]; default ":8086". No two of
	// Listen, Admin, GRPC, HAProxy and TCP may overlap.
	Listen string `yaml:"listen" default:":8086"`
	// Path is the health path, without query or percent-encoding. Starts with /; default
	// "/health_check".
	Path string `yaml:"path" default:"/health_check"`
	// Token lets a request see details when it carries it as a bearer token. Optional;
	// without it no token is accepted. Visible ASCII, no spaces.
	Token string `yaml:"token,secret"`
	// TrustedNetworks are the networks whose requests see details. Optional. A bare
	// address is a network of one.
	TrustedNetworks []netip.Prefix `yaml:"trusted_networks"`

	// App is where the app listens: "http://host:port", or "unix:" and the absolute path
	// of a socket. With it the agent is a gateway that forwards all requests but those for
	// Path; without it, a sidecar. A slash at the end is dropped.
	App string `yaml:"app"`
	// TrustedProxies are the networks whose X-Forwarded-… headers are believed. Gateway
	// only. Optional; without it no header is believed. A bare address is a network of
	// one. With 0.0.0.0/0 anybody who can connect is believed, so that a visitor's address
	// and protocol are what the visitor says: right only where the balancer alone can.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// AllowedHosts are the hosts that requests may name, as they were written: names,
	// .suffixes, addresses, networks and self, as package allowedhosts has them. Gateway
	// only. Optional; without it every host is allowed. Not empty if it is written.
	AllowedHosts []string `yaml:"allowed_hosts"`
	// Hosts is what AllowedHosts says; nil if it is not written.
	Hosts *allowedhosts.Rules
	// HTTPSRedirect says whether visitors who came by http are redirected to https, which
	// trusted proxies tell. Gateway only. Needs AllowedHosts, as a forged Host would
	// decide where to, and TrustedProxies, as all visitors seem to come by http without.
	// Default false.
	HTTPSRedirect bool `yaml:"https_redirect"`
	// HSTS is how long browsers remember to come by https alone; default 0: they are not
	// told. Needs HTTPSRedirect.
	HSTS time.Duration `yaml:"hsts" default:"0s"`
	// HSTSSubdomains tells them the same of every name below. Needs HSTS. Default false.
	HSTSSubdomains bool `yaml:"hsts_subdomains"`
	// ExemptPaths are not redirected to https; the hosts stay as strict for them: each a
	// path without query or percent-encoding that starts with /, and stands for itself
	// alone. Gateway only. Optional.
	ExemptPaths []string `yaml:"exempt_paths"`
	// ResponseTimeout bounds each wait for the app. At least 10ms; default 60s. Gateway
	// only.
	ResponseTimeout time.Duration `yaml:"response_timeout" default:"60s"`
	// Traffic says when the answers that visitors get count against the server. Gateway
	// only, where it is on with its defaults unless the file says off; then, and in a
	// sidecar, it is nil.
	Traffic *Traffic `yaml:"traffic" or:"off"`
	// AccessLog is how visitors' requests are logged: off, the default, combined or json.
	// Gateway only.
	AccessLog string `yaml:"access_log" default:"off"`

	// StartupGrace is for how long the server may be starting before a failure is one;
	// default 30s, 0 gives none.
	StartupGrace time.Duration `yaml:"startup_grace" default:"30s"`
	// Kubernetes says whether Listen answers /livez, /readyz and /startupz. Default true
	// for a sidecar, and false for a gateway, where those paths are the app's.
	Kubernetes bool `yaml:"kubernetes"`
	// Admin is host:port for the trusted side: metrics, details, /livez and the like. It
	// tells them to whoever connects. Optional, as are the next three.
	Admin string `yaml:"admin"`
	// GRPC is host:port of gRPC's health service.
	GRPC string `yaml:"grpc"`
	// HAProxy is host:port that gives HAProxy's agent-check its words.
	HAProxy string `yaml:"haproxy"`
	// HAProxyWeights says whether those words lower the server's weight while it is
	// degraded. Its server line must then say "weight 100" or so: HAProxy reckons in whole
	// numbers, and of its default weight, 1, any share below 100 % is nothing. Needs
	// HAProxy. Default false.
	HAProxyWeights bool `yaml:"haproxy_weights"`
	// TCP is host:port that is open only while the server is in service.
	TCP string `yaml:"tcp"`
	// Control is the absolute path of the Unix socket for inservice agent drain. Empty
	// means the default place; off means none.
	Control string `yaml:"control"`
	// UnhealthyThreshold is how many red answers in a row take the server out of service
	// at an asker that is not recognised. At least 1; default 3. It only matters while
	// draining.
	UnhealthyThreshold int `yaml:"unhealthy_threshold" default:"3"`
	// DrainTimeout is how long the agent answers red before it closes, at most; default
	// 15s, 0 closes at once.
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"15s"`
	// IMDSv1 says whether the machine's addresses may be asked of EC2's metadata service by
	// version 1 where version 2 does not answer. Default false.
	IMDSv1 bool `yaml:"imdsv1"`

	// Checks are what the answer depends on. A gateway whose file has no such key gets one
	// of kind app, named app, beside those of flags. Nil when none is configured; not nil
	// and empty when the file says so with []: then an answer only tells that the agent
	// runs.
	Checks []Check `yaml:"checks"`
}

// Traffic says when what visitors get is evidence against the server. Every key is
// optional.
type Traffic struct {
	// Window is how far back requests count. 1s to 5m; default 30s.
	Window time.Duration `yaml:"window" default:"30s"`
	// MinRequests is how many requests it takes in the window. At least 1; default 20.
	MinRequests int `yaml:"min_requests" default:"20"`
	// Warn and Fail are the shares of bad answers, 5xx and time-outs, from which on the
	// server is degraded or out of service: more than 0 and up to 1, Warn not above Fail.
	// They are written as percentages; default 10% and 50%, or the other one where Warn
	// would be above Fail.
	Warn float64 `yaml:"warn" default:"10%" parse:"share"`
	Fail float64 `yaml:"fail" default:"50%" parse:"share"`
}
