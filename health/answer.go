package health

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is a bare answer, ready to be written.
type answer struct {
	code   int
	word   string
	body   []byte
	length []string // the Content-Length field
}

func newAnswer(code int, word string) answer {
	return answer{code: code, word: word, body: []byte(word), length: []string{strconv.Itoa(len(word))}}
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	header["Content-Type"] = plain
	header["Content-Length"] = a.length
	header["Cache-Control"] = noStore
	w.WriteHeader(a.code)
	w.Write(a.body) // net/http drops it for HEAD; a client that has gone needs no answer
}

// document is an answer in health+json, as in draft-inadarei-api-health-check-06
// section 3. That draft knows pass, warn and fail only, so what is unknown is
// told as fail, with the reason in output.
type document struct {
	Status      string                 `json:"status"`
	Version     string                 `json:"version,omitempty"`
	ReleaseID   string                 `json:"releaseId,omitempty"`
	ServiceID   string                 `json:"serviceId,omitempty"`
	Description string                 `json:"description,omitempty"`
	Notes       []string               `json:"notes,omitempty"`
	Output      string                 `json:"output,omitempty"`
	Checks      map[string][]component `json:"checks,omitempty"`
}

// component is one check's result, as in section 4 of the draft.
type component struct {
	ComponentType string   `json:"componentType,omitempty"`
	ObservedValue *float64 `json:"observedValue,omitempty"` // absent before the first run
	ObservedUnit  string   `json:"observedUnit,omitempty"`
	Status        string   `json:"status"`
	Time          string   `json:"time,omitempty"`
	Output        string   `json:"output,omitempty"`
}

func newDocument(s Snapshot, about Service) document {
	d := document{
		Status: draftStatus(s.Status), Version: about.Version, ReleaseID: about.ReleaseID,
		ServiceID: about.ID, Description: about.Description,
		Checks: make(map[string][]component, len(s.Results)),
	}
	var outputs []string
	if s.Draining {
		d.Notes = append(d.Notes, "draining: this server is going away")
	}
	if s.Starting {
		d.Notes = append(d.Notes, "starting: this server has not been in service yet, and its start-up grace goes on")
	}
	for i, r := range s.Results {
		weight := weigh(s.Results, i, s.Time)
		c := newComponent(r, weight)
		if weight != Pass {
			outputs = append(outputs, r.Check+": "+c.Output)
		}
		if r.Scope == Shared {
			d.Notes = append(d.Notes, r.Check+" is shared by all servers: its failure does not take this one out of service")
		}
		if r.WarnOnly {
			d.Notes = append(d.Notes, r.Check+" is not critical: its failure does not take this server out of service")
		}
		if r.Status == Fail && follows(s.Results, &r, s.Time) {
			d.Notes = append(d.Notes, r.Check+" may follow from what all servers share: its failure does not take this one out of service for now")
		}
		d.Checks[r.Check+":responseTime"] = []component{c}
	}
	d.Output = strings.Join(outputs, "\n")
	return d
}

// newComponent tells the output of a check that passes too, against the draft's
// "should": a failure that is not decided yet is best known early.
func newComponent(r Result, weight Status) component {
	c := component{ComponentType: r.ComponentType, Status: draftStatus(weight)}
	if !r.Time.IsZero() {
		milliseconds := float64(r.Duration.Microseconds()) / 1000
		c.ObservedValue, c.ObservedUnit = &milliseconds, "ms"
		c.Time = r.Time.UTC().Format(time.RFC3339Nano)
	}
	if r.Err != nil {
		c.Output = r.Err.Error()
	}
	return c
}

func draftStatus(s Status) string {
	if s == Unknown {
		return "fail"
	}
	return s.String()
}

// writeDetails answers with everything that s knows.
func writeDetails(w http.ResponseWriter, s Snapshot, about Service) {
	body, err := json.MarshalIndent(newDocument(s, about), "", "  ")
	if err != nil { // strings and numbers only, so this needs a mistake here
		http.Error(w, "health: the answer can't be written as JSON", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/health+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header["Cache-Control"] = noStore
	w.WriteHeader(s.answer().code)
	w.Write(body)
}
