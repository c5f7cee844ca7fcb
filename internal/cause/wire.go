package cause

var wrongProtocolTLS = Cause{
	ID: "wrong_protocol_tls", Kind: Red,
	Title:    "Plain HTTP to a port that speaks TLS",
	Meaning:  "The check speaks plain HTTP, and the port wants TLS.",
	Looks:    "400 with a sentence about HTTPS, a TLS alert (bytes 15 03), or a closed connection.",
	Decides:  "The same request inside TLS passes.",
	Fix:      "Let the check speak HTTPS, or give it a plain port.",
	Balancer: "Set the check's protocol to HTTPS. Most load balancers do not verify the certificate of a check.",
	Knobs:    []Knob{Protocol, Secure, Port},
	Fixes: []Fix{
		at("spring-boot", "application.properties", "Or give Actuator a plain port of its own, that only the load balancer reaches.", `
management.server.port=8081
management.server.ssl.enabled=false
`),
		at("tomcat", "conf/server.xml", "Or add a plain connector, that only the load balancer reaches.", `
<Connector port="<otherport>" protocol="HTTP/1.1" connectionTimeout="20000" />
`),
		at("kestrel", "appsettings.json", "Or add a plain endpoint, that only the load balancer reaches.", `
{
  "Kestrel": { "Endpoints": { "Health": { "Url": "http://*:<otherport>" } } }
}
`),
		at("go", "main.go", "Or serve the health path on a plain port, that only the load balancer reaches.", `
go http.ListenAndServe(":<otherport>", health)
http.ListenAndServeTLS(":<port>", "cert.pem", "key.pem", site)
`),
		at("node", "server.js", "Or serve the health path on a plain port, that only the load balancer reaches.", `
require("node:http").createServer(app).listen(<otherport>);
`),
		nginx("http", "Or serve the health path on a plain port, that only the load balancer reaches.", `
server {
    listen <otherport>;
    location = <path> { proxy_pass http://<app>; proxy_set_header Host <site>; }
    location / { return 404; }
}
`),
		apache("server", "Or serve the health path on a plain port, that only the load balancer reaches.", `
Listen <otherport>
<VirtualHost *:<otherport>>
    ServerName <site>
    ProxyPass "<path>" "http://<app><path>"
</VirtualHost>
`),
		caddy("file", "Or serve the health path on a plain port, that only the load balancer reaches.", `
http://:<otherport> {
	handle <path> {
		reverse_proxy <app>
	}
}
`),
		haproxy("section", "Or serve the health path on a plain port, that only the load balancer reaches.", `
frontend health
    mode http
    bind :<otherport>
    http-request deny deny_status 404 unless { path <path> }
    default_backend app
`),
		lighttpd("Or serve plain HTTP on another port, that only the load balancer reaches.", `
$SERVER["socket"] == ":<otherport>" { }
`),
		agentBeside("Run `inservice agent` beside the site: it answers plain HTTP on a port of its own."),
	},
}

var wrongProtocolPlain = Cause{
	ID: "wrong_protocol_plain", Kind: Red,
	Title:    "TLS to a port that speaks plain HTTP",
	Meaning:  "The check begins with a TLS handshake, and the port speaks plain HTTP.",
	Looks:    "The handshake meets `HTTP/1.1 400` or a closed connection; some servers wait until the time-out.",
	Decides:  "The same request without TLS passes.",
	Fix:      "Let the check speak HTTP, or switch TLS on for the port.",
	Balancer: "Set the check's protocol to HTTP for this port, or its port to the one that speaks TLS.",
	Knobs:    []Knob{Plain, Port},
	Fixes: []Fix{
		at("spring-boot", "application.properties", "Or switch TLS on for the port.", `
server.ssl.certificate=file:/etc/ssl/site.pem
server.ssl.certificate-private-key=file:/etc/ssl/site.key
`),
		at("gunicorn", "shell", "Or switch TLS on for the port.", `
gunicorn --bind 0.0.0.0:<port> --certfile /etc/ssl/site.pem --keyfile /etc/ssl/site.key app:app
`),
		at("uvicorn", "shell", "Or switch TLS on for the port.", `
uvicorn main:app --host 0.0.0.0 --port <port> --ssl-certfile /etc/ssl/site.pem --ssl-keyfile /etc/ssl/site.key
`),
		at("kestrel", "appsettings.json", "Or switch TLS on for the port.", `
{
  "Kestrel": {
    "Endpoints": {
      "Https": { "Url": "https://*:<port>", "Certificate": { "Path": "/etc/ssl/site.pem", "KeyPath": "/etc/ssl/site.key" } }
    }
  }
}
`),
		nginx("server", "Or switch TLS on: a `listen` without the word ssl is plain, even on port 443.", `
listen <otherport> ssl;
ssl_certificate /etc/ssl/site.pem;
ssl_certificate_key /etc/ssl/site.key;
`),
		apache("virtual host", "Or switch TLS on: a virtual host without SSLEngine is plain, even on port 443.", `
SSLEngine on
SSLCertificateFile /etc/ssl/site.pem
SSLCertificateKeyFile /etc/ssl/site.key
`),
		haproxy("frontend", "Or switch TLS on: a bind without the word ssl is plain, even on port 443.", `
bind :<otherport> ssl crt /etc/ssl/site-with-key.pem
`),
		caddy("file", "Or switch TLS on: a site with http:// before its address is plain.", `
https://<site>:<otherport> {
	tls /etc/ssl/site.pem /etc/ssl/site.key
	reverse_proxy <app>
}
`),
	},
}

var clientCertRequired = Cause{
	ID: "client_cert_required", Kind: Red,
	Title:    "A client certificate is required",
	Meaning:  "The port asks for a certificate of the client's. Load balancers have none for their checks.",
	Looks:    "400 `No required SSL certificate was sent`, or a handshake that ends with the alert certificate_required or bad_certificate.",
	Decides:  "The server asks for a certificate in the handshake, and the same request with one passes.",
	Fix:      "Ask for the certificate, and require it everywhere but on the health path; or give the check a port without that.",
	Balancer: "Check another port, that only the load balancer reaches.",
	Knobs:    []Knob{Port},
	Fixes: []Fix{
		nginx("server", "Ask, and require it in every location but this one.", `
ssl_verify_client optional;
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
location / {
    if ($ssl_client_verify != SUCCESS) { return 403; }
    proxy_pass http://<app>;
}
`),
		apache("virtual host", "Ask, and require it everywhere but here.", `
SSLEngine on
SSLCertificateFile /etc/ssl/site.pem
SSLCertificateKeyFile /etc/ssl/site.key
SSLCACertificateFile /etc/ssl/clients.pem
SSLVerifyClient optional
<Location "/">
    Require expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'
</Location>
<Location "<path>">
    AuthMerging Off
    Require all granted
</Location>
`),
		haproxy("section", "Ask, and require it everywhere but here.", `
frontend site
    mode http
    bind :<otherport> ssl crt /etc/ssl/site-with-key.pem ca-file /etc/ssl/clients.pem verify optional
    http-request deny unless { ssl_c_used } { ssl_c_verify 0 } || { path <path> }
    default_backend app
`),
		caddy("file", "Give the check a plain port of its own, that only the load balancer reaches; the certificate stays required on the other.", `
http://:<otherport> {
	handle <path> {
		reverse_proxy <app>
	}
}
`),
		at("tomcat", "conf/server.xml", "Ask, and let the application require it.", `
<SSLHostConfig certificateVerification="optional" truststoreFile="conf/clients.p12">
  <Certificate certificateKeystoreFile="conf/site.p12" type="RSA" />
</SSLHostConfig>
`),
		at("spring-boot", "application.properties", "Ask, and let Spring Security's x509() require it everywhere but on the health path.", `
server.ssl.client-auth=want
`),
		at("kestrel", "Program.cs", "Ask, and require it by authorization everywhere but on the health path.", `
builder.WebHost.ConfigureKestrel(options => options.ConfigureHttpsDefaults(https =>
    https.ClientCertificateMode = ClientCertificateMode.AllowCertificate));
`),
		at("go", "main.go", "Ask, and let the handlers require it everywhere but on the health path.", `
server.TLSConfig.ClientAuth = tls.VerifyClientCertIfGiven
`),
		at("node", "server.js", "Ask, and require it everywhere but on the health path.", `
const options = { requestCert: true, rejectUnauthorized: false };
app.use((req, res, next) => {
  if (req.path === "<path>" || req.client.authorized) return next();
  res.sendStatus(403);
});
`),
		at("uvicorn", "shell", "Ask (1 is optional), and let the app require it. With uvicorn the app can't see the certificate: give the check a port of its own instead.", `
uvicorn main:app --port <otherport> --host 127.0.0.1
`),
		at("traefik", "dynamic.yaml", "Ask, and require it by routers. With RequireAndVerifyClientCert no route is reached without.", `
tls:
  options:
    default:
      clientAuth:
        caFiles: [/etc/ssl/clients.pem]
        clientAuthType: VerifyClientCertIfGiven
`),
		at("envoy", "envoy.yaml", "Ask, and require it by RBAC everywhere but on the health path.", `
require_client_certificate: false
`),
		agentBeside("Run `inservice agent` beside the site: it answers on a port of its own, without certificates."),
	},
}

var sniRequired = Cause{
	ID: "sni_required", Kind: Red,
	Title:    "The handshake needs a server name",
	Meaning:  "The server chooses its certificate by the name in the handshake (SNI), and has none for a client that sends no name. Checks by address send none.",
	Looks:    "The handshake ends with the alert unrecognized_name or handshake_failure, or a 400 or 421 about SNI follows it.",
	Decides:  "The same request with `<site>` as server name passes.",
	Fix:      "Give the server a default certificate: any will do, since most load balancers do not verify it.",
	Balancer: "Where the load balancer lets you choose the server name of its check, set it.",
	Knobs:    []Knob{SNI},
	Fixes: []Fix{
		nginx("http", "Give the port a default server with a certificate, in place of one with ssl_reject_handshake.", `
server {
    listen <otherport> ssl default_server;
    ssl_certificate /etc/ssl/site.pem;
    ssl_certificate_key /etc/ssl/site.key;
    location = <path> { proxy_pass http://<app>; proxy_set_header Host <site>; }
    location / { return 444; }
}
`),
		apache("server", "Let clients without a name reach the first virtual host.", `
SSLStrictSNIVHostCheck off
`),
		haproxy("frontend", "Leave strict-sni out: the first certificate is the default.", `
bind :<otherport> ssl crt /etc/ssl/site-with-key.pem
`),
		caddy("global", "Name the certificate for clients without a name.", `
{
	default_sni <site>
}
`),
		at("traefik", "dynamic.yaml", "Give the default options no sniStrict, and name a default certificate.", `
tls:
  options:
    default:
      sniStrict: false
  stores:
    default:
      defaultCertificate:
        certFile: /etc/ssl/site.pem
        keyFile: /etc/ssl/site.key
`),
		at("tomcat", "conf/server.xml", "Name the default host of the connector.", `
<Connector port="<port>" SSLEnabled="true" defaultSSLHostConfigName="<site>">
  <SSLHostConfig hostName="<site>">
    <Certificate certificateKeystoreFile="conf/site.p12" type="RSA" />
  </SSLHostConfig>
</Connector>
`),
		at("jetty", "start.d/ssl.ini", "Jetty answers 400 `Invalid SNI` where name and certificate do not fit. Leave the check off for hosts that are addresses.", `
jetty.ssl.sniRequired=false
jetty.ssl.sniHostCheck=false
`),
		at("kestrel", "appsettings.json", "Name a certificate for clients without a name.", `
{
  "Kestrel": {
    "Endpoints": {
      "Https": {
        "Url": "https://*:<port>",
        "Sni": { "*": { "Certificate": { "Path": "/etc/ssl/site.pem", "KeyPath": "/etc/ssl/site.key" } } }
      }
    }
  }
}
`),
		at("envoy", "envoy.yaml", "Add a filter chain without server_names, as default_filter_chain.", `
default_filter_chain:
  transport_socket:
    name: envoy.transport_sockets.tls
`),
		at("go", "main.go", "GetCertificate must return a certificate for an empty name too.", `
server.TLSConfig.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate, ok := certificates[hello.ServerName]; ok {
		return certificate, nil
	}
	return fallback, nil
}
`),
		agentBeside("Run `inservice agent` beside the site: it answers plain HTTP on a port of its own."),
	},
}

var tlsIncompatible = Cause{
	ID: "tls_incompatible", Kind: Red,
	Title:    "No TLS version or cipher in common",
	Meaning:  "The server and the checker have no version of TLS, or no cipher, that both take.",
	Looks:    "The handshake ends with the alert protocol_version or handshake_failure.",
	Decides:  "A handshake with another version (or with more ciphers) succeeds.",
	Fix:      "Switch TLS 1.2 and 1.3 on, with the ciphers that your server's packager recommends. Do not go back to 1.0 for a checker: give it a plain port instead.",
	Balancer: "Choose a newer security policy, where there is one.",
	Knobs:    []Knob{Plain, Port},
	Fixes: []Fix{
		nginx("server", "Switch both on.", `
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers HIGH:!aNULL:!MD5;
`),
		apache("server", "Switch both on.", `
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLCipherSuite HIGH:!aNULL:!MD5
`),
		haproxy("global", "Switch both on.", `
ssl-default-bind-options ssl-min-ver TLSv1.2
`),
		caddy("file", "Switch both on: that is what Caddy does unless it is told otherwise.", `
https://<site>:<otherport> {
	tls /etc/ssl/site.pem /etc/ssl/site.key {
		protocols tls1.2 tls1.3
	}
	reverse_proxy <app>
}
`),
		lighttpd("Switch both on.", `
server.modules += ( "mod_openssl" )
ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1.2" )
`),
		at("hitch", "/etc/hitch/hitch.conf", "Switch both on.", `
tls-protos = TLSv1.2 TLSv1.3
`),
		at("tomcat", "conf/server.xml", "Switch both on.", `
<SSLHostConfig protocols="TLSv1.2+TLSv1.3">
  <Certificate certificateKeystoreFile="conf/site.p12" type="RSA" />
</SSLHostConfig>
`),
		at("spring-boot", "application.properties", "Switch both on.", `
server.ssl.enabled-protocols=TLSv1.2,TLSv1.3
`),
		at("kestrel", "Program.cs", "Switch both on.", `
builder.WebHost.ConfigureKestrel(options => options.ConfigureHttpsDefaults(https =>
    https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13));
`),
		at("go", "main.go", "Switch both on: that is what Go does unless it is told otherwise.", `
server.TLSConfig.MinVersion = tls.VersionTLS12
`),
		at("node", "server.js", "Switch both on: that is what Node.js does unless it is told otherwise.", `
const options = { minVersion: "TLSv1.2" };
`),
		at("traefik", "dynamic.yaml", "Switch both on.", `
tls:
  options:
    default:
      minVersion: VersionTLS12
`),
		at("envoy", "envoy.yaml", "Switch both on.", `
tls_params:
  tls_minimum_protocol_version: TLSv1_2
  tls_maximum_protocol_version: TLSv1_3
`),
	},
}

var proxyProtocolExpected = Cause{
	ID: "proxy_protocol_expected", Kind: Red,
	Title:    "The port expects a PROXY header",
	Meaning:  "The server waits for the PROXY protocol's line before the request. Visitors' connections bring it; the check does not.",
	Looks:    "Closed without an answer, 400, or silence.",
	Decides:  "The same request with a PROXY line before it passes.",
	Fix:      "Give the check a port without the PROXY protocol, or let the load balancer send the header with its checks. Believe it from the load balancer only.",
	Balancer: "Let its checks bring the header too, where they can, or check a port that does without.",
	Knobs:    []Knob{Proxy, Port},
	Fixes: []Fix{
		nginx("http", "Serve the health path on a port without it.", `
server {
    listen <otherport>;
    location = <path> { proxy_pass http://<app>; proxy_set_header Host <site>; }
    location / { return 404; }
}
`),
		apache("virtual host", "Except the networks that the checks come from.", `
RemoteIPProxyProtocol On
RemoteIPProxyProtocolExceptions <subnet> 127.0.0.1
`),
		haproxy("section", "Serve the health path on a port without accept-proxy.", `
frontend health
    mode http
    bind :<otherport>
    http-request deny deny_status 404 unless { path <path> }
    default_backend app
`),
		lighttpd("Serve the health path on a port without it: hap-PROXY holds for a socket.", `
server.modules += ( "mod_extforward" )
$SERVER["socket"] == ":<otherport>" {
    extforward.hap-PROXY = "disable"
}
`),
		at("varnish", "the systemd unit", "Add a listener without PROXY.", `
[Service]
ExecStart=
ExecStart=/usr/sbin/varnishd -F -a :<port>,PROXY -a :<otherport>,HTTP -f /etc/varnish/default.vcl -s malloc,256m
`),
		at("hitch", "/etc/hitch/hitch.conf", "Let hitch not ask for it: proxy-proxy passes a header on, and so needs one.", `
proxy-proxy = off
`),
		at("traefik", "traefik.yaml", "Traefik takes the header from trusted addresses, and does without it. Name them.", `
entryPoints:
  web:
    address: ":<port>"
    proxyProtocol:
      trustedIPs: ["<subnet>"]
`),
		at("envoy", "envoy.yaml", "Let the listener filter take requests without it, too.", `
listener_filters:
  - name: envoy.filters.listener.proxy_protocol
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
      allow_requests_without_proxy_protocol: true
`),
		at("gunicorn", "gunicorn.conf.py", "gunicorn wants the line on every connection then. Leave it off where another way tells the visitor's address.", `
proxy_protocol = False
`),
		at("puma", "config/puma.rb", "Puma wants the line on every connection then. Leave it off where another way tells the visitor's address.", `
set_remote_address header: "x-forwarded-for"
`),
		agentBeside("Run `inservice agent` beside the site: it answers on a port of its own, without the header."),
	},
}
