package cause

var redirectLoop = Cause{
	ID: "redirect_loop", Kind: Red,
	Title:   "The path redirects to itself",
	Meaning: "The answer is a redirect to the very address that was asked. Visitors get \"too many redirects\".",
	Looks:   "301, 302, 307 or 308 whose Location is the request's own address.",
	Decides: "The Location, put together with the request, is the request.",
	Fix:     "Remove the redirect, or make its condition true for the request that it sends people to. Most often the app redirects to https or to a name and does not see that the request already came so.",
	Fixes: []Fix{
		at("wordpress", "wp-config.php", "WordPress does not see that the visitor came by https. Tell it, from the proxy that you trust. The lines belong above the one that loads wp-settings.php.", `
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}
`),
		at("django", "settings.py", "Django does not see that the visitor came by https. Only where the proxy in front removes what strangers write into that field:", `
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
`),
		at("rails", "config/environments/production.rb", "Rails does not see that the visitor came by https. Where TLS always ends before the app (Rails 7.1):", `
Rails.application.configure do
  config.assume_ssl = true
end
`),
		laravelMiddleware("Laravel does not see that the visitor came by https: it believes X-Forwarded-Proto from proxies that it is told to trust (before Laravel 11: $proxies in app/Http/Middleware/TrustProxies.php).", `
$middleware->trustProxies(at: ['<subnet>']);
`),
		at("symfony", "config/packages/framework.yaml", "Symfony does not see that the visitor came by https: it believes X-Forwarded-Proto from proxies that it is told to trust.", `
framework:
    trusted_proxies: '<subnet>'
    trusted_headers: ['x-forwarded-for', 'x-forwarded-proto']
`),
		at("spring-boot", "application.properties", "Spring does not see that the visitor came by https. native lets Tomcat believe the fields from private addresses; where the load balancer has others, server.tomcat.remoteip.internal-proxies names them.", `
server.forward-headers-strategy=native
`),
		at("aspnet", "Program.cs", "ASP.NET Core does not see that the visitor came by https. The lines belong before UseHttpsRedirection. Before .NET 10 the list is KnownNetworks, and holds the IPNetwork of Microsoft.AspNetCore.HttpOverrides.", `
var forwarded = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto };
forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse("<subnet>"));
app.UseForwardedHeaders(forwarded);
`),
		at("flask", "app.py", "Flask does not see that the visitor came by https. Only where every visitor comes through the one proxy, which writes the field itself:", `
from werkzeug.middleware.proxy_fix import ProxyFix

app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
`),
		at("fastapi", "shell", uvicornTrusts, uvicornTrust),
		at("starlette", "shell", uvicornTrusts, uvicornTrust),
		at("express", "app.js", "Express does not see that the visitor came by https.", `
app.set("trust proxy", "<subnet>");
`),
		at("gunicorn", "gunicorn.conf.py", "gunicorn tells the app https only if it believes X-Forwarded-Proto, which it does from addresses on this list (networks since 24.1; before that, the load balancer's addresses, one by one).", `
forwarded_allow_ips = "127.0.0.1,::1,<subnet>"
`),
		at("tomcat", "conf/server.xml", "The application does not see that the visitor came by https. This valve believes the field from private addresses; internalProxies names others.", `
<Valve className="org.apache.catalina.valves.RemoteIpValve" protocolHeader="x-forwarded-proto" />
`),
		nginx("server", "A redirect with the same target as the request, often `return 301 $scheme://…`. Let its condition name the case that it is for, and let it stand in `location /`: a `return` at the top of the server runs before any location is chosen.", nginxToApp),
		apache("virtual host", "The redirect to https does not see that the visitor came by https to the load balancer, which asks here by plain HTTP. Let the condition believe its X-Forwarded-Proto, and nobody else's, and leave the health path out. A `Redirect` has no conditions: use this in its place.", `
RewriteEngine On
RewriteCond %{HTTPS} !=on
RewriteCond expr "! (-R '<subnet>' && req('X-Forwarded-Proto') == 'https')"
RewriteCond %{REQUEST_URI} !=<path>
RewriteRule ^ https://<site>%{REQUEST_URI} [R=301,L]
`),
		caddy("file", "Caddy redirects by itself for every site with a name, also what came by https to the load balancer, which asks here by plain HTTP. With http:// before its address it doesn't; the redirect is then yours, and believes X-Forwarded-Proto from the load balancer only.", `
http://:<port> {
	@plain {
		not path <path>
		not {
			remote_ip <subnet>
			header X-Forwarded-Proto https
		}
	}
	redir @plain https://<site>{uri} permanent
	reverse_proxy <app> {
		trusted_proxies <subnet>
	}
}
`),
		haproxy("frontend", "The redirect to https does not see that the visitor came by https to the load balancer, which asks here by plain HTTP. Let it believe its X-Forwarded-Proto, and nobody else's, and leave the health path out.", `
http-request redirect scheme https code 301 unless { ssl_fc } || { src <subnet> } { req.hdr(x-forwarded-proto) -i https } || { path <path> }
`),
		lighttpd("The redirect to https does not see that the visitor came by https to the load balancer, which asks here by plain HTTP. With mod_extforward the scheme is the visitor's where the load balancer says so. Leave the health path out of the redirect.", `
server.modules += ( "mod_extforward", "mod_redirect" )
extforward.forwarder = ( "<subnet>" => "trust" )
$HTTP["scheme"] == "http" {
    $HTTP["url"] != "<path>" {
        url.redirect = ( "" => "https://<site>${url.path}${qsa}" )
    }
}
`),
		varnish("A redirect that was cached for one scheme is given to the other, too. Keep the schemes apart.", `
sub vcl_hash {
    hash_data(req.http.X-Forwarded-Proto);
}
`),
	},
}

const uvicornTrusts = "The app does not see that the visitor came by https: uvicorn believes X-Forwarded-Proto from 127.0.0.1 only, unless it is told whom else (networks since 0.31; addresses before)."

const uvicornTrust = `
uvicorn main:app --proxy-headers --forwarded-allow-ips 127.0.0.1,<subnet>
`
