package prove

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/junit"
	"github.com/inservice/inservice/internal/visible"
)

// The form of WriteJSON. Fields may be added, none is taken away. Times are in
// milliseconds; one that never came is null.
type (
	jsonReport struct {
		Verdict      string           `json:"verdict"` // proven, defect, not-proven
		Subject      string           `json:"subject"`
		Dependencies []jsonDependency `json:"dependencies"`
		Unprovable   []jsonUnprovable `json:"unprovable"`
		Defects      []jsonDefect     `json:"defects"` // that need no fault
		Notes        []string         `json:"notes"`
		TookMS       float64          `json:"took_ms"`
	}
	jsonDependency struct {
		Addresses   []string    `json:"addresses"`
		Checks      []string    `json:"checks"`
		Expect      Expect      `json:"expect"`
		BoundMS     float64     `json:"bound_ms"`
		HealBoundMS float64     `json:"heal_bound_ms"`
		NotProven   string      `json:"not_proven,omitempty"`
		Trials      []jsonTrial `json:"trials"`
	}
	jsonTrial struct {
		Fault     Fault          `json:"fault"`
		DelayMS   float64        `json:"delay_ms,omitempty"`
		Proven    bool           `json:"proven"`
		AfterMS   *float64       `json:"after_ms"`
		HealedMS  *float64       `json:"healed_ms"`
		Answer    string         `json:"answer"`
		Reasons   []string       `json:"reasons"`
		Reactions []jsonReaction `json:"reactions"`
		Slowness  []jsonSlowness `json:"slowness,omitempty"`
		Also      []string       `json:"also_broken,omitempty"`
		Defects   []jsonDefect   `json:"defects"`
	}
	jsonReaction struct {
		Check   string   `json:"check"`
		AfterMS *float64 `json:"after_ms"`
		BoundMS float64  `json:"bound_ms"`
		Reason  string   `json:"reason"`
	}
	jsonSlowness struct {
		Check    string   `json:"check"`
		PassesMS *float64 `json:"passes_ms"`
		FailsMS  *float64 `json:"fails_ms"`
	}
	jsonDefect struct {
		Kind  DefectKind `json:"kind"`
		Check string     `json:"check,omitempty"`
		Text  string     `json:"text"`
		Hint  string     `json:"hint,omitempty"`
	}
	jsonUnprovable struct {
		Check string `json:"check"`
		Kind  string `json:"kind"`
		Why   string `json:"why"`
	}
)

// Verdict is "proven", "defect" or "not-proven".
func (r Report) Verdict() string {
	switch _, _, defects := r.Count(); {
	case defects > 0:
		return "defect"
	case !r.Proven():
		return "not-proven"
	default:
		return "proven"
	}
}

// WriteJSON writes a report for programs: one object.
func WriteJSON(w io.Writer, r Report) error {
	view := jsonReport{
		Verdict: r.Verdict(), Subject: r.Subject, Dependencies: []jsonDependency{}, Unprovable: []jsonUnprovable{},
		Defects: jsonDefects(r.Defects), Notes: append([]string{}, r.Notes...), TookMS: millis(r.Took),
	}
	for _, u := range r.Unprovable {
		view.Unprovable = append(view.Unprovable, jsonUnprovable(u))
	}
	for _, d := range r.Dependencies {
		x := jsonDependency{
			Addresses: append([]string{}, d.Addresses...), Checks: append([]string{}, d.Checks...), Expect: d.Expect,
			BoundMS: millis(d.Bound), HealBoundMS: millis(d.HealBound), NotProven: d.Why, Trials: []jsonTrial{},
		}
		for _, t := range d.Trials {
			x.Trials = append(x.Trials, t.json())
		}
		view.Dependencies = append(view.Dependencies, x)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(view); err != nil {
		return err
	}
	_, err := w.Write(visible.JSON(b.Bytes()))
	return err
}

func (t Trial) json() jsonTrial {
	x := jsonTrial{
		Fault: t.Fault, DelayMS: millis(t.Delay), Proven: t.Proven(), AfterMS: maybe(t.After), HealedMS: maybe(t.Healed),
		Answer: t.Answer, Reasons: append([]string{}, t.Reasons...), Reactions: []jsonReaction{}, Also: t.Also, Defects: jsonDefects(t.Defects),
	}
	for _, r := range t.Reactions {
		x.Reactions = append(x.Reactions, jsonReaction{r.Check, maybe(r.After), millis(r.Bound), r.Reason})
	}
	for _, s := range t.Slowness {
		x.Slowness = append(x.Slowness, jsonSlowness{s.Check, maybe(s.Passes), maybe(s.Fails)})
	}
	return x
}

func jsonDefects(list []Defect) []jsonDefect {
	views := []jsonDefect{} // an empty list, not null
	for _, d := range list {
		views = append(views, jsonDefect(d))
	}
	return views
}

func millis(d time.Duration) float64 { return float64(d.Round(100*time.Microsecond)) / 1e6 }

func maybe(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	ms := millis(d)
	return &ms
}

// WriteJUnit writes a report for CI systems: a suite for each dependency, a case
// for each fault. What can't be proven by a forwarder is skipped there; what could
// not be proven now has failed.
func WriteJUnit(w io.Writer, r Report) error {
	all := junit.Suites{Name: "inservice prove " + r.Subject}
	for _, d := range r.Dependencies {
		s := all.Suite(plain(d.Name()))
		for _, t := range d.Trials {
			s.Add(junit.Case{
				Class: s.Name, Name: string(t.Fault), Failure: failure(t.Defects), Output: plain(told(sight{answer: t.Answer, reasons: t.Reasons})),
			}, t.After+t.Healed)
		}
		if d.Why != "" {
			s.Add(junit.Case{Class: s.Name, Name: "green before anything is broken", Failure: &junit.Message{Message: plain(d.Why), Type: "not-proven"}}, 0)
		}
	}
	if len(r.Defects)+len(r.Unprovable) > 0 {
		s := all.Suite("without a fault")
		for _, d := range r.Defects {
			s.Add(junit.Case{Class: s.Name, Name: plain(d.Check + " " + string(d.Kind)), Failure: failure([]Defect{d})}, 0)
		}
		for _, u := range r.Unprovable {
			s.Add(junit.Case{Class: s.Name, Name: plain(u.Check), Skipped: &junit.Message{Message: plain("not provable by a forwarder: " + u.Why)}}, 0)
		}
	}
	return all.Write(w)
}

// failure is the defects of a case; nil without any.
func failure(defects []Defect) *junit.Message {
	if len(defects) == 0 {
		return nil
	}
	var lines []string
	for _, d := range defects {
		line := strings.TrimSpace(d.Check + " " + d.Text)
		if d.Hint != "" {
			line += "; hint: " + d.Hint
		}
		lines = append(lines, plain(line))
	}
	return &junit.Message{Message: lines[0], Type: string(defects[0].Kind), Text: strings.Join(lines, "\n")}
}
