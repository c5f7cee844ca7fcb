package clinic

import (
	"embed"
	"encoding/json"

	"github.com/inservice/inservice/internal/realserver"
)

// programs serve the apps of several cases in one process.
//
//go:embed programs
var programs embed.FS

// dist is where Debian's Python finds its packages, which are for it alone.
const dist = "/usr/lib/python3/dist-packages/"

// startApps starts one program for all tenants, whose Configs are code.
func startApps(w *world, tenants []*tenant, script string, r realserver.Recipe) {
	source, err := programs.ReadFile("programs/" + script)
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	var list []map[string]string
	for _, t := range tenants {
		list = append(list, map[string]string{"code": t.config, "host": t.ip, "port": t.port})
	}
	b, err := json.Marshal(list)
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	r.Args = []string{script}
	r.Users = []string{"www-data"}
	r.Files = w.files(map[string]string{script: string(source), "tenants.json": string(b)})
	r.Listens = listens(tenants)
	realserver.Start(w.t, r)
}

func startFlask(w *world, tenants []*tenant) {
	startApps(w, tenants, "flask_house.py", realserver.Recipe{
		Name: "Flask on waitress", Debian: "python3-flask, python3-waitress", Program: "/usr/bin/python3",
		Needs: []string{dist + "flask/app.py", dist + "waitress/server.py"},
	})
}

func startASGI(w *world, tenants []*tenant) {
	startApps(w, tenants, "asgi_house.py", realserver.Recipe{
		Name: "FastAPI on uvicorn", Debian: "python3-fastapi, uvicorn", Program: "/usr/bin/python3",
		Needs: []string{dist + "fastapi/applications.py", dist + "uvicorn/server.py"},
	})
}

func startSinatra(w *world, tenants []*tenant) {
	startApps(w, tenants, "sinatra_house.rb", realserver.Recipe{
		Name: "Sinatra on puma", Debian: "ruby-sinatra, puma", Program: "/usr/bin/ruby",
		Needs: []string{"/usr/share/rubygems-integration/all/specifications/sinatra-*.gemspec"},
	})
}

func startNode(w *world, tenants []*tenant) {
	startApps(w, tenants, "node_house.js", realserver.Recipe{
		Name: "Express", Debian: "node-express", Program: "node", Env: []string{"NODE_PATH=/usr/share/nodejs", "NODE_ENV=production"},
		Needs: []string{"/usr/share/nodejs/express/package.json"},
	})
}
