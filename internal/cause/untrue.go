package cause

import "slices"

var errorInBody = Cause{
	ID: "error_in_body_ok", Kind: Green,
	Title:    "The body says error, the status says 200",
	Meaning:  "The health path reports a failure in its body and answers 200 all the same. Load balancers look at the status: to them it is healthy.",
	Looks:    "200 with words like error, down, fail or unhealthy in the body.",
	Decides:  "The body's words; a page that needs what is down fails.",
	Fix:      "Answer 503 when something fails that the server can't do without.",
	Balancer: "Let the check look into the body, where it can.",
	Knobs:    []Knob{BodyMatch},
	Fixes: []Fix{
		at("django", "mysite/views.py", "Say it with the status.", `
from django.db import connection
from django.http import JsonResponse


def health(request):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return JsonResponse({"status": "fail"}, status=503)
    return JsonResponse({"status": "ok"})
`),
		at("rails", "app/controllers/health_controller.rb", "Say it with the status.", `
class HealthController < ActionController::Base
  def show
    ActiveRecord::Base.connection.select_value("SELECT 1")
    render json: { status: "ok" }
  rescue StandardError
    render json: { status: "fail" }, status: :service_unavailable
  end
end
`),
		laravelRoute("Say it with the status.", `
Route::get('<path>', function () {
    try {
        DB::select('select 1');
    } catch (\Throwable) {
        return response()->json(['status' => 'fail'], 503);
    }

    return response()->json(['status' => 'ok']);
});
`),
		at("php", "public/health.php", "Say it with the status.", `
<?php
try {
    (new PDO(getenv('DATABASE_DSN')))->query('SELECT 1');
    echo 'ok';
} catch (PDOException) {
    http_response_code(503);
    echo 'fail';
}
`),
		at("express", "app.js", "Say it with the status.", `
app.get("<path>", async (req, res) => {
  try {
    await db.query("SELECT 1");
    res.json({ status: "ok" });
  } catch {
    res.status(503).json({ status: "fail" });
  }
});
`),
		at("fastify", "server.js", "Say it with the status.", `
fastify.get("<path>", async (request, reply) => {
  try {
    await db.query("SELECT 1");
    return { status: "ok" };
  } catch {
    return reply.code(503).send({ status: "fail" });
  }
});
`),
		at("nestjs", "health.controller.ts", "Terminus says it with the status.", `
@Get("<bare>")
@HealthCheck()
check() {
  return this.health.check([() => this.db.pingCheck("database", { timeout: 1000 })]);
}
`),
		at("nextjs", "app/health_check/route.js", "Say it with the status.", `
export const dynamic = "force-dynamic";

export async function GET() {
  const ok = await check();
  return Response.json({ status: ok ? "ok" : "fail" }, { status: ok ? 200 : 503 });
}
`),
		at("fastapi", "main.py", "Say it with the status.", `
from fastapi.responses import JSONResponse


@app.get("<path>")
def health():
    try:
        database.execute("SELECT 1")
    except Exception:
        return JSONResponse({"status": "fail"}, status_code=503)
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Say it with the status.", `
from starlette.responses import JSONResponse
from starlette.routing import Route


async def health(request):
    try:
        await database.fetch_one("SELECT 1")
    except Exception:
        return JSONResponse({"status": "fail"}, 503)
    return JSONResponse({"status": "ok"})


routes += [Route("<path>", health)]
`),
		at("flask", "app.py", "Say it with the status.", `
@app.get("<path>")
def health():
    try:
        database.execute("SELECT 1")
    except Exception:
        return {"status": "fail"}, 503
    return {"status": "ok"}
`),
		at("spring-boot", "application.properties", "Actuator says it with the status, unless a mapping was changed.", `
management.endpoint.health.status.http-mapping.down=503
management.endpoint.health.status.http-mapping.out-of-service=503
`),
		at("aspnet", "Program.cs", "Say it with the status.", `
app.MapHealthChecks("<path>", new HealthCheckOptions
{
    ResultStatusCodes =
    {
        [HealthStatus.Degraded] = StatusCodes.Status200OK,
        [HealthStatus.Unhealthy] = StatusCodes.Status503ServiceUnavailable,
    },
});
`),
		at("go", "main.go", "Say it with the status.", `
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	if err := db.PingContext(r.Context()); err != nil {
		http.Error(w, "fail", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok")
})
`),
		agentBeside("Run `inservice agent` beside the app: its verdict is the status."),
	},
}

var shallowCheck = Cause{
	ID: "shallow_check_ok", Kind: Green,
	Title:    "The check passes, the pages fail",
	Meaning:  "What is checked is too little: a connection, a file, a view that touches nothing. It passes while the pages that people want fail.",
	Looks:    "The check passes; `/`, or the same path by GET or HTTP, gives 5xx.",
	Decides:  "A page that needs what the site needs fails at the same time.",
	Fix:      "Let the health path touch what the pages can't do without, cheaply and within a time; or check a page itself.",
	Balancer: "Check by HTTP instead of TCP, and a path that needs what the site needs.",
	Knobs:    []Knob{Plain, Path},
	Fixes: append(slices.Clone(errorInBody.Fixes[:len(errorInBody.Fixes)-1]),
		at("wordpress", "wp-content/mu-plugins/health.php", "Ask the database.", `
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
		nginx("server", "Hand the health path on to the app.", nginxToApp),
		haproxy("backend", "As the checker: `check` alone only connects. Ask by HTTP.", `
option httpchk
http-check send meth GET uri <path> ver HTTP/1.1 hdr Host <site>
server app <app> check
`),
		agentBeside("Run `inservice agent` beside the app: it asks for a page that matters (--app-path), and counts what visitors get: a site that answers 500 is out of service even while its health page says ok."),
	),
}
