package lbconfig

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// alike are the dialects that ask as commands in containers do that speak no HTTP,
// by scheme.
var alike = map[string]string{"tcp": "kubelet-tcp", "grpc": "kubelet-grpc", "grpcs": "consul"}

// askContainer takes over a health check that is a command in a container.
func (c *Check) askContainer(words []string, what string) (host string) {
	c.Dialect = "docker"
	host, ok := c.ask(words)
	if !ok {
		c.Scheme = ""
		c.Why = "it is a command that asks nothing over the network, or nothing that is understood: " + printable(strings.ReplaceAll(strings.Join(words, " "), "\x00", ""))
		return ""
	}
	if like, ok := alike[c.Scheme]; ok {
		c.Dialect = like
		c.note("a command in the container asks; here %s does, which asks the same", like)
	}
	if strings.Contains(c.Path, "$") || strings.Contains(host, "$") {
		c.note("%s holds a variable that is only known in the container", what)
	}
	return host
}

// dockerTime reads a duration of Docker's: 1m30s, with units from ns to h.
func (p *problem) dockerTime(line int, what, text string) time.Duration {
	if text == "" || text == "0" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		p.at(line, "%s is %q: want a duration such as 30s or 1m30s", what, text)
		return 0
	}
	return d
}

// instruction is one of a Dockerfile's, its continued lines joined.
type instruction struct {
	line       int
	name, rest string
}

// dockerInstructions splits a Dockerfile (its reference, "Format" and "Parser
// directives"; here-documents are passed over).
func dockerInstructions(data []byte) (all []instruction) {
	escape := `\`
	number, directives := 0, true
	var now instruction
	until := ""
	for line := range strings.Lines(string(data)) {
		number++
		text := strings.TrimSpace(line)
		if until != "" {
			if strings.TrimLeft(text, "\t") == until {
				until = ""
			}
			continue
		}
		if strings.HasPrefix(text, "#") {
			name, value, ok := strings.Cut(strings.TrimSpace(text[1:]), "=")
			if directives && ok && strings.EqualFold(strings.TrimSpace(name), "escape") && strings.TrimSpace(value) == "`" {
				escape = "`"
			}
			continue
		}
		directives = false
		if text == "" {
			continue
		}
		if now.name == "" {
			name, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
			now = instruction{line: number, name: strings.ToUpper(name), rest: strings.TrimSpace(rest)}
		} else {
			now.rest += " " + text
		}
		if joined, more := strings.CutSuffix(now.rest, escape); more {
			now.rest = strings.TrimSpace(joined)
			continue
		}
		if now.name == "RUN" || now.name == "COPY" || now.name == "ADD" {
			if _, after, ok := strings.Cut(now.rest, "<<"); ok {
				until = strings.Trim(strings.TrimPrefix(strings.SplitN(after, " ", 2)[0], "-"), `"'`)
			}
		}
		all = append(all, now)
		now = instruction{}
	}
	if now.name != "" {
		all = append(all, now)
	}
	return all
}

// stageOf is one stage of a Dockerfile's build.
type stageOf struct {
	name  string
	env   map[string]string
	check *instruction
}

func parseDockerfile(file string, data []byte) ([]Check, error) {
	p := &problem{file: file}
	var stages []stageOf
	args := make(map[string]string)
	for _, in := range dockerInstructions(data) {
		words := strings.Fields(in.rest)
		switch in.name {
		case "FROM":
			s := stageOf{name: strconv.Itoa(len(stages)), env: make(map[string]string)}
			if n := len(words); n >= 3 && strings.EqualFold(words[n-2], "as") {
				s.name = words[n-1]
			}
			for _, before := range stages {
				if len(words) > 0 && strings.EqualFold(words[0], before.name) { // goes on where that one ended
					s.check = before.check
					for k, v := range before.env {
						s.env[k] = v
					}
				}
			}
			stages = append(stages, s)
		case "ARG", "ENV":
			into := args
			if len(stages) > 0 {
				into = stages[len(stages)-1].env
			}
			dockerEnv(into, in)
		case "HEALTHCHECK":
			if len(stages) == 0 {
				p.at(in.line, "HEALTHCHECK stands before FROM")
				continue
			}
			stages[len(stages)-1].check = &in
		}
	}
	var checks []Check
	for i, s := range stages {
		if s.check == nil {
			continue
		}
		last := i == len(stages)-1
		if !last && len(stages) > 1 && stages[len(stages)-1].check == s.check {
			continue // inherited by the last, and told there
		}
		if c, ok := p.healthcheck(*s.check, s); ok {
			if len(stages) == 1 && s.name == "0" {
				c.Name = "HEALTHCHECK" // what has no name is called so
			}
			if !last {
				c.note("stage %s is not the last: its check only counts for an image built with --target %s", s.name, s.name)
			}
			checks = append(checks, c)
		}
	}
	return checks, p.err
}

// dockerEnv reads ENV NAME=value … and ENV NAME value.
func dockerEnv(into map[string]string, in instruction) {
	expand := func(name string) (string, bool) { v, ok := into[name]; return v, ok }
	words := shellWords(in.rest, expand)
	if len(words) > 1 && !strings.Contains(words[0], "=") && in.name == "ENV" {
		into[words[0]] = strings.Join(words[1:], " ")
		return
	}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			into[name] = value
		}
	}
}

func (p *problem) healthcheck(in instruction, s stageOf) (Check, bool) {
	c := Check{Name: s.name, Where: fmt.Sprintf("%s:%d", p.file, in.line), Interval: 30 * time.Second, Timeout: 30 * time.Second}
	rest := in.rest
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		rest = strings.TrimSpace(after)
		name, value, _ := strings.Cut(flag, "=")
		switch name {
		case "--interval":
			c.Interval = p.dockerTime(in.line, name, value)
		case "--timeout":
			c.Timeout = p.dockerTime(in.line, name, value)
		case "--retries":
			c.Unhealthy = p.number(&node{line: in.line, kind: isNumber, text: value}, name, 0, 1<<20)
		case "--start-period", "--start-interval":
			p.dockerTime(in.line, name, value)
		default:
			p.at(in.line, "HEALTHCHECK %s: want --interval, --timeout, --start-period, --start-interval or --retries", name)
		}
	}
	word, command, _ := strings.Cut(rest, " ")
	switch strings.ToUpper(word) {
	case "NONE":
		return Check{}, false
	case "CMD":
	default:
		p.at(in.line, "HEALTHCHECK %q: want NONE, or CMD and a command", word)
		return Check{}, false
	}
	command = strings.TrimSpace(command)
	var words []string
	if err := json.Unmarshal([]byte(command), &words); err != nil || !strings.HasPrefix(command, "[") {
		words = shellWords(command, func(name string) (string, bool) { v, ok := s.env[name]; return v, ok })
	}
	if host := c.askContainer(words, "HEALTHCHECK"); c.Scheme != "" {
		if inside(host) {
			c.Why = fmt.Sprintf("a Dockerfile can't say where port %d of its container is reached from outside", c.Port)
		} else {
			c.aim(host, c.Port)
			c.note("it asks %s, another machine than the container", host)
		}
	}
	return c, true
}
