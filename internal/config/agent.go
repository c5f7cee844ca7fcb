package config

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var checkName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func validateAgent(a *Agent, opt Options, rep *report) {
	if at := "agent.listen"; rep.ok(at) {
		if _, c := listenAddress(a.Listen, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	if at := "agent.path"; rep.ok(at) {
		if c := answeredPath(a.Path, rep.at(at).hidden); c != nil {
			rep.add(at, c.message, c.want)
		}
	}
	if at := "agent.token"; rep.ok(at) && strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		rep.add(at, "the token holds a space or a character beyond ASCII", "a bearer token is letters, digits and signs")
	}
	if at := "agent.drain_timeout"; rep.ok(at) && a.DrainTimeout < 0 {
		rep.add(at, rep.quote(at, a.DrainTimeout.String())+" is less than 0", "write a duration such as 15s, or 0 to close at once")
	}
	nameFlagChecks(a.Checks, rep)
	seen := map[string]string{}
	for i := range a.Checks {
		key := fmt.Sprintf("agent.checks[%d]", i)
		if rep.ok(key) {
			validateCheck(&a.Checks[i], key, seen, opt, rep)
		}
	}
}

// validateCheck also fills in the name. The map seen holds the key of each name so far.
func validateCheck(c *Check, key string, seen map[string]string, opt Options, rep *report) {
	atLeastShortest(key+".interval", c.Interval, "5s", rep)
	atLeastShortest(key+".timeout", c.Timeout, "2s", rep)
	kinds := 0
	if c.SQL != nil {
		kinds++
		validateSQL(c.SQL, key+".sql", opt, rep)
	}
	if c.HTTP != nil {
		kinds++
		validateHTTP(c.HTTP, key+".http", rep)
	}
	if c.TCP != nil {
		kinds++
		validateTCP(c.TCP, key+".tcp", rep)
	}
	// A kind whose key is misspelt was reported as that; so was one of the wrong type.
	switch {
	case kinds == 0 && !rep.hasProblemIn(key):
		rep.add(key, "the check has nothing to ask", "write one of sql, http, tcp")
	case kinds > 1:
		rep.add(key, "the check has more than one of sql, http, tcp", "write a check for each")
	}
	validateCheckName(c, key, seen, rep)
}

func validateCheckName(c *Check, key string, seen map[string]string, rep *report) {
	at := key + ".name"
	unnamed := c.Name == ""
	if unnamed {
		c.Name = checkKind(c)
	}
	switch first, taken := seen[c.Name]; {
	case !rep.ok(at) || c.Name == "":
	case !checkName.MatchString(c.Name):
		rep.add(at, rep.quote(at, c.Name)+" is no name for a check", "use letters, digits, - _ and dots, at most 64")
	case taken && unnamed:
		rep.add(at, "is missing, and "+first+" is already called "+c.Name, "give the check a name of its own")
	case taken:
		rep.add(at, "the name is taken by "+first, "give the check a name of its own")
	default:
		seen[c.Name] = key
	}
}

// checkKind gives the default name of a check.
func checkKind(c *Check) string {
	switch {
	case c.SQL != nil:
		return "sql"
	case c.HTTP != nil:
		return "http"
	case c.TCP != nil:
		return "tcp"
	}
	return ""
}

// drivers are the accepted names of database drivers and the name each stands for; package
// dsn knows the same.
var drivers = map[string]string{
	"postgres": "postgres", "postgresql": "postgres", "pgx": "postgres",
	"mysql": "mysql", "mariadb": "mysql",
	"sqlite": "sqlite", "sqlite3": "sqlite",
}

// validateSQL also replaces an alias of a driver by its name.
func validateSQL(s *SQLCheck, key string, opt Options, rep *report) {
	at := key + ".dsn"
	if s.DSN == "" && rep.ok(at) {
		rep.add(at, "is missing", "write where the database is and how to log in")
	}
	if driver := validateDriver(s, key+".driver", at, opt, rep); driver != "" && rep.ok(at) && opt.CheckDSN != nil {
		if err := opt.CheckDSN(driver, s.DSN); err != nil {
			addDSNProblem(err, s.DSN, at, rep)
		}
	}
	if at := key + ".query"; rep.ok(at) && strings.TrimSpace(s.Query) == "" {
		rep.add(at, "is empty", "write a query such as select 1")
	}
}

// validateDriver also fills in the driver, from the DSN's look where it was left out. It
// returns "" when there is none to check the DSN with.
func validateDriver(s *SQLCheck, key, dsnKey string, opt Options, rep *report) string {
	driver, known := drivers[strings.ToLower(s.Driver)]
	switch {
	case !rep.ok(key):
		return ""
	case s.Driver == "" && opt.DriverOf == nil:
		rep.add(key, "is missing", "write postgres, mysql or sqlite")
	case s.Driver == "" && rep.ok(dsnKey):
		guessed, err := opt.DriverOf(s.DSN)
		if err != nil {
			addDSNProblem(err, s.DSN, dsnKey, rep)
		}
		driver = guessed
	case s.Driver != "" && !known:
		rep.add(key, rep.quote(key, s.Driver)+" is no driver", suggest(s.Driver, []string{"postgres", "mysql", "sqlite"}))
	}
	s.Driver = cmp.Or(driver, s.Driver)
	return driver
}

func addDSNProblem(err error, dsn, key string, rep *report) {
	message, want, _ := strings.Cut(withoutDSN(err.Error(), dsn), "; ")
	rep.add(key, message, want)
}

// withoutDSN is the second lock on the door: whatever an error says, the DSN is not in it.
func withoutDSN(text, dsn string) string {
	if strings.Contains(text, dsn) || strings.ContainsAny(text, "\r\n") {
		return "the DSN cannot be used"
	}
	return text
}

func validateHTTP(h *HTTPCheck, key string, rep *report) {
	if at := key + ".url"; rep.ok(at) {
		const want = "write an absolute URL such as http://127.0.0.1:8000/health"
		u, err := url.Parse(h.URL)
		switch {
		case h.URL == "":
			rep.add(at, "is missing", want)
		case err != nil:
			rep.add(at, "is not a URL", want)
		case u.Scheme != "http" && u.Scheme != "https":
			rep.add(at, "does not start with http:// or https://", want)
		case u.Hostname() == "":
			rep.add(at, "has no host", want)
		case u.Port() != "" && !isPort(u.Port()):
			rep.add(at, "has no port from 1 to 65535", want)
		}
	}
	validateHost(key+".host", h.Host, rep)
}

func isPort(text string) bool {
	_, bad := parsePort(text, false)
	return bad == nil
}

func validateTCP(t *TCPCheck, key string, rep *report) {
	at := key + ".address"
	if !rep.ok(at) {
		return
	}
	if t.Address == "" {
		rep.add(at, "is missing", "write host:port such as 127.0.0.1:6379")
		return
	}
	if _, c := remoteAddress(t.Address, rep.at(at).hidden); c != nil {
		rep.add(at, c.message, c.want)
	}
}

// hasProblemIn reports whether a key of the section, however deep, has a problem.
func (r *report) hasProblemIn(section string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return strings.HasPrefix(p.Key, section+".") })
}
