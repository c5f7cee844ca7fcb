package cause

var http2Only = Cause{
	ID: "http2_only", Kind: Red,
	Title:    "The port speaks HTTP/2 only",
	Meaning:  "The server speaks HTTP/2 without an upgrade, as gRPC servers do, and the check speaks HTTP/1.1.",
	Looks:    "Binary frames (SETTINGS, GOAWAY) or a closed connection in answer to HTTP/1.1.",
	Decides:  "The same request as HTTP/2, by prior knowledge, passes.",
	Fix:      "Let the check speak HTTP/2 or gRPC, or let the server speak HTTP/1.1 as well.",
	Balancer: "Let it ask in HTTP/2 or by gRPC, where it can.",
	Knobs:    []Knob{Version},
	Fixes: []Fix{
		at("kestrel", "appsettings.json", "Without TLS an endpoint speaks one of them only: give HTTP/1.1 another port.", `
{
  "Kestrel": {
    "Endpoints": {
      "Grpc": { "Url": "http://*:<port>", "Protocols": "Http2" },
      "Health": { "Url": "http://*:<otherport>", "Protocols": "Http1" }
    }
  }
}
`),
		at("go", "main.go", "Let net/http speak both (Go 1.24).", `
server.Protocols = new(http.Protocols)
server.Protocols.SetHTTP1(true)
server.Protocols.SetUnencryptedHTTP2(true)
`),
		at("node", "server.js", "Over TLS both are possible; without TLS node:http2 speaks HTTP/2 only.", `
const server = require("node:http2").createSecureServer({ key, cert, allowHTTP1: true }, app);
`),
		nginx("server", "nginx before 1.25 speaks HTTP/2 only on a plain port with the word http2. Leave it out there, or add a port without.", `
listen <otherport>;
`),
		apache("server", "Name both.", `
Protocols h2c http/1.1
`),
		haproxy("frontend", "Leave `proto h2` out: HAProxy then knows HTTP/2 by its first bytes, and speaks both.", `
bind :<otherport>
`),
		at("envoy", "envoy.yaml", "Let Envoy tell them apart.", `
codec_type: AUTO
`),
		agentBeside("Run `inservice agent` beside the app: it answers HTTP/1.1, and gRPC's health protocol on another port."),
	},
}

var notHTTP = Cause{
	ID: "not_http", Kind: Red,
	Title:    "Another protocol is spoken here",
	Meaning:  "Something listens, and it does not speak HTTP: a database, SSH, FastCGI, uwsgi, AJP. The check asks the wrong port, or the server is set to another protocol.",
	Looks:    "A greeting, binary bytes, or a connection closed at the first line.",
	Decides:  "What comes is no HTTP whatever is asked, or the server speaks first.",
	Fix:      "Ask the port that speaks HTTP, or check this one by TCP.",
	Balancer: "Set the port of the check to the app's, or its protocol to TCP.",
	Knobs:    []Knob{Port, TCP},
	Fixes: []Fix{
		at("uwsgi", "uwsgi.ini", "`socket` speaks uwsgi, for nginx's uwsgi_pass. To be asked by HTTP:", `
[uwsgi]
http-socket = :<port>
`),
		at("fastcgi", "shell", "PHP-FPM speaks FastCGI. Ask the web server in front of it, on its own port.", `
ss -ltnp
`),
		at("php-fpm", "shell", "PHP-FPM speaks FastCGI. Ask the web server in front of it, on its own port.", `
ss -ltnp
`),
		at("tomcat", "conf/server.xml", "8009 speaks AJP, 8005 takes the order to stop. HTTP needs a connector of its own.", `
<Connector port="<port>" protocol="HTTP/1.1" connectionTimeout="20000" />
`),
		at("tls", "shell", "The port speaks TLS: let the check speak HTTPS.", `
openssl s_client -connect <address>:<port> </dev/null
`),
		told("ssh", "This is SSH. Its port is 22 mostly: set the port of the check to the app's."),
		told("mysql", "This is MySQL. Check it by TCP, and mind max_connect_errors: a check that only connects can get the load balancer's address blocked (`host_cache_size=0` or mysqladmin flush-hosts)."),
		told("mariadb", "This is MariaDB. Check it by TCP, and mind max_connect_errors: a check that only connects can get the load balancer's address blocked (`mysqladmin flush-hosts`)."),
		told("postgresql", "This is PostgreSQL. Check it by TCP, or its REST neighbour: Patroni answers HTTP on 8008."),
		told("redis", "This is Redis. Check it by TCP; HAProxy can send PING (`tcp-check send PING\\r\\n`, `tcp-check expect string +PONG`)."),
		told("http2", "This is an HTTP/2 server without HTTP/1.1, a gRPC server mostly: let the check speak HTTP/2 or gRPC."),
		told("smtp", "This is a mail server. Check it by TCP."),
		told("memcached", "This is memcached. Check it by TCP."),
	},
}
