package cause

var healthy = Cause{
	ID: "healthy", Kind: Green,
	Title:   "Nothing is wrong",
	Meaning: "The check passes, and what was tried beside it speaks for its truth: an impossible path fails, and the site answers by its own name.",
	Looks:   "200, while a path that can't exist gets 404.",
	Decides: "None of the experiments for a green that isn't true finds anything.",
}

var defaultPage = Cause{
	ID: "default_page_ok", Kind: Green,
	Title:    "The 200 is a default page's",
	Meaning:  "The answer is not the site's: the server's welcome page, or the empty 200 of a server that has no site for this Host. It stays green when the site is gone.",
	Looks:    "A welcome page (`Welcome to nginx!`, `It works!`), or 200 with nothing in it.",
	Decides:  "With `Host: <site>` the answer is another one, or an error.",
	Fix:      "Remove the default site, make the site the default of its port, and check a path that only the app has.",
	Balancer: "Set the path of the check to one that only the app has, and the Host to `<site>` where that is possible.",
	Knobs:    []Knob{Path, Host, BodyMatch},
	Fixes: []Fix{
		nginx("http", "Remove the default site (`rm /etc/nginx/sites-enabled/default`), and make yours the default of its port.", `
server {
    listen <port> default_server;
    server_name <site>;
    location / { proxy_pass http://<app>; proxy_set_header Host $host; }
}
`),
		at("apache", "shell", "Switch the default site off. Yours is then the first, and so the default.", `
a2dissite 000-default
systemctl reload apache2
`),
		caddy("file", "A Host that no site has gets an empty 200. Give such requests to the app, or an error.", `
http://:<port> {
	handle <path> {
		reverse_proxy <app> {
			header_up Host <site>
		}
	}
	handle {
		respond 404
	}
}
`),
		lighttpd("Let the site's directory be the default, or give everything to the app.", `
server.modules += ( "mod_proxy" )
proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
`),
		at("tomcat", "shell", "Remove Tomcat's own page, and deploy yours as ROOT.", `
rm -r /var/lib/tomcat10/webapps/ROOT
`),
		at("iis", "shell", "Stop the default site, and give yours a binding without a host name.", `
appcmd stop site "Default Web Site"
`),
		told("django", "The page for a new project is shown while there are no routes and DEBUG is on: add the site's urls, and switch DEBUG off."),
		told("laravel", "The page of a new app is the route `/` of routes/web.php: give it the site's own, and check a path that the app alone has."),
		told("rails", "The page for a new app is shown while there is no root route: add one."),
		told("haproxy", "An errorfile or a `http-request return status 200` answers here: let the backend answer."),
	},
}

var catchAll = Cause{
	ID: "catch_all_ok", Kind: Green,
	Title:    "Every path answers 200",
	Meaning:  "The site answers 200 to whatever is asked: a single-page app gives its page for every path, or an error page comes with 200. The check would pass for a path that is mistyped, and says nothing of the API behind it.",
	Looks:    "The health path's answer is the start page, or the same page that any path gets.",
	Decides:  "A path made up at random gets the same 200.",
	Fix:      "Check a path that the real app answers, and route it there before the page that catches everything.",
	Balancer: "Set the path of the check to one of the API's, or let it look into the body.",
	Knobs:    []Knob{Path, BodyMatch},
	Fixes: []Fix{
		at("express", "app.js", "Register the health path and the API before the page, and answer 404 to what is unknown under /api.", `
app.get("<path>", async (req, res) => {
  const ok = await db.query("SELECT 1").then(() => true, () => false);
  res.status(ok ? 200 : 503).send(ok ? "ok" : "fail");
});
app.use("/api", (req, res) => res.sendStatus(404));
app.use((req, res) => res.sendFile("index.html", { root: "dist" }));
`),
		at("vite", "vite.config.js", "Vite's development server gives index.html for every path. Serve the built site with a real server; to hand the health path to the API meanwhile:", `
import { defineConfig } from "vite";

export default defineConfig({
  server: { proxy: { "<path>": "http://<app>" } },
});
`),
		at("webpack-dev-server", "webpack.config.js", "historyApiFallback gives index.html for every path. Leave the health path out, and hand it to the API.", `
module.exports = {
  devServer: {
    proxy: [{ context: ["<path>"], target: "http://<app>" }],
    historyApiFallback: true,
  },
};
`),
		at("nextjs", "app/health_check/route.js", "Give the health path a route of its own: it wins over a [...slug] that catches everything.", `
export const dynamic = "force-dynamic";

export function GET() {
  return new Response("ok");
}
`),
		laravelRoute("Put the health path before Route::fallback and the route of the page.", `
Route::get('<path>', function () {
    DB::select('select 1');

    return response('ok');
});
`),
		at("django", "mysite/urls.py", "Put the health path before the pattern that catches everything, and leave the API out of that one. Instead of health and page, name your views.", `
from django.urls import path, re_path
from mysite.views import health, page

urlpatterns = [
    path("<bare>", health),
    re_path(r"^(?!api/|<barepat>$).*$", page),
]
`),
		at("spring-boot", "PageController.java", "Forward only paths without a dot and outside the API to the page.", `
@GetMapping("/{path:^(?!api|actuator)[^.]*$}")
String page() {
    return "forward:/index.html";
}
`),
		at("fastapi", "main.py", "Declare the health path before the route that catches everything.", `
@app.get("<path>")
def health():
    return {"status": "ok"}


@app.get("/{path:path}", include_in_schema=False)
def page(path: str):
    return FileResponse("dist/index.html")
`),
		at("rails", "config/routes.rb", "Routes count in their order: put the health path before the one that catches everything.", `
Rails.application.routes.draw do
  get "<path>", to: "rails/health#show"
  get "*path", to: "pages#show", constraints: ->(request) { !request.path.start_with?("/api/") && request.format.html? }
end
`),
		at("flask", "app.py", "A rule without a variable wins over one with `<path:…>`. Give the health path a rule of its own, and leave the API out of the page.", `
@app.get("<path>")
def health():
    return "ok"


@app.get("/", defaults={"name": ""})
@app.get("/<path:name>")
def page(name):
    if name.startswith("api/"):
        abort(404)
    return send_from_directory("dist", "index.html")
`),
		at("starlette", "main.py", "Routes count in their order: put the health path before the mount that catches everything.", `
from starlette.responses import PlainTextResponse
from starlette.routing import Route

routes.insert(0, Route("<path>", lambda request: PlainTextResponse("ok")))
`),
		at("aspnet", "Program.cs", "MapFallbackToFile takes only what has no route. Give the health path one, and let the API answer 404 itself.", `
app.MapHealthChecks("<path>");
app.MapFallback("/api/{**rest}", () => Results.NotFound());
app.MapFallbackToFile("index.html");
`),
		at("go", "main.go", "The pattern \"/\" catches everything; a longer one wins, wherever it stands. \"/{$}\" is the start page alone.", `
mux.HandleFunc("GET <path>", health)
mux.HandleFunc("GET /{$}", page)
`),
		nginx("server", "Give the health path to the API: an exact location wins over the one with try_files.", `
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
location / {
    try_files $uri $uri/ /index.html;
}
`),
		apache("virtual host", "Give the health path to the API: what ProxyPass takes, FallbackResource does not see.", `
ProxyPass "<path>" "http://<app><path>"
<Directory "/var/www/html">
    FallbackResource /index.html
</Directory>
`),
		caddy("site", "Give the health path to the API: a handle block excludes the others.", `
handle <path> {
	reverse_proxy <app>
}
handle {
	root * /srv
	try_files {path} /index.html
	file_server
}
`),
		lighttpd("Give the health path to the API before the rewriting.", `
server.modules += ( "mod_rewrite", "mod_proxy" )
$HTTP["url"] == "<path>" {
    proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
}
else $HTTP["url"] =~ "^/" {
    url.rewrite-if-not-file = ( "" => "/index.html" )
}
`),
		haproxy("frontend", "Give the health path to the API.", `
use_backend app if { path <path> }
`),
		agentBeside("Run `inservice agent` beside the site and check its port: it knows one path, and asks the app's own."),
	},
}

var frontAnswers = Cause{
	ID: "front_answers_for_dead_app", Kind: Green,
	Title:    "The front server answers for a dead app",
	Meaning:  "The health path is answered by the proxy in front, from its own configuration. It stays green when the app behind it is gone.",
	Looks:    "200 on the health path; 502, 503 or 504 on every other.",
	Decides:  "`/`, or any path that is handed on, fails.",
	Fix:      "Hand the health path on to the app, or let the proxy answer by what it knows of the app.",
	Balancer: "Set the path of the check to one that the app answers.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		nginx("server", "Hand the path on instead of `return 200`, and wait for the app no longer than the check does.", `
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
    proxy_connect_timeout 2s;
    proxy_read_timeout 3s;
}
`),
		apache("virtual host", "Hand the path on instead of serving a file.", `
ProxyPass "<path>" "http://<app><path>" connectiontimeout=2 timeout=3
`),
		haproxy("frontend", "Let monitor-uri fail when the backend has no server left. `app` is the backend's name; its servers must have the word check.", `
monitor-uri <path>
monitor fail if { nbsrv(app) lt 1 }
`),
		caddy("site", "Hand the path on instead of `respond 200`.", `
handle <path> {
	reverse_proxy <app> {
		transport http {
			dial_timeout 2s
			response_header_timeout 3s
		}
	}
}
`),
		lighttpd("Hand the path on instead of serving a file.", `
server.modules += ( "mod_proxy" )
$HTTP["url"] == "<path>" {
    proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
}
`),
		varnish("Hand the path on instead of a synthetic answer, or answer by the backend's own health.", `
import std;

sub vcl_recv {
    if (req.url == "<path>") {
        if (!std.healthy(req.backend_hint)) {
            return (synth(503, "Backend down"));
        }
        return (pass);
    }
}
`),
		at("envoy", "envoy.yaml", "Let the health_check filter answer by the share of healthy hosts of the cluster.", `
- name: envoy.filters.http.health_check
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
    pass_through_mode: false
    cluster_min_healthy_percentages:
      app: { value: 1 }
`),
		at("traefik", "dynamic.yaml", "Traefik's ping says that Traefik runs. Check a path that a router hands on.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		agentFront("`inservice agent` in front of the app answers by what the app does, and by what visitors get."),
	},
}

var cached = Cause{
	ID: "cached_ok", Kind: Green,
	Title:    "The 200 comes out of a cache",
	Meaning:  "A cache answers the health path with what the app said a while ago. It stays green when the app is gone, for as long as the cache keeps it.",
	Looks:    "Age above 0, X-Cache: HIT, two numbers in X-Varnish, the same Date each time.",
	Decides:  "The same path with a new query string gets another answer, or an error.",
	Fix:      "Keep the health path out of the cache, and let the app forbid it: `Cache-Control: no-store`.",
	Balancer: "Check the server behind the cache, not the cache.",
	Fixes: []Fix{
		at("django", "mysite/views.py", "Forbid keeping the answer.", `
from django.http import HttpResponse
from django.views.decorators.cache import never_cache


@never_cache
def health(request):
    return HttpResponse("ok", content_type="text/plain")
`),
		at("rails", "app/controllers/health_controller.rb", "Forbid keeping the answer.", `
class HealthController < ActionController::Base
  def show
    no_store
    render plain: "ok"
  end
end
`),
		laravelRoute("Forbid keeping the answer.", `
Route::get('<path>', fn () => response('ok')->header('Cache-Control', 'no-store'));
`),
		at("express", "app.js", "Forbid keeping the answer.", `
app.get("<path>", (req, res) => res.set("Cache-Control", "no-store").type("text/plain").send("ok"));
`),
		told("aspnet", "MapHealthChecks forbids keeping its answer, unless AllowCachingResponses is on; UseOutputCache and UseResponseCaching must not hold the path by a policy for all."),
		at("flask", "app.py", "Forbid keeping the answer.", `
@app.get("<path>")
def health():
    return "ok", 200, {"Cache-Control": "no-store"}
`),
		at("fastapi", "main.py", "Forbid keeping the answer.", `
from fastapi.responses import PlainTextResponse


@app.get("<path>")
def health():
    return PlainTextResponse("ok", headers={"Cache-Control": "no-store"})
`),
		at("starlette", "main.py", "Forbid keeping the answer.", `
from starlette.responses import PlainTextResponse
from starlette.routing import Route

routes += [Route("<path>", lambda request: PlainTextResponse("ok", headers={"Cache-Control": "no-store"}))]
`),
		at("nextjs", "app/health_check/route.js", "A GET that reads nothing of the request may be computed once, at build time. Forbid it.", `
export const dynamic = "force-dynamic";

export function GET() {
  return new Response("ok", { headers: { "Cache-Control": "no-store" } });
}
`),
		at("spring-boot", "HealthController.java", "Forbid keeping the answer. (Spring Security and Actuator do so by themselves.)", `
@GetMapping("<path>")
ResponseEntity<String> health() {
    return ResponseEntity.ok().cacheControl(CacheControl.noStore()).body("ok");
}
`),
		at("go", "main.go", "Forbid keeping the answer.", `
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, "ok")
})
`),
		told("wordpress", "Name the health path among the exceptions of the cache plugin, and of the cache in front."),
		varnish("Let the health path pass.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
		nginx("server", "Keep the health path out of the cache.", `
location = <path> {
    proxy_cache off;
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
`),
		apache("server", "Keep the health path out of the cache.", `
CacheDisable "<path>"
`),
		haproxy("backend", "Keep the health path out of the cache: `cache-use` for the others only.", `
http-request cache-use small unless { path <path> }
`),
		told("cloudflare", "Add a cache rule for the path: Bypass cache. Better: check the origin itself."),
		told("cloudfront", "Give the path a behaviour with the policy CachingDisabled. Better: check the origin itself."),
		agentBeside("Run `inservice agent` beside the app: it forbids keeping its answers, and red shows at once."),
	},
}
