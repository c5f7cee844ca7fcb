package clinic

// flask is what every Flask app here begins with.
const flask = `from flask import Flask, abort, jsonify, redirect, request
import time
app = Flask("shop")
app.config["PROPAGATE_EXCEPTIONS"] = False

@app.route("/")
def home():
    return "welcome to the shop"
`

var flaskCases = []Case{
	{
		Name: "flask-host-answers-404", Server: "flask", Path: "/alive", Want: "fail host_not_allowed",
		Config: flask + `
@app.before_request
def only_us():
    if request.host.split(":")[0] != "shop.example":
        abort(404)
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.before_request
def only_us():
    if request.path != "/alive" and request.host.split(":")[0] != "shop.example":
        abort(404)
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 404", "host={site} => 200", "host={site} path=/nothing => 404", "host=localhost => 404", "path=/ => 404", "xfp=https => 404"},
	}, {
		Name: "flask-https-before-request", Server: "flask", Path: "/alive", Want: "fail https_redirect",
		Config: flask + `
@app.before_request
def secure():
    if request.headers.get("X-Forwarded-Proto") != "https":
        return redirect(request.url.replace("http://", "https://", 1), code=302)
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 302 location=https://10.20.30.40:{port}/alive", "xfp=https => 200", "host={site} => 302", "path=/nothing => 302"},
	}, {
		Name: "flask-slash-missing", Server: "flask", Path: "/alive", Want: "fail trailing_slash",
		Config: flask + `
@app.route("/alive/")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive/", strict_slashes=False)
def alive():
    return "fine"
`,
		Trials: []string{"=> 308 head~/alive/", "path=/alive/ => 200", "host={site} => 308", "xfp=https => 308", "path=/nothing => 404"},
	}, {
		Name: "flask-slash-too-many", Server: "flask", Path: "/alive/", Want: "fail trailing_slash",
		Config: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
@app.route("/alive/")
def alive():
    return "fine"
`,
		Trials: []string{"=> 404", "path=/alive => 200", "host={site} => 404", "path=/nothing => 404"},
	}, {
		Name: "flask-to-login", Server: "flask", Path: "/admin/alive", Want: "fail login_redirect",
		Config: flask + `
@app.before_request
def members():
    if request.path.startswith("/admin"):
        return redirect("/login?next=" + request.path)
@app.route("/login")
def login():
    return "<form method=post><input name=user><input type=password name=password></form>"
`,
		Mended: flask + `
@app.route("/admin/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 302 head~/login?next=/admin/alive", "host={site} => 302", "xfp=https => 302", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "flask-posts-only", Server: "flask", Path: "/alive", Want: "fail method_not_allowed",
		Config: flask + `
@app.route("/alive", methods=["POST"])
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive", methods=["GET", "POST"])
def alive():
    return "fine"
`,
		Trials: []string{"=> 405 head~Allow:", "method=OPTIONS => 200", "path=/ => 200", "path=/nothing => 404", "host={site} => 405"},
	}, {
		Name: "flask-wants-forwarded-for", Server: "flask", Path: "/alive", Want: "fail needs_forwarded_header",
		Config: flask + `
@app.before_request
def visitor():
    request.visitor = request.environ["HTTP_X_FORWARDED_FOR"].split(",")[0]
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 500", "header=X-Forwarded-For:192.0.2.7 => 200", "host={site} => 500", "path=/ => 500", "xfp=https => 500"},
	}, {
		Name: "flask-wants-forwarded-proto", Server: "flask", Path: "/alive", Want: "fail needs_forwarded_header",
		Config: flask + `
@app.before_request
def scheme():
    request.scheme_seen = request.headers["X-Forwarded-Proto"]
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 500", "xfp=http => 200", "xfp=https => 200", "host={site} => 500", "path=/ => 500", "header=X-Forwarded-For:192.0.2.7 => 500"},
	}, {
		Name: "flask-raises", Server: "flask", Path: "/alive", Want: "fail app_error",
		Config: flask + `
@app.route("/alive")
def alive():
    return undefined_name
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 500", "path=/ => 200", "path=/nothing => 404", "host={site} => 500", "header=X-Forwarded-For:192.0.2.7 => 500"},
	}, {
		Name: "flask-names-what-is-down", Server: "flask", Path: "/alive", Want: "fail dependency_down",
		Config: flask + `
@app.route("/alive")
def alive():
    return "cache: ok\npostgres: connection refused\n", 503, {"Content-Type": "text/plain"}
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "cache: ok\npostgres: ok\n"
`,
		Trials: []string{"=> 503 body~postgres", "path=/ => 200", "path=/nothing => 404", "host={site} => 503"},
	}, {
		Name: "flask-no-content", Server: "flask", Path: "/alive", Want: "fail success_code_mismatch",
		Config: flask + `
@app.route("/alive")
def alive():
    return "", 204
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 204", "path=/ => 200", "path=/nothing => 404", "host={site} => 204"},
	}, {
		Name: "flask-other-name-for-it", Server: "flask", Path: "/health_check", Want: "fail not_found",
		Config: flask + `
@app.route("/healthz")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/health_check")
def alive():
    return "fine"
`,
		Trials: []string{"=> 404", "path=/healthz => 200", "path=/nothing => 404", "path=/ => 200", "host={site} => 404", "path=/health_check/ => 404"},
	}, {
		Name: "flask-home-is-broken", Server: "flask", Path: "/alive", Want: "pass shallow_check_ok",
		Config: `from flask import Flask
app = Flask("shop")
@app.route("/")
def home():
    return no_database
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: `from flask import Flask
app = Flask("shop")
@app.route("/alive")
def alive():
    return no_database
`, Cure: "500",
		Trials: []string{"=> 200", "path=/ => 500", "path=/nothing => 404", "host={site} => 200"},
	}, {
		Name: "flask-first-is-slow", Server: "flask", Path: "/alive", Timeout: 2e9, Want: "flap cold_start", Fresh: true,
		Config: flask + `
warm = []
@app.route("/alive")
def alive():
    if not warm:
        warm.append(1)
        time.sleep(3.5)
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> silence", "=> 200", "=> 200"},
	}, {
		Name: "flask-one-thread-busy", Server: "flask", Path: "/alive", Timeout: 2e9, Want: "fail worker_saturated / no_response",
		Config: flask + `
threads = 1
@app.route("/alive")
def alive():
    return "fine"
@app.route("/export")
def export():
    time.sleep(3600)
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Hold:   []string{"path=/export"},
		Trials: []string{"=> silence", "path=/ => silence", "path=/nothing => silence"},
	}, {
		Name: "flask-healthy", Server: "flask", Path: "/alive", Want: "pass",
		Config: flask + `
@app.route("/alive")
def alive():
    return jsonify(status="pass", errors=[], failed=0)
`,
		Trials: []string{"=> 200", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "flask-raises-everywhere", Server: "flask", Path: "/alive", Want: "fail app_error",
		Config: flask + `
@app.before_request
def session():
    raise RuntimeError("no session store")
@app.route("/alive")
def alive():
    return "fine"
`,
		Mended: flask + `
@app.route("/alive")
def alive():
    return "fine"
`,
		Trials: []string{"=> 500", "path=/ => 500", "path=/nothing => 500", "host={site} => 500", "xfp=https => 500", "header=X-Forwarded-For:192.0.2.7 => 500"},
	},
}
