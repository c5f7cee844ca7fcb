package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/inservice/inservice/internal/control"
)

// ErrNotRunning is the error of a [Client] that finds no agent.
var ErrNotRunning = errors.New("no agent is running")

// State is what an agent tells about itself on its control socket.
type State struct {
	Address  string `json:"address"` // of the health check
	Status   string `json:"status"`  // the verdict
	Draining bool   `json:"draining"`

	// While draining: for how long, whether the process could be ended now without
	// anybody noticing, and why, or why not.
	DrainedFor time.Duration `json:"drained_for,omitempty"` // nanoseconds
	Drained    bool          `json:"drained,omitempty"`
	Why        string        `json:"why,omitempty"`

	Checks []CheckState `json:"checks"`
	Askers []Asker      `json:"askers"`
}

// CheckState is what an agent tells of one check.
type CheckState struct {
	Name   string        `json:"name"`
	Status string        `json:"status"`
	Age    time.Duration `json:"age"`             // of the result, in nanoseconds; zero before the first
	Error  string        `json:"error,omitempty"` // what the last run said
}

// Asker is somebody who asks for the agent's health.
type Asker struct {
	Name  string        `json:"name"`  // what it is, if recognised, and its address
	Last  time.Duration `json:"last"`  // since its last question, in nanoseconds
	Every time.Duration `json:"every"` // between its questions; zero after the first
	Red   int           `json:"red"`   // red answers in a row
	Needs int           `json:"needs"`
	Knows bool          `json:"knows"` // it has fetched as many red answers as it needs
}

// state is that of this moment.
func (a *Agent) state() State {
	now := time.Now()
	snapshot := a.registry.Snapshot()
	s := State{Address: a.Addr().String(), Status: snapshot.Status.String(), Checks: []CheckState{}, Askers: []Asker{}}
	if snapshot.Starting {
		s.Status = "starting"
	}
	for _, r := range snapshot.Results {
		c := CheckState{Name: r.Check, Status: r.Status.String()}
		if !r.Time.IsZero() {
			c.Age = now.Sub(r.Time)
		}
		if r.Err != nil {
			c.Error = r.Err.Error()
		}
		s.Checks = append(s.Checks, c)
	}
	for _, k := range a.audience(now) {
		s.Askers = append(s.Askers, Asker{
			Name: nameOf(k.Key), Last: now.Sub(k.Last), Every: k.Interval, Red: k.Red, Needs: k.Needs, Knows: k.Knows,
		})
	}
	if !a.drainedSince().IsZero() {
		c := a.circumstances(now)
		s.Draining, s.DrainedFor = true, c.Drained
		c.Limit = math.MaxInt64 // told to drain, it waits for as long as it takes
		s.Drained, s.Why = c.mayClose()
	}
	return s
}

// controlHandler takes commands: POST /drain and /undrain, GET /state. Each
// answers with the state.
func (a *Agent) controlHandler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func()) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && a.leaving() {
				http.Error(w, "it was told to end, so it stays red and then is gone", http.StatusConflict)
				return
			}
			do()
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(a.state())
		})
	}
	handle("GET /state", func() {})
	handle("POST /drain", func() {
		a.Log.Info("told to drain: the answer is red until told to undrain")
		a.Drain()
	})
	handle("POST /undrain", func() {
		a.Log.Info("told to undrain: the answer is that of the checks again")
		a.Undrain()
	})
	return mux
}

// Client talks to an agent in another process.
type Client struct {
	Control string // the agent's control socket
}

// Drain turns the agent's answer red and returns what it then says.
func (c Client) Drain(ctx context.Context) (State, error) {
	return c.ask(ctx, http.MethodPost, "/drain")
}

// Undrain takes Drain back.
func (c Client) Undrain(ctx context.Context) (State, error) {
	return c.ask(ctx, http.MethodPost, "/undrain")
}

// State asks how the agent is.
func (c Client) State(ctx context.Context) (State, error) {
	return c.ask(ctx, http.MethodGet, "/state")
}

func (c Client) ask(ctx context.Context, method, target string) (State, error) {
	answer, err := control.Ask(ctx, c.Control, method, target)
	if errors.Is(err, control.ErrNobody) {
		return State{}, fmt.Errorf("%w: nobody answers on %s", ErrNotRunning, c.Control)
	}
	if err != nil {
		return State{}, fmt.Errorf("the agent: %w", err)
	}
	if answer.Status == http.StatusConflict {
		return State{}, fmt.Errorf("the agent on %s: %s", c.Control, answer.Body)
	}
	if answer.Status != http.StatusOK {
		return State{}, fmt.Errorf("the agent on %s answered %d: %s", c.Control, answer.Status, answer.Body)
	}
	var s State
	if err := json.Unmarshal(answer.Body, &s); err != nil {
		return State{}, fmt.Errorf("what answers on %s is not an agent: %w", c.Control, err)
	}
	return s, nil
}
