package front

import (
	"syscall"
	"unsafe"
)

// The 13th byte of a TCP header holds its flags.
const (
	flagsByte = 13
	synFlag   = 0x02
	ackFlag   = 0x10
)

// notSYN is a program for the kernel, see socket(7), SO_ATTACH_FILTER: it drops
// what asks for a new connection and passes everything else. On a TCP socket it
// sees a packet from its TCP header on.
var notSYN = [...]syscall.SockFilter{
	{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: flagsByte},
	{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: synFlag | ackFlag},
	{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: synFlag, Jt: 1, Jf: 0},
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 0xffffffff}, // all of it
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},          // nothing of it
}

// lock keeps newcomers out of a listener's queue, while those whose handshake has
// begun still get in. A newcomer's kernel hears nothing and asks again a second
// later, when the listener is closed and it is refused: that costs it a second, but
// no request, for it has not sent any.
//
// It fails for what is not a TCP listener of this process's own.
func lock(l any) error {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return syscall.ENOTSOCK
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	program := syscall.SockFprog{Len: uint16(len(notSYN)), Filter: &notSYN[0]}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, syscall.SO_ATTACH_FILTER,
			uintptr(unsafe.Pointer(&program)), unsafe.Sizeof(program), 0)
	})
	if err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}
