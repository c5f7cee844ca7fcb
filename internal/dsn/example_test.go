package dsn_test

import (
	"errors"
	"fmt"

	"github.com/inservice/inservice/internal/dsn"
)

func ExampleCheck() {
	fmt.Println(dsn.Check("postgre", "host=localhost"))
	fmt.Println(dsn.Check("mysql", "app:s3cr3t@tcp(localhost:3306)"))
	// Output:
	// unknown driver postgre; the drivers are postgres, mysql and sqlite
	// the mysql DSN cannot be used: the / before the database name is missing; write mysql://user:password@host:3306/database or user:password@tcp(host:3306)/database
}

func ExampleRedactError() {
	err := errors.New("cannot log in with s3cr3t")
	fmt.Println(dsn.RedactError("postgres", "postgres://app:s3cr3t@db.example/site", err))
	// Output: cannot log in with xxxxx
}
