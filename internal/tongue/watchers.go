package tongue

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// A Watcher is an address that calls Watch of a [GRPC].
type Watcher struct {
	Peer    netip.Addr // the zero Addr if it has none
	Streams int        // how many of its calls go on, at least one
	Serving int        // of these, those whose last word is SERVING
}

// watchers are those whose streams are open. The zero value is ready, and may be
// used from any goroutine.
type watchers struct {
	mu   sync.Mutex
	here map[netip.Addr]Watcher // guarded by mu; none without a stream
}

// note adds to what is known of one: streams is 1 for a stream that begins and -1
// for one that ends, and serving likewise for a last word that is SERVING.
func (w *watchers) note(peer netip.Addr, streams, serving int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.here[peer]
	one.Peer = peer
	one.Streams += streams
	one.Serving += serving
	if one.Streams == 0 {
		delete(w.here, peer)
		return
	}
	if w.here == nil {
		w.here = make(map[netip.Addr]Watcher)
	}
	w.here[peer] = one
}

// list returns all, sorted by address.
func (w *watchers) list() []Watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Watcher, 0, len(w.here))
	for _, one := range w.here {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Watcher) int { return a.Peer.Compare(b.Peer) })
	return list
}

// peerOf is an address without its port; not valid if there is none.
func peerOf(address net.Addr) netip.Addr {
	if address == nil {
		return netip.Addr{}
	}
	peer, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}
