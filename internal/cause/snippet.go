package cause

import "strings"

// syntaxes tells the language of lines by the end of the name of their file.
var syntaxes = [][2]string{
	{".py", "python"}, {".rb", "ruby"}, {".ru", "ruby"}, {".php", "php"}, {".mjs", "js"}, {".js", "js"}, {".ts", "ts"},
	{".java", "java"}, {".properties", "properties"}, {".cs", "csharp"}, {".json", "json"}, {".yaml", "yaml"}, {".yml", "yaml"},
	{".xml", "xml"}, {"web.config", "xml"}, {".exs", "elixir"}, {".ex", "elixir"}, {".go", "go"}, {".toml", "toml"},
	{".ini", "ini"}, {"pool.d/www.conf", "ini"}, {"shell", "sh"}, {"the systemd unit", "ini"}, {"hitch.conf", "ini"},
}

// at makes the fix of one program. The file's name tells the language.
func at(software, file, text, lines string) Fix {
	f := Fix{Software: software, File: file, Text: text, Lines: strings.Trim(lines, "\n")}
	for _, s := range syntaxes {
		if strings.HasSuffix(file, s[0]) {
			f.Syntax = s[1]
			break
		}
	}
	return f
}

// inside says where in its file the lines of f belong.
func inside(place string, f Fix) Fix {
	f.Place = place
	return f
}

// told makes a fix that has nothing to paste.
func told(software, text string) Fix { return Fix{Software: software, Text: text} }

// The servers that have a language of their own. Place is where inside the file
// the lines belong.

// place of nginx: "main", "http", "server" or "location"; the block that they
// belong into.
func nginx(place, text, lines string) Fix {
	return Fix{"nginx", text, strings.Trim(lines, "\n"), "the site's file in /etc/nginx/sites-enabled", place, "nginx"}
}

// place of apache: "virtual host", or "server" for the main configuration.
func apache(place, text, lines string) Fix {
	return Fix{"apache", text, strings.Trim(lines, "\n"), "the site's file in /etc/apache2/sites-enabled", place, "apache"}
}

// place of haproxy: "frontend", "backend", "global", or "section" for a section of its own.
func haproxy(place, text, lines string) Fix {
	return Fix{"haproxy", text, strings.Trim(lines, "\n"), "/etc/haproxy/haproxy.cfg", place, "haproxy"}
}

// place of caddy: "site" for the block of a site, "file" for a block of its own,
// "global" for the options at the top.
func caddy(place, text, lines string) Fix {
	return Fix{"caddy", text, strings.Trim(lines, "\n"), "Caddyfile", place, "caddy"}
}

func lighttpd(text, lines string) Fix {
	return Fix{"lighttpd", text, strings.Trim(lines, "\n"), "/etc/lighttpd/lighttpd.conf", "", "lighttpd"}
}

// varnish: the subroutine goes before an older one of the same name; Varnish runs
// both.
func varnish(text, lines string) Fix {
	return Fix{"varnish", text, strings.Trim(lines, "\n"), "/etc/varnish/default.vcl", "", "vcl"}
}

// agentFront is our own way: the agent in front of the app.
func agentFront(text string) Fix {
	return at("inservice", "shell", text, `
inservice agent --listen :<port> --app http://<app> --path <path> --allowed-host <site> --trusted-proxy <subnet>
`)
}

// agentBeside is our own way: the agent beside the app, on a port of its own.
func agentBeside(text string) Fix {
	return at("inservice", "shell", text, `
inservice agent --listen :8086 --path <path> --check-http http://<app>/
`)
}

// nginxToApp gives the health path to the app, whatever else the server does.
// Without the name of the site, nginx would tell the app its own address.
const nginxToApp = `
location = <path> {
    proxy_pass http://<app>;
    proxy_set_header Host <site>;
}
`

// The answer before everything else that several causes are mended by, in the
// languages that have a place for it.

const djangoFirst = `
from django.http import HttpResponse


class HealthFirst:
    """Answers the health path before any other rule looks at the request."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "<path>":
            return HttpResponse("ok", content_type="text/plain")
        return self.get_response(request)


# settings.py, below MIDDLEWARE = [...] (mysite is the name of your project):
# MIDDLEWARE = ["mysite.health.HealthFirst", *MIDDLEWARE]
`

const asgiFirst = `
from starlette.responses import PlainTextResponse


class HealthFirst:
    """Answers the health path before any other rule looks at the request."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "<path>":
            await PlainTextResponse("ok")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


# Middleware that is added last runs first.
app.add_middleware(HealthFirst)
`

const wsgiFirst = `
def health_first(app):
    """Answers the health path before any other rule looks at the request."""

    def wrapped(environ, start_response):
        if environ.get("PATH_INFO") == "<path>":
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
            return [b"ok"]
        return app(environ, start_response)

    return wrapped


app.wsgi_app = health_first(app.wsgi_app)
`

const rackFirst = `
class HealthFirst
  def initialize(app)
    @app = app
  end

  def call(env)
    return [200, { "content-type" => "text/plain" }, ["ok"]] if env["PATH_INFO"] == "<path>"
    @app.call(env)
  end
end

Rails.application.config.middleware.insert_before 0, HealthFirst
`

const expressFirst = `
// Before every app.use() that redirects, refuses or asks for a login.
app.get("<path>", (req, res) => res.type("text/plain").send("ok"));
`

const goFirst = `
root := http.NewServeMux()
root.HandleFunc("<path>", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
root.Handle("/", site) // site is the handler with all its rules around it
http.ListenAndServe(":<port>", root)
`

const aspnetFirst = `
// Before UseHttpsRedirection, UseAuthentication and the like.
app.Map("<path>", health => health.Run(context => context.Response.WriteAsync("ok")));
`

// shallow is what must be said with each of them.
const shallow = " Such an answer tells no more than that the process runs: let it look at what the pages need as well."
