package config

import (
	"cmp"
	"strings"
)

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
