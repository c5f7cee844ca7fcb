package clinic

import (
	"strconv"
	"syscall"
)

// hold binds a port on all addresses of both families without listening.
func hold(port string) (fd int, err error) {
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	if fd, err = syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if err = syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet6{Port: n})
	}
	if err != nil {
		syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

// lend lets servers that set SO_REUSEADDR, as all here do, listen on a port that
// is held: Linux shares a port among sockets that all allow it while none listens.
func lend(fd int) error {
	return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
}

// listenShort listens on a loopback port for IPv4 with a queue of one.
func listenShort(port string) (fd int, err error) {
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if err = lend(fd); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

func release(fd int) { syscall.Close(fd) }
