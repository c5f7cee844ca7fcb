package realserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// nginxConfig is the configuration around the caller's. The server on the Unix
// socket tells when nginx answers, whatever the caller's servers do.
const nginxConfig = `daemon off;
pid pid;
error_log stderr notice;
worker_processes auto;
events { worker_connections 1024; }
http {
	access_log requests;
	client_body_temp_path temp_body;
	proxy_temp_path temp_proxy;
	fastcgi_temp_path temp_fastcgi;
	uwsgi_temp_path temp_uwsgi;
	scgi_temp_path temp_scgi;
	server {
		listen unix:%s;
		access_log off;
		return 200;
	}
	%s
}
`

// Nginx starts nginx with the given configuration, the inside of its http
// block: one or more server blocks and what belongs to them. In it {addr}
// stands for Addr, and must be where one of the servers listens:
//
//	realserver.Nginx(t, `server { listen {addr}; location / { return 200 ok; } }`)
//
// nginx has one worker for each processor. It logs requests for Queries unless
// the configuration says access_log off, as a bench should.
func Nginx(t TB, config string) *Server {
	t.Helper()
	nginx := programs(t, "nginx", "nginx", "nginx")[0]
	if !strings.Contains(config, "{addr}") {
		t.Fatalf("realserver: start nginx: the configuration has no {addr} to listen on:\n%s", config)
	}
	return start(t, kind{
		name:    "nginx",
		debian:  "nginx",
		users:   []string{"www-data"},
		prepare: func(*Server) error { return nil },
		command: func(s *Server) (*exec.Cmd, error) {
			socket := nginxSocket(s)
			// A killed nginx leaves its socket, and does not take over what it finds.
			if err := os.RemoveAll(socket); err != nil {
				return nil, err
			}
			inside := strings.ReplaceAll(config, "{addr}", s.Addr())
			if err := s.writeFile("nginx.conf", fmt.Sprintf(nginxConfig, socket, inside)); err != nil {
				return nil, err
			}
			return exec.Command(nginx, "-p", s.dir, "-e", "stderr", "-c", "nginx.conf"), nil
		},
		ready:     nginxReady,
		dsn:       func(s *Server) string { return "http://" + s.Addr() },
		queryLog:  "requests",
		statement: nginxRequest,
	})
}

func nginxSocket(s *Server) string { return filepath.Join(s.dir, "ready") }

func nginxReady(s *Server) error {
	client := http.Client{
		Timeout: 2 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", nginxSocket(s))
			},
		},
	}
	resp, err := client.Get("http://ready/")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// nginxRequest finds the request line in a line of the access log, whose
// format is nginx's "combined": the first field in quotes.
var nginxRequest = regexp.MustCompile(`(?m)^[^"]*"([^"]*)"`)
