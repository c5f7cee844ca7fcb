package rollout

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A ledger holds what has reached the apps, all of them together. A restart must
// not have a POST done twice.
type ledger struct {
	mu    sync.Mutex
	posts map[string]int // guarded by mu; how often each came
}

func newLedger() *ledger { return &ledger{posts: make(map[string]int)} }

func (l *ledger) note(method, id string) {
	if method != http.MethodPost {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts[id]++
}

func (l *ledger) repeated() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Loss
	for id, n := range l.posts {
		if n > 1 {
			found = append(found, Loss{At: time.Now(), Client: id, Method: http.MethodPost, Why: fmt.Sprintf("it reached the apps %d times", n)})
		}
	}
	return found
}

// effort is how long an answer takes: most a few milliseconds, some a lot longer.
func effort() time.Duration {
	if rand.IntN(50) == 0 {
		return 300 * time.Millisecond
	}
	return time.Duration(rand.IntN(5000)) * time.Microsecond
}

// answerTo is the body of the answer to a visit: large enough that it may break off.
func answerTo(id string, length int) string {
	return fmt.Sprintf("%s sent %d bytes\n%s", id, length, strings.Repeat("a", 8000))
}
