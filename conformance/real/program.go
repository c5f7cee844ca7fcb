package real

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/inservice/inservice/internal/realserver"
)

var (
	kubelet = Prober{
		Name: "kubelet", Title: "Kubernetes' kubelet",
		kinds:  map[string]string{"http": "kubelet", "tcp": "kubelet-tcp", "grpc": "kubelet-grpc"},
		secure: []string{"http"},
		host:   true, trusts: true,
		// Who builds them writes the version in while it links.
		ask: program("kubelet", "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=31"),
	}
	traefik = Prober{
		Name: "traefik", Title: "Traefik",
		kinds:   map[string]string{"http": "traefik", "grpc": "traefik"},
		secure:  []string{"http"},
		methods: []string{"", "GET", "HEAD", "OPTIONS"},
		host:    true, named: true,
		ask: program("traefik", ""),
	}
	consul = Prober{
		Name: "consul", Title: "Consul",
		kinds:   map[string]string{"http": "consul", "tcp": "consul", "grpc": "consul"},
		secure:  []string{"http", "tcp"},
		methods: []string{"", "GET", "HEAD", "OPTIONS"},
		host:    true, named: true,
		ask: program("consul", ""),
	}
	blackbox = Prober{
		Name: "blackbox", Title: "blackbox_exporter",
		kinds:   map[string]string{"http": "blackbox", "tcp": "blackbox", "grpc": "blackbox"},
		secure:  []string{"http", "tcp"},
		methods: []string{"", "GET", "HEAD", "OPTIONS"},
		host:    true, named: true,
		ask: program("blackbox", "-X github.com/prometheus/common/version.Version=0.28.0"),
	}
)

// program returns the ask of a prober whose code is in a folder of probers. The
// program is built once, into a folder that git ignores, so that another run
// need not link it again.
func program(name, ldflags string) func(realserver.TB, []Question) []Answer {
	built := sync.OnceValues(func() (string, error) { return build(name, ldflags) })
	return func(t realserver.TB, questions []Question) []Answer {
		t.Helper()
		path, err := built()
		if err != nil {
			if os.Getenv(realserver.RequireVariable) == "1" {
				t.Fatalf("needs a real server: %s: %v", name, err)
			}
			t.Skipf("needs a real server: %s: %v", name, err)
		}
		answers, err := converse(path, questions)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return answers
	}
}

func build(name, ldflags string) (path string, err error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	module := filepath.Dir(strings.TrimSpace(string(mod)))
	path = filepath.Join(module, "bin", name)
	cmd := exec.Command("go", "build", "-o", path, "-ldflags", ldflags, ".")
	cmd.Dir = filepath.Join(module, "probers", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building it: %w\n%s", err, out)
	}
	return path, nil
}

// converse puts questions to a program of probers, one after the other.
func converse(path string, questions []Question) ([]Answer, error) {
	cmd := exec.Command(path)
	// No proxy of the environment may come between.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answers := make([]Answer, len(questions))
	write, read := json.NewEncoder(in), json.NewDecoder(out)
	for i, q := range questions {
		if err = write.Encode(q); err == nil {
			err = read.Decode(&answers[i])
		}
		if err != nil {
			break
		}
	}
	in.Close()
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	return answers, err
}
