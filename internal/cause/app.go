package cause

var appError = Cause{
	ID: "app_error", Kind: Red,
	Title:   "The app fails on the health path",
	Meaning: "The code behind the health path raises an error. The load balancer and the way there are fine.",
	Looks:   "500 from the app on this path; other paths answer.",
	Decides: "No change of Host, scheme, method or client changes it, and `/` or a path that can't exist answers something else.",
	Fix:     "Read the app's log at the moment of a probe: the error is there. Let the health view catch what it checks, and answer 503 with the name of what failed.",
	Fixes: []Fix{
		at("django", "settings.py", "The traceback is in the log of what runs Django. Without a LOGGING setting Django only mails it to ADMINS when DEBUG is off.", `
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
`),
		at("rails", "shell", "The error is in the log of the environment, or on the standard output with RAILS_LOG_TO_STDOUT.", `
tail -n 100 log/production.log
`),
		at("laravel", "shell", "The error is in Laravel's own log.", `
tail -n 100 storage/logs/laravel.log
`),
		at("symfony", "shell", "The error is in Symfony's own log.", `
tail -n 100 var/log/prod.log
`),
		at("wordpress", "wp-config.php", "Let WordPress write errors to wp-content/debug.log, and show none to visitors. The lines belong above the one that loads wp-settings.php, in place of older ones with the same names.", `
define('WP_DEBUG', true);
define('WP_DEBUG_LOG', true);
define('WP_DEBUG_DISPLAY', false);
`),
		at("spring-boot", "shell", "The stack trace is on the standard output.", `
journalctl --unit <name> --lines 100
`),
		at("tomcat", "shell", "The stack trace is in the log of the day.", `
tail -n 100 /var/log/tomcat10/catalina.out
`),
		at("aspnet", "shell", "The exception is on the standard output; on IIS in the event log, and with stdoutLogEnabled in web.config in a file.", `
journalctl --unit <name> --lines 100
`),
		at("nextjs", "shell", "The error is on the standard output of next start.", `
journalctl --unit <name> --lines 100
`),
		at("express", "shell", "The stack is on the standard error, unless a handler of your own swallows it.", `
journalctl --unit <name> --lines 100
`),
		at("fastapi", "shell", "The traceback is in uvicorn's log.", `
journalctl --unit <name> --lines 100
`),
		at("starlette", "shell", "The traceback is in uvicorn's log.", `
journalctl --unit <name> --lines 100
`),
		at("flask", "shell", "The traceback is in the log of what runs Flask.", `
journalctl --unit <name> --lines 100
`),
		at("gunicorn", "shell", "Let gunicorn write everything to its standard error.", `
gunicorn --error-logfile - --capture-output app:app
`),
		at("uwsgi", "uwsgi.ini", "`no python application found` means that the app could not be loaded. Let uWSGI end then, instead of answering 500.", `
[uwsgi]
need-app = true
`),
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "An empty 500 is a fatal error that nobody shows. Let PHP write it down.", `
php_admin_flag[log_errors] = on
php_admin_value[error_log] = /var/log/php-fpm.log
catch_workers_output = yes
`),
		at("php", "shell", "An empty 500 is a fatal error that nobody shows. It is in the log that error_log names, or in the web server's.", `
php -i | grep -E '^(error_log|log_errors|display_errors)'
`),
		at("phoenix", "shell", "The error is on the standard output.", `
journalctl --unit <name> --lines 100
`),
		at("go", "shell", "A panic is on the standard error, with its stack.", `
journalctl --unit <name> --lines 100
`),
		at("nginx", "shell", "If the 500 is nginx's own page, its configuration loops or a file can't be read.", `
tail -n 50 /var/log/nginx/error.log
`),
		at("apache", "shell", "If the 500 is Apache's own page, a script or an .htaccess is at fault.", `
tail -n 50 /var/log/apache2/error.log
`),
	},
}

var maintenanceMode = Cause{
	ID: "maintenance_mode", Kind: Red,
	Title:    "Maintenance mode is on",
	Meaning:  "Somebody, or a deployment, has put the site into maintenance. It answers so on purpose.",
	Looks:    "503 on every path, even one that can't exist, mostly with Retry-After and a page about maintenance.",
	Decides:  "A path made up at random gives the same 503, and it is the app that answers, not the proxy in front.",
	Fix:      "End it. If a deployment died in the middle, end that first.",
	Balancer: "Nothing, if the server should be out of service meanwhile. If all of them are in maintenance at once, exempt the health path, so that visitors get the maintenance page instead of the load balancer's error.",
	Fixes: []Fix{
		at("laravel", "shell", "End it. To keep the health path alive meanwhile, name it in preventRequestsDuringMaintenance(except: ['<bare>']) in bootstrap/app.php (before Laravel 11: $except of the middleware of that name).", `
php artisan up
`),
		at("wordpress", "shell", "An update that died leaves a file behind. Look whether one runs, then remove it.", `
wp maintenance-mode deactivate || rm .maintenance
`),
		at("drupal", "shell", "End it.", `
drush state:set system.maintenance_mode 0 --input-format=integer
drush cache:rebuild
`),
		at("django", "settings.py", "Django has none of its own. With django-maintenance-mode: `python manage.py maintenance_mode off`, and leave the health path out.", `
MAINTENANCE_MODE_IGNORE_URLS = (r"^<pattern>$",)
`),
		at("rails", "shell", "Rails has none of its own. With turnout:", `
bundle exec rake maintenance:end
`),
		at("symfony", "shell", "Symfony has none of its own. With lexik/maintenance-bundle:", `
php bin/console lexik:maintenance:unlock
`),
		at("aspnet", "shell", "A file app_offline.htm in the app's directory takes it offline (IIS). A deployment that died leaves it.", `
rm app_offline.htm
`),
		at("spring-boot", "shell", "If the readiness state was set to REFUSING_TRAFFIC, the app itself must set it back; a restart does.", `
systemctl restart <name>
`),
		nginx("server", "Where nginx gives the page (`if (-f …/maintenance.html) { return 503; }`), let that stand in `location /`, and give the health path its own.", nginxToApp),
		apache("virtual host", "Leave the health path out of the rule.", `
RewriteEngine On
RewriteCond /var/www/maintenance.html -f
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^ - [R=503,L]
`),
		caddy("site", "Handle the health path before the page: a handle block excludes the others.", `
handle <path> {
	reverse_proxy <app>
}
`),
		haproxy("frontend", "Leave the health path out of the rule.", `
http-request return status 503 content-type text/plain string "maintenance" if { nbsrv(app) eq 0 } !{ path <path> }
`),
	},
}

var rateLimited = Cause{
	ID: "rate_limited", Kind: Red,
	Title:    "A rate limit counts the checks",
	Meaning:  "A limit on requests for each client counts the load balancer's checks too. All its nodes ask, and with some setups all visitors seem to come from its addresses.",
	Looks:    "429 or 503 after some requests that passed, mostly with Retry-After.",
	Decides:  "The first requests from another address pass, and so does this one after a pause.",
	Fix:      "Take the health path out of the limit, or the load balancer's networks. If visitors share the limit because they all seem to come from the load balancer, let the server read their address from X-Forwarded-For of trusted proxies.",
	Balancer: "A longer interval only helps by chance: every node asks.",
	Knobs:    []Knob{Interval},
	Fixes: []Fix{
		at("django", "mysite/health.py", "Answer the health path before anything counts. Where Django REST framework counts, `@throttle_classes([])` on the view is enough; where django-ratelimit does, leave its decorator off."+shallow, djangoFirst),
		at("rails", "config/initializers/rack_attack.rb", "Let Rack::Attack pass the health path.", `
Rack::Attack.safelist("health") { |request| request.path == "<path>" }
`),
		laravelRoute("Take the throttle off this route.", `
Route::get('<path>', fn () => response('ok'))->withoutMiddleware('throttle');
`),
		at("spring-boot", "RateLimitFilter.java", "Let the filter leave the health path out (OncePerRequestFilter).", `
@Override
protected boolean shouldNotFilter(HttpServletRequest request) {
    return request.getRequestURI().equals("<path>");
}
`),
		at("aspnet", "Program.cs", "Take the limit off this route.", `
app.MapHealthChecks("<path>").DisableRateLimiting();
`),
		at("flask", "app.py", "Flask-Limiter: exempt the view.", `
@app.get("<path>")
@limiter.exempt
def health():
    return "ok"
`),
		at("fastapi", "main.py", "SlowAPI: exempt the view.", `
@app.get("<path>")
@limiter.exempt
def health(request: Request):
    return {"status": "ok"}
`),
		at("starlette", "main.py", "Answer the health path outside the middleware that counts."+shallow, asgiFirst),
		at("go", "main.go", "Put the health path outside the handler that counts."+shallow, goFirst),
		at("express", "app.js", "express-rate-limit: skip the health path.", `
app.use(rateLimit({ windowMs: 60_000, limit: 100, skip: (req) => req.path === "<path>" }));
`),
		at("fastify", "server.js", "@fastify/rate-limit: none on this route.", `
fastify.get("<path>", { config: { rateLimit: false } }, async () => ({ status: "ok" }));
`),
		at("nestjs", "health.controller.ts", "@nestjs/throttler: skip this route.", `
@SkipThrottle()
@Get("<bare>")
health() {
  return { status: "ok" };
}
`),
		nginx("http", "A request whose key is empty is not counted. Use this key in limit_req_zone.", `
map $uri $limited {
    default $binary_remote_addr;
    <path>  "";
}
limit_req_zone $limited zone=visitors:10m rate=10r/s;
`),
		haproxy("frontend", "Leave the health path out of the rule.", `
http-request track-sc0 src table st unless { path <path> }
http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100 } !{ path <path> }
`),
		apache("server", "mod_evasive: leave out the load balancer's addresses, one line each (`DOSWhitelist 10.0.*.*`). mod_qos:", `
SetEnvIf Request_URI "^<pattern>$" QS_VipRequest=yes
`),
		varnish("Let the health path by before the limit.", `
sub vcl_recv {
    if (req.url == "<path>") {
        return (pass);
    }
}
`),
		at("traefik", "dynamic.yaml", "Give the health path a router without the rateLimit middleware.", `
http:
  routers:
    health:
      rule: Path("<path>")
      priority: 1000
      service: app
`),
		at("envoy", "envoy.yaml", "Switch the limit off for this route.", `
- match: { path: "<path>" }
  route: { cluster: app }
  typed_per_filter_config:
    envoy.filters.http.local_ratelimit:
      "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
      stat_prefix: health
`),
		agentBeside("Run `inservice agent` beside the site and check its port: no limit stands before it."),
	},
}

var connectionLimit = Cause{
	ID: "connection_limit", Kind: Red,
	Title:   "The limit of connections is reached",
	Meaning: "The server takes only so many connections or requests at once, and long ones hold them all. The check is turned away with everybody else.",
	Looks:   "503 at once while others are busy; 200 when they are done.",
	Decides: "It comes and goes with the load, and paths outside the limit answer all the time.",
	Fix:     "Find what holds the connections. Then raise the limit to what the machine can bear, and leave the health path out of it.",
	Fixes: []Fix{
		nginx("http", "A connection whose key is empty is not counted. Use this key in limit_conn_zone.", `
map $uri $counted {
    default $binary_remote_addr;
    <path>  "";
}
limit_conn_zone $counted zone=connections:10m;
`),
		haproxy("backend", "Raise the server's maxconn: what exceeds it waits in the queue until timeout queue, then gets 503.", `
timeout queue 5s
server app <app> maxconn 200
`),
		apache("server", "Raise the number of workers (mpm_event; `server reached MaxRequestWorkers` in the error log).", `
ServerLimit 16
MaxRequestWorkers 400
`),
		lighttpd("Raise the number of connections, and of files that go with them.", `
server.max-connections = 1024
server.max-fds = 4096
`),
		at("uvicorn", "shell", "Raise --limit-concurrency: what exceeds it gets 503.", `
uvicorn main:app --limit-concurrency 200
`),
		at("gunicorn", "gunicorn.conf.py", "Raise the connections of each worker (gevent, eventlet, gthread).", `
worker_connections = 2000
threads = 8
`),
		at("tomcat", "conf/server.xml", "Raise the connector's limits.", `
<Connector port="<port>" protocol="HTTP/1.1" maxConnections="8192" maxThreads="200" acceptCount="100" />
`),
		at("spring-boot", "application.properties", "Raise the embedded server's limits.", `
server.tomcat.max-connections=8192
server.tomcat.threads.max=200
`),
		at("kestrel", "appsettings.json", "Raise Kestrel's limit.", `
{
  "Kestrel": { "Limits": { "MaxConcurrentConnections": 1000 } }
}
`),
		at("node", "server.js", "Raise the server's limit.", `
server.maxConnections = 1000;
`),
		varnish("Raise the backend's limit.", `
backend default {
    .host = "<apphost>";
    .port = "<appport>";
    .max_connections = 300;
}
`),
		at("envoy", "envoy.yaml", "Raise the circuit breaker of the cluster (`overflow` in the answer or the statistics).", `
circuit_breakers:
  thresholds:
    - max_connections: 4096
      max_pending_requests: 4096
      max_requests: 4096
`),
		at("traefik", "dynamic.yaml", "Raise the number of requests in flight, or give the health path a router without that middleware.", `
http:
  middlewares:
    limit:
      inFlightReq:
        amount: 500
`),
		agentBeside("Run `inservice agent` beside the site: it has a lane of its own, and counts what visitors get."),
	},
}
