package forwarder

import (
	"io"
	"net"
	"os"
	"syscall"
)

// hold binds a socket to an address without listening, and returns the address with
// the port that it got. The port is then nobody else's, whether it is listened on or
// not: Linux lets one more socket be bound there and listen, if both have
// SO_REUSEADDR as those of net.Listen have, and refuses connections while that one
// is not there. See ip(7) and socket(7).
func hold(address string) (io.Closer, string, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, "", err
	}
	family, at := syscall.AF_INET, syscall.Sockaddr(nil)
	if v4 := tcp.IP.To4(); v4 != nil {
		at = &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	} else {
		family = syscall.AF_INET6
		v6 := &syscall.SockaddrInet6{Port: tcp.Port}
		copy(v6.Addr[:], tcp.IP) // of none it stays the wildcard
		if tcp.Zone != "" {
			link, err := net.InterfaceByName(tcp.Zone)
			if err != nil {
				return nil, "", err
			}
			v6.ZoneId = uint32(link.Index)
		}
		at = v6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", os.NewSyscallError("socket", err)
	}
	held := descriptor(fd)
	if err := held.bind(at); err != nil {
		held.Close()
		return nil, "", &net.OpError{Op: "listen", Net: "tcp", Addr: tcp, Err: err}
	}
	if tcp.Port, err = held.port(); err != nil {
		held.Close()
		return nil, "", err
	}
	return held, tcp.String(), nil
}

// descriptor is a socket that does nothing but be there.
type descriptor int

func (d descriptor) bind(at syscall.Sockaddr) error {
	if err := syscall.SetsockoptInt(int(d), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("bind", syscall.Bind(int(d), at))
}

func (d descriptor) port() (int, error) {
	at, err := syscall.Getsockname(int(d))
	switch at := at.(type) {
	case *syscall.SockaddrInet4:
		return at.Port, nil
	case *syscall.SockaddrInet6:
		return at.Port, nil
	}
	return 0, os.NewSyscallError("getsockname", err)
}

func (d descriptor) Close() error { return os.NewSyscallError("close", syscall.Close(int(d))) }
