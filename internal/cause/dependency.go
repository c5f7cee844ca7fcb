package cause

var dependencyDown = Cause{
	ID: "dependency_down", Kind: Red,
	Title:    "The health view reports that something is down",
	Meaning:  "The health view works and says that something the app needs does not: a database, a cache, a queue.",
	Looks:    "503 (or 500) with a body that names what is down; other paths answer.",
	Decides:  "The body's words, and that nothing in the request changes it.",
	Fix:      "Restore what the body names. Then think: if all servers share it, taking them all out of service helps nobody. Let such a check warn, and let the server stay in service.",
	Balancer: "Nothing: the check does what it is for. A longer unhealthy threshold only hides short failures.",
	Fixes: []Fix{
		at("spring-boot", "application.properties", "Let the readiness group hold only what this server can't do without; the rest is still shown.", `
management.endpoint.health.probes.enabled=true
management.endpoint.health.group.readiness.include=readinessState
`),
		at("aspnet", "Program.cs", "Let the load balancer ask for the checks with the tag `ready` only. What restarts the process asks for none of them: whether it runs.", `
app.MapHealthChecks("<path>", new HealthCheckOptions
{
    Predicate = check => check.Tags.Contains("ready"),
});
app.MapHealthChecks("/alive", new HealthCheckOptions { Predicate = _ => false });
`),
		at("django", "mysite/views.py", "Restore what the body names: `python manage.py check --database default` connects as the app does, and shows the error. Say what is down, and fail only for what every page needs. `\"OPTIONS\": {\"connect_timeout\": 2}` in DATABASES bounds connecting to PostgreSQL and MySQL.", `
from django.db import connection
from django.http import HttpResponse, JsonResponse


def alive(request):
    """For what restarts the process: it runs."""
    return HttpResponse("ok", content_type="text/plain")


def health(request):
    """For the load balancer: what every page needs is there."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return JsonResponse({"status": "fail", "failed": ["database"]}, status=503)
    return JsonResponse({"status": "ok"})
`),
		at("rails", "app/controllers/health_controller.rb", "Restore what the body names: `bin/rails db:version` connects as the app does, and shows the error. Then keep alive and ready apart: `get \"/alive\", to: \"health#alive\"` and `get \"<path>\", to: \"health#ready\"` in config/routes.rb. `checkout_timeout: 1` in database.yml keeps a full pool from taking the two seconds.", `
require "timeout"

class HealthController < ActionController::Base
  # For what restarts the process: it runs.
  def alive = render(plain: "ok")

  # For the load balancer: what every page needs is there, and says so in time.
  def ready
    Timeout.timeout(2) { ActiveRecord::Base.connection.select_value("SELECT 1") }
    render json: { status: "ok" }
  rescue StandardError => error
    logger&.error("health: database: #{error.message}")
    # A connection that was left in the middle of a question answers nobody else's.
    ActiveRecord::Base.connection.throw_away! if ActiveRecord::Base.connection_pool.active_connection?
    render json: { status: "fail", failed: ["database"] }, status: :service_unavailable
  end
end
`),
		laravelRoute("Restore what the body names: `php artisan migrate:status` connects as the app does, and shows the error. Then keep alive and ready apart, both without the group web, whose session may need what is down. Bound the time to connect (`'options' => [PDO::ATTR_TIMEOUT => 2]` in config/database.php), and the request by PHP-FPM's request_terminate_timeout.", `
// For what restarts the process: it runs.
Route::get('/alive', fn () => response('ok'))->withoutMiddleware('web');

// For the load balancer: what every page needs is there.
Route::get('<path>', function () {
    try {
        DB::select('select 1');
    } catch (\Throwable $error) {
        report($error);

        return response()->json(['status' => 'fail', 'failed' => ['database']], 503);
    }

    return response()->json(['status' => 'ok']);
})->withoutMiddleware('web');
`),
		at("nestjs", "health.controller.ts", "Let Terminus check only what every request needs.", `
@Get("<bare>")
@HealthCheck()
check() {
  return this.health.check([() => this.db.pingCheck("database", { timeout: 1000 })]);
}
`),
		at("express", "app.js", "Restore what the body names: what it says is what the driver's error says, which belongs into the log. Then keep alive and ready apart, and ask for each thing within a time. Instead of db, name your own.", `
// For what restarts the process: it runs.
app.get("/alive", (req, res) => res.type("text/plain").send("ok"));

// For the load balancer: what every page needs is there, and says so in time.
const needs = { database: () => db.query("SELECT 1") };

async function failing(name) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer within 2 s")), 2000);
  });
  try {
    await Promise.race([needs[name](), late]);
  } catch (error) {
    console.error("health:", name, error.message);
    return name;
  } finally {
    clearTimeout(timer);
  }
}

app.get("<path>", async (req, res) => {
  const failed = (await Promise.all(Object.keys(needs).map(failing))).filter(Boolean);
  res.status(failed.length ? 503 : 200).json({ status: failed.length ? "fail" : "ok", failed });
});
`),
		at("flask", "app.py", "Restore what the body names: the log has the driver's error. Then keep alive and ready apart, and ask for each thing within a time. Instead of database.execute, ask as your pages do, in a way that may be used from another thread; a time-out of the driver's own ends what hangs for good.", `
from concurrent.futures import ThreadPoolExecutor, wait

needs = {"database": lambda: database.execute("SELECT 1")}
threads = ThreadPoolExecutor(max_workers=len(needs))
asked = {}  # one question at a time to each: what hangs must not pile up


@app.get("/alive")
def alive():
    """For what restarts the process: it runs."""
    return "ok"


@app.get("<path>")
def ready():
    """For the load balancer: what every page needs is there, and says so in time."""
    for name, ask in needs.items():
        if name not in asked or asked[name].done():
            asked[name] = threads.submit(ask)
    questions = dict(asked)
    wait(questions.values(), timeout=2)
    failed = []
    for name, question in questions.items():
        error = question.exception() if question.done() else "no answer within 2 s"
        if error:
            app.logger.error("health: %s: %s", name, error)
            failed.append(name)
    return {"status": "fail" if failed else "ok", "failed": failed}, 503 if failed else 200
`),
		at("fastapi", "main.py", readyAsync, `
import asyncio
import logging

from fastapi.responses import JSONResponse, PlainTextResponse

`+needsAsync+`

@app.get("/alive")
async def alive():
    """For what restarts the process: it runs."""
    return PlainTextResponse("ok")


@app.get("<path>")
async def ready():
    """For the load balancer: what every page needs is there, and says so in time."""
    failed = [name for name in await asyncio.gather(*map(failing, needs)) if name]
    return JSONResponse({"status": "fail" if failed else "ok", "failed": failed}, 503 if failed else 200)
`),
		at("starlette", "main.py", readyAsync, `
import asyncio
import logging

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

`+needsAsync+`

async def alive(request):
    """For what restarts the process: it runs."""
    return PlainTextResponse("ok")


async def ready(request):
    """For the load balancer: what every page needs is there, and says so in time."""
    failed = [name for name in await asyncio.gather(*map(failing, needs)) if name]
    return JSONResponse({"status": "fail" if failed else "ok", "failed": failed}, 503 if failed else 200)


routes += [Route("/alive", alive), Route("<path>", ready)]
`),
		at("go", "main.go", "Restore what the body names: the log has the driver's error. Then keep alive and ready apart, and ask for each thing within a time.", `
// For what restarts the process: it runs.
mux.HandleFunc("GET /alive", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })

// For the load balancer: what every page needs is there, and says so in time.
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), 2*time.Second)
	defer stop()
	if err := db.PingContext(ctx); err != nil {
		log.Printf("health: database: %v", err)
		http.Error(w, "fail: database", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok")
})
`),
		at("inservice", "inservice.yaml", "`inservice agent` knows the difference: a check with `scope: shared` warns and keeps the server in service.", `
agent:
  app: http://<app>
  checks:
    - name: database
      sql: {driver: postgres, dsn: "${DATABASE_URL}", query: "select 1"}
      scope: shared
`),
	},
}

const readyAsync = "Restore what the body names: the log has the driver's error. Then keep alive and ready apart, and ask for each thing within a time. Instead of database.fetch_one, ask as your pages do; a driver that blocks goes into a thread (`asyncio.to_thread`)."

// needsAsync asks for what every page needs, each within a time.
const needsAsync = `
needs = {"database": lambda: database.fetch_one("SELECT 1")}


async def failing(name):
    try:
        await asyncio.wait_for(needs[name](), timeout=2)
    except Exception as error:
        logging.error("health: %s: %r", name, error)
        return name
`
