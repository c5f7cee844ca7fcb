package dsn

import (
	"errors"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// parseSQLite turns a path or URI into the URI to open: with mode=rw (or the DSN's own
// mode=ro), a wait for locks, and a look at the file's header on opening. After sqlite:
// and sqlite:// the path is taken as it stands up to a question mark; only a file: URI is
// percent-decoded. Errors hold no part of the DSN.
func parseSQLite(dsn string) (uri string, err error) {
	rest, isURI := cutFold(dsn, "file:")
	if !isURI {
		for _, prefix := range []string{"sqlite://", "sqlite3://", "sqlite:", "sqlite3:"} {
			var found bool
			if rest, found = cutFold(dsn, prefix); found {
				break
			}
		}
	}
	path, query, _ := strings.Cut(rest, "?")
	if isURI {
		path, _, _ = strings.Cut(path, "#")
	}
	switch {
	case strings.Trim(path, "/") == "":
		return "", errors.New("it names no file")
	case path == ":memory:" || isURI && strings.Contains(path, ":memory:"):
		return "", errors.New("a database in memory is private to each connection, so checking it says nothing")
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("what follows the question mark is not a list of key=value")
	}
	if err := setSQLiteParams(params); err != nil {
		return "", err
	}
	if !isURI {
		path = strings.NewReplacer("%", "%25", "#", "%23").Replace(path)
		if strings.HasPrefix(path, "/") {
			path = "//" + path // file:///…: without it, a second slash would start a host name
		}
	}
	return "file:" + path + "?" + params.Encode(), nil
}

func setSQLiteParams(params url.Values) error {
	mode := params.Get("mode")
	switch {
	case len(params["mode"]) > 1:
		return errors.New("it has more than one mode")
	case mode != "" && mode != "rw" && mode != "ro":
		return errors.New("mode must be rw (the default) or ro: a check must not create what is missing")
	case params.Has("vfs"):
		return errors.New("the parameter vfs is not supported")
	case mode == "":
		params.Set("mode", "rw")
	}
	waits := params.Has("_busy_timeout") || params.Has("_timeout")
	for _, pragma := range params["_pragma"] {
		waits = waits || strings.Contains(strings.ToLower(pragma), "busy_timeout")
	}
	if !waits {
		params.Add("_pragma", "busy_timeout(1000)")
	}
	params.Add("_pragma", "schema_version") // reads the header; see Open
	return nil
}

// cutFold is strings.CutPrefix for a prefix in any case.
func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
