package realserver

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// MariaDB starts MariaDB with an empty database, which DSN names. The password
// is really asked for. Nothing waits for the disk, but what is committed
// outlives Kill.
func MariaDB(t TB) *Server {
	t.Helper()
	found := programs(t, "MariaDB", "mariadb-server", "mariadbd", "mariadb-install-db")
	mariadbd, install := found[0], found[1]
	password := rand.Text()
	return start(t, kind{
		name:   "MariaDB",
		debian: "mariadb-server",
		users:  []string{"mysql"},
		prepare: func(s *Server) error {
			// Run at each start, before the first client is answered.
			init := fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %[1]s;\n"+
				"CREATE USER IF NOT EXISTS %[1]s@'127.0.0.1' IDENTIFIED BY '%[2]s';\n"+
				"GRANT ALL ON *.* TO %[1]s@'127.0.0.1';\n", databaseUser, password)
			if err := s.writeFile("init.sql", init); err != nil {
				return err
			}
			return s.run(install, "--no-defaults", "--datadir="+s.dir+"/data", "--skip-test-db",
				"--auth-root-authentication-method=socket", "--skip-name-resolve", "--innodb-log-file-size=4M")
		},
		command: func(s *Server) (*exec.Cmd, error) {
			return exec.Command(mariadbd, "--no-defaults", "--datadir="+s.dir+"/data",
				"--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.port), "--skip-name-resolve",
				"--socket="+s.dir+"/socket", "--pid-file="+s.dir+"/pid", "--init-file="+s.dir+"/init.sql",
				"--general-log", "--general-log-file="+s.dir+"/queries",
				"--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--key-buffer-size=1M",
				"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--max-connections=50"), nil
		},
		ready: mariadbReady,
		dsn: func(s *Server) string {
			return fmt.Sprintf("%s:%s@tcp(%s)/%[1]s", databaseUser, password, s.Addr())
		},
		queryLog:  "queries",
		statement: mariadbStatement,
	})
}

// mariadbReady waits for the greeting that the server speaks first: a packet
// header of four bytes, then 10 for the protocol's version. An error would have
// 255 in its place. The server has run its init file before it greets.
func mariadbReady(s *Server) error {
	greeting, err := ask(s.Addr(), nil, 5)
	if err != nil {
		return err
	}
	if greeting[4] != 10 {
		return fmt.Errorf("it does not greet clients yet (packet %x)", greeting)
	}
	return nil
}

// mariadbStatement finds a statement in a line of the general log: the time
// where it has changed, the connection's id, the command and its argument.
// "Query" is a statement sent as text, "Execute" one run of a prepared one.
var mariadbStatement = regexp.MustCompile(`(?m)^[^\t]*\t+ *\d+ (?:Query|Execute)\t(.*)$`)
