package cause

// bindAll says how each server is told to listen on every IPv4 address.
var bindAll = []Fix{
	at("django", "shell", "runserver is for development, and listens on 127.0.0.1 unless told otherwise.", `
python manage.py runserver 0.0.0.0:<port>
`),
	at("flask", "shell", "`flask run` is for development, and listens on 127.0.0.1 unless told otherwise.", `
flask run --host 0.0.0.0 --port <port>
`),
	at("rails", "shell", "In development Rails listens on localhost unless told otherwise.", `
bin/rails server --binding 0.0.0.0 --port <port>
`),
	at("spring-boot", "application.properties", "Leave server.address out, or:", `
server.address=0.0.0.0
`),
	at("aspnet", "shell", "Without a word Kestrel listens on localhost.", `
ASPNETCORE_URLS=http://0.0.0.0:<port> dotnet app.dll
`),
	at("nextjs", "shell", "Name the address.", `
next start --hostname 0.0.0.0 --port <port>
`),
	at("express", "app.js", "Leave the address out of listen, or name this one.", `
app.listen(<port>, "0.0.0.0");
`),
	at("fastify", "server.js", "Fastify listens on localhost unless told otherwise.", `
fastify.listen({ port: <port>, host: "0.0.0.0" });
`),
	at("nestjs", "main.ts", "Name the address.", `
await app.listen(<port>, "0.0.0.0");
`),
	at("vite", "vite.config.js", "Vite listens on localhost unless told otherwise. For real traffic serve the built site.", `
import { defineConfig } from "vite";

export default defineConfig({ server: { host: "0.0.0.0", port: <port> } });
`),
	at("webpack-dev-server", "webpack.config.js", "webpack-dev-server listens on localhost unless told otherwise. For real traffic serve the built site.", `
module.exports = { devServer: { host: "0.0.0.0", port: <port> } };
`),
	at("laravel", "shell", "`artisan serve` is for development, and listens on 127.0.0.1 unless told otherwise.", `
php artisan serve --host=0.0.0.0 --port=<port>
`),
	at("phoenix", "config/runtime.exs", "Name the address.", `
config :my_app, MyAppWeb.Endpoint, http: [ip: {0, 0, 0, 0}, port: <port>]
`),
	at("go", "main.go", "Leave the address out.", `
http.ListenAndServe(":<port>", nil)
`),
	at("gunicorn", "gunicorn.conf.py", "gunicorn listens on 127.0.0.1:8000 unless told otherwise.", `
bind = "0.0.0.0:<port>"
`),
	at("uvicorn", "shell", "uvicorn listens on 127.0.0.1 unless told otherwise.", `
uvicorn main:app --host 0.0.0.0 --port <port>
`),
	at("waitress", "shell", "Name the address.", `
waitress-serve --listen=0.0.0.0:<port> app:app
`),
	at("uwsgi", "uwsgi.ini", "Name the address.", `
[uwsgi]
http-socket = 0.0.0.0:<port>
`),
	at("puma", "config/puma.rb", "Name the address.", `
bind "tcp://0.0.0.0:<port>"
`),
	at("php-cli", "shell", "Name the address. PHP's built-in server is for development.", `
php -S 0.0.0.0:<port> -t public
`),
	at("tomcat", "conf/server.xml", "Leave address out of the connector, or:", `
<Connector port="<port>" address="0.0.0.0" protocol="HTTP/1.1" />
`),
	at("node", "server.js", "Leave the address out of listen, or name this one.", `
server.listen(<port>, "0.0.0.0");
`),
	nginx("server", "Leave the address out.", `
listen <otherport>;
`),
	apache("server", "Leave the address out (in Debian: /etc/apache2/ports.conf).", `
Listen 0.0.0.0:<otherport>
`),
	caddy("site", "Leave bind out, or name this one.", `
bind 0.0.0.0
reverse_proxy <app>
`),
	haproxy("frontend", "Leave the address out.", `
bind :<otherport>
`),
	lighttpd("Leave server.bind out, or name this one.", `
server.bind = "0.0.0.0"
server.port = <otherport>
`),
	at("varnish", "the systemd unit", "Leave the address out.", `
[Service]
ExecStart=
ExecStart=/usr/sbin/varnishd -F -a :<port> -f /etc/varnish/default.vcl -s malloc,256m
`),
	at("traefik", "traefik.yaml", "Leave the address out.", `
entryPoints:
  web:
    address: ":<port>"
`),
	at("envoy", "envoy.yaml", "Name the address.", `
address:
  socket_address: { address: 0.0.0.0, port_value: <port> }
`),
	at("docker", "shell", "Publish the port on every address, not on 127.0.0.1 alone. The app inside must listen on 0.0.0.0 too.", `
docker run --publish <port>:<otherport> <name>
`),
}

var refused = Cause{
	ID: "refused", Kind: Red,
	Title:    "Nothing listens on the port",
	Meaning:  "The machine is there and refuses the connection: no process listens on this port, on any of its addresses.",
	Looks:    "Connection refused at once.",
	Decides:  "Refused on every address of the machine, IPv4 and IPv6, and no other port of it answers HTTP.",
	Fix:      "Start the server. If it ended by itself, its log says why.",
	Balancer: "Nothing: the check tells the truth. Look at the port number, all the same.",
	Knobs:    []Knob{Port},
	Fixes: []Fix{
		at("", "shell", "Who listens, what failed, and why.", `
ss -ltnp
systemctl --failed
journalctl --unit <name> --lines 50
`),
		at("docker", "shell", "Is the container there, and is its port published?", `
docker ps --all --filter name=<name>
docker logs --tail 50 <name>
`),
		at("nginx", "shell", "A mistake in the configuration keeps it from starting.", `
nginx -t
systemctl restart nginx
`),
		at("apache", "shell", "A mistake in the configuration keeps it from starting.", `
apachectl configtest
systemctl restart apache2
`),
		at("haproxy", "shell", "A mistake in the configuration keeps it from starting.", `
haproxy -c -f /etc/haproxy/haproxy.cfg
systemctl restart haproxy
`),
		at("caddy", "shell", "A mistake in the configuration keeps it from starting.", `
caddy validate --config /etc/caddy/Caddyfile
systemctl restart caddy
`),
	},
}

var wrongPort = Cause{
	ID: "wrong_port", Kind: Red,
	Title:    "The app listens on another port",
	Meaning:  "Nothing listens on the port that is checked, and the app listens on another one of this machine.",
	Looks:    "Refused on this port.",
	Decides:  "The same request to another port that listens here passes.",
	Fix:      "Correct the port at the load balancer, or let the app listen on the one that it asks.",
	Balancer: "Set the port that it asks to <otherport>.",
	Knobs:    []Knob{Port},
	Fixes:    bindAll,
}

var boundToOtherAddress = Cause{
	ID: "bound_to_other_address", Kind: Red,
	Title:   "It listens on another address only",
	Meaning: "The process listens on one address of the machine, mostly 127.0.0.1, and the load balancer asks another.",
	Looks:   "Refused from outside, while a test on the machine itself passes.",
	Decides: "The same port answers on another address of the machine.",
	Fix:     "Let it listen on 0.0.0.0 (or the address that the load balancer asks), and let the firewall decide who may come.",
	Fixes:   bindAll,
}

var ipv6Only = Cause{
	ID: "ipv6_only", Kind: Red,
	Title:    "It listens on IPv6 only",
	Meaning:  "The process listens on an IPv6 address that takes no IPv4 connections, and the load balancer comes by IPv4.",
	Looks:    "Refused by IPv4.",
	Decides:  "The same port answers on the IPv6 address.",
	Fix:      "Listen on both families. What binds [::] takes IPv4 too, unless the program or net.ipv6.bindv6only says otherwise.",
	Balancer: "Let it ask by IPv6, where it can.",
	Fixes: append([]Fix{
		nginx("server", "`listen [::]:80` takes IPv6 only (ipv6only=on is the default). Name both.", `
listen <otherport>;
listen [::]:<otherport>;
`),
		apache("server", "Name both.", `
Listen 0.0.0.0:<otherport>
Listen [::]:<otherport>
`),
		haproxy("frontend", "Let one socket take both.", `
bind :::<otherport> v4v6
`),
		lighttpd("Let one socket take both, or name both.", `
server.port = <otherport>
$SERVER["socket"] == "[::]:<otherport>" { server.set-v6only = "enable" }
`),
		at("gunicorn", "gunicorn.conf.py", "Name both.", `
bind = ["0.0.0.0:<port>", "[::]:<port>"]
`),
		at("node", "server.js", "Leave ipv6Only out.", `
server.listen({ port: <port>, host: "::", ipv6Only: false });
`),
		at("", "shell", "Does the system keep the families apart? 1 means that [::] takes no IPv4.", `
sysctl net.ipv6.bindv6only
ss -ltn 'sport = :<port>'
`),
	}, bindAllBut("nginx", "apache", "haproxy", "lighttpd", "gunicorn", "node")...),
}

// bindAllBut is bindAll without the named programs.
func bindAllBut(names ...string) []Fix {
	var rest []Fix
next:
	for _, f := range bindAll {
		for _, n := range names {
			if f.Software == n {
				continue next
			}
		}
		rest = append(rest, f)
	}
	return rest
}

var filtered = Cause{
	ID: "filtered", Kind: Red,
	Title:    "A firewall keeps the connection out",
	Meaning:  "Packets to this port are dropped or rejected on the way: a security group, a network policy, a firewall on the machine.",
	Looks:    "No answer at all to connecting, or `no route to host`. Other closed ports of the machine refuse at once.",
	Decides:  "Connecting times out here, while another port of the same machine refuses or answers.",
	Fix:      "Open the port to the load balancer, not to the world.",
	Balancer: "Look at its side as well: where it asks from, and what it is let out to.",
	Knobs:    []Knob{Source},
	Fixes: []Fix{
		at("aws", "shell", "Let the load balancer's security group in (group ids begin with sg-).", `
aws ec2 authorize-security-group-ingress --group-id <name> --protocol tcp --port <port> --source-group <name>
`),
		at("google", "shell", "Let Google's checkers in.", `
gcloud compute firewall-rules create allow-health-checks --direction=INGRESS --allow=tcp:<port> --source-ranges=35.191.0.0/16,130.211.0.0/22
`),
		at("azure", "shell", "Let Azure's checkers in.", `
az network nsg rule create --resource-group <name> --nsg-name <name> --name AllowHealthProbe --priority 200 --source-address-prefixes AzureLoadBalancer --destination-port-ranges <port> --access Allow --protocol Tcp
`),
		at("ufw", "shell", "Open the port to the load balancer's network.", `
ufw allow from <subnet> to any port <port> proto tcp
`),
		at("firewalld", "shell", "Open the port to the load balancer's network.", `
firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="<subnet>" port port="<port>" protocol="tcp" accept'
firewall-cmd --reload
`),
		at("nftables", "shell", "Open the port to the load balancer's network, before the rule that drops. Names of table and chain are yours.", `
nft insert rule inet filter input ip saddr <subnet> tcp dport <port> accept
`),
		at("iptables", "shell", "Open the port to the load balancer's network, before the rule that drops.", `
iptables -I INPUT -p tcp -s <subnet> --dport <port> -j ACCEPT
`),
		at("kubernetes", "networkpolicy.yaml", "Let the load balancer's network in. (kubelet's own probes pass every policy.)", `
spec:
  ingress:
    - from:
        - ipBlock: { cidr: <subnet> }
      ports:
        - { protocol: TCP, port: <port> }
`),
	},
}
