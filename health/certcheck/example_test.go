package certcheck_test

import (
	"context"
	"fmt"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/certcheck"
)

func ExampleServer() {
	check := health.Check{
		Name:     "certificate",
		Run:      certcheck.Server{Address: "127.0.0.1:1", ServerName: "shop.example", MinDays: 21}.Run,
		Interval: time.Hour,
	}
	fmt.Println(check.Run(context.Background()))
	// Output: no connection: dial tcp 127.0.0.1:1: connect: connection refused
}

func ExampleFile() {
	check := health.Check{
		Name:     "certificate",
		Run:      certcheck.File{Path: "/etc/ssl/none/shop.pem"}.Run,
		Interval: time.Hour,
	}
	fmt.Println(check.Run(context.Background()))
	// Output: open /etc/ssl/none/shop.pem: no such file or directory
}
