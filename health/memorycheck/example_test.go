package memorycheck_test

import (
	"fmt"
	"time"

	"github.com/inservice/inservice/health"
	"github.com/inservice/inservice/health/memorycheck"
)

func ExampleBounds() {
	check := health.Check{
		Name:          "memory",
		Run:           memorycheck.Bounds{MaxUsed: 90}.Run,
		Interval:      10 * time.Second,
		ComponentType: "system",
	}
	fmt.Println(check.Name)
	// Output: memory
}
