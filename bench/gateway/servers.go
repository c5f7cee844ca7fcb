package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/inservice/inservice/allowedhosts"
	"github.com/inservice/inservice/bench/internal/rig"
	"github.com/inservice/inservice/internal/front"
	"github.com/inservice/inservice/internal/gateway"
	"github.com/inservice/inservice/internal/realserver"
	"github.com/inservice/inservice/internal/traffic"
)

// Paths of the app's pages.
const (
	small = "/small"
	large = "/large"
)

// start starts the app and all that is to be measured in front of it.
func start(r *rig.Rig) []rig.Server {
	app := startApp(r)
	proxying := realserver.Nginx(r, fmt.Sprintf(`
		access_log off;
		keepalive_requests 1000000000;
		upstream app { server %s; keepalive 256; keepalive_requests 1000000000; }
		server {
			listen {addr};
			location / {
				proxy_pass http://app;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
				proxy_set_header Host $http_host;
				proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
				proxy_set_header X-Forwarded-Host $http_host;
			}
		}`, app.Addr()))
	return []rig.Server{
		{Name: "nginx proxy_pass", URL: proxying.DSN(), CPU: proxying.CPUTime},
		startGateway(r, "gateway", app.DSN()),
		startGateway(r, "gateway, strict, watching", app.DSN(), "-strict"),
	}
}

// startApp starts an nginx with two pages.
func startApp(r *rig.Rig) *realserver.Server {
	pages, err := os.MkdirTemp("", "inservice-bench-")
	r.Must("a folder", err)
	r.Cleanup(func() { os.RemoveAll(pages) })
	r.Must("letting nginx's user in", os.Chmod(pages, 0o755))
	for path, content := range map[string]string{small: "hello\n", large: strings.Repeat("0123456789abcde\n", 4096)} {
		r.Must("a page", os.WriteFile(filepath.Join(pages, path), []byte(content), 0o644))
	}
	return realserver.Nginx(r, fmt.Sprintf(`
		access_log off;
		keepalive_requests 1000000000;
		open_file_cache max=10;
		server { listen {addr}; root %s; }`, pages))
}

// startGateway starts this program again as a gateway, which ends when its input
// does.
func startGateway(r *rig.Rig, name, app string, flags ...string) rig.Server {
	self, err := os.Executable()
	r.Must("finding this program", err)
	child := exec.CommandContext(r.Context, self, append(flags, "-serve", app)...)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	r.Must("a pipe", err)
	stdout, err := child.StdoutPipe()
	r.Must("a pipe", err)
	r.Must("starting "+name, child.Start())
	r.Cleanup(func() {
		stdin.Close()
		child.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	r.Must("hearing from "+name, err)
	return rig.Server{
		Name: name,
		URL:  "http://" + strings.TrimSpace(address),
		CPU:  func() time.Duration { return r.CPUTime(child.Process.Pid) },
	}
}

// serveGateway is the child: it says where it listens, and serves until its
// parent closes its input or is gone.
func serveGateway(app string, strict bool) error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	g := &gateway.Gateway{
		App:            app,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Log:            slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if strict {
		rules, err := allowedhosts.Parse("127.0.0.0/8")
		if err != nil {
			return err
		}
		g.Hosts = &rules
		g.Redirect = true
		g.HSTS = time.Hour
		g.Traffic = &traffic.Policy{}
	}
	if err := g.Open(); err != nil {
		return err
	}
	defer g.Close()
	socket, err := front.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(socket.Addr())
	return (&front.Front{Socket: socket, Handler: g, Log: g.Log}).Run(ctx, func() (time.Duration, time.Duration) { return 0, 0 })
}
