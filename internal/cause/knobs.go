package cause

import "slices"

// Knob names one thing that load balancers let one set about a health check.
type Knob string

// The Knobs.
const (
	Path      Knob = "path"              // what is asked for
	Host      Knob = "host"              // the Host field
	Header    Knob = "field"             // another field of the request
	Method    Knob = "method"            // how it is asked
	Version   Knob = "version"           // of HTTP
	Matcher   Knob = "status"            // which status passes
	BodyMatch Knob = "body"              // what the body must hold
	Protocol  Knob = "protocol"          // HTTPS in place of HTTP, on the port that is asked
	Secure    Knob = "protocol and port" // HTTPS in place of HTTP, and on another port
	Plain     Knob = "plain HTTP"        // in place of HTTPS or TCP
	TCP       Knob = "plain TCP"         // in place of HTTP
	Port      Knob = "port"              // where it asks
	SNI       Knob = "server name"       // in the handshake
	Proxy     Knob = "PROXY"             // a PROXY header before the request
	Timeout   Knob = "timeout"           // how long it waits
	Interval  Knob = "interval"          // how often it asks
	Grace     Knob = "grace"             // when it begins
	Source    Knob = "source"            // where it asks from
)

// Knobs returns all of them, in the order in which people turn them.
func Knobs() []Knob {
	return []Knob{Path, Host, Header, Method, Version, Matcher, BodyMatch, Protocol, Secure, Plain, TCP, Port, SNI, Proxy, Timeout, Interval, Grace, Source}
}

// Setting is how one load balancer is told something about its health check.
type Setting struct {
	Balancers []string // as package lbprofile and dialect name them
	Knob      Knob
	Text      string // what to set, in its own words, or why it can't be set
	Lines     string // what can be pasted; may be empty
	Syntax    string // of Lines
	Can       bool   // whether it can be set at all
}

// Settings returns what is known of a knob, each load balancer once.
func Settings(k Knob) []Setting {
	var all []Setting
	for _, s := range settings {
		if s.Knob == k {
			all = append(all, s)
		}
	}
	return all
}

// SettingFor returns how the load balancer of that name is told. Unknown
// balancers and settings that nobody has written down yet are not ok.
func SettingFor(balancer string, k Knob) (Setting, bool) {
	for _, s := range settings {
		if s.Knob == k && slices.Contains(s.Balancers, balancer) {
			return s, true
		}
	}
	return Setting{}, false
}

var (
	alb     = []string{"alb", "nlb", "alb-grpc"}
	classic = []string{"elb", "elb-classic"}
	gcp     = []string{"gcp", "google"}
	front   = []string{"azure-frontdoor", "frontdoor"}
)

func can(balancers []string, k Knob, syntax, text, lines string) Setting {
	return Setting{Balancers: balancers, Knob: k, Text: text, Lines: lines, Syntax: syntax, Can: true}
}

func cannot(balancers []string, k Knob, text string) Setting {
	return Setting{Balancers: balancers, Knob: k, Text: text}
}

// settings are the words of each load balancer's own documentation, read for
// package lbprofile, where the sources are named.
var settings = []Setting{
	can(alb, Path, "sh", "HealthCheckPath", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-path <path>"),
	can(classic, Path, "sh", "the Target's path", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=HTTP:<port><path>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, Path, "sh", "requestPath", "gcloud compute health-checks update http <name> --request-path=<path>"),
	can([]string{"azure-lb"}, Path, "sh", "requestPath", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --path <path>"),
	can([]string{"azure-appgw"}, Path, "sh", "path", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --path <path>"),
	can(front, Path, "sh", "probePath of the origin group", "az afd origin-group update --resource-group <name> --profile-name <name> --origin-group-name <name> --probe-path <path>"),
	can([]string{"route53"}, Path, "sh", "ResourcePath", "aws route53 update-health-check --health-check-id <name> --resource-path <path>"),
	can([]string{"cloudflare"}, Path, "json", "path of the monitor", `{"type": "http", "path": "<path>"}`),
	can([]string{"hetzner"}, Path, "json", "http.path", `{"health_check": {"protocol": "http", "http": {"path": "<path>"}}}`),
	can([]string{"digitalocean"}, Path, "json", "health_check.path", `{"health_check": {"protocol": "http", "port": <port>, "path": "<path>"}}`),
	can([]string{"haproxy"}, Path, "haproxy", "the uri of http-check send", "option httpchk\nhttp-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>"),
	can([]string{"nginx-plus"}, Path, "nginx-plus", "uri of health_check", "health_check uri=<path>;"),
	can([]string{"envoy"}, Path, "yaml", "http_health_check.path", "http_health_check: { path: \"<path>\" }"),
	can([]string{"traefik"}, Path, "yaml", "healthCheck.path", "healthCheck: { path: \"<path>\" }"),
	can([]string{"caddy"}, Path, "", "health_uri", "health_uri <path>"),
	can([]string{"varnish"}, Path, "", ".url of the probe", ".url = \"<path>\";"),
	can([]string{"apache"}, Path, "", "hcuri", "BalancerMember http://<app> hcmethod=GET hcuri=<path>"),
	can([]string{"f5"}, Path, "", "the send string", `send "GET <path> HTTP/1.1\r\nHost: <site>\r\nConnection: close\r\n\r\n"`),
	can([]string{"kubelet"}, Path, "yaml", "httpGet.path", "httpGet: { path: \"<path>\", port: <port> }"),
	can([]string{"consul"}, Path, "json", "the URL in http", `{"check": {"http": "http://<address>:<port><path>", "interval": "10s"}}`),
	can([]string{"docker"}, Path, "dockerfile", "the command of HEALTHCHECK", "HEALTHCHECK CMD curl --fail --silent http://127.0.0.1:<port><path> || exit 1"),
	can([]string{"kamal"}, Path, "yaml", "proxy.healthcheck.path", "proxy:\n  healthcheck: { path: \"<path>\" }"),
	can([]string{"blackbox", "gatus", "uptimerobot", "inservice"}, Path, "", "the URL or path of the target", ""),

	cannot(alb, Host, "An ALB sends the target's private address and port as Host, an NLB its own; neither can be told otherwise. Mend it at the server."),
	cannot(classic, Host, "A classic load balancer sends the instance's private address. Mend it at the server."),
	can(gcp, Host, "sh", "host", "gcloud compute health-checks update http <name> --host=<site>"),
	cannot([]string{"azure-lb"}, Host, "The load balancer sends the target's address as Host. Mend it at the server."),
	can([]string{"azure-appgw"}, Host, "sh", "host of the probe, or PickHostNameFromBackendHttpSettings", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --host <site>"),
	can(front, Host, "sh", "originHostHeader of the origin", "az afd origin update --resource-group <name> --profile-name <name> --origin-group-name <name> --origin-name <name> --origin-host-header <site>"),
	can([]string{"route53"}, Host, "sh", "FullyQualifiedDomainName", "aws route53 update-health-check --health-check-id <name> --fully-qualified-domain-name <site>"),
	can([]string{"cloudflare"}, Host, "json", "header of the monitor", `{"header": {"Host": ["<site>"]}}`),
	can([]string{"hetzner"}, Host, "json", "http.domain (without it no Host is sent)", `{"health_check": {"http": {"domain": "<site>"}}}`),
	cannot([]string{"digitalocean"}, Host, "There is no setting for the Host of the check. Mend it at the server."),
	can([]string{"haproxy"}, Host, "haproxy", "hdr Host of http-check send", "option httpchk\nhttp-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>"),
	can([]string{"nginx-plus"}, Host, "nginx-plus", "proxy_set_header in the location of health_check", "proxy_set_header Host <site>;\nhealth_check uri=<path>;"),
	can([]string{"envoy"}, Host, "yaml", "http_health_check.host", "http_health_check: { host: \"<site>\", path: \"<path>\" }"),
	can([]string{"traefik"}, Host, "yaml", "healthCheck.hostname", "healthCheck: { path: \"<path>\", hostname: \"<site>\" }"),
	can([]string{"caddy"}, Host, "", "health_headers", "health_headers {\n\tHost <site>\n}"),
	can([]string{"varnish"}, Host, "", ".host_header of the backend, or .request of the probe", ".host_header = \"<site>\";"),
	cannot([]string{"apache"}, Host, "mod_proxy_hcheck sends the worker's own host: name the worker so, and point that name at the server in /etc/hosts."),
	can([]string{"f5"}, Host, "", "the send string", `send "GET <path> HTTP/1.1\r\nHost: <site>\r\nConnection: close\r\n\r\n"`),
	can([]string{"kubelet"}, Host, "yaml", "httpHeaders (not host, which is where it connects to)", "httpGet:\n  path: \"<path>\"\n  port: <port>\n  httpHeaders:\n    - { name: Host, value: \"<site>\" }"),
	can([]string{"consul"}, Host, "json", "header", `{"check": {"http": "http://<address>:<port><path>", "header": {"Host": ["<site>"]}}}`),
	can([]string{"docker"}, Host, "dockerfile", "a field of curl's", "HEALTHCHECK CMD curl --fail --silent --header 'Host: <site>' http://127.0.0.1:<port><path> || exit 1"),
	can([]string{"blackbox", "gatus"}, Host, "yaml", "headers", "headers: { Host: \"<site>\" }"),

	cannot(slices.Concat(alb, classic, gcp, []string{"azure-lb", "azure-appgw", "digitalocean", "hetzner"}), Header, "The load balancer's checks carry no fields of your choice. Mend it at the server."),
	can([]string{"haproxy"}, Header, "haproxy", "hdr of http-check send", "option httpchk\nhttp-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site> hdr X-Forwarded-Proto https"),
	can([]string{"nginx-plus"}, Header, "nginx-plus", "proxy_set_header in the location of health_check", "proxy_set_header X-Forwarded-Proto https;"),
	can([]string{"envoy"}, Header, "yaml", "http_health_check.request_headers_to_add", "request_headers_to_add:\n  - header: { key: x-forwarded-proto, value: https }"),
	can([]string{"traefik"}, Header, "yaml", "healthCheck.headers", "healthCheck: { path: \"<path>\", headers: { X-Forwarded-Proto: https } }"),
	can([]string{"caddy"}, Header, "", "health_headers", "health_headers {\n\tX-Forwarded-Proto https\n}"),
	can([]string{"varnish"}, Header, "", ".request of the probe", ".request = \"GET <path> HTTP/1.1\" \"Host: <site>\" \"X-Forwarded-Proto: https\" \"Connection: close\";"),
	can([]string{"kubelet"}, Header, "yaml", "httpHeaders", "httpHeaders:\n  - { name: X-Forwarded-Proto, value: https }"),
	can([]string{"cloudflare"}, Header, "json", "header of the monitor", `{"header": {"X-Forwarded-Proto": ["https"]}}`),
	can([]string{"consul"}, Header, "json", "header", `{"check": {"header": {"X-Forwarded-Proto": ["https"]}}}`),
	can([]string{"blackbox", "gatus"}, Header, "yaml", "headers", "headers: { X-Forwarded-Proto: https }"),

	cannot(slices.Concat(alb, classic, gcp, []string{"azure-lb", "azure-appgw", "digitalocean", "hetzner", "kubelet"}), Method, "The load balancer asks with GET, always."),
	can(front, Method, "sh", "probeMethod (GET or HEAD)", "az afd origin-group update --resource-group <name> --profile-name <name> --origin-group-name <name> --probe-request-type GET"),
	can([]string{"haproxy"}, Method, "haproxy", "meth of http-check send", "option httpchk\nhttp-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>"),
	can([]string{"envoy"}, Method, "yaml", "http_health_check.method", "http_health_check: { path: \"<path>\", method: GET }"),
	can([]string{"traefik"}, Method, "yaml", "healthCheck.method", "healthCheck: { path: \"<path>\", method: GET }"),
	can([]string{"apache"}, Method, "", "hcmethod", "BalancerMember http://<app> hcmethod=GET hcuri=<path>"),
	can([]string{"cloudflare"}, Method, "json", "method of the monitor", `{"method": "GET"}`),
	can([]string{"consul", "blackbox", "gatus", "uptimerobot"}, Method, "", "method", ""),

	can(alb, Version, "sh", "ProtocolVersion of a new target group (it can't be changed later)", "aws elbv2 create-target-group --name <name> --protocol HTTP --port <port> --vpc-id <name> --protocol-version HTTP2 --health-check-path <path>"),
	can([]string{"haproxy"}, Version, "haproxy", "ver of http-check send, or `check proto h2` at the server", "option httpchk\nhttp-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>"),
	can([]string{"envoy"}, Version, "yaml", "http_health_check.codec_client_type", "http_health_check: { path: \"<path>\", codec_client_type: HTTP2 }"),
	can([]string{"kubelet"}, Version, "yaml", "a grpc probe in place of httpGet, for gRPC", "grpc: { port: <port> }"),

	can(alb, Matcher, "sh", "Matcher.HttpCode (200-499 for an ALB)", "aws elbv2 modify-target-group --target-group-arn <name> --matcher HttpCode=200,<status>"),
	cannot(slices.Concat(classic, gcp, front, []string{"azure-lb"}), Matcher, "For this load balancer 200 alone passes. Answer 200."),
	can([]string{"azure-appgw"}, Matcher, "sh", "match.statusCodes", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --match-status-codes 200-399"),
	can([]string{"cloudflare"}, Matcher, "json", "expected_codes", `{"expected_codes": "2xx"}`),
	can([]string{"hetzner"}, Matcher, "json", "http.status_codes", `{"health_check": {"http": {"status_codes": ["2??"]}}}`),
	can([]string{"haproxy"}, Matcher, "haproxy", "http-check expect status", "http-check expect status 200-299"),
	can([]string{"nginx-plus"}, Matcher, "nginx-plus", "status in a match block", "match ok { status 200-299; }"),
	can([]string{"envoy"}, Matcher, "yaml", "expected_statuses (the end is not in it)", "expected_statuses: [{ start: 200, end: 300 }]"),
	can([]string{"traefik"}, Matcher, "yaml", "healthCheck.status", "healthCheck: { path: \"<path>\", status: <status> }"),
	can([]string{"caddy"}, Matcher, "", "health_status", "health_status 2xx"),
	can([]string{"varnish"}, Matcher, "", ".expected_response", ".expected_response = <status>;"),
	can([]string{"apache"}, Matcher, "", "hcexpr", "ProxyHCExpr ok {%{REQUEST_STATUS} =~ /^2/}"),
	can([]string{"blackbox"}, Matcher, "yaml", "valid_status_codes", "valid_status_codes: [200, <status>]"),
	can([]string{"gatus"}, Matcher, "yaml", "conditions", "conditions: [\"[STATUS] < 300\"]"),

	cannot(slices.Concat(alb, classic, front, []string{"azure-lb", "digitalocean", "kubelet", "traefik", "varnish"}), BodyMatch, "The load balancer looks at the status alone. Answer 503."),
	can(gcp, BodyMatch, "sh", "response: the beginning of the body", "gcloud compute health-checks update http <name> --response=ok"),
	can([]string{"azure-appgw"}, BodyMatch, "sh", "match.body", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --match-body ok"),
	can([]string{"route53"}, BodyMatch, "sh", "SearchString of a check of type HTTP_STR_MATCH", "aws route53 update-health-check --health-check-id <name> --search-string ok"),
	can([]string{"cloudflare"}, BodyMatch, "json", "expected_body", `{"expected_body": "ok"}`),
	can([]string{"hetzner"}, BodyMatch, "json", "http.response", `{"health_check": {"http": {"response": "ok"}}}`),
	can([]string{"haproxy"}, BodyMatch, "haproxy", "http-check expect string", "http-check expect string ok"),
	can([]string{"nginx-plus"}, BodyMatch, "nginx-plus", "body in a match block", "match ok { status 200; body ~ \"ok\"; }"),
	can([]string{"caddy"}, BodyMatch, "", "health_body", "health_body ok"),
	can([]string{"f5"}, BodyMatch, "", "the receive string", `recv "200 OK"`),
	can([]string{"blackbox"}, BodyMatch, "yaml", "fail_if_body_matches_regexp", "fail_if_body_matches_regexp: [\"error\"]"),
	can([]string{"gatus"}, BodyMatch, "yaml", "conditions", "conditions: [\"[BODY].status == ok\"]"),

	can(alb, Protocol, "sh", "HealthCheckProtocol", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-protocol HTTPS"),
	can(classic, Protocol, "sh", "the Target's protocol", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=HTTPS:<port><path>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, Protocol, "sh", "a health check of another type", "gcloud compute health-checks create https <name> --port=<port> --request-path=<path>"),
	can([]string{"azure-lb"}, Protocol, "sh", "protocol", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --protocol Https"),
	can([]string{"azure-appgw"}, Protocol, "sh", "protocol", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --protocol Https"),
	can(front, Protocol, "sh", "probeProtocol", "az afd origin-group update --resource-group <name> --profile-name <name> --origin-group-name <name> --probe-protocol Https"),
	can([]string{"cloudflare"}, Protocol, "json", "type", `{"type": "https", "allow_insecure": true}`),
	can([]string{"hetzner"}, Protocol, "json", "http.tls", `{"health_check": {"protocol": "http", "http": {"tls": true}}}`),
	can([]string{"haproxy", "haproxy-tcp"}, Protocol, "haproxy", "check-ssl at the server", "server app <app> check check-ssl verify none"),
	can([]string{"traefik"}, Protocol, "yaml", "healthCheck.scheme", "healthCheck: { path: \"<path>\", scheme: https }"),
	can([]string{"kubelet"}, Protocol, "yaml", "httpGet.scheme", "httpGet: { path: \"<path>\", port: <port>, scheme: HTTPS }"),
	can([]string{"caddy"}, Protocol, "", "the upstream's transport: https:// before its address", "reverse_proxy https://<app>"),
	can(alb, Secure, "sh", "HealthCheckProtocol and HealthCheckPort", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-protocol HTTPS --health-check-port <otherport>"),
	can(classic, Secure, "sh", "the Target's protocol and port", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=HTTPS:<otherport><path>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, Secure, "sh", "a health check of another type", "gcloud compute health-checks create https <name> --port=<otherport> --request-path=<path>"),
	can([]string{"azure-lb"}, Secure, "sh", "protocol and port", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --protocol Https --port <otherport>"),
	can([]string{"hetzner"}, Secure, "json", "http.tls and port", `{"health_check": {"protocol": "http", "port": <otherport>, "http": {"tls": true}}}`),
	can([]string{"haproxy", "haproxy-tcp"}, Secure, "haproxy", "check-ssl and port at the server", "server app <app> check check-ssl verify none port <otherport>"),
	can([]string{"traefik"}, Secure, "yaml", "healthCheck.scheme and port", "healthCheck: { path: \"<path>\", scheme: https, port: <otherport> }"),
	can([]string{"kubelet"}, Secure, "yaml", "httpGet.scheme and port", "httpGet: { path: \"<path>\", port: <otherport>, scheme: HTTPS }"),

	cannot([]string{"varnish"}, Protocol, "Varnish speaks plain HTTP only. Put hitch or another TLS proxy between them."),

	can(slices.Concat(alb, []string{"nlb-tcp"}), Plain, "sh", "HealthCheckProtocol", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-protocol HTTP"),
	can(classic, Plain, "sh", "the Target's protocol", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=HTTP:<port><path>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, Plain, "sh", "a health check of another type", "gcloud compute health-checks create http <name> --port=<port> --request-path=<path>"),
	can([]string{"azure-lb"}, Plain, "sh", "protocol", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --protocol Http"),
	can([]string{"azure-appgw"}, Plain, "sh", "protocol", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --protocol Http"),
	can(front, Plain, "sh", "probeProtocol", "az afd origin-group update --resource-group <name> --profile-name <name> --origin-group-name <name> --probe-protocol Http"),
	can([]string{"cloudflare"}, Plain, "json", "type", `{"type": "http"}`),
	can([]string{"hetzner"}, Plain, "json", "http.tls", `{"health_check": {"protocol": "http", "http": {"tls": false}}}`),
	can([]string{"haproxy"}, Plain, "haproxy", "no-check-ssl at the server", "server app <app> check no-check-ssl"),
	can([]string{"haproxy-tcp"}, Plain, "haproxy", "option httpchk in the backend", "option httpchk GET <path>"),
	can([]string{"traefik"}, Plain, "yaml", "healthCheck.scheme", "healthCheck: { path: \"<path>\", scheme: http }"),
	can([]string{"kubelet"}, Plain, "yaml", "httpGet.scheme", "httpGet: { path: \"<path>\", port: <port>, scheme: HTTP }"),
	can([]string{"kubelet-tcp"}, Plain, "yaml", "httpGet in place of tcpSocket", "httpGet: { path: \"<path>\", port: <port> }"),
	can([]string{"caddy"}, Plain, "", "the upstream's transport: http:// before its address", "reverse_proxy http://<app>"),

	cannot([]string{"alb", "alb-grpc"}, TCP, "An ALB checks by HTTP or HTTPS only; an NLB can by TCP."),
	can([]string{"nlb", "nlb-tcp"}, TCP, "sh", "HealthCheckProtocol", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-protocol TCP"),
	can(classic, TCP, "sh", "the Target's protocol", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=TCP:<port>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, TCP, "sh", "a health check of another type", "gcloud compute health-checks create tcp <name> --port=<port>"),
	can([]string{"azure-lb"}, TCP, "sh", "protocol", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --protocol Tcp"),
	can([]string{"hetzner"}, TCP, "json", "protocol", `{"health_check": {"protocol": "tcp"}}`),
	can([]string{"haproxy"}, TCP, "haproxy", "take option httpchk out of the backend", "server app <app> check"),
	can([]string{"kubelet"}, TCP, "yaml", "tcpSocket in place of httpGet", "tcpSocket: { port: <port> }"),
	can([]string{"consul"}, TCP, "json", "tcp", `{"check": {"tcp": "<address>:<port>", "interval": "10s"}}`),

	can(alb, Port, "sh", "HealthCheckPort", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-port <otherport>"),
	can(classic, Port, "sh", "the Target's port", "aws elb configure-health-check --load-balancer-name <name> --health-check Target=HTTP:<otherport><path>,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=10"),
	can(gcp, Port, "sh", "port", "gcloud compute health-checks update http <name> --port=<otherport>"),
	can([]string{"azure-lb"}, Port, "sh", "port", "az network lb probe update --resource-group <name> --lb-name <name> --name <name> --port <otherport>"),
	can([]string{"hetzner", "digitalocean"}, Port, "json", "health_check.port", `{"health_check": {"port": <otherport>}}`),
	can([]string{"haproxy", "haproxy-tcp"}, Port, "haproxy", "port at the server", "server app <app> check port <otherport>"),
	can([]string{"nginx-plus"}, Port, "nginx-plus", "port of health_check", "health_check port=<otherport> uri=<path>;"),
	can([]string{"traefik"}, Port, "yaml", "healthCheck.port", "healthCheck: { path: \"<path>\", port: <otherport> }"),
	can([]string{"caddy"}, Port, "", "health_port", "health_port <otherport>"),
	can([]string{"kubelet", "kubelet-tcp", "kubelet-grpc"}, Port, "yaml", "port", "httpGet: { path: \"<path>\", port: <otherport> }"),
	can([]string{"envoy"}, Port, "yaml", "health_check_config.port_value of the endpoint", "health_check_config: { port_value: <otherport> }"),

	can([]string{"haproxy"}, SNI, "haproxy", "check-sni at the server", "server app <app> check check-ssl verify none check-sni <site>"),
	can([]string{"route53"}, SNI, "sh", "EnableSNI with FullyQualifiedDomainName", "aws route53 update-health-check --health-check-id <name> --enable-sni --fully-qualified-domain-name <site>"),
	can([]string{"azure-appgw"}, SNI, "sh", "host of the probe, which is the server name too", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --host <site>"),
	can([]string{"consul"}, SNI, "json", "tls_server_name", `{"check": {"http": "https://<address>:<port><path>", "tls_server_name": "<site>"}}`),
	cannot(slices.Concat(alb, classic, []string{"azure-lb", "kubelet"}), SNI, "The load balancer's checks name no server of your choice. Give the server a default certificate."),

	can([]string{"nlb"}, Proxy, "sh", "proxy_protocol_v2.enabled of the target group", "aws elbv2 modify-target-group-attributes --target-group-arn <name> --attributes Key=proxy_protocol_v2.enabled,Value=true"),
	cannot([]string{"alb", "alb-grpc", "kubelet"}, Proxy, "The load balancer never sends a PROXY header with its check. Give the check a port without."),
	can(gcp, Proxy, "sh", "proxyHeader", "gcloud compute health-checks update http <name> --proxy-header=PROXY_V1"),
	can([]string{"haproxy", "haproxy-tcp"}, Proxy, "haproxy", "check-send-proxy at the server", "server app <app> check check-send-proxy"),

	can(alb, Timeout, "sh", "HealthCheckTimeoutSeconds", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-timeout-seconds 10 --health-check-interval-seconds 30"),
	can(gcp, Timeout, "sh", "timeoutSec, not above the interval", "gcloud compute health-checks update http <name> --timeout=10s --check-interval=10s"),
	can([]string{"azure-appgw"}, Timeout, "sh", "timeout", "az network application-gateway probe update --resource-group <name> --gateway-name <name> --name <name> --timeout 30"),
	can([]string{"haproxy", "haproxy-tcp"}, Timeout, "haproxy", "timeout check", "timeout check 10s"),
	can([]string{"envoy"}, Timeout, "yaml", "timeout", "timeout: 10s"),
	can([]string{"traefik"}, Timeout, "yaml", "healthCheck.timeout", "healthCheck: { path: \"<path>\", timeout: 10s }"),
	can([]string{"caddy"}, Timeout, "", "health_timeout", "health_timeout 10s"),
	can([]string{"varnish"}, Timeout, "", ".timeout of the probe", ".timeout = 10s;"),
	can([]string{"kubelet", "kubelet-tcp", "kubelet-grpc"}, Timeout, "yaml", "timeoutSeconds (1 unless told otherwise)", "timeoutSeconds: 10"),
	can([]string{"docker"}, Timeout, "dockerfile", "--timeout", "HEALTHCHECK --timeout=10s CMD curl --fail --silent http://127.0.0.1:<port><path> || exit 1"),
	can([]string{"consul"}, Timeout, "json", "timeout", `{"check": {"timeout": "10s"}}`),
	can([]string{"blackbox", "gatus"}, Timeout, "yaml", "timeout", "timeout: 10s"),

	can(alb, Interval, "sh", "HealthCheckIntervalSeconds", "aws elbv2 modify-target-group --target-group-arn <name> --health-check-interval-seconds 30"),
	can(gcp, Interval, "sh", "checkIntervalSec", "gcloud compute health-checks update http <name> --check-interval=10s"),
	can([]string{"haproxy", "haproxy-tcp"}, Interval, "haproxy", "inter at the server", "server app <app> check inter 10s"),
	can([]string{"kubelet", "kubelet-tcp", "kubelet-grpc"}, Interval, "yaml", "periodSeconds", "periodSeconds: 10"),

	can(alb, Grace, "sh", "the grace period of what starts the targets", "aws ecs update-service --service <name> --health-check-grace-period-seconds 60"),
	can([]string{"kubelet", "kubelet-tcp", "kubelet-grpc"}, Grace, "yaml", "a startupProbe: readiness and liveness wait for it", "startupProbe:\n  httpGet: { path: \"<path>\", port: <port> }\n  periodSeconds: 5\n  failureThreshold: 60"),
	can([]string{"docker"}, Grace, "dockerfile", "--start-period", "HEALTHCHECK --start-period=60s CMD curl --fail --silent http://127.0.0.1:<port><path> || exit 1"),
	can([]string{"haproxy", "haproxy-tcp"}, Grace, "haproxy", "slowstart at the server: less traffic at first", "server app <app> check slowstart 60s"),

	cannot(slices.Concat(alb, classic, []string{"nlb-tcp"}), Source, "The load balancer asks from addresses of its own subnets: its security group must be let in by that of the targets, and must let out to them."),
	cannot(gcp, Source, "The load balancer asks from 35.191.0.0/16 and 130.211.0.0/22."),
	cannot([]string{"azure-lb"}, Source, "The load balancer asks from 168.63.129.16 (the tag AzureLoadBalancer)."),
	cannot([]string{"kubelet", "kubelet-tcp", "kubelet-grpc"}, Source, "kubelet asks from the node that the pod runs on."),
}
