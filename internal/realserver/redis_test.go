package realserver

import (
	"net"
	"net/url"
	"testing"
)

// TestPasswordOfRedis is TestPassword for a server without database/sql, and
// for the user that a client is who names none.
func TestPasswordOfRedis(t *testing.T) {
	s := clients["redis"].start(t)
	for name, c := range map[string]struct{ command, want string }{
		"none":         {"PING", "-NOAUTH Authentication required."},
		"wrong":        {"AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled."},
		"wrong user":   {"AUTH inservice wrong", "-WRONGPASS invalid username-password pair or user is disabled."},
		"default user": {"AUTH " + redisPassword(t, s), "+OK"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := redisAsk(conn, c.command, c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func redisPassword(t *testing.T, s *Server) string {
	t.Helper()
	u, err := url.Parse(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return password
}
