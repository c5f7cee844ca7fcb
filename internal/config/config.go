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
//	  checks:
//	    - sql: {driver: postgres, dsn: "${DATABASE_URL}"}
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

// Agent answers the load balancer's probes truthfully.
type Agent struct {
	// Listen is host:port to answer on, as [Listener.Address]; default ":8086".
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
	// DrainTimeout is how long the agent answers red before it closes; default 15s, 0
	// closes at once.
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"15s"`
	// Checks are what the answer depends on. Nil when none is configured; not nil and
	// empty when the file says so with []: then an answer only tells that the agent
	// runs.
	Checks []Check `yaml:"checks"`
}
