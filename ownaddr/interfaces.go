package ownaddr

import "context"

// planInterfaces reads the machine's own interfaces, always.
func planInterfaces(l *look, _ bool) task {
	return task{why: "always", ask: func(context.Context) finding {
		nics, err := l.around.interfaces()
		f := finding{err: err}
		for _, n := range nics {
			for _, addr := range n.addrs {
				addr = plain(addr)
				a := Address{Addr: addr, Kind: kindOf(addr), Name: n.name}
				if a.Kind == Loopback || a.Kind == LinkLocal {
					f.leftOut = append(f.leftOut, a)
				} else {
					f.addresses = append(f.addresses, a)
				}
			}
		}
		return f
	}}
}
