package tongue

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// notifyTimeout bounds the sending of a message: systemd's queue may be full.
const notifyTimeout = time.Second

// notifySocket is where systemd listens: a path, or with @ in front a name in the
// abstract namespace. Empty is nowhere.
type notifySocket string

func notifySocketOf(getenv func(string) (string, bool)) (notifySocket, error) {
	name, _ := getenv("NOTIFY_SOCKET")
	if name == "" || len(name) > 1 && (name[0] == '/' || name[0] == '@') {
		return notifySocket(name), nil
	}
	return "", fmt.Errorf("NOTIFY_SOCKET is %q: only a path and @name are supported", name)
}

// send sends assignments in one datagram. The socket is opened each time, so that
// a systemd that was started anew is found.
func (s notifySocket) send(lines ...string) error {
	// net takes a name that begins with @ for one in the abstract namespace.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Net: "unixgram", Name: string(s)})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	return err
}
