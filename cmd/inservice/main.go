// Command inservice answers health checks truthfully, on both sides of the load
// balancer. Run it with --help for its sub-commands.
package main

import (
	"os"

	"github.com/inservice/inservice/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr))
}
