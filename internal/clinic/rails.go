package clinic

import "github.com/inservice/inservice/internal/realserver"

// startRails starts a puma for each case; a Config is what stands in the
// application class and, after a line "routes", among its routes.
func startRails(w *world, tenants []*tenant) {
	site, err := programs.ReadFile("programs/rails_site.ru")
	if err != nil {
		w.t.Fatalf("clinic: %v", err)
	}
	for _, t := range tenants {
		realserver.Start(w.t, realserver.Recipe{
			Name: "Rails on puma", Debian: "ruby-rails, puma", Program: "puma", Users: []string{"www-data"},
			Needs:   []string{"/usr/share/rubygems-integration/all/specifications/railties-*.gemspec"},
			Args:    []string{"--quiet", "--bind", "tcp://" + t.addr(), "--threads", "1:2", "config.ru"},
			Env:     []string{"RAILS_ENV=production", "RACK_ENV=production"},
			Files:   w.files(map[string]string{"config.ru": string(site), "case.rb": t.config}),
			Listens: listens([]*tenant{t}),
		})
	}
}

const railsAlive = `
ROUTES = proc { get '/alive', to: ->(env) { [200, { 'Content-Type' => 'text/plain' }, ['fine']] } }
`

var railsCases = []Case{
	{
		Name: "rails-hosts-and-ssl", Server: "rails", Path: "/alive", Want: "fail host_not_allowed + https_redirect",
		Config: "CONFIG = proc { |c| c.hosts << 'shop.example'; c.force_ssl = true }" + railsAlive,
		Mended: "CONFIG = proc { |c| }" + railsAlive,
		Trials: []string{"=> 403", "host={site} => 301 location=https://shop.example/alive", "xfp=https => 403", "host={site} xfp=https => 200"},
	}, {
		Name: "rails-route-constraint", Server: "rails", Path: "/alive", Want: "fail host_not_allowed",
		Config: "CONFIG = proc { |c| }\nROUTES = proc { constraints(host: 'shop.example') { get '/alive', to: ->(env) { [200, { 'Content-Type' => 'text/plain' }, ['fine']] } } }\n",
		Mended: "CONFIG = proc { |c| }" + railsAlive,
		Trials: []string{"=> 404", "host={site} => 200", "path=/ => 200", "path=/nothing => 404", "host=localhost => 404", "xfp=https => 404"},
	}, {
		Name: "rails-no-route", Server: "rails", Path: "/health_check", Want: "fail not_found",
		Config: "CONFIG = proc { |c| }" + railsAlive,
		Mended: "CONFIG = proc { |c| }\nROUTES = proc { get '/health_check', to: ->(env) { [200, { 'Content-Type' => 'text/plain' }, ['fine']] } }\n",
		Trials: []string{"=> 404", "path=/nothing => 404", "path=/ => 200", "path=/alive => 200", "host={site} => 404", "path=/health_check/ => 404"},
	}, {
		Name: "rails-raises", Server: "rails", Path: "/alive", Want: "fail app_error",
		Config: "CONFIG = proc { |c| }\nROUTES = proc { get '/alive', to: ->(env) { raise 'no database' } }\n",
		Mended: "CONFIG = proc { |c| }" + railsAlive,
		Trials: []string{"=> 500", "path=/ => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "rails-healthy", Server: "rails", Path: "/alive", Want: "pass",
		Config: "CONFIG = proc { |c| c.force_ssl = true; c.ssl_options = { redirect: { exclude: ->(r) { r.path == '/alive' } } } }" + railsAlive,
		Trials: []string{"=> 200", "path=/ => 301", "host={site} => 200"},
	},
}
