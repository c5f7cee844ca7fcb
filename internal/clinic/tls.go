package clinic

import (
	"net"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

// startTLS starts a program of its own for each case, named in the first word of
// its Config: hitch, stunnel or nghttpd.
func startTLS(w *world, tenants []*tenant) {
	for _, t := range tenants {
		program, config, _ := strings.Cut(t.config, "\n")
		r := realserver.Recipe{Program: program, Files: w.files(nil), Listens: listens([]*tenant{t})}
		switch program {
		case "hitch":
			r.Name, r.Debian, r.Args = "Hitch", "hitch", []string{"--config", "{dir}/hitch.conf"}
			r.Files["hitch.conf"] = "frontend = \"[" + t.ip + "]:" + t.port + "\"\npem-file = \"{dir}/both.pem\"\ndaemon = off\nworkers = 1\n" + config + "\n"
		case "stunnel4":
			r.Name, r.Debian, r.Args = "stunnel", "stunnel4", []string{"{dir}/stunnel.conf"}
			r.Files["stunnel.conf"] = "foreground = yes\npid =\nsyslog = no\n[shop]\naccept = " + t.addr() + "\n" + config + "\n"
		case "nghttpd":
			host, port, _ := net.SplitHostPort(t.addr())
			r.Name, r.Debian, r.Args = "nghttpd", "nghttp2-server", append([]string{"-a", host, "-d", "{dir}/www"}, strings.Fields(config)...)
			r.Args = append(r.Args, port)
			if !strings.Contains(config, "--no-tls") {
				r.Args = append(r.Args, "{dir}/key.pem", "{dir}/cert.pem")
			}
			r.Files["www/index.html"] = "<!doctype html><title>Shop</title>\n"
			r.Files["www/alive"] = "fine\n"
		}
		realserver.Start(w.t, r)
	}
}

var tlsCases = []Case{
	{
		Name: "hitch-asked-plainly", Server: "tls", Path: "/alive", Want: "fail wrong_protocol_tls",
		Config: "hitch\nbackend = \"[127.0.0.1]:{app.port}\"", Cure: "tls=on => 200",
		Trials: []string{"=> closed", "tls=on => 200", "host={site} => closed"},
	}, {
		Name: "stunnel-client-certificate", Server: "tls", Scheme: "https", Path: "/alive", Want: "fail client_cert_required",
		Config: "stunnel4\nconnect = {app}\ncert = {dir}/both.pem\nCAfile = {dir}/ca.pem\nverify = 2",
		Mended: "stunnel4\nconnect = {app}\ncert = {dir}/both.pem",
		Trials: []string{"=> alert", "cert=client => 200"},
	}, {
		Name: "stunnel-dead-app", Server: "tls", Scheme: "https", Path: "/alive", Want: "fail closed_no_response / upstream_down",
		Config: "stunnel4\nconnect = {dead}\ncert = {dir}/both.pem",
		Mended: "stunnel4\nconnect = {app}\ncert = {dir}/both.pem",
		Trials: []string{"=> closed", "path=/ => closed", "host={site} => closed"},
	}, {
		Name: "nghttpd-http2-only", Server: "tls", Path: "/alive", Want: "fail http2_only",
		Config: "nghttpd\n--no-tls", Cure: "http=2 => 200",
		Trials: []string{"=> noise", "http=2 => 200", "host={site} => noise"},
	},
}
