package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/internal/accesslog"
	"github.com/inservice/inservice/internal/agent"
	"github.com/inservice/inservice/internal/config"
	"github.com/inservice/inservice/internal/tongue"
)

// agentFlags are the flags of `agent`. Each stands for a key of the file.
type agentFlags struct {
	file                  string
	listen, path          string
	drainTimeout          string
	app, appPath, control string
	redirect              bool
	hosts, trustedProxies []string
	sqls, urls, ports     []string
}

func (p *program) agentCommand() *cobra.Command {
	var flags agentFlags
	c := &cobra.Command{
		Use:   "agent",
		Short: "Answer a load balancer's health check truthfully, from checks of this server",
		Long: `Runs beside a web app and answers the load balancer's health check: 200 "ok" while
every check passes, 503 when one does not. Checks run in the background, so
answering costs the app and its database nothing. With --app it stands in front of
the app, forwards everything else to it, and counts what visitors get as evidence.

When it is told to end it answers 503 until every load balancer that asks has heard
it often enough and visitors have stopped coming, at most for --drain-timeout, then
closes. A second signal ends it at once.`,
		Example: `  inservice agent --check-http http://127.0.0.1:8000/
  inservice agent --listen :8086 --check-sql '${DATABASE_URL}' --check-tcp 127.0.0.1:6379
  inservice agent --listen :80 --app http://127.0.0.1:8000 --allowed-host mysite.com --trusted-proxy 10.0.0.0/8 --https-redirect
  inservice agent --config inservice.yaml`,
		Args: subcommandOnly,
		RunE: func(c *cobra.Command, _ []string) error {
			overrides, err := flags.overrides(c)
			if err != nil {
				return err
			}
			file, err := loadConfig(flags.file, overrides...)
			if err != nil {
				return err
			}
			if file.Agent == nil {
				return missingSection(flags.file, "agent")
			}
			if file.Agent.Checks == nil {
				return &usageError{
					err:  errors.New("the agent has nothing to check, so its answer would always be 200"),
					hint: "add --check-http URL, --check-sql DSN or --check-tcp HOST:PORT; a file that says 'checks: []' means it",
				}
			}
			return p.runAgent(c.Context(), file)
		},
	}
	f := c.Flags()
	f.StringVarP(&flags.file, "config", "c", "", "configuration `FILE`")
	f.StringVar(&flags.listen, "listen", ":8086", "`ADDRESS` to answer on; port 0 takes a free one (agent.listen)")
	f.StringVar(&flags.path, "path", "/health_check", "health `PATH` (agent.path)")
	f.StringVar(&flags.drainTimeout, "drain-timeout", "15s", "how long to answer 503 before closing, a `DURATION` (agent.drain_timeout)")
	f.StringVar(&flags.app, "app", "", "stand in front of the app at this `URL`, http://host:port or unix:/path (agent.app)")
	f.StringVar(&flags.appPath, "app-path", "/", "the page that the app is asked for, a `PATH`: one that tells whether the site works (agent.checks)")
	f.StringArrayVar(&flags.hosts, "allowed-host", nil, "serve this `HOST` only: a name, .suffix, address, network, or self for this machine's own addresses; may be repeated (agent.allowed_hosts)")
	f.StringArrayVar(&flags.trustedProxies, "trusted-proxy", nil, "believe the X-Forwarded-... fields of this `NETWORK`; may be repeated (agent.trusted_proxies)")
	f.BoolVar(&flags.redirect, "https-redirect", false, "redirect visitors who came by http to https (agent.https_redirect)")
	f.StringArrayVar(&flags.sqls, "check-sql", nil, "check that a database answers: its `DSN`, such as postgres://user:password@host/name; '${NAME}' in single quotes takes it from the environment, so that the process list does not show it (agent.checks)")
	f.StringArrayVar(&flags.urls, "check-http", nil, "check that a `URL` answers 200 to 299 (agent.checks)")
	f.StringArrayVar(&flags.ports, "check-tcp", nil, "check that `HOST:PORT` accepts connections (agent.checks)")
	c.PersistentFlags().StringVar(&flags.control, "control", "", "control socket `FILE`, on which a running agent takes commands (agent.control; default a place for each port)")
	addLogFlags(c)
	c.AddCommand(p.drainCommand(&flags.control), p.undrainCommand(&flags.control), p.agentStatusCommand(&flags.control))
	return c
}

// overrides are the flags that were given, as keys. Without a file the section
// has to come from a flag, so its address is always one.
func (f *agentFlags) overrides(c *cobra.Command) ([]config.Override, error) {
	if f.file == "" && c.Flags().Changed("config") {
		// A variable that is not set, most likely. To go on without it would be an
		// agent without checks, which answers 200 whatever happens.
		return nil, &usageError{err: errors.New("--config: the name of the file is empty")}
	}
	o := logOverrides(c)
	if f.file == "" || c.Flags().Changed("listen") {
		o = append(o, config.Override{Flag: "--listen", Key: "agent.listen", Value: f.listen})
	}
	if c.Flags().Changed("path") {
		o = append(o, config.Override{Flag: "--path", Key: "agent.path", Value: f.path})
	}
	if c.Flags().Changed("drain-timeout") {
		o = append(o, config.Override{Flag: "--drain-timeout", Key: "agent.drain_timeout", Value: f.drainTimeout})
	}
	if c.Flags().Changed("app") {
		o = append(o, config.Override{Flag: "--app", Key: "agent.app", Value: f.app})
	}
	if c.Flags().Changed("control") {
		o = append(o, config.Override{Flag: "--control", Key: "agent.control", Value: f.control})
	}
	if c.Flags().Changed("https-redirect") {
		o = append(o, config.Override{Flag: "--https-redirect", Key: "agent.https_redirect", Value: f.redirect})
	}
	for _, host := range f.hosts {
		o = append(o, config.Override{Flag: "--allowed-host", Key: "agent.allowed_hosts[]", Value: host})
	}
	for _, network := range f.trustedProxies {
		o = append(o, config.Override{Flag: "--trusted-proxy", Key: "agent.trusted_proxies[]", Value: network})
	}
	add := func(flag string, check config.Check) {
		o = append(o, config.Override{Flag: flag, Key: "agent.checks[]", Value: check})
	}
	if c.Flags().Changed("app-path") {
		if f.appPath == "" {
			return nil, emptyFlag("--app-path")
		}
		add("--app-path", config.Check{App: &config.AppCheck{Path: f.appPath}})
	}
	for flag, values := range map[string][]string{"--check-sql": f.sqls, "--check-http": f.urls, "--check-tcp": f.ports} {
		if slices.Contains(values, "") {
			return nil, emptyFlag(flag)
		}
	}
	for _, given := range f.sqls {
		name, err := fromEnvironment(given)
		if err != nil {
			return nil, &usageError{err: fmt.Errorf("--check-sql: %w", err)}
		}
		add("--check-sql", config.Check{SQL: &config.SQLCheck{DSN: name}})
	}
	for _, url := range f.urls {
		add("--check-http", config.Check{HTTP: &config.HTTPCheck{URL: url}})
	}
	for _, address := range f.ports {
		add("--check-tcp", config.Check{TCP: &config.TCPCheck{Address: address}})
	}
	return o, nil
}

func emptyFlag(flag string) error {
	return &usageError{err: fmt.Errorf("%s: it is empty: is the variable set that stands there?", flag)}
}

// fromEnvironment replaces a value that is ${NAME} as a whole.
func fromEnvironment(value string) (string, error) {
	name, isVariable := strings.CutPrefix(value, "${")
	name, closed := strings.CutSuffix(name, "}")
	if !isVariable || !closed {
		return value, nil
	}
	found, ok := os.LookupEnv(name)
	switch {
	case !ok:
		return "", fmt.Errorf("the environment variable %s is not set", name)
	case found == "":
		return "", fmt.Errorf("the environment variable %s is set but empty", name)
	}
	return found, nil
}

// frugal has a sidecar make do with one processor, unless the environment says
// otherwise. Answers cost less so, since nothing wakes another processor for them
// (docs/performance.md), and the app has the rest of the machine.
func frugal() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}

func (p *program) runAgent(ctx context.Context, file *config.File) (err error) {
	c := file.Agent
	log, endLog, err := p.logger(file.Log)
	if err != nil {
		return err
	}
	defer endLog()
	checks, closeDatabases, err := makeChecks(c, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDatabases()) }()
	accessLog, endAccessLog := p.accessLog(c.AccessLog)
	defer endAccessLog()

	a := makeAgent(c, checks, accessLog, log)
	if a.Gateway == nil {
		frugal()
	} else if c.Hosts == nil {
		log.Warn("no allowed_hosts: every Host is passed to the app")
	}
	if err := a.Open(); err != nil {
		return listenHint(err, "--listen")
	}
	return a.Run(ctx)
}

// makeAgent turns a configured agent into one that runs. The access log is nil if
// there is none.
func makeAgent(c *config.Agent, checks []health.Check, accessLog *accesslog.Log, log *slog.Logger) *agent.Agent {
	a := &agent.Agent{
		Listen: c.Listen, Path: c.Path, Token: c.Token, TrustedNetworks: c.TrustedNetworks,
		Checks: checks, StartupGrace: c.StartupGrace, Kubernetes: c.Kubernetes,
		Admin: c.Admin, GRPC: c.GRPC, Words: c.HAProxy, Weights: c.HAProxyWeights, Port: c.TCP,
		Control: controlSocket(c), ControlOptional: c.Control == "",
		UnhealthyThreshold: c.UnhealthyThreshold, DrainTimeout: c.DrainTimeout,
		Systemd: &tongue.Systemd{Log: log}, Version: version(), Log: log,
	}
	if c.App != "" {
		a.Own = ownAddresses(c, log)
		a.Gateway = makeGateway(c, a.Own, accessLog, log)
	}
	return a
}
