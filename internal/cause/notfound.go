package cause

var notFound = Cause{
	ID: "not_found", Kind: Red,
	Title:    "There is no such path",
	Meaning:  "The app runs and has no route at this path. Often it is there under a prefix: the app's root, an /api, a context.",
	Looks:    "404, the same page as for any path that can't exist.",
	Decides:  "A path made up at random gives the same 404; Host makes no difference; another path passes.",
	Fix:      "Correct the path at the load balancer, or add the route.",
	Balancer: "Set the path of the check to one that the app has.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		at("django", "mysite/urls.py", "Add the route. The view should touch what the pages need.", `
from django.db import connection
from django.http import HttpResponse
from django.urls import path


def health(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [path("<bare>", health), *urlpatterns]
`),
		at("rails", "config/routes.rb", "Add the route. rails/health#show is there since Rails 7.1, and tells that the app has booted.", `
Rails.application.routes.draw do
  get "<path>", to: "rails/health#show", as: :rails_health_check
end
`),
		inside("withRouting", at("laravel", "bootstrap/app.php", "Name the health path among the arguments of withRouting (Laravel 11; before that, add a route). It tells that the app has booted; a listener of the event DiagnosingHealth that throws turns it red.", `
health: '<path>',
`)),
		at("symfony", "src/Controller/HealthController.php", "Add the route.", `
<?php
namespace App\Controller;

use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Attribute\Route;

final class HealthController
{
    #[Route('<path>', methods: ['GET', 'HEAD'])]
    public function __invoke(): Response
    {
        return new Response('ok');
    }
}
`),
		at("spring-boot", "application.properties", "Actuator answers at /actuator/health once spring-boot-starter-actuator is there. To have it at this path:", `
management.endpoints.web.base-path=/
management.endpoints.web.path-mapping.health=<bare>
`),
		at("aspnet", "Program.cs", "Add the route.", `
builder.Services.AddHealthChecks();
var app = builder.Build();
app.MapHealthChecks("<path>");
`),
		at("flask", "app.py", "Add the route. A blueprint's prefix stands before its paths.", `
@app.get("<path>")
def health():
    return "ok"
`),
		at("fastapi", "main.py", "Add the route. root_path and the prefix of a router stand before their paths.", `
@app.get("<path>")
def health():
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Add the route.", `
from starlette.responses import PlainTextResponse
from starlette.routing import Route

routes += [Route("<path>", lambda request: PlainTextResponse("ok"))]
`),
		at("nestjs", "main.ts", "Leave the health path out of the global prefix, or put the prefix before it at the load balancer.", `
app.setGlobalPrefix("api", { exclude: ["<bare>"] });
`),
		at("nextjs", "app/health_check/route.js", "Add a route: the directory is the path. basePath, if there is one, stands before it.", `
export const dynamic = "force-dynamic";

export function GET() {
  return new Response("ok");
}
`),
		at("express", "app.js", "Add the route before the handler for what is not found.", expressFirst),
		at("fastify", "server.js", "Add the route. The prefix of a plugin stands before its paths.", `
fastify.get("<path>", async () => ({ status: "ok" }));
`),
		at("phoenix", "lib/my_app_web/router.ex", "Add the route.", `
scope "/", MyAppWeb do
  get "<path>", HealthController, :show
end
`),
		at("go", "main.go", "Add the route. \"GET <path>\" answers HEAD as well.", `
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "ok")
})
`),
		told("tomcat", "The path begins with the name of the web application: `/app<path>` for app.war. Only ROOT.war has none."),
		told("jetty", "The path begins with the context path of the web application. Only root.war has none."),
		told("wordpress", "Ask for `/wp-json/`, which needs the database, or add a must-use plugin that answers the path."),
		told("php-cli", "Without a router script PHP's built-in server knows files only: `php -S 0.0.0.0:<port> public/index.php`."),
		told("php-fpm", "`File not found.`: SCRIPT_FILENAME names a file that is not there. Compare nginx's root with the path inside PHP's container or chroot."),
		told("vite", "Vite serves files of the project. For real traffic serve the built site, and check the API behind it."),
		told("webpack-dev-server", "webpack-dev-server serves what is built. For real traffic serve the built site, and check the API behind it."),
		nginx("server", "Give the path to the app. (If the 404 is nginx's own page, no location with proxy_pass took it, and it looked for a file.)", nginxToApp),
		apache("virtual host", "Give the path to the app. (If the 404 is Apache's own page, no ProxyPass took it, and it looked for a file.)", `
ProxyPass "<path>" "http://<app><path>"
`),
		caddy("site", "Give the path to the app.", `
handle <path> {
	reverse_proxy <app>
}
`),
		lighttpd("Give the path to the app.", `
server.modules += ( "mod_proxy" )
$HTTP["url"] == "<path>" {
    proxy.server = ( "" => ( ( "host" => "<apphost>", "port" => <appport> ) ) )
}
`),
		haproxy("frontend", "Give the path to the app.", `
use_backend app if { path <path> }
`),
		at("traefik", "dynamic.yaml", "`404 page not found` with nothing else is Traefik's own: no router fits. Add one that fits whatever the Host.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		at("envoy", "envoy.yaml", "An empty 404 is Envoy's own: no route or no virtual host fits.", `
- match: { path: "<path>" }
  route: { cluster: app }
`),
	},
}
