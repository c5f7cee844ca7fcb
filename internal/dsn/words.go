package dsn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// oneLine joins the lines of an error, each told once. PostgreSQL's driver gives a line for
// each attempt: for each address, with TLS and without.
func oneLine(text string) string {
	head, rest, several := strings.Cut(strings.TrimSpace(text), "\n")
	if !several {
		return head
	}
	lines := strings.Split(rest, "\n")
	if !strings.HasSuffix(head, ":") {
		lines = slices.Insert(lines, 0, head)
		head = ""
	}
	var told []string
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line != "" && !slices.Contains(told, line) && !superseded(line, lines[i+1:]) {
			told = append(told, line)
		}
	}
	return strings.TrimSpace(head + " " + strings.Join(told, "; "))
}

// superseded reports whether a line is about an attempt with TLS, and a later one, of the
// same address, tells what an attempt without has met: that a server has no TLS is no cause
// where none is needed.
func superseded(line string, later []string) bool {
	address, _, withTLS := strings.Cut(line, ": tls error: ")
	return withTLS && slices.ContainsFunc(later, func(l string) bool {
		return strings.HasPrefix(strings.TrimSpace(l), address+": ")
	})
}

// plainly words an error without the database's words, which hold a secret; masked is what
// masking has left of them.
func plainly(driver, dsn string, err error, masked string) string {
	why := cause(err)
	if why == "" && masked != withheld {
		return masked
	}
	text := "the database"
	if at := servers(driver, dsn); len(at) > 0 {
		text += " at " + strings.Join(at, ", ")
	}
	if why == "" {
		why = "its words are withheld: they may quote the password"
	}
	return text + ": " + why
}

// cause says of what kind an error is, in words that quote nothing; "" if of no kind known.
func cause(err error) string {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refusal.Code {
		case "28000", "28P01": // https://www.postgresql.org/docs/current/errcodes-appendix.html
			return "authentication failed"
		}
		return fmt.Sprintf("it answered with error %.5q", refusal.Code)
	}
	if refusal, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch refusal.Number {
		case 1045, 1698: // https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
			return "authentication failed"
		}
		return fmt.Sprintf("it answered with error %d", refusal.Number)
	}
	timeout, isNet := errors.AsType[net.Error](err)
	_, isLookup := errors.AsType[*net.DNSError](err)
	switch {
	case isLookup:
		return "the name of the host can't be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return "timeout"
	}
	return ""
}

// servers gives where a DSN has its database looked for: host:port, or the path of a
// socket. There is none where the DSN could be read in another way, for then what is taken
// for a host may be a part of the password.
func servers(driver, dsn string) (list []string) {
	src, err := parse(driver, dsn)
	if err != nil || strings.ContainsFunc(userRegion(dsn), isDelimiter) {
		return nil
	}
	switch {
	case src.mysql != nil:
		list = append(list, src.mysql.Addr)
	case src.postgres != nil:
		add := func(host string, port uint16) {
			_, address := pgconn.NetworkAddress(host, port)
			list = append(list, address)
		}
		add(src.postgres.Host, src.postgres.Port)
		for _, other := range src.postgres.Fallbacks { // with TLS and without, and other hosts
			add(other.Host, other.Port)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// sqliteFile gives the path of the database file, as people know it; "" for another
// driver.
func sqliteFile(driver, dsn string) string {
	src, err := parse(driver, dsn)
	if err != nil || src.sqlite == "" {
		return ""
	}
	u, err := url.Parse(src.sqlite)
	if err != nil {
		return ""
	}
	if u.Opaque == "" {
		return u.Path
	}
	if file, err := url.PathUnescape(u.Opaque); err == nil {
		return file
	}
	return u.Opaque
}
