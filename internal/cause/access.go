package cause

var authRequired = Cause{
	ID: "auth_required", Kind: Red,
	Title:    "Credentials are required",
	Meaning:  "The health path is behind a password, a token or an API key. A load balancer sends none.",
	Looks:    "401, mostly with WWW-Authenticate, sometimes 403 with a word about a token or key.",
	Decides:  "The 401 itself: no change of Host, path with a slash or scheme removes it. A path without protection answers.",
	Fix:      "Open the health path alone, and let it tell strangers no more than ok or fail. Leave the protection on for the rest.",
	Balancer: "Where the load balancer can send a field with its check, it can send the credentials, which then stand in its configuration.",
	Never:    "Do not accept 401 as success: the check would say nothing of the app.",
	Knobs:    []Knob{Header, Path},
	Fixes: []Fix{
		at("django", "mysite/health.py", "Answer the health path before anything asks for credentials. Where Django REST framework asks, `@authentication_classes([])` and `@permission_classes([AllowAny])` on the view are enough."+shallow, djangoFirst),
		at("rails", "app/controllers/health_controller.rb", "Let the health controller inherit from ActionController::Base instead of the one that asks for credentials.", `
class HealthController < ActionController::Base
  def show = render(plain: "ok")
end
`),
		laravelRoute("Take the middleware that asks for credentials off this route.", `
Route::get('<path>', fn () => response('ok'))->withoutMiddleware(['auth', 'auth.basic', 'web']);
`),
		at("symfony", "config/packages/security.yaml", "Open the health path above the other rules. The first that fits counts.", `
security:
    access_control:
        - { path: '^<pattern>$', roles: PUBLIC_ACCESS }
`),
		at("spring-boot", "SecurityConfiguration.java", "Open the health path, and nothing else. Details stay with those who are allowed: management.endpoint.health.show-details=when-authorized.", `
@Bean
SecurityFilterChain security(HttpSecurity http) throws Exception {
    http.authorizeHttpRequests(requests -> requests
            .requestMatchers("<path>").permitAll()
            .anyRequest().authenticated());
    http.httpBasic(Customizer.withDefaults());
    return http.build();
}
`),
		at("aspnet", "Program.cs", "Open the health path, whatever the fallback policy.", `
app.MapHealthChecks("<path>").AllowAnonymous();
`),
		at("fastapi", "main.py", "Put the health path outside the router with the dependency: dependencies of FastAPI(dependencies=…) hold for every path.", `
from fastapi import Depends, FastAPI

app = FastAPI()


@app.get("<path>")
def health():
    return {"status": "ok"}


app.include_router(api, dependencies=[Depends(require_key)])
`),
		at("starlette", "main.py", "Answer the health path outside AuthenticationMiddleware."+shallow, asgiFirst),
		at("flask", "app.py", "Leave the health path out of the check.", `
@app.before_request
def require_key():
    if request.path != "<path>" and not authorised(request):
        abort(401)
`),
		at("express", "app.js", "Register the health path before the middleware that asks for credentials.", expressFirst),
		at("nestjs", "health.controller.ts", "Mark the route as public, and let the global guard look for the mark.", `
@Public()
@Get("<bare>")
health() {
  return { status: "ok" };
}
`),
		at("phoenix", "lib/my_app_web/router.ex", "Put the health path into a scope that pipes through no authentication.", `
scope "/", MyAppWeb do
  get "<path>", HealthController, :show
end
`),
		at("go", "main.go", "Put the health path outside the handler that asks for credentials.", goFirst),
		at("tomcat", "WEB-INF/web.xml", "A constraint without auth-constraint opens the path; the more exact pattern counts.", `
<security-constraint>
  <web-resource-collection>
    <web-resource-name>health</web-resource-name>
    <url-pattern><path></url-pattern>
  </web-resource-collection>
</security-constraint>
`),
		nginx("server", "Switch the password off for this one path.", `
location = <path> {
    auth_basic off;
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
`),
		apache("virtual host", "Open this one path. The block must come after the one that asks for a password.", `
<Location "<path>">
    AuthType None
    AuthMerging Off
    Require all granted
</Location>
`),
		caddy("site", "Ask for a password on every path but this one (basicauth is called basic_auth since Caddy 2.8).", `
@protected not path <path>
basicauth @protected {
	alice $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
}
reverse_proxy <app>
`),
		haproxy("frontend", "Ask for a password on every path but this one.", `
http-request auth realm site unless { path <path> } || { http_auth(users) }
`),
		lighttpd("Ask for a password on every path but this one.", `
server.modules += ( "mod_auth", "mod_authn_file" )
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "/etc/lighttpd/htpasswd"
$HTTP["url"] != "<path>" {
    auth.require = ( "" => ( "method" => "basic", "realm" => "site", "require" => "valid-user" ) )
}
`),
		varnish("Let the health path by before the password is asked for.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
		at("traefik", "dynamic.yaml", "Give the health path a router without the basicAuth middleware.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		at("envoy", "envoy.yaml", "Switch the filter off for this route.", `
- match: { path: "<path>" }
  route: { cluster: app }
  typed_per_filter_config:
    envoy.filters.http.ext_authz:
      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
      disabled: true
`),
		at("iis", "web.config", "Open this one path.", `
<location path="<bare>">
  <system.webServer>
    <security>
      <authentication>
        <anonymousAuthentication enabled="true" />
        <windowsAuthentication enabled="false" />
        <basicAuthentication enabled="false" />
      </authentication>
    </security>
  </system.webServer>
</location>
`),
		agentBeside("Run `inservice agent` beside the site and check its port: it gives strangers a bare word, and details only with a token."),
	},
}

var forbiddenSource = Cause{
	ID: "forbidden_source", Kind: Red,
	Title:    "The load balancer's address is not allowed",
	Meaning:  "The server answers only certain client addresses, and those that the load balancer asks from are not among them.",
	Looks:    "403 for every path, from this address only; a person elsewhere sees the site.",
	Decides:  "The same request from another source address passes. A field such as X-Forwarded-For should not change it: if it does, anybody can get in.",
	Fix:      "Allow the load balancer's subnets, at least for the health path. Allow networks, not single addresses: its nodes come and go.",
	Balancer: "Find where it asks from.",
	Knobs:    []Knob{Source},
	Fixes: []Fix{
		at("spring-boot", "SecurityConfiguration.java", "Allow the load balancer's network on the health path.", `
@Bean
SecurityFilterChain security(HttpSecurity http) throws Exception {
    var fromBalancer = new IpAddressMatcher("<subnet>");
    http.authorizeHttpRequests(requests -> requests
            .requestMatchers(request -> request.getRequestURI().equals("<path>") && fromBalancer.matches(request)).permitAll()
            .anyRequest().authenticated());
    return http.build();
}
`),
		at("tomcat", "META-INF/context.xml", "Add the load balancer's network to the valve (RemoteCIDRValve).", `
<Context>
  <Valve className="org.apache.catalina.valves.RemoteCIDRValve" allow="127.0.0.0/8,::1,<subnet>" />
</Context>
`),
		at("rails", "config/application.rb", "If a middleware of your own looks at the address, let it know the load balancer's network, and believe X-Forwarded-For from there only.", `
require "ipaddr"

Rails.application.config.action_dispatch.trusted_proxies = [IPAddr.new("<subnet>"), *ActionDispatch::RemoteIp::TRUSTED_PROXIES]
`),
		at("django", "mysite/health.py", "Answer the health path before the middleware that looks at the address. Everything else stays closed."+shallow, djangoFirst),
		at("laravel", "public/index.php", "Answer the health path before the middleware that looks at the address. Everything else stays closed."+shallow, phpFirst),
		at("aspnet", "Program.cs", "Map the health path before the middleware that looks at the address. Everything else stays closed."+shallow, aspnetFirst),
		at("express", "app.js", "Register the health path before the middleware that looks at the address. Everything else stays closed."+shallow, expressFirst),
		at("flask", "app.py", "Answer the health path before your before_request looks at the address. Everything else stays closed."+shallow, wsgiFirst),
		at("fastapi", "main.py", "Answer the health path outside the middleware that looks at the address. Everything else stays closed."+shallow, asgiFirst),
		at("starlette", "main.py", "Answer the health path outside the middleware that looks at the address. Everything else stays closed."+shallow, asgiFirst),
		at("go", "main.go", "Put the health path outside the handler that looks at the address. Everything else stays closed."+shallow, goFirst),
		nginx("server", "Allow the load balancer's network on this path.", `
location = <path> {
    allow <subnet>;
    allow 127.0.0.1;
    deny all;
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
`),
		apache("virtual host", "Allow the load balancer's network on this path.", `
<Location "<path>">
    AuthMerging Off
    Require ip <subnet> 127.0.0.1
</Location>
`),
		caddy("site", "Allow the load balancer's network on this path. remote_ip is the connection's address; client_ip, since Caddy 2.7, believes trusted proxies.", `
@strangers {
	path <path>
	not remote_ip <subnet> 127.0.0.1
}
respond @strangers 403
reverse_proxy <app>
`),
		haproxy("frontend", "Allow the load balancer's network on this path.", `
http-request deny unless { src <subnet> 127.0.0.1 } || !{ path <path> }
`),
		lighttpd("Allow the load balancer's network on this path.", `
server.modules += ( "mod_access" )
$HTTP["url"] == "<path>" {
    $HTTP["remoteip"] != "<subnet>" {
        url.access-deny = ( "" )
    }
}
`),
		varnish("Add the load balancer's network to the list. The names of lists are yours; write a network as address and length.", `
acl balancer {
    "127.0.0.1";
    "10.0.0.0"/8;
}

sub vcl_recv {
    if (req.url == "<path>" && client.ip ~ balancer) {
        return (pass);
    }
}
`),
		at("traefik", "dynamic.yaml", "Add the load balancer's network (ipAllowList since Traefik 3, ipWhiteList before).", `
http:
  middlewares:
    inside:
      ipAllowList:
        sourceRange: ["127.0.0.1/32", "<subnet>"]
`),
		at("envoy", "envoy.yaml", "Add the load balancer's network to the RBAC policy of this path.", `
policies:
  health:
    permissions:
      - url_path: { path: { exact: "<path>" } }
    principals:
      - direct_remote_ip: { address_prefix: "10.0.0.0", prefix_len: 8 }
`),
		at("iis", "web.config", "Add the load balancer's network to the IP restrictions.", `
<ipSecurity allowUnlisted="false">
  <add ipAddress="10.0.0.0" subnetMask="255.0.0.0" allowed="true" />
</ipSecurity>
`),
		agentBeside("Run `inservice agent` beside the site and let the load balancer ask that port: who may ask is then a matter of the firewall alone."),
	},
}

var forbiddenClient = Cause{
	ID: "forbidden_client", Kind: Red,
	Title:    "The checker is taken for a bot",
	Meaning:  "A rule refuses clients by their User-Agent, by missing fields or by other marks, and the load balancer's checker looks like what it refuses.",
	Looks:    "403 or 406, sometimes a closed connection, on paths that a browser gets.",
	Decides:  "The same request with a browser's User-Agent (or with Accept) passes.",
	Fix:      "Leave the health path out of the rule, or better the path and the load balancer's network together. A User-Agent alone proves nothing: anybody can write it.",
	Balancer: "Where the load balancer lets you set fields of its check, set User-Agent.",
	Knobs:    []Knob{Header},
	Fixes: []Fix{
		at("django", "mysite/health.py", "DISALLOWED_USER_AGENTS works in CommonMiddleware: answer the health path before it."+shallow, djangoFirst),
		at("rails", "config/initializers/rack_attack.rb", "Let Rack::Attack pass the health path. (`allow_browser` of Rails 7.2 answers 406: keep the health controller out of it by inheriting from ActionController::Base.)", `
Rack::Attack.safelist("health") { |request| request.path == "<path>" }
`),
		at("express", "app.js", "Register the health path before the middleware that looks at the client.", expressFirst),
		at("laravel", "public/index.php", "Answer the health path before the middleware that looks at the client."+shallow, phpFirst),
		at("aspnet", "Program.cs", "Map the health path before the middleware that looks at the client."+shallow, aspnetFirst),
		at("flask", "app.py", "Answer the health path before your before_request looks at the client."+shallow, wsgiFirst),
		at("fastapi", "main.py", "Answer the health path outside the middleware that looks at the client."+shallow, asgiFirst),
		at("starlette", "main.py", "Answer the health path outside the middleware that looks at the client."+shallow, asgiFirst),
		at("go", "main.go", "Put the health path outside the handler that looks at the client."+shallow, goFirst),
		at("wordpress", "wp-content/mu-plugins/health.php", "Answer before the security plugin looks.", `
<?php
add_action('muplugins_loaded', function () {
    if (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH) === '<path>') {
        header('Content-Type: text/plain');
        echo 'ok';
        exit;
    }
});
`),
		nginx("http", "Let the rule's map know the health path as well as the client, and test the result in the server: `if ($refused) { return 403; }`.", `
map "$uri $http_user_agent" $refused {
    default                              0;
    "~^<pattern> "                       0;
    "~*(bot|crawler|spider|python|curl)" 1;
}
`),
		apache("virtual host", "Leave the health path out of the rule. With ModSecurity: `SecRule REQUEST_FILENAME \"@streq <path>\" \"id:1000,phase:1,pass,nolog,ctl:ruleEngine=Off\"`.", `
RewriteEngine On
RewriteCond %{HTTP_USER_AGENT} "^$|bot|curl|python" [NC]
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^ - [F]
`),
		caddy("site", "Leave the health path out of the rule.", `
@bots {
	header_regexp User-Agent (?i)bot|crawler|spider
	not path <path>
}
respond @bots 403
`),
		haproxy("frontend", "Leave the health path out of the rule.", `
http-request deny if { req.hdr(user-agent) -m reg -i bot|crawler|spider } !{ path <path> }
`),
		lighttpd("Leave the health path out of the rule.", `
server.modules += ( "mod_access" )
$HTTP["url"] != "<path>" {
    $HTTP["useragent"] =~ "(?i)bot|crawler|spider" {
        url.access-deny = ( "" )
    }
}
`),
		varnish("Let the health path by before the rule.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
		agentBeside("Run `inservice agent` beside the site and check its port: no rule about clients stands before it."),
	},
}

var forbiddenPath = Cause{
	ID: "forbidden_path", Kind: Red,
	Title:    "This path is forbidden to everybody",
	Meaning:  "The path is a directory without an index, a file that the server may not read, or one that a rule keeps back.",
	Looks:    "403 on this path from any client; other paths answer 200 or 404.",
	Decides:  "Another path that exists passes from the same address.",
	Fix:      "Check a path that is made for it. If this one should work: put an index there, or let the server read it.",
	Balancer: "Set the path of the check to one that answers, best one that the app itself serves.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		nginx("server", "Ask the app instead of the directory. (`directory index of … is forbidden` in the error log: there is no index; `permission denied`: the worker's user can't read it.)", nginxToApp),
		apache("server", "Name an index for the directory, or ask for a file in it. (`AH01276` in the error log: there is no index; `AH00035`: a directory above can't be entered.)", `
DirectoryIndex index.html index.php
`),
		lighttpd("Name an index for the directory, or ask for a file in it.", `
index-file.names = ( "index.html", "index.php" )
`),
		caddy("site", "Ask the app instead of the file server.", `
handle <path> {
	reverse_proxy <app>
}
`),
		haproxy("frontend", "A rule of the frontend keeps the path back (`http-request deny`). Leave the health path out of it.", `
http-request deny if { path_beg /internal } !{ path <path> }
`),
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "PHP-FPM says `Access denied.` of files whose ending it does not run: ask for one that ends in .php. Do not empty the list.", `
security.limit_extensions = .php
`),
		told("iis", "403.14 is a directory without a default document: name one, or ask for a file in it. Leave directory browsing off."),
		told("tomcat", "A directory without a welcome file: ask for a path that a servlet answers."),
		told("django", "A view raised PermissionDenied, or the CSRF check did. A health view needs neither: open it, with GET and HEAD only."),
	},
}
