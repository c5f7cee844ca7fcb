// Package sqlcheck checks that a database answers a query. It works with any
// driver of database/sql and imports none.
//
// What it returns goes into [health.Check]'s Run and may be used from any
// goroutine.
//
// [health.Check]: https://pkg.go.dev/github.com/inservice/inservice/health#Check
package sqlcheck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// DefaultQuery is what is asked when the query is left out. Every server that
// speaks SQL answers it, and it touches no table.
const DefaultQuery = "select 1"

// ErrNoRow is the error of a query that was answered with no row at all.
var ErrNoRow = errors.New("the query returned no row")

// Query returns a check that passes when the database answers query with at
// least one row. The values are not looked at. An empty query means
// [DefaultQuery]. All rows are read, one at a time, so let the query of a large
// table have a limit.
//
// Which pool db is decides what the check sees. The pool that the app itself
// uses turns red as well when the app has used up its connections. A pool of
// its own sees the database only.
//
// How long it takes is bounded by the context, so by the check's Timeout.
func Query(db *sql.DB, query string) func(context.Context) error {
	if query == "" {
		query = DefaultQuery
	}
	return func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return fmt.Errorf("the database did not answer: %w", err)
		}
		defer rows.Close()
		// Close would read what is left, and the MySQL driver does not heed the
		// context there: an answer without an end would hold the check for ever.
		read := 0
		for rows.Next() {
			read++
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("the database broke off its answer: %w", err)
		}
		if read == 0 {
			return ErrNoRow
		}
		if err := rows.Close(); err != nil {
			return fmt.Errorf("the database broke off its answer: %w", err)
		}
		return nil
	}
}
