package cause

var malformedResponse = Cause{
	ID: "malformed_response", Kind: Red,
	Title:   "The answer is not quite HTTP",
	Meaning: "What comes back looks like an answer and lacks what makes it one: the status line, a field's colon, the empty line.",
	Looks:   "Text without `HTTP/1.1 200 OK` before it, or broken fields. Browsers and curl refuse it, or call it HTTP/0.9.",
	Decides: "The bytes themselves, the same for every request.",
	Fix:     "Let a server library write the answer: the status line, fields each ended by CR LF, an empty line, then the body.",
	Fixes: []Fix{
		at("http.server", "health.py", "Python's BaseHTTPRequestHandler: send_response first, and end_headers before the body.", `
from http.server import BaseHTTPRequestHandler


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
`),
		at("go", "main.go", "Let net/http write the answer, instead of a bare connection.", `
http.HandleFunc("<path>", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
http.ListenAndServe(":<port>", nil)
`),
		at("node", "server.js", "Let node:http write the answer, instead of node:net.", `
require("node:http")
  .createServer((req, res) => res.end("ok"))
  .listen(<port>, "0.0.0.0");
`),
		told("uwsgi", "`socket` speaks uwsgi, not HTTP: `http-socket = :<port>` speaks HTTP."),
	},
}

var truncatedResponse = Cause{
	ID: "truncated_response", Kind: Unknown,
	Title:   "The answer ends before it is whole",
	Meaning: "The status says 200, and the body stops early: the app died while writing, or something between cut it off. Whether a load balancer notices depends on whether it reads the body.",
	Looks:   "Fewer bytes than Content-Length says, or no last chunk.",
	Decides: "The connection ends before the length that was announced.",
	Fix:     "Read the app's log at that moment: the handler fails after the head is out. Let it build the answer before it sends it.",
	Fixes: []Fix{
		at("nginx", "shell", "`upstream prematurely closed connection` in the error log: the app cut it off. `open() … failed (13: Permission denied)` on proxy_temp: nginx could not buffer it.", `
tail -n 20 /var/log/nginx/error.log
`),
		at("gunicorn", "shell", "`WORKER TIMEOUT` or `SIGKILL` in the log: the worker was ended in the middle of an answer.", `
journalctl --unit gunicorn --lines 50
`),
		at("php", "shell", "A fatal error or memory_limit in the middle of the output. It is in PHP's error log.", `
php -i | grep -E '^(error_log|memory_limit)'
`),
		at("django", "mysite/views.py", "A StreamingHttpResponse that fails has its 200 out already. Build the answer first.", `
from django.http import HttpResponse


def health(request):
    body = check()  # raises before anything is sent
    return HttpResponse(body, content_type="text/plain")
`),
		told("express", "An error after res.write can't become a 500. Build the answer, then send it at once."),
	},
}

var closedNoResponse = Cause{
	ID: "closed_no_response", Kind: Red,
	Title:   "The connection is closed without an answer",
	Meaning: "The process behind the port takes the connection and ends it without a byte: it crashes on the request, or turns it away without a word.",
	Looks:   "Connected, then closed or reset, before any byte of an answer.",
	Decides: "Nothing that is changed in the request helps: not the Host, not TLS, not a PROXY header, not HTTP/2.",
	Fix:     "Read the log of the process, and the kernel's: a crash leaves its mark in one of them.",
	Fixes: []Fix{
		at("", "shell", "Look for a crash, or for a process that the kernel ended for want of memory.", `
journalctl --since -10min --priority warning
dmesg --ctime | grep -iE 'killed process|segfault' | tail
`),
		at("gunicorn", "shell", "`Worker exiting`, `WORKER TIMEOUT` or `was sent SIGKILL! Perhaps out of memory?` in the log.", `
journalctl --unit gunicorn --lines 50
`),
		at("uwsgi", "shell", "`DAMN ! worker … died` or `HARAKIRI` in the log.", `
journalctl --unit uwsgi --lines 50
`),
		at("php-fpm", "shell", "`child … exited on signal 11 (SIGSEGV)` in the log.", `
journalctl --unit 'php*-fpm' --lines 50
`),
		at("node", "shell", "`uncaughtException` or `heap out of memory` in the log.", `
journalctl --unit <name> --lines 50
`),
		at("go", "shell", "`http: panic serving` in the log.", `
journalctl --unit <name> --lines 50
`),
		at("nginx", "shell", "`return 444` closes without an answer, and so does a crash of a worker (`exited on signal` in the error log).", `
nginx -T 2>/dev/null | grep -n 444
tail -n 20 /var/log/nginx/error.log
`),
		at("apache", "shell", "`exit signal Segmentation fault` in the error log.", `
tail -n 20 /var/log/apache2/error.log
`),
		at("haproxy", "shell", "`silent-drop`, `reject` and `return … hdr connection close` turn away without an answer.", `
grep -nE 'silent-drop|reject|tcp-request' /etc/haproxy/haproxy.cfg
`),
	},
}

var noResponse = Cause{
	ID: "no_response", Kind: Red,
	Title:   "It takes the connection and says nothing",
	Meaning: "The port is open, because the kernel takes connections by itself, and the process behind it does not serve them: it hangs, is stopped, or waits for something else than a request.",
	Looks:   "Connected at once, then silence, whatever is sent.",
	Decides: "No change of path, Host, TLS or PROXY header gets a byte, and it stays so.",
	Fix:     "Look at what the process does: its threads, its log. Restart it, after you have looked.",
	Fixes: []Fix{
		at("", "shell", "Which process is it, is it stopped (T) or waiting for a disk (D), and how long is its queue (Recv-Q)?", `
ss -ltnp 'sport = :<port>'
ps -o pid,stat,wchan:30,etime,args -C <name>
`),
		at("gunicorn", "shell", "Look where the workers stand.", `
py-spy dump --pid "$(pgrep --oldest --full gunicorn)" --subprocesses
`),
		at("tomcat", "shell", "Look where the threads stand, and whether they lock each other.", `
jcmd "$(pgrep --full org.apache.catalina)" Thread.print
`),
		at("spring-boot", "shell", "Look where the threads stand, and whether they lock each other.", `
jcmd "$(pgrep --newest java)" Thread.print
`),
		at("node", "shell", "Something keeps the event loop busy. Attach the inspector.", `
kill -USR1 "$(pgrep --oldest node)" # then open chrome://inspect
`),
		at("puma", "shell", "Look where the threads stand. The state file is the one that config/puma.rb names with state_path.", `
pumactl --state tmp/pids/puma.state thread-backtraces
`),
		at("go", "shell", "This ends the process, and prints where every goroutine stood.", `
kill -QUIT "$(pgrep --oldest <name>)"
`),
		at("kestrel", "shell", "Look where the threads stand.", `
dotnet-stack report --process-id "$(pgrep --oldest dotnet)"
`),
		at("php-fpm", "/etc/php/8.2/fpm/pool.d/www.conf", "Let PHP-FPM write down where slow requests stand, and end them.", `
slowlog = /var/log/php-fpm-slow.log
request_slowlog_timeout = 5s
request_terminate_timeout = 30s
`),
		agentBeside("Run `inservice agent` beside the app: it tells an app that hangs from one that is gone, in words."),
	},
}
