package cause

var upstreamDown = Cause{
	ID: "upstream_down", Kind: Red,
	Title:    "The front server runs, the app behind it does not",
	Meaning:  "A proxy in front answers, and nothing listens where it looks for the app: the app has ended, or its address is wrong.",
	Looks:    "502 or 503 at once, on every path that is handed on, as a page of the proxy's own. Files that the proxy serves itself answer.",
	Decides:  "The page is the proxy's, on every path and whatever the Host, and without delay.",
	Fix:      "Start the app, or correct the address that the proxy has for it. The proxy's error log names the address that refused.",
	Balancer: "Nothing: the check tells the truth.",
	Fixes: []Fix{
		at("nginx", "shell", "`connect() failed (111: Connection refused) while connecting to upstream` in the error log names the address; `no live upstreams` means that all have failed lately.", `
tail -n 20 /var/log/nginx/error.log
ss -ltnp
`),
		at("apache", "shell", "`AH00957` or `AH01114` in the error log names the address. After a failure Apache does not try again for 60 s: `retry=0` on ProxyPass ends that.", `
tail -n 20 /var/log/apache2/error.log
ss -ltnp
`),
		at("caddy", "shell", "`dial tcp …: connect: connection refused` in the log names the address.", `
journalctl --unit caddy --lines 20
ss -ltnp
`),
		at("haproxy", "shell", "All servers of the backend are down, by HAProxy's own check or by hand (`SRV_ABRT`, `NOSRV` in the log).", `
echo "show servers state" | socat stdio /run/haproxy/admin.sock
ss -ltnp
`),
		at("lighttpd", "shell", "`establishing connection failed` in the error log names the address.", `
tail -n 20 /var/log/lighttpd/error.log
ss -ltnp
`),
		at("varnish", "shell", "The backend does not answer, or its probe says that it is sick.", `
varnishadm backend.list
ss -ltnp
`),
		at("traefik", "shell", "The service has no server, or none that its own check passes. The log and the dashboard name them.", `
docker logs --tail 20 traefik
ss -ltnp
`),
		at("envoy", "shell", "`no healthy upstream` and the flags UH, UF in the log: the cluster has no host, or none that its own check passes.", `
curl --silent http://127.0.0.1:9901/clusters
`),
		at("awselb", "shell", "The answer is that of a load balancer behind the one that asks: it has no target that is healthy.", `
aws elbv2 describe-target-health --target-group-arn <name>
`),
		at("iis", "shell", "502.5 and 500.30: the app did not start. The event log says why.", `
powershell -Command "Get-EventLog -LogName Application -Source 'IIS AspNetCore Module V2' -Newest 5"
`),
		at("php-fpm", "shell", "PHP-FPM is not there, or listens on another socket than the web server looks for: compare `listen` in the pool's file with the socket that the web server names.", `
systemctl status 'php*-fpm'
ls -l /run/php/
`),
		at("gunicorn", "shell", "gunicorn has ended. `Worker failed to boot` in its log means that the app could not be loaded.", `
systemctl status gunicorn
`),
		at("uwsgi", "shell", "uWSGI has ended, or listens with another protocol than the proxy speaks: socket goes with uwsgi_pass, http-socket with proxy_pass.", `
systemctl status uwsgi
`),
		at("puma", "shell", "Puma has ended. A stale tmp/pids/server.pid can keep `rails server` from starting.", `
systemctl status puma
`),
	},
}

var upstreamTimeout = Cause{
	ID: "upstream_timeout", Kind: Red,
	Title:   "The front server waits for an app that hangs",
	Meaning: "A proxy in front hands the request on, and the app behind it takes it and does not answer.",
	Looks:   "504 by the proxy after a fixed time, or no answer within the load balancer's, on paths that are handed on; files that the proxy serves itself answer at once.",
	Decides: "The proxy's own paths answer while the app's do not, whatever is changed in the request.",
	Fix:     "Find out what the app waits for: a database without a time-out, a full pool, a lock. The proxy's time-out only decides how long visitors wait for the error.",
	Fixes: []Fix{
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "Let PHP-FPM write down where slow requests stand, and end them.", `
slowlog = /var/log/php-fpm-slow.log
request_slowlog_timeout = 5s
request_terminate_timeout = 30s
`),
		at("gunicorn", "shell", "Look where the workers stand. A worker that hangs is killed after --timeout (30 s) only if it is of the class sync.", `
py-spy dump --pid "$(pgrep --oldest --full gunicorn)" --subprocesses
`),
		at("uwsgi", "uwsgi.ini", "Let uWSGI end requests that hang, and write where they stood.", `
[uwsgi]
harakiri = 30
harakiri-verbose = true
py-tracebacker = /run/uwsgi-tracebacker
`),
		at("puma", "shell", "Look where the threads stand. The state file is the one that config/puma.rb names with state_path.", `
pumactl --state tmp/pids/puma.state thread-backtraces
`),
		at("tomcat", "shell", "Look where the threads stand.", `
jcmd "$(pgrep --full org.apache.catalina)" Thread.print
`),
		at("spring-boot", "shell", "Look where the threads stand.", `
jcmd "$(pgrep --newest java)" Thread.print
`),
		at("node", "shell", "Something keeps the event loop busy, or never calls back. Attach the inspector.", `
kill -USR1 "$(pgrep --oldest node)" # then open chrome://inspect
`),
		at("go", "shell", "This ends the process, and prints where every goroutine stood.", `
kill -QUIT "$(pgrep --oldest <name>)"
`),
		nginx("location", "Bound how long visitors wait for the error. The cause is in the app.", `
proxy_connect_timeout 2s;
proxy_read_timeout 15s;
`),
		apache("virtual host", "Bound how long visitors wait for the error. The cause is in the app.", `
ProxyTimeout 15
`),
		haproxy("backend", "Bound how long visitors wait for the error. The cause is in the app.", `
timeout connect 2s
timeout server 15s
`),
		caddy("site", "Bound how long visitors wait for the error. The cause is in the app.", `
reverse_proxy <app> {
	transport http {
		dial_timeout 2s
		response_header_timeout 15s
	}
}
`),
		varnish("Bound how long visitors wait for the error. The cause is in the app.", `
backend default {
    .host = "<apphost>";
    .port = "<appport>";
    .connect_timeout = 2s;
    .first_byte_timeout = 15s;
}
`),
		at("envoy", "envoy.yaml", "Bound how long visitors wait for the error. The cause is in the app.", `
- match: { prefix: "/" }
  route: { cluster: app, timeout: 15s }
`),
		agentFront("`inservice agent` in front of the app asks it in the background and within a time, so that the check is answered at once, and truthfully."),
	},
}

var upstreamBadResponse = Cause{
	ID: "upstream_bad_response", Kind: Red,
	Title:    "The proxy can't use the app's answer",
	Meaning:  "The app answers, and the proxy in front gives up on what it sends: a head too large for its buffer, a broken field, a connection that ends in the middle.",
	Looks:    "502 by the proxy on this path; others that are handed on answer.",
	Decides:  "It depends on the path (or on a cookie), not on the Host or the client.",
	Fix:      "Ask the app directly and look at its head: big cookies are the most common reason. Make them small; only then raise the buffer.",
	Balancer: "Point the check at a path that sets no cookie.",
	Knobs:    []Knob{Path},
	Fixes: []Fix{
		nginx("location", "`upstream sent too big header` in the error log: raise the buffer for the head. (fastcgi_buffer_size and uwsgi_buffer_size for those.)", `
proxy_buffer_size 16k;
proxy_buffers 8 16k;
proxy_busy_buffers_size 32k;
`),
		apache("virtual host", "`AH01102`, `AH01106` or a word about the response header in the error log: let one field of the answer be longer than 8 KiB.", `
ProxyPass "/" "http://<app>/" responsefieldsize=16384
`),
		haproxy("global", "`PH--` in the log: the head does not fit the buffer, or is malformed.", `
tune.bufsize 32768
`),
		at("varnish", "shell", "`Overflow` or `BogoHeader` in varnishlog: raise the limits.", `
varnishadm param.set http_resp_hdr_len 16k
varnishadm param.set http_resp_size 64k
`),
		at("envoy", "envoy.yaml", "The flag UPE in the log: the answer is malformed or its head too large.", `
common_http_protocol_options:
  max_headers_count: 200
`),
		at("php-fpm", "shell", "Broken words before the head (a warning of PHP, a byte order mark) make it malformed: ask PHP itself.", `
SCRIPT_FILENAME=/var/www/html/index.php REQUEST_METHOD=GET cgi-fcgi -bind -connect /run/php/php-fpm.sock | head
`),
		told("rails", "A session in a cookie grows to 4 KiB, and several of them burst the buffer. Keep large things out of the session."),
		told("laravel", "SESSION_DRIVER=cookie puts the whole session into the head: use another driver."),
	},
}

var workerSaturated = Cause{
	ID: "worker_saturated", Kind: Red,
	Title:    "Every worker is busy",
	Meaning:  "The server takes the connection and nobody is free to serve it: all its workers are in long requests. The check waits in the same queue as everybody.",
	Looks:    "Connected at once, and then nothing, on any path; answers again when the long requests end.",
	Decides:  "Even a path that can't exist gets no answer, and so it is for a while only.",
	Fix:      "Find the long requests and bound them. Then add workers or threads. A server that is full is rightly out of service; a health path with a lane of its own tells full from dead.",
	Balancer: "A longer time-out only helps if the queue is short.",
	Knobs:    []Knob{Timeout},
	Fixes: []Fix{
		at("django", "gunicorn.conf.py", "Give each worker threads, and keep slow work out of requests.", `
workers = 5
threads = 4
timeout = 30
`),
		at("flask", "gunicorn.conf.py", "Give each worker threads, and keep slow work out of requests. `flask run` is for development.", `
workers = 5
threads = 4
timeout = 30
`),
		at("fastapi", "shell", "More workers, and nothing in `async def` that blocks: plain `def` runs in a pool of 40 threads.", `
uvicorn main:app --workers 4
`),
		at("starlette", "shell", "More workers, and nothing in `async def` that blocks: plain `def` runs in a pool of 40 threads.", `
uvicorn main:app --workers 4
`),
		at("rails", "config/puma.rb", "More threads, and as many connections to the database (pool in database.yml).", `
workers ENV.fetch("WEB_CONCURRENCY", 2).to_i
threads 5, 5
worker_timeout 60
`),
		at("spring-boot", "application.properties", "More threads, as many as the database's pool can bear; or virtual threads (Java 21).", `
server.tomcat.threads.max=200
spring.threads.virtual.enabled=true
`),
		at("express", "cluster.js", "One process is one thread of JavaScript: run one for each processor, and move long work out of it.", `
const cluster = require("node:cluster");
const { availableParallelism } = require("node:os");

if (cluster.isPrimary) {
  for (let i = 0; i < availableParallelism(); i++) cluster.fork();
} else {
  require("./app.js");
}
`),
		at("aspnet", "Program.cs", "Blocking calls starve the thread pool (`.Result`, `.Wait()`): await them. Until then:", `
ThreadPool.SetMinThreads(100, 100);
`),
		at("gunicorn", "gunicorn.conf.py", "A sync worker serves one request at a time, and even an idle connection holds it. Give it threads.", `
workers = 5
threads = 4
timeout = 30
`),
		at("uvicorn", "shell", "More workers, and nothing in `async def` that blocks.", `
uvicorn main:app --workers 4
`),
		at("uwsgi", "uwsgi.ini", "More processes and threads, and an end to requests that hang. `listen queue … full` in the log is this cause.", `
[uwsgi]
processes = 4
threads = 4
listen = 1024
harakiri = 30
`),
		at("puma", "config/puma.rb", "More threads.", `
workers 2
threads 5, 5
`),
		at("waitress", "shell", "More threads. `Task queue depth` in the log is this cause.", `
waitress-serve --threads=16 app:app
`),
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "More children, as memory allows, and an end to requests that hang. `server reached pm.max_children` in its log is this cause.", `
pm = dynamic
pm.max_children = 50
pm.start_servers = 5
pm.min_spare_servers = 5
pm.max_spare_servers = 10
request_terminate_timeout = 30s
`),
		at("php-cli", "shell", "PHP's built-in server serves one request at a time. It is for development.", `
PHP_CLI_SERVER_WORKERS=8 php -S 0.0.0.0:<port> -t public
`),
		at("tomcat", "conf/server.xml", "More threads.", `
<Connector port="<port>" protocol="HTTP/1.1" maxThreads="200" acceptCount="100" connectionTimeout="20000" />
`),
		at("jetty", "start.d/threadpool.ini", "More threads.", `
jetty.threadPool.maxThreads=200
`),
		apache("server", "More workers, and an end to requests that hang. `server reached MaxRequestWorkers` in the error log is this cause.", `
ServerLimit 16
MaxRequestWorkers 400
RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500
`),
		nginx("main", "`worker_connections are not enough` in the error log is this cause (in /etc/nginx/nginx.conf).", `
events {
    worker_connections 4096;
}
`),
		agentBeside("Run `inservice agent` beside the app: it answers from a lane of its own, so that a busy app is told from a dead one, and counts what visitors get."),
	},
}

var coldStart = Cause{
	ID: "cold_start", Kind: Flap,
	Title:    "It fails only at first",
	Meaning:  "The first requests after a start are slow or fail: code is loaded, caches are empty, connections are opened. Later ones pass.",
	Looks:    "A time-out or an error, then 200 each time, with nothing changed.",
	Decides:  "The same request repeated: the failures are all at the beginning.",
	Fix:      "Warm up before the server is put into service, or let the check begin later.",
	Balancer: "Grant a time after the start, before its checks count.",
	Knobs:    []Knob{Grace},
	Fixes: []Fix{
		at("django", "gunicorn.conf.py", "Load the app before the workers are forked.", `
preload_app = True
`),
		at("gunicorn", "gunicorn.conf.py", "Load the app before the workers are forked.", `
preload_app = True
`),
		at("uwsgi", "uwsgi.ini", "Load the app before the workers are forked.", `
[uwsgi]
lazy-apps = false
need-app = true
`),
		at("rails", "config/puma.rb", "Load the app before the workers are forked; eager_load must be on, as it is in production.", `
preload_app!
`),
		at("laravel", "shell", "Let the deployment put configuration, routes and views into files that PHP only has to load, and keep opcache on.", `
php artisan optimize
`),
		at("puma", "config/puma.rb", "Load the app before the workers are forked.", `
preload_app!
`),
		at("passenger", "the systemd unit", "Start an instance before the first visitor (PassengerPreStart in Apache, passenger_pre_start in nginx).", `
[Service]
ExecStartPost=/usr/bin/curl --silent --retry 30 --retry-connrefused http://127.0.0.1:<port><path>
`),
		at("spring-boot", "application.properties", "Do not load lazily, and let readiness wait for the start.", `
spring.main.lazy-initialization=false
management.endpoint.health.probes.enabled=true
`),
		at("tomcat", "WEB-INF/web.xml", "Load the servlet with the server.", `
<servlet>
  <servlet-name>app</servlet-name>
  <servlet-class>com.example.App</servlet-class>
  <load-on-startup>1</load-on-startup>
</servlet>
`),
		at("php-fpm", "/etc/php/8.2/fpm/php.ini", "Compile the code once, with the server.", `
opcache.enable = 1
opcache.preload = /var/www/html/preload.php
opcache.preload_user = www-data
`),
		at("aspnet", "Program.cs", "Open what the first request needs before the server listens.", `
await using (var scope = app.Services.CreateAsyncScope())
{
    await scope.ServiceProvider.GetRequiredService<AppDbContext>().Database.CanConnectAsync();
}
app.Run();
`),
		at("iis", "web.config", "Start the app with the pool (startMode AlwaysRunning, idleTimeout 0), and warm it up.", `
<applicationInitialization doAppInitAfterRestart="true">
  <add initializationPage="<path>" />
</applicationInitialization>
`),
		agentFront("`inservice agent` answers 503 `starting` until its first checks have passed, so that no visitor is sent to a cold server."),
	},
}

var flapping = Cause{
	ID: "flapping", Kind: Flap,
	Title:    "The same request passes and fails in turn",
	Meaning:  "Of several workers, processes or servers behind this address some are broken, or it is at the edge of what it can bear.",
	Looks:    "200 and an error for identical requests, without a trend.",
	Decides:  "A series of identical requests has both, all along.",
	Fix:      "Compare what answers: the process in the log, a field with the server's name. Restart the broken one, and find out why it broke alone.",
	Balancer: "Higher thresholds hide it and keep the broken part in service.",
	Fixes: []Fix{
		at("gunicorn", "gunicorn.conf.py", "Write the worker's number with every request, and see whether one of them fails.", `
accesslog = "-"
access_log_format = '%(p)s %(s)s "%(r)s" %(M)sms'
`),
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "Write the child's number with every request, and see whether one of them fails.", `
access.log = /var/log/php-fpm-access.log
access.format = "%p %s \"%m %r\" %{mili}dms"
`),
		nginx("http", "Write which server behind nginx gave each answer.", `
log_format upstream '$upstream_addr $upstream_status $status "$request" $upstream_response_time';
access_log /var/log/nginx/upstream.log upstream;
`),
		haproxy("frontend", "Write which server gave each answer: it is in the default log of mode http.", `
option httplog
log stdout format raw local0
`),
		apache("server", "Write which process gave each answer.", `
LogFormat "%{pid}P %>s \"%r\" %D" worker
CustomLog /var/log/apache2/worker.log worker
`),
		told("uwsgi", "The log names the worker of each request (`[pid: …]`): see whether one of them fails."),
		told("puma", "The log names no worker: `pumactl stats` tells each one's backlog."),
	},
}
