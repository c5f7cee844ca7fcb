package arch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// consumer is the module of the program that consume makes.
const consumer = "consumer.example/program"

// consume makes a module in dir that imports the given packages of the module
// at root and requires nothing else, and builds it without a network and
// without a go.sum. It returns the packages outside the standard library that
// ended up in the program. A package that needs a third-party module fails to
// build, as the consumer does not require it.
func consume(dir, root string, packages []string) ([]string, error) {
	module, err := directive(root, "module")
	if err != nil {
		return nil, err
	}
	version, err := directive(root, "go")
	if err != nil {
		return nil, err
	}
	mod := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %[3]s v0.0.0\n\nreplace %[3]s => %s\n",
		consumer, version, module, root)
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	for _, name := range packages {
		fmt.Fprintf(&program, "\t_ %q\n", module+"/"+name)
	}
	program.WriteString(")\n\nfunc main() {}\n")
	for name, content := range map[string]string{"go.mod": mod, "main.go": program.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := goCommand(dir, "build", "-o", os.DevNull, "."); err != nil {
		return nil, err
	}
	out, err := goCommand(dir, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	return strings.Fields(out), err
}

// goCommand runs the go command in dir and returns what it prints.
func goCommand(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "PWD="+dir)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, &problems)
	}
	return out.String(), nil
}
