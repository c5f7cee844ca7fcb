package clinic

var sinatraCases = []Case{
	{
		Name: "sinatra-slash", Server: "sinatra", Path: "/alive/", Want: "fail trailing_slash",
		Config: `Class.new(Shop) { get('/') { 'welcome' }; set :strict_paths, true; get('/alive') { 'fine' } }`,
		Mended: `Class.new(Shop) { get('/') { 'welcome' }; get('/alive/?') { 'fine' } }`,
		Trials: []string{"=> 404", "path=/alive => 200", "path=/nothing => 404", "path=/ => 200", "host={site} => 404"},
	}, {
		Name: "sinatra-wrong-host", Server: "sinatra", Path: "/alive", Want: "fail host_not_allowed / vhost_mismatch",
		Config: `Class.new(Shop) { before { halt 421, 'not the shop' unless request.host == 'shop.example' }; get('/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Trials: []string{"=> 421 body~not%20the%20shop", "host={site} => 200", "host={site} path=/nothing => 404", "xfp=https => 421", "path=/nothing => 421"},
	}, {
		Name: "sinatra-secure-only", Server: "sinatra", Path: "/alive", Want: "fail https_redirect",
		Config: `Class.new(Shop) { before { redirect(request.url.sub('http:', 'https:'), 301) unless request.secure? }; get('/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Trials: []string{"=> 301 location=https://10.20.30.40:{port}/alive", "xfp=https => 200", "host={site} => 301"},
	}, {
		Name: "sinatra-users-sign-in", Server: "sinatra", Path: "/alive", Want: "fail login_redirect",
		Config: `Class.new(Shop) { before { redirect('/users/sign_in') unless request.path == '/users/sign_in' }; get('/users/sign_in') { '<form><input type=password></form>' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' } }`,
		Trials: []string{"=> 302 head~/users/sign_in", "host={site} => 302", "xfp=https => 302 head~/users/sign_in", "path=/nothing => 302", "path=/users/sign_in => 200"},
	}, {
		Name: "sinatra-moved", Server: "sinatra", Path: "/alive", Want: "fail path_redirect",
		Config: `Class.new(Shop) { get('/alive') { redirect '/internal/alive', 301 }; get('/internal/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' }; get('/') { 'welcome' } }`,
		Trials: []string{"=> 301 head~/internal/alive", "path=/internal/alive => 200", "host={site} => 301", "xfp=https => 301", "path=/nothing => 404"},
	}, {
		Name: "sinatra-being-mended", Server: "sinatra", Path: "/alive", Want: "fail maintenance_mode",
		Config: `Class.new(Shop) { before { halt 503, { 'Retry-After' => '120' }, '<h1>Down for maintenance</h1>' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' } }`,
		Trials: []string{"=> 503 head~Retry-After", "path=/ => 503", "path=/nothing => 503", "host={site} => 503"},
	}, {
		Name: "sinatra-raises", Server: "sinatra", Path: "/alive", Want: "fail app_error",
		Config: `Class.new(Shop) { get('/') { 'welcome' }; get('/alive') { nil.name } }`,
		Mended: `Class.new(Shop) { get('/') { 'welcome' }; get('/alive') { 'fine' } }`,
		Trials: []string{"=> 500", "path=/ => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "sinatra-thinks-long", Server: "sinatra", Path: "/alive", Timeout: 2e9, Want: "fail slow_response",
		Config: `Class.new(Shop) { get('/') { 'welcome' }; get('/alive') { sleep 2.8; 'fine' } }`,
		Mended: `Class.new(Shop) { get('/') { 'welcome' }; get('/alive') { 'fine' } }`,
		Trials: []string{"=> silence", "patience=6 => 200", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "puma-thread-busy", Server: "sinatra", Path: "/alive", Timeout: 2e9, Want: "fail worker_saturated / no_response",
		Config: `$threads = 1; Class.new(Shop) { get('/export') { sleep 3600 }; get('/alive') { 'fine' } }`,
		Mended: `Class.new(Shop) { get('/alive') { 'fine' } }`,
		Hold:   []string{"path=/export"},
		Trials: []string{"=> silence", "path=/ => silence", "path=/nothing => silence"},
	}, {
		Name: "sinatra-healthy", Server: "sinatra", Path: "/alive", Want: "pass",
		Config: `Class.new(Shop) { get('/') { redirect '/login' }; get('/alive') { 'fine' } }`,
		Trials: []string{"=> 200", "path=/ => 302", "path=/nothing => 404"},
	},
}
