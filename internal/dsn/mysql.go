package dsn

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// strictParam matches the one parameter at which mysql.ParseDSN panics.
var strictParam = regexp.MustCompile(`[?&]strict=`)

// mysqlReasons turns the driver's complaint, which may quote the DSN, into words of our
// own, as postgresReasons does.
var mysqlReasons = []struct{ phrase, reason string }{
	{"missing the slash", "the / before the database name is missing"},
	{"did you forget to escape", "a / in a parameter must be written %2F"},
	{"not terminated", "the parenthesis after the address is not closed"},
	{"invalid bool value", "a parameter that is true or false has another value"},
	{"invalid duration", "a timeout has no unit or is no duration; write 5s"},
	{"missing unit in duration", "a timeout has no unit or is no duration; write 5s"},
	{"unknown config name", "tls must be true, false, skip-verify or preferred"},
	{"unknown server pub key", "serverPubKey names a key that was never registered"},
	{"default addr for network", "the network before the address must be tcp or unix"},
	{"unknown time zone", "loc is not a known time zone"},
	{"invalid dbname", "the database name is not percent-encoded correctly"},
	{"invalid URL escape", "a parameter is not percent-encoded correctly"},
}

// parseMySQL reads the driver's own form, or a URL. Errors hold no part of the DSN.
func parseMySQL(dsn string) (*mysql.Config, error) {
	if strictParam.MatchString(dsn) {
		return nil, errors.New("the parameter strict is gone from MySQL's driver; leave it out")
	}
	var cfg *mysql.Config
	var err error
	if strings.Contains(dsn, "://") && !mysqlNative.MatchString(dsn) {
		cfg, err = parseMySQLURL(dsn)
	} else if cfg, err = mysql.ParseDSN(dsn); err != nil {
		err = mysqlReason(err)
	}
	if err != nil {
		return nil, err
	}
	switch cfg.Net {
	case "tcp", "tcp4", "tcp6":
		if _, port, err := net.SplitHostPort(cfg.Addr); err != nil || !validPort(port) {
			return nil, errors.New("the address is not host:port with a port from 1 to 65535")
		}
	case "unix":
	default:
		return nil, errors.New("the network before the address must be tcp or unix")
	}
	// Every failure reaches the caller as an error; a second copy on standard error
	// would pass nobody who redacts it.
	cfg.Logger = &mysql.NopLogger{}
	return cfg, nil
}

// parseMySQLURL reads mysql://user:password@host:3306/database?parameters, the form that
// hosting services hand out; the parameters are those of the driver.
func parseMySQLURL(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Fragment != "" || strings.Contains(u.Path, "@") {
		return nil, errors.New(mustEncode)
	}
	if scheme := strings.ToLower(u.Scheme); scheme != "mysql" && scheme != "mariadb" {
		return nil, errors.New("its scheme is not mysql or mariadb")
	}
	cfg, err := mysql.ParseDSN("/?" + strings.ReplaceAll(u.RawQuery, "/", "%2F"))
	if err != nil {
		return nil, mysqlReason(err)
	}
	cfg.TLS = nil // made for the default address; NewConnector makes it again from TLSConfig
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net = "tcp"
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	cfg.Addr = net.JoinHostPort(host, port)
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	return cfg, nil
}

func mysqlReason(err error) error {
	text := err.Error()
	for _, r := range mysqlReasons {
		if strings.Contains(text, r.phrase) {
			return errors.New(r.reason)
		}
	}
	return errors.New("the driver refuses one of its parameters (its words are withheld: they may quote the password)")
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
