package rollout

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
)

// lastSaid is the status that a balancer's log last told of a target; empty if it
// told of none.
func lastSaid(log, target string) string {
	file, err := os.Open(log)
	if err != nil {
		return ""
	}
	defer file.Close()
	status := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Target, Now string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Target == target && line.Now != "" {
			status = line.Now
		}
	}
	return status
}

// listens reports whether somebody does.
func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
