package realserver

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// abandon is the environment variable that names the server which
// TestAbandon starts and leaves.
const abandon = "INSERVICE_TEST_ABANDON"

// TestGuard kills a test binary that has frozen a server, and looks for what
// is left of it.
func TestGuard(t *testing.T) {
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.start(t) // skips where there is no such server
			cmd := exec.Command(os.Args[0], "-test.run=^TestAbandon$", "-test.v")
			cmd.Env = append(os.Environ(), abandon+"="+name)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			var dir string
			var tree []int
			var read strings.Builder
			for lines := bufio.NewScanner(out); len(tree) == 0 && lines.Scan(); {
				fmt.Fprintln(&read, lines.Text())
				if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "abandoned" {
					dir = fields[1]
					for _, field := range fields[2:] {
						var pid int
						if _, err := fmt.Sscan(field, &pid); err != nil {
							t.Fatal(err)
						}
						tree = append(tree, pid)
					}
				}
			}
			if len(tree) == 0 {
				t.Fatalf("the other test has started no server:\n%s", &read)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the guard has cleaned up", func() error {
				for _, pid := range tree {
					if alive(pid) {
						return fmt.Errorf("process %d of %v is left", pid, tree)
					}
				}
				if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("directory %s is left: %v", dir, err)
				}
				return nil
			})
		})
	}
}

// TestAbandon is the other side of TestGuard: it freezes a server, says so and
// waits to be killed.
func TestAbandon(t *testing.T) {
	name := os.Getenv(abandon)
	if name == "" {
		return // not started by TestGuard
	}
	s := clients[name].start(t)
	s.Freeze()
	tree, err := s.proc.freeze()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("abandoned", s.dir, strings.Trim(fmt.Sprint(tree), "[]"))
	<-t.Context().Done() // the test's time is up, or this process is dead
}
