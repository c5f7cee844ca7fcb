// Package clinic is a collection of real servers that are ill in known ways, and
// of healthy ones: each with the question of a load balancer, the verdict that it
// would give, and the true cause. Diagnosis is judged by it, so what a case
// claims is itself shown by asking the server, without the code that is judged
// (Case.Trials).
//
// Servers are started by package realserver on loopback ports of their own and
// end with the test. One program serves many cases where it can: each case has
// ports of its own there. A case is ill in the same way whoever asks first,
// unless it says that it is Fresh.
//
// For tests only. Nothing here is copied from elsewhere: a case is a
// configuration that people write, as short as it can be.
package clinic

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Site is the public name of every site in the clinic.
const Site = "shop.example"

// LoadBalancer is the address that stands for the target's private one in the
// Host that a load balancer sends; the target's port follows it.
const LoadBalancer = "10.20.30.40"

// Case is one server, the question that it is asked, and the truth about it.
type Case struct {
	Name   string // unique, begins with the server's
	Server string // the house that it lives in: "nginx", "django", …

	// Config is what the case adds to the configuration of its server, and Mended
	// the same without the fault; empty if it can't be mended there, or need not. What
	// the names in braces stand for is told at admit.
	Config, Mended string

	// The question. Zero values are the dialect's, As is alb, the path / and the
	// time-out 5 s.
	As      string
	Scheme  string // "" is http
	Method  string
	Path    string
	Matcher string
	Timeout time.Duration
	IP      string // asked there, in place of where the server listens
	Host    string // sent, in place of LoadBalancer and port

	// Want is the truth: the verdict, then the causes. "fail a", "fail a + b" (both
	// at once), "fail a / b" (either is right), "pass" (healthy), "pass a" (a
	// green that isn't true).
	Want string

	// Trials show that the truth is the truth: "change => answer", see trial.
	// The first has no change: the load balancer's own question.
	Trials []string
	// Cure is the trial that the mended server must pass, or just its answer; empty
	// is 200. With Cure and no Mended, the end to mend is the load balancer's, and the
	// trial has the change.
	Cure string

	// Prime are trials made before anything else, whatever comes of them.
	Prime []string
	// Hold are changes of requests that are begun before anything else and stay
	// open as long as the case is looked at.
	Hold []string
	// Fresh says that asking changes the server's answers for good, so whoever
	// looks at it gets a server of his own.
	Fresh bool
}

// Truth is Want in parts.
type Truth struct {
	Verdict string
	Causes  []string // ids of package cause: red causes, or warnings where the verdict is pass
	Either  bool     // one of the Causes is enough
}

// Truth returns what is true of the case.
func (c Case) Truth() Truth {
	verdict, rest, _ := strings.Cut(c.Want, " ")
	truth := Truth{Verdict: verdict, Either: strings.Contains(rest, "/")}
	truth.Causes = strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" +/", r) })
	return truth
}

// cure returns the trial that shows the case mended; false if it has none.
func (c Case) cure() (string, bool) {
	switch {
	case c.Mended == "" && c.Cure == "":
		return "", false
	case c.Cure == "":
		return "=> 200", true
	case !strings.Contains(c.Cure, "=>"):
		return "=> " + c.Cure, true
	}
	return c.Cure, true
}

// check reports what is wrong with the case as it is written down.
func (c Case) check() error {
	truth := c.Truth()
	switch {
	case c.Name == "" || houses[c.Server] == nil || len(c.Trials) == 0:
		return fmt.Errorf("case %q: no name, house %q or no trials", c.Name, c.Server)
	case !slices.Contains([]string{"pass", "fail", "flap", "unknown"}, truth.Verdict):
		return fmt.Errorf("case %s: verdict %q", c.Name, truth.Verdict)
	case truth.Verdict != "pass" && len(truth.Causes) == 0:
		return fmt.Errorf("case %s: no cause", c.Name)
	case !strings.HasPrefix(c.Trials[0], "=> "):
		return fmt.Errorf("case %s: the first trial must be the load balancer's own question, not %q", c.Name, c.Trials[0])
	case truth.Verdict == "fail" && strings.HasPrefix(c.Trials[0], "=> 200"), truth.Verdict == "pass" && !strings.HasPrefix(c.Trials[0], "=> 20"):
		return fmt.Errorf("case %s: the verdict %s does not go with %q", c.Name, truth.Verdict, c.Trials[0])
	}
	trials := slices.Concat(c.Trials, c.Prime)
	if cure, ok := c.cure(); ok {
		trials = append(trials, cure)
	}
	for _, trial := range trials {
		if _, err := parseTrial(trial); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
	}
	return nil
}

// Cases returns all cases, by house.
func Cases() []Case {
	return slices.Concat(
		nginxCases, apacheCases, haproxyCases, lighttpdCases, caddyCases, varnishCases, tlsCases,
		djangoCases, flaskCases, fastapiCases, railsCases, sinatraCases, nodeCases, phpCases, tomcatCases,
		plainCases, portCases, firewallCases,
	)
}
