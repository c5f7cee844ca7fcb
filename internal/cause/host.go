package cause

var hostNotAllowed = Cause{
	ID: "host_not_allowed", Kind: Red,
	Title:    "The app refuses the Host",
	Meaning:  "The app serves only the names on its list. A load balancer asks with the target's private address as Host, or with none, and that is not on the list.",
	Looks:    "400, 403 or 404 for every path, the same page each time. A browser that uses the site's name sees nothing of it.",
	Decides:  "The same request with `Host: <site>` passes; another path, method or X-Forwarded-Proto does not.",
	Fix:      "Answer the health path before the Host is looked at, or add the address that the load balancer sends to the list. Never allow every host: the list is what keeps forged links out of password mails.",
	Balancer: "Where the load balancer lets you choose the Host of its check, let it send `<site>`.",
	Knobs:    []Knob{Host},
	Fixes: []Fix{
		at("django", "mysite/health.py", "Answer the health path in a middleware that stands first, so that ALLOWED_HOSTS stays strict for everything else."+shallow+" If the address never changes, adding it works too: `ALLOWED_HOSTS = [\"<site>\", \"<host>\"]`.", djangoFirst),
		at("rails", "config/environments/production.rb", "Leave the health path out of the host authorization (Rails 6.1 and later). Its hosts stay strict for the rest.", `
Rails.application.configure do
  config.hosts << "<site>"
  config.host_authorization = { exclude: ->(request) { request.path == "<path>" } }
end
`),
		laravelMiddleware("Trust the address that the load balancer sends, beside the site's name (Laravel 11; before that the list is in app/Http/Middleware/TrustHosts.php).", `
$middleware->trustHosts(at: ['^<sitepat>$', '^<hostpat>$'], subdomains: false);
`),
		at("symfony", "config/packages/framework.yaml", "Add the address that the load balancer sends to the trusted hosts. They are regular expressions: anchor them.", `
framework:
    trusted_hosts: ['^<sitepat>$', '^<hostpat>$']
`),
		at("spring-boot", "FirewallConfiguration.java", "If Spring Security's firewall has a list of host names, add the address that the load balancer sends.", `
@Bean
StrictHttpFirewall httpFirewall() {
    Set<String> hosts = Set.of("<site>", "<host>");
    StrictHttpFirewall firewall = new StrictHttpFirewall();
    firewall.setAllowedHostnames(hosts::contains);
    return firewall;
}
`),
		at("aspnet", "appsettings.json", "Add the address to AllowedHosts, which the host filtering of ASP.NET Core reads. It has no exception by path.", `
{
  "AllowedHosts": "<site>;<host>"
}
`),
		at("vite", "vite.config.js", "Vite refuses names that it does not know; addresses it serves. Name the host that the check sends. For real traffic serve the built site instead of the development server.", `
import { defineConfig } from "vite";

export default defineConfig({
  server: { allowedHosts: ["<site>"] },
  preview: { allowedHosts: ["<site>"] },
});
`),
		at("webpack-dev-server", "webpack.config.js", "Name the host that the check sends. For real traffic serve the built site instead of the development server.", `
module.exports = {
  devServer: { allowedHosts: ["<site>"] },
};
`),
		at("fastapi", "main.py", "Answer the health path outside TrustedHostMiddleware."+shallow+" Or add the address to its allowed_hosts.", asgiFirst),
		at("starlette", "main.py", "Answer the health path outside TrustedHostMiddleware."+shallow+" Or add the address to its allowed_hosts.", asgiFirst),
		at("flask", "app.py", "Answer the health path before Flask looks at the Host (TRUSTED_HOSTS, SERVER_NAME with host_matching)."+shallow, wsgiFirst),
		at("express", "app.js", "Register the health path before the middleware that looks at the Host."+shallow, expressFirst),
		at("go", "main.go", "Put the health path outside the handler that looks at the Host."+shallow, goFirst),
		nginx("server", "Let the refusal stand in locations instead of at the top of the server: an `if` there runs before any location is chosen. Then the health path can have a location of its own.", nginxToApp),
		apache("virtual host", "Leave the health path out of the rule that refuses other hosts, and pass the site's name on.", `
RewriteEngine On
RewriteCond %{HTTP_HOST} !^<sitepat>(:\d+)?$ [NC]
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^ - [F]
`),
		haproxy("frontend", "Leave the health path out of the refusal.", `
http-request deny unless { req.hdr(host),field(1,:) -i <site> } || { path <path> }
`),
		lighttpd("Leave the health path out of the refusal.", `
server.modules += ( "mod_access" )
$HTTP["url"] != "<path>" {
    $HTTP["host"] !~ "^<sitepat>(:\d+)?$" {
        url.access-deny = ( "" )
    }
}
`),
		varnish("Leave the health path out of the refusal, and give the backend the name that it knows.", `
sub vcl_recv {
    if (req.url == "<path>") {
        set req.http.Host = "<site>";
        return (pass);
    }
}
`),
		agentFront("Put `inservice agent` in front of the app: it answers the health path whatever the Host, and keeps a list of its own strict for everything else."),
	},
}

var vhostMismatch = Cause{
	ID: "vhost_mismatch", Kind: Red,
	Title:    "The front server has no site for this Host",
	Meaning:  "The web server in front of the app chooses among its sites by Host. The load balancer's Host belongs to none of them, so that the default site answers, which is not yours, or nobody does.",
	Looks:    "404, 403 or a redirect by the front server itself, or a connection closed without an answer.",
	Decides:  "The same request with `Host: <site>` passes, and the failing answer is a page of the front server's own (or none).",
	Fix:      "Make the site the default of its port, or serve the health path in the default site.",
	Balancer: "Where the load balancer lets you choose the Host of its check, let it send `<site>`.",
	Knobs:    []Knob{Host},
	Fixes: []Fix{
		nginx("http", "Give the default server the health path, and pass the site's name on. What it does with others stays, in `location /`. If there is a default server already, put the location into that one, and a `return`, `rewrite` or `if` at its top into its `location /`: at the top it comes before every location.", `
server {
    listen <port> default_server;
    location = <path> {
        proxy_pass http://<app>;
        proxy_set_header Host <site>;
    }
    location / { return 444; }
}
`),
		apache("server", "The first virtual host of a port is its default. Put one first that serves the health path and nothing else (Debian reads the files in the order of their names: 000-health.conf).", `
<VirtualHost *:<port>>
    ServerName health.invalid
    ProxyPreserveHost Off
    ProxyPass "<path>" "http://<app><path>"
    <Location "/">
        Require expr %{REQUEST_URI} == '<path>'
    </Location>
</VirtualHost>
`),
		caddy("file", "A site whose address is only a port takes every Host that no other site has. Write it beside the site's own block.", `
http://:<port> {
	handle <path> {
		reverse_proxy <app> {
			header_up Host <site>
		}
	}
	handle {
		abort
	}
}
`),
		haproxy("frontend", "Choose the backend for the health path before the choice by Host. Rules count in their order: put it above the others.", `
use_backend app if { path <path> }
`),
		lighttpd("Give the health path to the app outside the condition on the host.", `
server.modules += ( "mod_proxy" )
$HTTP["url"] == "<path>" {
    proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
}
`),
		varnish("Choose the site's backend for the health path before the choice by Host.", `
sub vcl_recv {
    if (req.url == "<path>") {
        set req.http.Host = "<site>";
    }
}
`),
		at("traefik", "dynamic.yaml", "Add a router that matches the path alone. A longer rule has priority over a shorter one, so name one.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
  services:
    app:
      loadBalancer:
        servers:
          - url: http://<app>
`),
		at("envoy", "envoy.yaml", "Add a virtual host for every other domain, with a route for the health path only.", `
virtual_hosts:
  - name: health
    domains: ["*"]
    routes:
      - match: { path: "<path>" }
        route: { cluster: app, host_rewrite_literal: "<site>" }
`),
		at("tomcat", "conf/server.xml", "Make the site's host the default of the engine, or give it the address as an alias.", `
<Engine name="Catalina" defaultHost="<site>">
  <Host name="<site>" appBase="webapps">
    <Alias><host></Alias>
  </Host>
</Engine>
`),
		at("iis", "shell", "Add a binding without a host name to the site, so that it takes every Host on that port.", `
appcmd set site /site.name:"<name>" /+bindings.[protocol='http',bindingInformation='*:<port>:']
`),
		at("flask", "app.py", "With SERVER_NAME and host_matching Flask serves that name only. Answer the health path before it looks."+shallow, wsgiFirst),
		agentBeside("Run `inservice agent` beside the site and check its port: it answers whatever the Host, and asks the site by its name."),
	},
}

var canonicalHostRedirect = Cause{
	ID: "canonical_host_redirect", Kind: Red,
	Title:    "The site sends everybody to its proper name",
	Meaning:  "Requests for another name than the site's proper one are redirected to it, on the same scheme. The load balancer asks by address, and takes a redirect for a failure.",
	Looks:    "301, 302, 307 or 308 whose Location has another host and the same scheme.",
	Decides:  "The request with the Location's host as Host passes.",
	Fix:      "Serve the health path before the redirect.",
	Balancer: "Where the load balancer lets you choose the Host of its check, let it send `<site>`.",
	Never:    "Do not accept 301 as success: the check would pass while the site is dead.",
	Knobs:    []Knob{Host},
	Fixes: []Fix{
		at("django", "mysite/health.py", "PREPEND_WWW redirects in CommonMiddleware: answer the health path in a middleware before it."+shallow, djangoFirst),
		at("rails", "config/initializers/health_first.rb", "Answer the health path before the routes that redirect."+shallow, rackFirst),
		at("wordpress", "wp-content/mu-plugins/health.php", "WordPress redirects to its own address in redirect_canonical. A must-use plugin answers before that, and asks the database.", `
<?php
add_action('muplugins_loaded', function () {
    if (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH) !== '<path>') {
        return;
    }
    global $wpdb;
    $ok = $wpdb->get_var('SELECT 1') === '1';
    status_header($ok ? 200 : 503);
    header('Content-Type: text/plain');
    echo $ok ? 'ok' : 'fail';
    exit;
});
`),
		at("laravel", "public/index.php", "Answer the health path before the framework's redirect."+shallow, phpFirst),
		at("symfony", "public/index.php", "Answer the health path before the framework's redirect."+shallow, phpFirst),
		at("flask", "app.py", "Answer the health path before your before_request redirects."+shallow, wsgiFirst),
		at("fastapi", "main.py", "Answer the health path outside the middleware that redirects."+shallow, asgiFirst),
		at("starlette", "main.py", "Answer the health path outside the middleware that redirects."+shallow, asgiFirst),
		at("express", "app.js", "Register the health path before the redirect."+shallow, expressFirst),
		at("nextjs", "next.config.js", "Let the redirect by host leave the health path out.", `
module.exports = {
  async redirects() {
    return [
      {
        source: "/:path((?!<bare>$).*)",
        missing: [{ type: "host", value: "<site>" }],
        destination: "https://<site>/:path",
        permanent: true,
      },
    ];
  },
};
`),
		at("phoenix", "config/prod.exs", "With `host:` in force_ssl, other hosts are redirected to it. Exclude the health path (as new projects of Phoenix 1.8 can; with an older Plug, answer it in a plug before Plug.SSL).", `
config :my_app, MyAppWeb.Endpoint,
  force_ssl: [
    host: "<site>",
    rewrite_on: [:x_forwarded_proto],
    exclude: [paths: ["<path>"]]
  ]
`),
		at("aspnet", "Program.cs", "Answer the health path before UseRewriter."+shallow, aspnetFirst),
		at("go", "main.go", "Put the health path outside the handler that redirects."+shallow, goFirst),
		nginx("server", "Give the health path to the app in the server that redirects, and let the redirect stand in `location /`: a `return` at the top of the server runs before any location is chosen.", `
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
location / {
    return 301 $scheme://<site>$request_uri;
}
`),
		apache("virtual host", "Leave the health path out of the redirect. A `Redirect` has no exceptions: use rewrite rules for it.", `
RewriteEngine On
RewriteCond %{HTTP_HOST} !^<sitepat>(:\d+)?$ [NC]
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^/(.*)$ https://<site>/$1 [R=301,L]
`),
		caddy("file", "Serve the health path in the block that redirects.", `
http://:<port> {
	handle <path> {
		reverse_proxy <app> {
			header_up Host <site>
		}
	}
	handle {
		redir https://<site>{uri} permanent
	}
}
`),
		haproxy("frontend", "Leave the health path out of the redirect.", `
http-request redirect prefix https://<site> code 301 unless { req.hdr(host),field(1,:) -i <site> } || { path <path> }
`),
		lighttpd("Leave the health path out of the redirect.", `
server.modules += ( "mod_redirect" )
$HTTP["url"] != "<path>" {
    $HTTP["host"] !~ "^<sitepat>(:\d+)?$" {
        url.redirect = ( "^/(.*)" => "https://<site>/$1" )
    }
}
`),
		at("traefik", "dynamic.yaml", "Give the health path a router of its own, without the redirect's middleware.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		agentBeside("Run `inservice agent` beside the site and check its port: it asks the site by its proper name."),
	},
}

var siteHostRefused = Cause{
	ID: "site_host_refused_ok", Kind: Green,
	Title:    "The check passes, and the site's own name is refused",
	Meaning:  "The address that the load balancer asks by is allowed, and the name that visitors use is not: the check is green while every visitor gets an error.",
	Looks:    "200 to the check; 400, 403 or 404 to the same request with the site's name.",
	Decides:  "The request with `Host: <site>` fails.",
	Fix:      "Add the site's name to the list of hosts, in every environment.",
	Balancer: "Where the load balancer lets you choose the Host of its check, let it send `<site>`: then the check fails when visitors fail.",
	Knobs:    []Knob{Host},
	Fixes: []Fix{
		at("django", "settings.py", "Add the site's name. Keep the list a list: `*` switches the protection off.", `
ALLOWED_HOSTS = ["<site>", "<host>"]
`),
		at("rails", "config/environments/production.rb", "Add the site's name to the hosts.", `
Rails.application.configure do
  config.hosts << "<site>"
end
`),
		laravelMiddleware("Add the site's name to the trusted hosts, and set APP_URL to it.", `
$middleware->trustHosts(at: ['^<sitepat>$', '^<hostpat>$'], subdomains: false);
`),
		at("symfony", "config/packages/framework.yaml", "Add the site's name to the trusted hosts.", `
framework:
    trusted_hosts: ['^<sitepat>$', '^<hostpat>$']
`),
		at("aspnet", "appsettings.json", "Add the site's name to AllowedHosts.", `
{
  "AllowedHosts": "<site>;<host>"
}
`),
		at("vite", "vite.config.js", "Name the site. For real traffic serve the built site instead of the development server.", `
import { defineConfig } from "vite";

export default defineConfig({
  server: { allowedHosts: ["<site>"] },
  preview: { allowedHosts: ["<site>"] },
});
`),
		at("webpack-dev-server", "webpack.config.js", "Name the site. For real traffic serve the built site instead of the development server.", `
module.exports = {
  devServer: { allowedHosts: ["<site>"] },
};
`),
		at("fastapi", "main.py", "Add the site's name to TrustedHostMiddleware's list.", `
from starlette.middleware.trustedhost import TrustedHostMiddleware

app.add_middleware(TrustedHostMiddleware, allowed_hosts=["<site>", "<host>"])
`),
		at("starlette", "main.py", "Add the site's name to TrustedHostMiddleware's list.", `
from starlette.middleware.trustedhost import TrustedHostMiddleware

app.add_middleware(TrustedHostMiddleware, allowed_hosts=["<site>", "<host>"])
`),
		at("flask", "app.py", "Add the site's name to the trusted hosts (Flask 3.1).", `
app.config["TRUSTED_HOSTS"] = ["<site>", "<host>"]
`),
		at("spring-boot", "FirewallConfiguration.java", "Add the site's name to the firewall's list.", `
@Bean
StrictHttpFirewall httpFirewall() {
    Set<String> hosts = Set.of("<site>", "<host>");
    StrictHttpFirewall firewall = new StrictHttpFirewall();
    firewall.setAllowedHostnames(hosts::contains);
    return firewall;
}
`),
		nginx("http", "Give the site's server its name.", `
server {
    listen <port>;
    server_name <site>;
    location / { proxy_pass http://<app>; proxy_set_header Host $host; }
}
`),
		apache("virtual host", "Give the site's virtual host its name.", `
ServerAlias <site>
`),
		caddy("file", "Give the site its name. Where the load balancer ends TLS write http:// before it.", `
http://<site>:<port> {
	reverse_proxy <app>
}
`),
		haproxy("frontend", "Let the site's name through.", `
use_backend app if { req.hdr(host),field(1,:) -i <site> }
`),
		lighttpd("Let the condition fit the site's name.", `
server.modules += ( "mod_proxy" )
$HTTP["host"] =~ "^<sitepat>(:\d+)?$" {
    proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
}
`),
		at("traefik", "dynamic.yaml", "Let the router's rule fit the site's name.", `
http:
  routers:
    site:
      rule: Host("<site>")
      service: app
`),
	},
}
