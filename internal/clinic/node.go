package clinic

var nodeCases = []Case{
	{
		Name: "express-host-refused", Server: "node", Path: "/alive", Want: "fail host_not_allowed",
		Config: `const app = express()
app.use((req, res, next) => req.hostname === 'shop.example' ? next() : res.status(403).json({ error: 'unknown host' }))
app.get('/', (req, res) => res.send('welcome'))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 403 body~unknown", "host={site} => 200", "host=localhost => 403", "path=/nothing => 403", "xfp=https => 403", "ua=Mozilla/5.0 => 403", "src=127.0.0.9 => 403"},
	}, {
		// As development servers guard against DNS rebinding: names are checked,
		// addresses are not.
		Name: "node-dev-server-name-refused", Server: "node", Path: "/alive", Host: "web-7.internal:8080", Want: "fail host_not_allowed",
		Config: `listen((req, res) => {
  const name = (req.headers.host || '').split(':')[0]
  if (!/^[0-9.]+$/.test(name) && !['localhost', 'shop.example'].includes(name)) {
    res.writeHead(403, { 'Content-Type': 'text/plain' })
    return res.end('Blocked: ' + name + ' is not among the hosts of this development server.')
  }
  res.end('fine')
})`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> 403 body~Blocked", "host={site} => 200", "host=localhost => 200", "xfp=https => 403", "path=/ => 403"},
	}, {
		Name: "express-https-without-trust", Server: "node", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: `const app = express()
app.use((req, res, next) => req.secure ? next() : res.redirect(301, 'https://' + req.hostname + req.originalUrl))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 301 location=https://10.20.30.40/alive", "xfp=https => 301", "host={site} xfp=https => 301", "path=/nothing => 301"},
	}, {
		Name: "express-www", Server: "node", Path: "/alive", Want: "fail canonical_host_redirect",
		Config: `const app = express()
app.use((req, res, next) => req.hostname === 'shop.example' ? next() : res.redirect(301, 'http://shop.example' + req.originalUrl))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 301 location=http://shop.example/alive", "host={site} => 200", "xfp=https => 301"},
	}, {
		Name: "express-strict-routes", Server: "node", Path: "/alive", Want: "fail trailing_slash",
		Config: `const app = shop()
app.enable('strict routing')
const r = express.Router({ strict: true })
r.get('/alive/', (req, res) => res.send('fine'))
app.use(r)
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 404 body~Cannot%20GET", "path=/alive/ => 200", "path=/nothing => 404", "host={site} => 404"},
	}, {
		Name: "express-no-content", Server: "node", Path: "/alive", As: "elb", Want: "fail success_code_mismatch",
		Config: `const app = shop()
app.get('/alive', (req, res) => res.sendStatus(204))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 204", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "express-visitors-address", Server: "node", Path: "/alive", Want: "fail needs_forwarded_header",
		Config: `const app = shop()
app.get('/alive', (req, res) => res.send('fine, ' + req.headers['x-forwarded-for'].split(',')[0]))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 500", "header=X-Forwarded-For:192.0.2.7 => 200", "path=/ => 200", "host={site} => 500"},
	}, {
		Name: "express-key-wanted", Server: "node", Path: "/alive", Want: "fail auth_required",
		Config: `const app = express()
app.use((req, res, next) => req.get('x-api-key') ? next() : res.status(401).json({ message: 'api key required' }))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 401", "header=X-Api-Key:x => 200", "path=/nothing => 401", "host={site} => 401"},
	}, {
		Name: "express-auth-login", Server: "node", Path: "/dashboard/alive", Want: "fail login_redirect",
		Config: `const app = shop()
app.use('/dashboard', (req, res) => res.redirect('/auth/login?returnTo=' + encodeURIComponent(req.originalUrl)))
app.get('/auth/login', (req, res) => res.send('<form method=post><input type=password name=p></form>'))
listen(app)`,
		Mended: `const app = shop()
app.get('/dashboard/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 302 head~/auth/login", "host={site} => 302", "xfp=https => 302", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "express-we-are-updating", Server: "node", Path: "/alive", Want: "fail maintenance_mode",
		Config: `const app = express()
app.use((req, res) => res.status(503).set('Retry-After', '3600').send('<h1>Scheduled maintenance</h1><p>The shop is back at noon.</p>'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 503 head~Retry-After", "path=/ => 503", "path=/nothing => 503", "host={site} => 503", "xfp=https => 503"},
	}, {
		Name: "express-names-redis", Server: "node", Path: "/alive", Want: "fail dependency_down",
		Config: `const app = shop()
app.get('/alive', (req, res) => res.status(503).json({ ok: false, redis: 'connect ECONNREFUSED 10.0.0.9:6379' }))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.json({ ok: true, redis: 'ok' }))
listen(app)`,
		Trials: []string{"=> 503 body~redis", "path=/ => 200", "path=/nothing => 404", "host={site} => 503"},
	}, {
		Name: "express-head-differs", Server: "node", As: "generic", Method: "HEAD", Path: "/alive", Want: "pass shallow_check_ok",
		Config: `const app = shop()
app.head('/alive', (req, res) => res.status(200).end())
app.get('/alive', (req, res) => { throw new Error('no database') })
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => { throw new Error('no database') })
listen(app)`, Cure: "500",
		Trials: []string{"=> 200", "method=GET => 500", "path=/nothing => 404"},
	}, {
		Name: "express-any-path", Server: "node", Path: "/health", Want: "pass catch_all_ok",
		Config: `const app = express()
app.get(/.*/, (req, res) => res.send('<!doctype html><title>Shop</title><div id="app"></div>'))
listen(app)`,
		Mended: `const app = express()
app.get('/', (req, res) => res.send('<!doctype html><title>Shop</title><div id="app"></div>'))
listen(app)`, Cure: "404",
		Trials: []string{"=> 200", "path=/nothing-here => 200", "path=/ => 200"},
	}, {
		Name: "node-hangs-up-on-the-path", Server: "node", Path: "/alive", Want: "fail closed_no_response",
		Config: `listen((req, res) => req.url === '/alive' ? req.socket.destroy() : res.end('welcome'))`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> closed", "path=/ => 200", "host={site} => closed", "xfp=https => closed"},
	}, {
		Name: "node-breaks-off", Server: "node", Path: "/alive", Want: "unknown truncated_response",
		Config: `listen((req, res) => { if (req.url !== '/alive') return res.end('welcome'); res.write('fine so'); setTimeout(() => res.destroy(), 50) })`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> cut", "path=/ => 200"},
	}, {
		Name: "node-no-http10", Server: "node", As: "haproxy", Method: "GET", Path: "/alive", Want: "fail http_version_rejected",
		Config: `listen((req, res) => { if (req.httpVersion === '1.0') { res.writeHead(505); return res.end('HTTP/1.1 please') } res.end('fine') })`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> 505", "http=1.1 host={site} => 200", "host={site} => 505", "path=/ => 505"},
	}, {
		Name: "node-http2-only", Server: "node", Path: "/alive", Want: "fail http2_only",
		Config: `listen(http2.createServer((req, res) => res.end('fine')))`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> noise", "http=2 => 200", "host={site} => noise"},
	}, {
		Name: "node-tls-port-asked-plainly", Server: "node", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: `listen(https.createServer(tls, (req, res) => res.end('fine')))`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> closed", "tls=on => 200", "host={site} => closed"},
	}, {
		Name: "node-client-certificate", Server: "node", Scheme: "https", Path: "/alive", Want: "fail client_cert_required",
		Config: `listen(https.createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (req, res) => res.end('fine')))`,
		Mended: `listen(https.createServer(tls, (req, res) => res.end('fine')))`,
		Trials: []string{"=> alert", "cert=client => 200"},
	}, {
		Name: "node-first-is-slow", Server: "node", Path: "/alive", Timeout: 2e9, Want: "flap cold_start", Fresh: true,
		Config: `let ready
listen((req, res) => { ready = ready || new Promise(r => setTimeout(r, 3500)); ready.then(() => res.end('fine')) })`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> silence", "patience=5 => 200", "=> 200"},
	}, {
		Name: "node-every-third", Server: "node", Path: "/alive", Want: "flap flapping",
		Config: `let n = 0
listen((req, res) => { if (req.url === '/alive' && n++ % 3 === 1) { res.statusCode = 500; return res.end('worker 2 is broken') } res.end('fine') })`,
		Mended: `listen((req, res) => res.end('fine'))`,
		Trials: []string{"=> 200", "=> 500", "=> 200", "=> 200", "=> 500", "=> 200"},
	}, {
		Name: "node-listens-on-ipv6", Server: "node", IP: "127.0.0.1", Path: "/alive", Want: "fail ipv6_only",
		Config: `// [{ip6}]
listen((req, res) => { res.statusCode = req.url === '/alive' || req.url === '/' ? 200 : 404; res.end('fine') })`,
		Trials: []string{"=> refused", "ip=::1 => 200", "ip=127.0.0.3 => refused"},
	}, {
		Name: "express-site-unknown", Server: "node", Path: "/alive", Want: "pass site_host_refused_ok",
		Config: `const app = express()
app.use((req, res, next) => /^[0-9.]+$/.test(req.hostname) ? next() : res.status(400).send('bad host'))
app.get('/', (req, res) => res.send('welcome'))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 200", "host={site} => 400", "path=/nothing => 404"},
	}, {
		Name: "express-healthy-api", Server: "node", As: "kubelet", Path: "/alive", Want: "pass",
		Config: `const app = express()
app.get('/alive', (req, res) => res.json({ status: 'ok', error: null, lastFailure: '2020-01-01', failed: 0 }))
listen(app)`,
		Trials: []string{"=> 200", "path=/ => 404", "path=/nothing => 404"},
	}, {
		Name: "express-below-a-prefix", Server: "node", Path: "/healthz", Want: "fail not_found",
		Config: `const app = express()
app.get('/api/healthz', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/healthz', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 404", "path=/api/healthz => 200", "path=/ => 404", "path=/nothing => 404", "host={site} => 404", "xfp=https => 404"},
	}, {
		Name: "express-cookie-first", Server: "node", Path: "/alive", Want: "fail redirect_loop",
		Config: `const app = express()
app.use((req, res, next) => req.headers.cookie ? next() : res.cookie('seen', '1').redirect(302, req.originalUrl))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 302 location=/alive", "header=Cookie:seen=1 => 200", "host={site} => 302", "xfp=https => 302", "path=/nothing => 302"},
	}, {
		Name: "express-wants-accept", Server: "node", Path: "/alive", Want: "fail forbidden_client",
		Config: `const app = express()
app.use((req, res, next) => req.headers.accept ? next() : res.status(403).send('browsers only'))
app.get('/', (req, res) => res.send('welcome'))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Trials: []string{"=> 403", "header=Accept:*/* => 200", "ua=Mozilla/5.0 => 403", "path=/ => 403", "src=127.0.0.9 => 403", "host={site} => 403"},
	}, {
		Name: "express-rations", Server: "node", Path: "/alive", Want: "fail rate_limited", Fresh: true,
		Config: `const app = express(), seen = {}
app.use((req, res, next) => {
  const from = req.socket.remoteAddress
  seen[from] = (seen[from] || 0) + 1
  return seen[from] > 1 ? res.status(429).set('Retry-After', '600').send('Too many requests') : next()
})
app.get('/', (req, res) => res.send('welcome'))
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Mended: `const app = shop()
app.get('/alive', (req, res) => res.send('fine'))
listen(app)`,
		Prime:  []string{"=> 200"},
		Trials: []string{"=> 429 head~Retry-After", "path=/nothing => 429", "src=127.0.0.9 => 200", "src=127.0.0.9 => 429"},
	}, {
		Name: "express-healthy-words", Server: "node", Path: "/alive", Want: "pass",
		Config: `const app = shop()
app.get('/alive', (req, res) => res.set('Set-Cookie', 'lang=en').send('errors: 0, failed jobs: 0, last error: none, database ok'))
listen(app)`,
		Trials: []string{"=> 200", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "express-healthy-204", Server: "node", As: "haproxy", Method: "GET", Path: "/alive", Want: "pass", Matcher: "200-399",
		Config: `const app = shop()
app.get('/alive', (req, res) => res.sendStatus(204))
listen(app)`,
		Trials: []string{"=> 204", "path=/ => 200", "path=/nothing => 404"},
	},
}
