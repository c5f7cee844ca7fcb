package doorman

import (
	"hash/maphash"
	"sync/atomic"
)

// A known head is a bare question that was asked before. It does not change.
type known struct {
	question Question // without Peer
	keeps    bool     // the client wants to keep its connection
}

// A memory holds a few heads by their bytes. Load balancers ask with the same
// bytes each time, so a question is parsed once and its strings are made once.
// Heads that share a slot displace each other, which costs time only. It is safe
// for concurrent use.
type memory struct {
	seed  maphash.Seed
	slots [64]atomic.Pointer[known]
}

func newMemory() *memory { return &memory{seed: maphash.MakeSeed()} }

func (m *memory) slot(text []byte) *atomic.Pointer[known] {
	return &m.slots[maphash.Bytes(m.seed, text)%uint64(len(m.slots))]
}

// recall returns nil if it does not know the head.
func (m *memory) recall(text []byte) *known {
	if k := m.slot(text).Load(); k != nil && string(k.question.Head) == string(text) {
		return k
	}
	return nil
}

// learn returns the head that begins b.
func (m *memory) learn(h *head, b []byte) *known {
	text := b[:h.size]
	if k := m.recall(text); k != nil {
		return k
	}
	k := &known{
		question: Question{
			Method:    h.line.method,
			Proto:     h.line.proto,
			Host:      string(h.host),
			HasHost:   h.hasHost,
			UserAgent: string(h.userAgent),
			Head:      append([]byte(nil), text...),
		},
		keeps: h.keeps(),
	}
	m.slot(text).Store(k)
	return k
}
