package cause

var trailingSlash = Cause{
	ID: "trailing_slash", Kind: Red,
	Title:    "The path is right but for a slash at its end",
	Meaning:  "The app has this path with a slash at the end, or without it, and the load balancer asks for the other one.",
	Looks:    "A redirect to the same path with (or without) the slash, or 404.",
	Decides:  "The request for `<toggled>` passes.",
	Fix:      "Correct the path at the load balancer, or let the app serve both.",
	Balancer: "Set the path of the check to `<toggled>`. This is the better end: nothing else depends on it.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		at("django", "mysite/urls.py", "Serve the path with and without the slash: APPEND_SLASH redirects only what has no route. Instead of health, name the view that the path has now.", `
from django.urls import re_path
from mysite.views import health

urlpatterns += [re_path(r"^<barepat>/?$", health)]
`),
		at("flask", "app.py", "Serve the path with and without the slash.", `
@app.get("<path>", strict_slashes=False)
def health():
    return "ok"
`),
		at("fastapi", "main.py", "Declare both paths. FastAPI redirects from one to the other with 307, which a load balancer does not follow.", `
@app.get("<path>")
@app.get("<toggled>", include_in_schema=False)
def health():
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Declare both paths.", `
from starlette.routing import Route

routes += [Route("<path>", health), Route("<toggled>", health)]
`),
		at("fastify", "server.js", "Let the router ignore the slash (Fastify 5; before that ignoreTrailingSlash stands at the top).", `
const fastify = require("fastify")({ routerOptions: { ignoreTrailingSlash: true } });
`),
		at("express", "app.js", "Express serves both, unless `strict routing` is on or a middleware redirects. Name both before it.", `
app.get(["<path>", "<toggled>"], (req, res) => res.type("text/plain").send("ok"));
`),
		at("nextjs", "next.config.js", "trailingSlash decides for the whole site: without it, paths have no slash at the end, and `<path>/` redirects.", `
module.exports = { trailingSlash: false };
`),
		at("spring-boot", "HealthController.java", "Since Spring 6 a slash at the end is another path. Map both.", `
@GetMapping({"<path>", "<toggled>"})
String health() {
    return "ok";
}
`),
		at("go", "main.go", "A pattern that ends in a slash is a subtree, and ServeMux redirects to it. Register both.", `
mux.HandleFunc("<path>", health)
mux.HandleFunc("<toggled>", health)
`),
		at("laravel", "public/.htaccess", "Laravel's .htaccess redirects what ends in a slash: ask without it.", ""),
		at("symfony", "src/Controller/HealthController.php", "Name both paths.", `
<?php
namespace App\Controller;

use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Attribute\Route;

final class HealthController
{
    #[Route('<path>', methods: ['GET', 'HEAD'])]
    #[Route('<toggled>', methods: ['GET', 'HEAD'])]
    public function __invoke(): Response
    {
        return new Response('ok');
    }
}
`),
		told("rails", "Rails serves both; the redirect comes from the web server in front or a middleware."),
		told("aspnet", "Routing serves both; the redirect comes from a rewrite rule (AddRedirect) or from the web server in front. Leave the health path out of it."),
		told("tomcat", "`/app` is redirected to `/app/`: the name of a web application needs the slash. Ask for a path inside it."),
		nginx("server", "A location that ends in a slash and proxies redirects what lacks the slash. Name the health path exactly.", nginxToApp),
		apache("server", "A directory is redirected to its name with a slash (mod_dir). Ask with the slash, or switch that off for this one directory.", `
<Location "<path>">
    DirectorySlash Off
</Location>
`),
		told("haproxy", "A rule of the frontend redirects. Leave both out of it: `!{ path <path> <toggled> }` at the end of its condition."),
		caddy("site", "Answer both.", `
@health path <path> <toggled>
handle @health {
	reverse_proxy <app>
}
`),
		lighttpd("A directory is redirected to its name with a slash: ask with the slash, or for a file in it.", ""),
	},
}

var pathRedirect = Cause{
	ID: "path_redirect", Kind: Red,
	Title:    "The path leads elsewhere on the same site",
	Meaning:  "The site redirects this path to another of its own: to a language, to the app's root, to a start page.",
	Looks:    "301, 302, 307 or 308 to another path of the same host.",
	Decides:  "The path that the Location names passes by itself.",
	Fix:      "Ask for the path that the redirect leads to, or better: for a path that is there for the check.",
	Balancer: "Set the path of the check to where the redirect leads, or to the app's health path.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		at("django", "mysite/urls.py", "Put the health path outside i18n_patterns, and before views that redirect. Instead of health, name the view that answers it now.", `
from django.urls import path
from mysite.views import health

urlpatterns = [path("<bare>", health), *urlpatterns]
`),
		at("rails", "config/routes.rb", "Put the health path outside the scope of languages.", `
Rails.application.routes.draw do
  get "<path>", to: "rails/health#show"
end
`),
		laravelRoute("Put the health path outside the group with the prefix.", `
Route::get('<path>', fn () => response('ok'));
`),
		at("nextjs", "next.config.js", "With basePath every path begins with it, and with i18n / is redirected to a language. Ask for `<other>` under it.", ""),
		at("spring-boot", "application.properties", "With a context path every path begins with it. Actuator on a port of its own has none.", `
management.server.port=8081
`),
		at("aspnet", "Program.cs", "Map the health path before the redirect."+shallow, aspnetFirst),
		at("flask", "app.py", "Answer the health path before your before_request redirects."+shallow, wsgiFirst),
		at("fastapi", "main.py", "Answer the health path outside the middleware that redirects."+shallow, asgiFirst),
		at("starlette", "main.py", "Answer the health path outside the middleware that redirects."+shallow, asgiFirst),
		at("go", "main.go", "Put the health path outside the handler that redirects."+shallow, goFirst),
		at("express", "app.js", "Register the health path before the redirect.", expressFirst),
		told("tomcat", "The root of the server redirects to an application. Ask for a path inside it: `/app<path>`."),
		nginx("server", "Name the health path exactly: an exact location wins over every redirect by prefix or pattern.", nginxToApp),
		apache("virtual host", "Leave the health path out of the redirect.", `
RedirectMatch temp "^/(?!<barepat>$)$" "/start/"
`),
		caddy("site", "Handle the health path before the redirect: a handle block excludes the others.", `
handle <path> {
	reverse_proxy <app>
}
`),
		haproxy("frontend", "Leave the health path out of the redirect.", `
http-request redirect location /start/ if { path / } !{ path <path> }
`),
	},
}
