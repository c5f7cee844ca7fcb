package real

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

// curl stands for Docker, which runs the command of an image's HEALTHCHECK:
// curl -f URL in Docker's own example.
var curl = Prober{
	Name: "docker", Title: "Docker (curl -f)",
	kinds:   map[string]string{"http": "docker"},
	secure:  []string{"http"},
	methods: []string{"", "HEAD"},
	host:    true,
	ask: func(t realserver.TB, questions []Question) []Answer {
		answers := make([]Answer, len(questions))
		for i, q := range questions {
			answers[i] = askCurl(q)
		}
		return answers
	},
}

func askCurl(q Question) Answer {
	scheme, args := "http://", []string{"-q", "-f", "-s", "-S", "-o", "/dev/null", "--noproxy", "*", "--max-time", strconv.FormatFloat(q.Timeout.Seconds(), 'f', 3, 64)}
	if q.TLS {
		scheme = "https://"
		if !q.Verify {
			args = append(args, "-k")
		}
	}
	if q.Method == "HEAD" {
		args = append(args, "-I")
	}
	if q.Host != "" {
		args = append(args, "-H", "Host: "+q.Host)
	}
	out, err := exec.Command("curl", append(args, scheme+q.Address+q.Path)...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return Answer{Problem: err.Error()}
	} else if ok {
		return verdict(false, "exit status "+strconv.Itoa(exit.ExitCode())+", "+strings.TrimSpace(string(out)))
	}
	return verdict(true, "exit status 0")
}
