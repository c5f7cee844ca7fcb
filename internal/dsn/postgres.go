package dsn

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
)

type postgresConfig = pgx.ConnConfig

// postgresReasons turns the driver's complaint, which quotes the DSN, into words of our
// own. Only the phrase on the left is looked for; nothing of the complaint is passed on.
var postgresReasons = []struct{ phrase, reason string }{
	{"invalid port", "the port is not a number from 1 to 65535"},
	{"sslmode is invalid", "sslmode must be disable, allow, prefer, require, verify-ca or verify-full"},
	{"failed to configure TLS", "a TLS setting is wrong or names a file that cannot be read (sslmode, sslrootcert, sslcert, sslkey)"},
	{"connect_timeout", "connect_timeout must be a number of seconds"},
	{"target_session_attrs", "target_session_attrs must be any, read-write, read-only, primary, standby or prefer-standby"},
	{"failed to read service", "its service is not in the service file"},
	{"unterminated quoted string", "a quotation mark ' is not closed"},
	{"failed to parse as keyword/value", "it is neither a URL nor a list of key=value"},
	{"failed to parse as URL", mustEncode},
}

const mustEncode = "it is not a valid URL; special characters in user name and password must be percent-encoded " +
	"(@ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25)"

// parsePostgres reads a URL or a list of key=value. What the DSN leaves out comes from the
// PG… environment variables, as it does for every PostgreSQL client. Errors hold no part
// of the DSN.
func parsePostgres(dsn string) (*postgresConfig, error) {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	if isURL && !strings.ContainsAny(scheme, " =") {
		dsn = strings.ToLower(scheme) + "://" + rest // the library knows lower case only
	} else {
		isURL = false
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, postgresReason(err)
	}
	// Where an unencoded @ or / in the password moved the borders, the rest of the
	// password now sits in the host or the database name, and would be looked up by DNS.
	if strings.ContainsAny(cfg.Host, "@ ") || isURL && strings.Contains(cfg.Database, "@") {
		return nil, errors.New(mustEncode)
	}
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return cfg, nil
}

func postgresReason(err error) error {
	text := err.Error()
	if end := strings.LastIndex(text, "`: "); end >= 0 {
		text = text[end:] // what comes before is the DSN, which may hold any phrase
	}
	for _, r := range postgresReasons {
		if strings.Contains(text, r.phrase) {
			return errors.New(r.reason)
		}
	}
	return errors.New("the driver refuses one of its parameters (its words are withheld: they may quote the password)")
}
