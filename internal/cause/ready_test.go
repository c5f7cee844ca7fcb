package cause

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/realserver"
)

// The drivers run health views of the table in the real frameworks, over a
// database that they pretend: it answers, it refuses, it hangs. Each prints what
// each path was answered as one JSON object: {"ok /health_check": [200, "ok"], …}.
// They let a view that asks in the background be asked until it knows.

const runsInFlask = `
import json, os, sys, time, threading
from flask import Flask

app = Flask("main")

class database:
    state = "ok"
    over = threading.Event()
    @staticmethod
    def execute(question):
        if database.state == "refuses":
            raise OSError("no route to the database")
        if database.state == "hangs":
            database.over.wait()

exec(open(sys.argv[1]).read())
told = {}
for database.state in ["ok", "refuses", "hangs"]:
    if "watched" in globals():
        watched.process = None # begins anew
        if database.state == "hangs": # for longer than three rounds
            watched.process, watched.passed = os.getpid(), time.monotonic() - 15.1
    for path in sys.argv[2:]:
        for n in range(20):
            answer = app.test_client().get(path)
            if "watched" not in globals() or database.state != "ok" or answer.status_code == 200:
                break
            time.sleep(0.05)
        told[database.state + " " + path] = [answer.status_code, answer.get_data(as_text=True).strip()]
    if database.state == "hangs": # the next is answered as well
        began = time.monotonic()
        app.test_client().get("/health_check")
        if time.monotonic() - began > 2:
            sys.exit("the answer took too long")
        if "threads" in globals() and threads._work_queue.qsize():
            sys.exit("questions pile up")
database.over.set()
print(json.dumps(told))
`

const runsInASGI = `
import asyncio, json, sys

class database:
    state = "ok"
    @staticmethod
    async def fetch_one(question):
        if database.state == "refuses":
            raise OSError("no route to the database")
        if database.state == "hangs":
            await asyncio.Event().wait()

if sys.argv[1] == "fastapi":
    from fastapi import FastAPI
    app = FastAPI()
else:
    routes = []
exec(open(sys.argv[2]).read())
if sys.argv[1] == "starlette":
    from starlette.applications import Starlette
    app = Starlette(routes=routes)

async def ask(path):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    await app({"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("x", 1), "root_path": ""}, receive, send)
    return [sent[0]["status"], b"".join(m.get("body", b"") for m in sent).decode()]

async def main():
    told = {}
    for database.state in ["ok", "refuses", "hangs"]:
        if "watched" in globals():
            watched.task, watched.passed = None, database.state == "hangs" # begins anew
        for path in sys.argv[3:]:
            for n in range(20):
                answer = await ask(path)
                if "watched" not in globals() or database.state != "ok" or answer[0] == 200:
                    break
                await asyncio.sleep(0.05)
            if "watched" in globals() and database.state == "hangs":
                await asyncio.sleep(0.5)
                answer = await ask(path)
            told[database.state + " " + path] = answer
    print(json.dumps(told))

asyncio.run(main())
`

const runsInRails = `
require "json"
require "logger"
require "rails"
require "action_controller/railtie"
require "active_record"

# What the lines ask of ActiveRecord is there.
adapter, pool = ActiveRecord::ConnectionAdapters::AbstractAdapter, ActiveRecord::ConnectionAdapters::ConnectionPool
abort "throw_away!" unless adapter.method_defined?(:throw_away!)
abort "active_connection?" unless pool.method_defined?(:active_connection?) && pool.method_defined?(:with_connection)

class Pretended
  attr_accessor :state, :thrown
  def select_value(_)
    raise ActiveRecord::ConnectionNotEstablished, "no route to the database" if state == "refuses"
    sleep if state == "hangs"
    1
  end
  def throw_away! = self.thrown = thrown.to_i + 1
  def active_connection? = self
  def with_connection = yield(self)
end
DATABASE = Pretended.new
ActiveRecord::Base.define_singleton_method(:connection) { DATABASE }
ActiveRecord::Base.define_singleton_method(:connection_pool) { DATABASE }

class App < Rails::Application
  config.eager_load = false
  config.logger = Logger.new(IO::NULL)
  config.secret_key_base = "x"
  config.hosts.clear
end
App.initialize!
load ARGV[0]
watched = HealthController.const_defined?(:Database)
App.routes.draw do
  get "/alive", to: "health#alive"
  get "/health_check", to: watched ? "health#show" : "health#ready"
end
told = {}
%w[ok refuses hangs].each do |state|
  DATABASE.state = state
  if watched
    HealthController::Database.instance_variable_set(:@process, state == "hangs" ? Process.pid : nil) # begins anew
    HealthController::Database.instance_variable_set(:@passed, Process.clock_gettime(Process::CLOCK_MONOTONIC) - 15.1) if state == "hangs"
  end
  ARGV.drop(1).each do |path|
    answer = nil
    20.times do
      status, _, body = App.call(Rack::MockRequest.env_for("http://site.example.com" + path))
      text = +""
      body.each { |part| text << part }
      body.close if body.respond_to?(:close)
      answer = [status, text]
      break if !watched || state != "ok" || status == 200
      sleep 0.05
    end
    told[state + " " + path] = answer
  end
end
abort "a connection that hangs was kept" unless watched || DATABASE.thrown == 2
puts told.to_json
`

const runsInExpress = `
const fs = require("node:fs"), http = require("node:http");
const app = require("express")();
let state = process.argv[3];
const db = { query: async () => {
  if (state === "refuses") throw new Error("no route to the database");
  if (state === "hangs") return new Promise(() => {});
} };
new Function("app", "db", "performance", fs.readFileSync(process.argv[2], "utf8"))(app, db, performance);
const server = app.listen(0, "127.0.0.1", async () => {
  const told = {};
  for (const path of process.argv.slice(4)) {
    const answer = await fetch("http://127.0.0.1:" + server.address().port + path);
    told[state + " " + path] = [answer.status, await answer.text()];
  }
  console.log(JSON.stringify(told));
  process.exit(0);
});
`

// Laravel is in no release of Debian that the tests run on: what the routes call
// of it is pretended.
const runsInLaravel = `<?php
namespace Illuminate\Support\Facades {
    class Route { public static $all = []; static function get($path, $do) { self::$all[$path] = $do; return new self; } function withoutMiddleware($names) { return $this; } }
    class DB { static function select($question) { if ($GLOBALS['state'] === 'refuses') { throw new \PDOException('no route to the database'); } } }
    class Cache { public static $kept = null; static function store($name) { return new self; } function remember($key, $seconds, $make) { return self::$kept ??= $make(); } }
}
namespace {
    use Illuminate\Support\Facades\Cache;
    use Illuminate\Support\Facades\DB;
    use Illuminate\Support\Facades\Route;

    class Response { function __construct(public $text = '', public $status = 200) {} function json($what, $status = 200) { return new self(json_encode($what), $status); } }
    function response(...$given) { return new Response(...$given); }
    function report($error) {}
LINES
    $told = [];
    foreach (['ok', 'refuses'] as $state) {
        Cache::$kept = null;
        foreach (array_slice($argv, 1) as $path) {
            $answer = (Route::$all[$path])();
            $told["$state $path"] = [$answer->status, $answer->text];
        }
    }
    echo json_encode($told);
}
`

// hurried lets the views wait for what hangs a tenth of their two seconds.
var hurried = strings.NewReplacer("timeout=2", "timeout=0.2", "timeout(2)", "timeout(0.2)", ", 2000)", ", 200)")

// TestReady: the views say whether what the pages need is there, in time when it
// hangs, and the process that lives is told from the one that is ready.
func TestReady(t *testing.T) {
	const path, alive = "/health_check", "/alive"
	for _, c := range []struct {
		software        string
		program, debian string
		driver          string // file's name and text
		text            string
		args            []string // before the file of the lines
	}{
		{"flask", "/usr/bin/python3", "python3-flask", "run.py", runsInFlask, nil},
		{"fastapi", "/usr/bin/python3", "python3-fastapi", "run.py", runsInASGI, []string{"fastapi"}},
		{"starlette", "/usr/bin/python3", "python3-fastapi", "run.py", runsInASGI, []string{"starlette"}},
		{"rails", "/usr/bin/ruby", "ruby-rails", "run.rb", runsInRails, nil},
		{"express", "node", "node-express", "run.js", runsInExpress, nil},
		{"laravel", "php", "php-cli", "run.php", runsInLaravel, nil},
	} {
		program := realserver.Program(t, c.program, c.debian)
		for id, want := range map[ID]map[string][]any{
			"dependency_down": {
				"ok " + path: {200.0, `"ok"`}, "refuses " + path: {503.0, `"database"`}, "hangs " + path: {503.0, `"database"`},
				"ok " + alive: {200.0, "ok"}, "refuses " + alive: {200.0, "ok"}, "hangs " + alive: {200.0, "ok"},
			},
			"slow_response": {"ok " + path: {200.0, "ok"}, "refuses " + path: {503.0, "fail"}, "hangs " + path: {503.0, "fail"}},
		} {
			t.Run(string(id)+"/"+c.software, func(t *testing.T) {
				t.Parallel()
				row, _ := Lookup(id)
				fix, own := row.FixFor([]string{c.software})
				if !own || fix.Software != c.software {
					t.Fatalf("no fix for %s", c.software)
				}
				p := place{t.TempDir()}
				lines := hurried.Replace(Fill(fix.Lines, values())) + "\n"
				args := []string{p.write(t, c.driver, strings.ReplaceAll(c.text, "LINES", lines))}
				args = append(args, c.args...)
				states := []string{"ok", "refuses", "hangs"}
				switch c.software {
				case "laravel":
					states = states[:2] // it has no way to end what hangs; PHP-FPM ends it
				default:
					args = append(args, p.write(t, "lines"+filepath.Ext(c.driver), lines))
				}
				paths := []string{path}
				if id == "dependency_down" {
					paths = append(paths, alive)
				}
				got := map[string][]any{}
				if c.software == "express" {
					for _, state := range states { // each in a process of its own
						answers(t, program, p, append(append(args, state), paths...), got)
					}
				} else {
					answers(t, program, p, append(args, paths...), got)
				}
				wanted := map[string][]any{}
				for _, state := range states {
					for _, path := range paths {
						key := state + " " + path
						wanted[key] = want[key]
						if len(got[key]) == 2 && strings.Contains(got[key][1].(string), want[key][1].(string)) {
							got[key] = []any{got[key][0], want[key][1]}
						}
					}
				}
				if diff := cmp.Diff(wanted, got); diff != "" {
					t.Errorf("(-want +got):\n%s\n%s", diff, lines)
				}
			})
		}
	}
}

// answers runs a driver and adds what it prints.
func answers(t *testing.T, program string, p place, args []string, into map[string][]any) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // for a view that hangs with its database
	defer stop()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), "HOME="+p.dir, "LC_ALL=C", "NODE_PATH=/usr/share/nodejs")
	cmd.WaitDelay = time.Second
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &into)
	}
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, failed.String())
	}
}
