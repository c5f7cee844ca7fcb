package realserver

// Program returns the path of a program that a test needs as it is, such as a
// server's own test of its configuration. It looks in PATH, then where Debian
// keeps servers. Where the program is missing, the test is skipped and names the
// Debian package to install; with INSERVICE_REQUIRE_SERVERS=1 it fails.
func Program(t TB, program, debian string) string {
	t.Helper()
	return programs(t, program, debian, program)[0]
}
