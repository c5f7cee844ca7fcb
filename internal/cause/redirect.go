package cause

import "slices"

// exempt are the ways to answer the health path before a redirect to https.
var exempt = []Fix{
	at("django", "settings.py", "Exempt the health path from SecurityMiddleware's redirect. The patterns are matched without the first slash.", `
SECURE_REDIRECT_EXEMPT = [r"^<barepat>$"]
`),
	at("rails", "config/environments/production.rb", "Exempt the health path from force_ssl. Everything else is redirected as before.", `
Rails.application.configure do
  config.force_ssl = true
  config.ssl_options = { redirect: { exclude: ->(request) { request.path == "<path>" } } }
end
`),
	at("laravel", "public/index.php", "Answer the health path before the middleware that redirects."+shallow, phpFirst),
	at("symfony", "config/packages/security.yaml", "Give the health path a rule of its own above the one that requires https. The first that fits counts.", `
security:
    access_control:
        - { path: '^<pattern>$', roles: PUBLIC_ACCESS }
        - { path: ^/, roles: PUBLIC_ACCESS, requires_channel: https }
`),
	at("wordpress", "wp-content/mu-plugins/health.php", "A must-use plugin answers before the plugin that redirects, and asks the database.", `
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
	at("spring-boot", "SecurityConfiguration.java", "Redirect everything but the health path (Spring Security 6.5; before that, requiresChannel with the same matcher).", `
@Bean
SecurityFilterChain security(HttpSecurity http) throws Exception {
    http.redirectToHttps(https -> https.requestMatchers(request -> !request.getRequestURI().equals("<path>")));
    return http.build();
}
`),
	at("aspnet", "Program.cs", "Redirect every path but the health path.", `
app.UseWhen(
    context => context.Request.Path != "<path>",
    rest => rest.UseHttpsRedirection());
`),
	at("flask", "app.py", "Answer the health path before Flask-Talisman or your own before_request redirects."+shallow, wsgiFirst),
	at("fastapi", "main.py", "Answer the health path outside HTTPSRedirectMiddleware."+shallow, asgiFirst),
	at("starlette", "main.py", "Answer the health path outside HTTPSRedirectMiddleware."+shallow, asgiFirst),
	at("nextjs", "middleware.js", "Let the middleware that redirects leave the health path out. The matcher's value must be a constant.", `
export const config = {
  matcher: ["/((?!<bare>$).*)"],
};
`),
	at("nestjs", "main.ts", "Register the health path before the middleware that redirects."+shallow, `
app.use("<path>", (req, res) => res.type("text/plain").send("ok"));
`),
	at("express", "app.js", "Register the health path before the middleware that redirects."+shallow, expressFirst),
	at("fastify", "server.js", "Let the hook that redirects leave the health path out.", `
fastify.addHook("onRequest", async (request, reply) => {
  if (request.protocol !== "https" && request.url !== "<path>") {
    return reply.redirect("https://" + request.hostname + request.url, 301);
  }
});
`),
	at("phoenix", "config/prod.exs", "Exclude the health path from force_ssl (as new projects of Phoenix 1.8 can; with an older Plug, answer it in a plug before Plug.SSL).", `
config :my_app, MyAppWeb.Endpoint,
  force_ssl: [rewrite_on: [:x_forwarded_proto], exclude: [paths: ["<path>"]]]
`),
	at("go", "main.go", "Put the health path outside the handler that redirects."+shallow, goFirst),
	at("tomcat", "WEB-INF/web.xml", "Give the health path a constraint without CONFIDENTIAL: the constraint with the more exact pattern counts.", `
<security-constraint>
  <web-resource-collection>
    <web-resource-name>health</web-resource-name>
    <url-pattern><path></url-pattern>
  </web-resource-collection>
  <user-data-constraint>
    <transport-guarantee>NONE</transport-guarantee>
  </user-data-constraint>
</security-constraint>
`),
	nginx("server", "Answer the health path from the app, and let the redirect stand in `location /`: a `return` or an `if` at the top of the server runs before any location is chosen.", `
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
    proxy_set_header X-Forwarded-Proto https; # for the app's own redirect, on this path only
}
location / {
    return 301 https://$host$request_uri;
}
`),
	apache("virtual host", "Leave the health path out of the redirect and give it to the app. A `Redirect /` has no exceptions: use this in its place.", `
RedirectMatch permanent "^(?!<pattern>$)(.*)" "https://<site>$1"
ProxyPass "<path>" "http://<app><path>"
`),
	caddy("file", "Answer the health path on the plain port. Caddy then leaves that port's other redirects to you.", `
http://:<port> {
	handle <path> {
		reverse_proxy <app> {
			header_up Host <site>
		}
	}
	handle {
		redir https://{host}{uri} permanent
	}
}
`),
	haproxy("frontend", "Leave the health path out of the redirect.", `
http-request redirect scheme https code 301 unless { ssl_fc } || { path <path> }
`),
	lighttpd("Leave the health path out of the redirect.", `
server.modules += ( "mod_redirect" )
$HTTP["scheme"] == "http" {
    $HTTP["url"] != "<path>" {
        url.redirect = ( "" => "https://${url.authority}${url.path}${qsa}" )
    }
}
`),
	varnish("Let the health path pass before the redirect.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
	at("traefik", "dynamic.yaml", "Redirect by a middleware on routers instead of on the entry point, and give the health path a router without it.", `
http:
  routers:
    health:
      rule: Path("<path>")
      entryPoints: [web]
      priority: 1000
      service: app
    redirect:
      rule: PathPrefix("/")
      entryPoints: [web]
      middlewares: [to-https]
      service: app
  middlewares:
    to-https:
      redirectScheme:
        scheme: https
        permanent: true
`),
	at("envoy", "envoy.yaml", "Put a route for the health path before the one that redirects, and take require_tls off the virtual host.", `
routes:
  - match: { path: "<path>" }
    route: { cluster: app }
  - match: { prefix: "/" }
    redirect: { https_redirect: true }
`),
	at("iis", "web.config", "Leave the health path out of the rewrite rule.", `
<rule name="https" stopProcessing="true">
  <match url="(.*)" />
  <conditions>
    <add input="{HTTPS}" pattern="^OFF$" />
    <add input="{URL}" pattern="^<pattern>$" negate="true" />
  </conditions>
  <action type="Redirect" url="https://{HTTP_HOST}/{R:1}" redirectType="Permanent" />
</rule>
`),
	agentFront("Put `inservice agent --https-redirect` in front of the app and take the redirect out of it: the agent answers the health path first, and redirects everybody else."),
}

var httpsRedirect = Cause{
	ID: "https_redirect", Kind: Red,
	Title:    "The check is redirected to https",
	Meaning:  "The site redirects plain http to https, and believes X-Forwarded-Proto about it. Visitors' requests come with that field; the load balancer's own check does not.",
	Looks:    "301, 302, 307 or 308 to the same address with https.",
	Decides:  "The same request with `X-Forwarded-Proto: https` passes.",
	Fix:      "Exempt the health path from the redirect. Leave the redirect on for the rest.",
	Balancer: "Where the load balancer can add a field to its check, let it send `X-Forwarded-Proto: https`.",
	Never:    "Do not accept 301 as success: the front server gives it while the app is dead.",
	Knobs:    []Knob{Header, Protocol, Secure},
	Fixes:    exempt,
}

// trust says where a redirect does not stop because the field that should stop it
// is not believed. It comes after the exemption, which helps in any case.
var trust = map[string]string{
	"django":      " If visitors behind the load balancer loop too, Django does not believe X-Forwarded-Proto: `SECURE_PROXY_SSL_HEADER = (\"HTTP_X_FORWARDED_PROTO\", \"https\")`, but only where the proxy in front removes what strangers write into that field.",
	"rails":       " If visitors loop too: `config.assume_ssl = true` (Rails 7.1) where TLS always ends before the app.",
	"laravel":     " If visitors loop too, trust the proxy: `$middleware->trustProxies(at: ['<subnet>'])` in bootstrap/app.php.",
	"symfony":     " If visitors loop too, set `framework.trusted_proxies` to `<subnet>` and `trusted_headers` to include x-forwarded-proto.",
	"wordpress":   " If visitors loop too, set `$_SERVER['HTTPS'] = 'on'` in wp-config.php where the trusted proxy's HTTP_X_FORWARDED_PROTO is https.",
	"spring-boot": " If visitors loop too: `server.forward-headers-strategy=native`.",
	"aspnet":      " If visitors loop too, call UseForwardedHeaders before it, with KnownNetworks set to `<subnet>`.",
	"flask":       " If visitors loop too, and all of them come through one proxy: `app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)` of werkzeug.middleware.proxy_fix.",
	"fastapi":     " If visitors loop too, tell uvicorn whom to believe: `--forwarded-allow-ips <subnet>` (networks since 0.31; addresses before). It is 127.0.0.1 by default, so that a test on the machine itself passes.",
	"starlette":   " If visitors loop too, tell uvicorn whom to believe: `--forwarded-allow-ips <subnet>` (networks since 0.31; addresses before). It is 127.0.0.1 by default, so that a test on the machine itself passes.",
	"express":     " If visitors loop too: `app.set(\"trust proxy\", \"<subnet>\")`.",
	"nestjs":      " If visitors loop too: `app.set(\"trust proxy\", \"<subnet>\")`.",
	"fastify":     " If visitors loop too: `Fastify({ trustProxy: \"<subnet>\" })`.",
	"tomcat":      " If visitors loop too, add a RemoteIpValve with protocolHeader=\"x-forwarded-proto\".",
}

var httpsRedirectIgnored = Cause{
	ID: "https_redirect_xfp_ignored", Kind: Red,
	Title:    "Everything on this port is redirected to https",
	Meaning:  "The port redirects every request to https and believes no field about how the visitor came: it is a redirect without condition, or the field is not trusted from this address.",
	Looks:    "301, 302, 307 or 308 to the same address with https, for every path.",
	Decides:  "Neither `X-Forwarded-Proto: https` nor `Host: <site>` changes it; the port with TLS, if there is one, answers.",
	Fix:      "Exempt the health path from the redirect, or check the port that speaks TLS.",
	Balancer: "Check the port that speaks TLS, with HTTPS: most load balancers do not verify the certificate of a check.",
	Knobs:    []Knob{Protocol, Secure},
	Fixes: func() []Fix {
		fixes := slices.Clone(exempt)
		for i := range fixes {
			fixes[i].Text += trust[fixes[i].Software]
			if fixes[i].Software == "caddy" {
				fixes[i].Text = "Caddy redirects by itself for every site with a name (automatic HTTPS). Where the load balancer ends TLS, write the site's address with http:// before it; else answer the health path on the plain port."
			}
		}
		return fixes
	}(),
}

var loginRedirect = Cause{
	ID: "login_redirect", Kind: Red,
	Title:    "The check is sent to a login page",
	Meaning:  "The health path is behind a login. A load balancer can't log in.",
	Looks:    "A redirect whose Location speaks of login, signin, sso or oauth, often with the way back in it.",
	Decides:  "The Location; a path that is open to everybody answers without it.",
	Fix:      "Take the login off the health path, and let it tell strangers no more than ok or fail.",
	Balancer: "Point the check at a path that is open to everybody and touches what the site needs.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		at("django", "mysite/health.py", "Answer the health path before anything asks for a login. Where a decorator on the view asks (login_required), taking that off is enough; LoginRequiredMiddleware (Django 5.1 and later) leaves out views with login_not_required."+shallow, djangoFirst),
		at("rails", "app/controllers/health_controller.rb", "Skip the filter that asks for a login (here Devise's).", `
class HealthController < ApplicationController
  skip_before_action :authenticate_user!, raise: false

  def show = render(plain: "ok")
end
`),
		laravelRoute("Take the login off this route.", `
Route::get('<path>', fn () => response('ok'))->withoutMiddleware(['auth', 'web']);
`),
		at("symfony", "config/packages/security.yaml", "Open the health path above the rule that asks for a login. The first that fits counts.", `
security:
    access_control:
        - { path: '^<pattern>$', roles: PUBLIC_ACCESS }
        - { path: ^/, roles: ROLE_USER }
`),
		at("spring-boot", "SecurityConfiguration.java", "Open the health path, and nothing else.", `
@Bean
SecurityFilterChain security(HttpSecurity http) throws Exception {
    http.authorizeHttpRequests(requests -> requests
            .requestMatchers("<path>").permitAll()
            .anyRequest().authenticated());
    http.formLogin(Customizer.withDefaults());
    return http.build();
}
`),
		at("aspnet", "Program.cs", "Open the health path, whatever the fallback policy.", `
app.MapHealthChecks("<path>").AllowAnonymous();
`),
		at("flask", "app.py", "Leave the health path out of the check for a login.", `
@app.before_request
def require_login():
    if request.path != "<path>" and not current_user.is_authenticated:
        return redirect(url_for("login"))
`),
		at("fastapi", "main.py", "Answer the health path outside the middleware that asks for a login. Where a dependency of the app or of a router asks, an own router without it is enough."+shallow, asgiFirst),
		at("starlette", "main.py", "Answer the health path outside the middleware that asks for a login."+shallow, asgiFirst),
		at("go", "main.go", "Put the health path outside the handler that asks for a login."+shallow, goFirst),
		at("nextjs", "middleware.js", "Let the middleware that asks for a login leave the health path out.", `
export const config = {
  matcher: ["/((?!<bare>$).*)"],
};
`),
		at("express", "app.js", "Register the health path before the middleware that asks for a login.", expressFirst),
		at("phoenix", "lib/my_app_web/router.ex", "Put the health path into a scope that pipes through no login.", `
scope "/", MyAppWeb do
  get "<path>", HealthController, :show
end
`),
		at("wordpress", "wp-content/mu-plugins/health.php", "Answer before the plugin that closes the site.", `
<?php
add_action('muplugins_loaded', function () {
    if (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH) === '<path>') {
        header('Content-Type: text/plain');
        echo 'ok';
        exit;
    }
});
`),
		at("tomcat", "WEB-INF/web.xml", "A constraint without auth-constraint opens the path; the more exact pattern counts.", `
<security-constraint>
  <web-resource-collection>
    <web-resource-name>health</web-resource-name>
    <url-pattern><path></url-pattern>
  </web-resource-collection>
</security-constraint>
`),
		nginx("server", "Take the sub-request for the login off the health path.", `
location = <path> {
    auth_request off;
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
`),
		apache("virtual host", "Open the health path. With mod_auth_openidc `Require all granted` is enough.", `
<Location "<path>">
    AuthMerging Off
    Require all granted
</Location>
`),
		caddy("site", "Handle the health path before forward_auth: a handle block excludes the others.", `
handle <path> {
	reverse_proxy <app>
}
`),
		at("traefik", "dynamic.yaml", "Give the health path a router without the forwardAuth middleware.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		agentBeside("Run `inservice agent` beside the site and check its port: no login stands before it, and strangers get a bare word."),
	},
}
