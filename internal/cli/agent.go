package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/agent"
	"github.com/inservice/inservice/internal/config"
)

// agentFlags are the flags of `agent`. Each stands for a key of the file.
type agentFlags struct {
	file              string
	listen, path      string
	drainTimeout      string
	sqls, urls, ports []string
}

func (p *program) agentCommand() *cobra.Command {
	var flags agentFlags
	c := &cobra.Command{
		Use:   "agent",
		Short: "Answer a load balancer's health check truthfully, from checks of this server",
		Long: `Runs beside a web app and answers the load balancer's health check: 200 "ok" while
every check passes, 503 when one does not. Checks run in the background, so
answering costs the app and its database nothing.

When it is told to end it answers 503 for --drain-timeout, then closes. A second
signal ends it at once.`,
		Example: `  inservice agent --check-http http://127.0.0.1:8000/
  inservice agent --listen :8086 --check-sql '${DATABASE_URL}' --check-tcp 127.0.0.1:6379
  inservice agent --config inservice.yaml`,
		Args: arguments(),
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
	f.StringArrayVar(&flags.sqls, "check-sql", nil, "check that a database answers: its `DSN`, such as postgres://user:password@host/name; '${NAME}' in single quotes takes it from the environment, so that the process list does not show it (agent.checks)")
	f.StringArrayVar(&flags.urls, "check-http", nil, "check that a `URL` answers 200 to 299 (agent.checks)")
	f.StringArrayVar(&flags.ports, "check-tcp", nil, "check that `HOST:PORT` accepts connections (agent.checks)")
	addLogFlags(c)
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
	add := func(flag string, check config.Check) {
		o = append(o, config.Override{Flag: flag, Key: "agent.checks[]", Value: check})
	}
	for flag, values := range map[string][]string{"--check-sql": f.sqls, "--check-http": f.urls, "--check-tcp": f.ports} {
		if slices.Contains(values, "") {
			return nil, &usageError{err: fmt.Errorf("%s: it is empty: is the variable set that stands there?", flag)}
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

// fromEnvironment replaces a value that is ${NAME} as a whole.
func fromEnvironment(value string) (string, error) {
	name, isVariable := strings.CutPrefix(value, "${")
	name, closed := strings.CutSuffix(name, "}")
	if !isVariable || !closed {
		return value, nil
	}
	found, ok := os.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return found, nil
}

func (p *program) runAgent(ctx context.Context, file *config.File) (err error) {
	c := file.Agent
	log, endLog, err := p.logger(file.Log)
	if err != nil {
		return err
	}
	defer endLog()
	var databases []*sql.DB
	defer func() {
		for _, db := range databases {
			err = errors.Join(err, db.Close())
		}
	}()
	a := &agent.Agent{
		Listen: c.Listen, Path: c.Path, Token: c.Token, TrustedNetworks: c.TrustedNetworks,
		DrainTimeout: c.DrainTimeout, Log: log,
	}
	for _, check := range c.Checks {
		made, db, err := makeCheck(check)
		if err != nil {
			return fmt.Errorf("check %s: %w", check.Name, err)
		}
		if db != nil {
			databases = append(databases, db)
		}
		a.Checks = append(a.Checks, made)
	}
	if err := a.Open(); err != nil {
		return listenHint(err, "--listen")
	}
	return a.Run(ctx)
}
