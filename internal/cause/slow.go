package cause

var slowResponse = Cause{
	ID: "slow_response", Kind: Red,
	Title:    "The right answer comes too late",
	Meaning:  "The health path answers, later than the load balancer waits.",
	Looks:    "No answer within the time-out; 200 when one waits longer. Other paths answer at once.",
	Decides:  "The same request passes with a longer time-out.",
	Fix:      "Make the health path cheap: check in the background and answer from what is known, and bound every check in it by a time.",
	Balancer: "Raise the time-out of the check above what it takes, and the interval above the time-out. It delays the moment when a dead server is noticed.",
	Knobs:    []Knob{Timeout, Interval},
	Fixes: []Fix{
		at("spring-boot", "application.properties", "Let Actuator keep the result for a while, and take the slow indicators out of the group that the load balancer asks for.", `
management.endpoint.health.cache.time-to-live=10s
management.endpoint.health.group.readiness.include=readinessState,db
`),
		at("aspnet", "Program.cs", "Bound each check by a time.", `
builder.Services.AddHealthChecks()
    .AddCheck<DatabaseCheck>("database", timeout: TimeSpan.FromSeconds(2));
`),
		at("django", "mysite/views.py", "Bound the question to the database (here PostgreSQL's way), and connecting to it: `\"OPTIONS\": {\"connect_timeout\": 2}` in DATABASES. The view then fails in time instead of hanging.", `
from django.db import connection, transaction
from django.http import HttpResponse


def health(request):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 2000")  # of this question alone
            cursor.execute("SELECT 1")
    except Exception:
        return HttpResponse("fail", content_type="text/plain", status=503)
    return HttpResponse("ok", content_type="text/plain")
`),
		at("rails", "app/controllers/health_controller.rb", "Ask in the background, and answer from what is known: the check then takes no longer than Rails itself. The route is `get \"<path>\", to: \"health#show\"`. The first answer of each process is 503, until the first question is through.", `
class HealthController < ActionController::Base
  # Asks the database every five seconds, in each process by itself: threads do
  # not outlive a fork.
  class Database
    @lock = Mutex.new

    class << self
      # What is older than three rounds is not known any more: the question hangs.
      def ok?
        start
        passed = @passed
        !passed.nil? && now - passed < 15
      end

      private

      def start
        @lock.synchronize do
          return if @process == Process.pid

          @process = Process.pid
          @passed = nil
          Thread.new { loop { ask; sleep 5 } }
        end
      end

      def ask
        ActiveRecord::Base.connection_pool.with_connection { |database| database.select_value("SELECT 1") }
        @passed = now
      rescue StandardError => error
        @passed = nil
        Rails.logger&.error("health: database: #{error.message}")
      end

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end

  def show
    ok = Database.ok?
    render plain: ok ? "ok" : "fail", status: ok ? :ok : :service_unavailable
  end
end
`),
		laravelRoute("PHP keeps nothing running between requests: ask at most every five seconds, keep the answer in a file, and leave the group web out, which begins a session. Bound the time to connect (`'options' => [PDO::ATTR_TIMEOUT => 2]` in config/database.php), for the request that has to ask.", `
Route::get('<path>', function () {
    $ok = Cache::store('file')->remember('health', 5, function () {
        try {
            DB::select('select 1');

            return true;
        } catch (\Throwable $error) {
            report($error);

            return false;
        }
    });

    return response($ok ? 'ok' : 'fail', $ok ? 200 : 503);
})->withoutMiddleware('web');
`),
		at("nestjs", "health.controller.ts", "Bound each check by a time.", `
@Get("<bare>")
@HealthCheck()
check() {
  return this.health.check([() => this.db.pingCheck("database", { timeout: 1000 })]);
}
`),
		at("express", "app.js", "Ask in the background, and answer from what is known. Instead of db, name your own.", `
let passed = -Infinity;
async function ask() {
  try {
    await db.query("SELECT 1");
    passed = performance.now();
  } catch (error) {
    passed = -Infinity;
    console.error("health: database:", error.message);
  }
  setTimeout(ask, 5000).unref();
}
ask();

// What is older than three rounds is not known any more: the question hangs.
app.get("<path>", (req, res) => {
  const ok = performance.now() - passed < 15000;
  res.status(ok ? 200 : 503).type("text/plain").send(ok ? "ok" : "fail");
});
`),
		at("flask", "app.py", "Ask in the background, and answer from what is known. The first answer of each process is 503, until the first question is through. Instead of database.execute, ask as your pages do, in a way that may be used from another thread; uWSGI needs enable-threads.", `
import os
import threading
import time


class Database:
    """Asks every five seconds, in each process by itself: threads do not outlive a fork."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = None
        self.passed = None

    def ok(self):
        with self.lock:
            if self.process != os.getpid():
                self.process, self.passed = os.getpid(), None
                threading.Thread(target=self.watch, daemon=True).start()
        passed = self.passed
        # What is older than three rounds is not known any more: the question hangs.
        return passed is not None and time.monotonic() - passed < 15

    def watch(self):
        while True:
            try:
                database.execute("SELECT 1")
                self.passed = time.monotonic()
            except Exception:
                self.passed = None
                app.logger.exception("health: database")
            time.sleep(5)


watched = Database()


@app.get("<path>")
def health():
    return ("ok", 200) if watched.ok() else ("fail", 503)
`),
		at("fastapi", "main.py", "Ask in the background, and answer from what is known. "+watchAsync, `
import asyncio
import logging

from fastapi.responses import PlainTextResponse

`+watchedAsync+`

@app.get("<path>")
async def health():
    ok = watched.ok()
    return PlainTextResponse("ok" if ok else "fail", 200 if ok else 503)
`),
		at("starlette", "main.py", "Ask in the background, and answer from what is known. "+watchAsync, `
import asyncio
import logging

from starlette.responses import PlainTextResponse
from starlette.routing import Route

`+watchedAsync+`

async def health(request):
    ok = watched.ok()
    return PlainTextResponse("ok" if ok else "fail", 200 if ok else 503)


routes += [Route("<path>", health)]
`),
		at("go", "main.go", "Ask in the background, each time within a time, and answer from what is known. The first answer is 503, until the first question is through.", `
var healthy atomic.Bool
go func() {
	for ; ; time.Sleep(5 * time.Second) {
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
		err := db.PingContext(ctx)
		stop()
		if healthy.Store(err == nil); err != nil {
			log.Printf("health: database: %v", err)
		}
	}
}()
mux.HandleFunc("GET <path>", func(w http.ResponseWriter, r *http.Request) {
	if !healthy.Load() {
		http.Error(w, "fail", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok")
})
`),
		told("wordpress", "The start page of a site without a cache may take seconds. Ask for a small page, or a must-use plugin that asks the database alone."),
		agentBeside("Run `inservice agent` beside the app: its checks run in the background, each with a time-out, and the answer comes at once."),
	},
}

const watchAsync = "The first answer of each process is 503, until the first question is through. Instead of database.fetch_one, ask as your pages do; a driver that blocks goes into a thread (`asyncio.to_thread`)."

// watchedAsync knows whether the database answers. Each question has its time, so
// that what is known is never old.
const watchedAsync = `
class Database:
    """Asks every five seconds, from the first request on."""

    task = None
    passed = False

    def ok(self):
        if self.task is None:
            self.task = asyncio.create_task(self.watch())
        return self.passed

    async def watch(self):
        while True:
            try:
                await asyncio.wait_for(database.fetch_one("SELECT 1"), timeout=2)
                self.passed = True
            except Exception:
                self.passed = False
                logging.exception("health: database")
            await asyncio.sleep(5)


watched = Database()
`
