package cause

var methodNotAllowed = Cause{
	ID: "method_not_allowed", Kind: Red,
	Title:    "The checker's method is not allowed",
	Meaning:  "The path exists and does not take the method that the load balancer asks with: HEAD or OPTIONS where only GET is served, or the reverse.",
	Looks:    "405 (501 from some servers), mostly with Allow.",
	Decides:  "The same request with a method that Allow names passes.",
	Fix:      "Let the health path take GET and HEAD, and OPTIONS too where HAProxy asks with its default.",
	Balancer: "Let the check ask with GET.",
	Knobs:    []Knob{Method},
	Fixes: []Fix{
		at("django", "mysite/views.py", "Let the view take the method.", `
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def health(request):
    return HttpResponse("ok", content_type="text/plain")
`),
		at("rails", "config/routes.rb", "Let the route take the method. GET covers HEAD.", `
Rails.application.routes.draw do
  match "<path>", to: "rails/health#show", via: %i[get options]
end
`),
		laravelRoute("Let the route take the method. GET covers HEAD.", `
Route::match(['get', 'options'], '<path>', fn () => response('ok'));
`),
		at("symfony", "src/Controller/HealthController.php", "Let the route take the method.", `
<?php
namespace App\Controller;

use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Attribute\Route;

final class HealthController
{
    #[Route('<path>', methods: ['GET', 'HEAD', 'OPTIONS'])]
    public function __invoke(): Response
    {
        return new Response('ok');
    }
}
`),
		at("spring-boot", "HealthController.java", "Let the mapping take the method.", `
@RequestMapping(path = "<path>", method = {RequestMethod.GET, RequestMethod.HEAD, RequestMethod.OPTIONS})
String health() {
    return "ok";
}
`),
		at("aspnet", "Program.cs", "Let the route take the method. MapGet does not cover HEAD.", `
app.MapMethods("<path>", new[] { "GET", "HEAD", "OPTIONS" }, () => "ok");
`),
		at("flask", "app.py", "Let the route take the method. GET covers HEAD and OPTIONS.", `
@app.route("<path>", methods=["GET"])
def health():
    return "ok"
`),
		at("fastapi", "main.py", "FastAPI's get does not cover HEAD. Name the methods.", `
@app.api_route("<path>", methods=["GET", "HEAD", "OPTIONS"])
def health():
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Name the methods. GET covers HEAD.", `
routes += [Route("<path>", health, methods=["GET", "OPTIONS"])]
`),
		at("express", "app.js", "Let the route take every method.", `
app.all("<path>", (req, res) => res.type("text/plain").send("ok"));
`),
		at("fastify", "server.js", "Name the methods.", `
fastify.route({ method: ["GET", "HEAD", "OPTIONS"], url: "<path>", handler: async () => "ok" });
`),
		at("nestjs", "health.controller.ts", "Let the route take every method.", `
@All("<bare>")
health() {
  return { status: "ok" };
}
`),
		at("nextjs", "app/health_check/route.js", "Export a function for each method. GET covers HEAD.", `
export const dynamic = "force-dynamic";

export function GET() {
  return new Response("ok");
}

export function OPTIONS() {
  return new Response("ok");
}
`),
		at("go", "main.go", "A pattern with GET covers HEAD, and nothing else. Leave the method out.", `
mux.HandleFunc("<path>", health)
`),
		nginx("server", "nginx answers 405 to OPTIONS and POST where it serves a file. Give the path to the app, which knows more methods.", nginxToApp),
		apache("server", "Allow the method here, where a `LimitExcept` or AllowMethods keeps it back.", `
<Location "<path>">
    AllowMethods GET HEAD OPTIONS
</Location>
`),
		haproxy("backend", "As the checker: say what to ask, instead of the default OPTIONS / HTTP/1.0 without Host.", `
option httpchk
http-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>
`),
		varnish("Varnish's own rules pipe or refuse unusual methods. Let the health path pass.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
		agentBeside("Run `inservice agent` beside the site and check its port: it answers GET, HEAD and OPTIONS alike."),
	},
}

var httpVersionRejected = Cause{
	ID: "http_version_rejected", Kind: Red,
	Title:    "The checker's version of HTTP is refused",
	Meaning:  "The checker speaks HTTP/1.0, or HTTP/1.1 without Host, and the server wants HTTP/1.1 with Host.",
	Looks:    "426, 505 or 400, or a closed connection.",
	Decides:  "The same request as HTTP/1.1 with a Host passes.",
	Fix:      "Let the checker speak HTTP/1.1 with a Host, or let the server take what it sends.",
	Balancer: "Let the check ask in HTTP/1.1 and with a Host, where that can be set.",
	Knobs:    []Knob{Version, Host},
	Fixes: []Fix{
		at("envoy", "envoy.yaml", "Envoy answers 426 to HTTP/1.0. Let it take that, with a host for requests that have none.", `
http_protocol_options:
  accept_http_10: true
  default_host_for_http_10: "<site>"
`),
		at("node", "server.js", "Node.js refuses HTTP/1.1 without Host with 400 (since version 20). It can be switched off.", `
const server = require("http").createServer({ requireHostHeader: false }, app);
`),
		told("go", "Go's server answers 400 to HTTP/1.1 without Host before any handler runs; HTTP/1.0 without Host it takes. Only the checker can mend it."),
		told("kestrel", "Kestrel answers 400 to HTTP/1.1 without Host. Only the checker can mend it."),
		told("tomcat", "Tomcat answers 400 to HTTP/1.1 without Host. Only the checker can mend it."),
		nginx("server", "nginx answers 400 to HTTP/1.1 without Host, and takes HTTP/1.0. If a rule of the site refuses HTTP/1.0, let it stand in `location /` and give the health path its own.", `
location = <path> {
    proxy_pass http://<app>;
    proxy_http_version 1.1;
    proxy_set_header Host <site>;
}
`),
		apache("virtual host", "Leave the health path out of the rule that refuses HTTP/1.0. (`HttpProtocolOptions Require1.0` refuses only 0.9.)", `
RewriteEngine On
RewriteCond %{SERVER_PROTOCOL} =HTTP/1.0
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^ - [F]
`),
		haproxy("backend", "As the checker: speak HTTP/1.1 and name a host.", `
option httpchk
http-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>
`),
		agentBeside("Run `inservice agent` beside the site and check its port: it answers HTTP/1.0 and 1.1, with a Host and without."),
	},
}

var needsForwardedHeader = Cause{
	ID: "needs_forwarded_header", Kind: Red,
	Title:    "The app fails without a forwarded field",
	Meaning:  "The app takes X-Forwarded-For or X-Forwarded-Proto for granted. Visitors' requests have them, because the load balancer adds them; its own check does not.",
	Looks:    "500 from the app, on every path that uses the field.",
	Decides:  "The same request with `X-Forwarded-For: 192.0.2.1` (or `X-Forwarded-Proto: https`) passes.",
	Fix:      "Let the app do without the field: fall back on the connection's address and scheme.",
	Balancer: "Where the load balancer can add a field to its check, add it. The app is still one request away from an error for everybody who comes another way.",
	Knobs:    []Knob{Header},
	Fixes: []Fix{
		at("django", "mysite/views.py", "Fall back on the connection's address.", `
def visitor(request):
    forwarded = request.headers.get("X-Forwarded-For", "")
    return forwarded.split(",")[-1].strip() or request.META["REMOTE_ADDR"]
`),
		at("flask", "app.py", "Let ProxyFix read the field: it does without it, and believes one proxy only.", `
from werkzeug.middleware.proxy_fix import ProxyFix

app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
`),
		at("fastapi", "main.py", "Fall back on the connection's address.", `
def visitor(request):
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.split(",")[-1].strip() or request.client.host
`),
		at("starlette", "main.py", "Fall back on the connection's address.", `
def visitor(request):
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.split(",")[-1].strip() or request.client.host
`),
		at("rails", "app/controllers/application_controller.rb", "request.remote_ip does without the field.", `
class ApplicationController < ActionController::Base
  def visitor = request.remote_ip
end
`),
		at("express", "app.js", "req.ip and req.protocol do without the fields.", `
app.set("trust proxy", "<subnet>");
app.use((req, res, next) => {
  req.visitor = req.ip;
  next();
});
`),
		at("php", "public/index.php", "Fall back on the connection's address.", `
$forwarded = explode(',', $_SERVER['HTTP_X_FORWARDED_FOR'] ?? '');
$visitor = trim(end($forwarded)) ?: $_SERVER['REMOTE_ADDR'];
`),
		at("spring-boot", "application.properties", "Let the server read the fields: it does without them.", `
server.forward-headers-strategy=native
`),
		at("aspnet", "Program.cs", "Let the middleware read the fields: it does without them.", `
app.UseForwardedHeaders(new ForwardedHeadersOptions
{
    ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
});
`),
		at("go", "main.go", "Fall back on the connection's address.", `
visitor, _, _ := net.SplitHostPort(r.RemoteAddr)
if forwarded := r.Header.Values("X-Forwarded-For"); len(forwarded) > 0 {
	addresses := strings.Split(forwarded[len(forwarded)-1], ",")
	visitor = strings.TrimSpace(addresses[len(addresses)-1])
}
`),
		nginx("location", "Let nginx write the fields before it hands the request on: then the app always has them.", `
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
`),
		apache("virtual host", "Let Apache write the scheme before it hands the request on; mod_proxy writes X-Forwarded-For by itself.", `
RequestHeader setifempty X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"
`),
		told("caddy", "Caddy's reverse_proxy writes X-Forwarded-For, -Proto and -Host by itself: look for a `header_up -X-Forwarded-…` that takes them away."),
		haproxy("backend", "Let HAProxy write the fields before it hands the request on: then the app always has them.", `
option forwardfor if-none
http-request set-header X-Forwarded-Proto http unless { req.hdr(x-forwarded-proto) -m found }
`),
	},
}

var successCodeMismatch = Cause{
	ID: "success_code_mismatch", Kind: Red,
	Title:    "It succeeds with a code that does not count",
	Meaning:  "The health path answers with a 2xx, and the load balancer takes another one only.",
	Looks:    "201, 202, 204 or 206 where 200 is wanted.",
	Decides:  "The status itself: the answer is the app's, and other paths answer otherwise.",
	Fix:      "Answer 200: every load balancer takes it.",
	Balancer: "Let the check accept this code as well.",
	Knobs:    []Knob{Matcher},
	Fixes: []Fix{
		at("django", "mysite/views.py", "Answer 200.", `
from django.http import HttpResponse


def health(request):
    return HttpResponse("ok", content_type="text/plain", status=200)
`),
		at("rails", "app/controllers/health_controller.rb", "Answer 200: `head :no_content` is 204.", `
class HealthController < ActionController::Base
  def show = render(plain: "ok", status: :ok)
end
`),
		at("express", "app.js", "Answer 200: `res.sendStatus(204)` and an empty `res.status(204).end()` do not.", `
app.get("<path>", (req, res) => res.status(200).type("text/plain").send("ok"));
`),
		at("nestjs", "health.controller.ts", "A POST answers 201 by default, and @HttpCode may say another.", `
@Get("<bare>")
@HttpCode(200)
health() {
  return { status: "ok" };
}
`),
		at("fastapi", "main.py", "Answer 200.", `
@app.get("<path>", status_code=200)
def health():
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Answer 200: `Response(status_code=204)` does not.", `
from starlette.responses import PlainTextResponse
from starlette.routing import Route

routes += [Route("<path>", lambda request: PlainTextResponse("ok"))]
`),
		at("flask", "app.py", "Answer 200: an empty body with 204 does not.", `
@app.get("<path>")
def health():
    return "ok", 200
`),
		laravelRoute("Answer 200: `response()->noContent()` is 204.", `
Route::get('<path>', fn () => response('ok', 200));
`),
		at("spring-boot", "HealthController.java", "Answer 200.", `
@GetMapping("<path>")
ResponseEntity<String> health() {
    return ResponseEntity.ok("ok");
}
`),
		at("aspnet", "Program.cs", "Answer 200: `Results.NoContent()` is 204.", `
app.MapGet("<path>", () => Results.Text("ok"));
`),
		at("go", "main.go", "Answer 200: WriteHeader(http.StatusNoContent) is 204.", `
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "ok")
})
`),
		nginx("server", "Answer 200 with a body, where nginx answers by itself.", `
location = <path> {
    default_type text/plain;
    return 200 "ok\n";
}
`),
	},
}
