package matcher_test

import (
	"fmt"

	"github.com/inservice/inservice/internal/matcher"
)

func ExampleParse() {
	set, err := matcher.Parse("301, 200-299")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(set, set.Match(204), set.Match(404))
	// Output: 200-299,301 true false
}
