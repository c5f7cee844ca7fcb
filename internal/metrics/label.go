package metrics

import (
	"strconv"
	"sync"
	"unicode/utf8"
)

// Values of labels that stand for more than one thing.
const (
	other        = "other"        // what there is no room for
	unrecognised = "unrecognised" // an asker that is no balancer we know
)

// mostBalancers bounds the values of the label "balancer". The balancers that we
// recognise are about half as many.
const mostBalancers = 64

// balancers gives names of balancers as values of a label. The first that come
// get their own. It may be used from any goroutine.
type balancers struct {
	mu   sync.Mutex
	seen map[string]struct{} // guarded by mu
}

func (b *balancers) label(name string) string {
	if name == "" {
		return unrecognised
	}
	if !utf8.ValidString(name) {
		return other
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.seen[name]; ok {
		return name
	}
	if len(b.seen) == mostBalancers {
		return other
	}
	if b.seen == nil {
		b.seen = make(map[string]struct{}, mostBalancers)
	}
	b.seen[name] = struct{}{}
	return name
}

// checkLabel is a check's name as the value of a label, which has to be UTF-8:
// one that is not would cost the whole scrape.
func checkLabel(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.QuoteToASCII(name)
}
