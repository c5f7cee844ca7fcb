package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/inservice/inservice/internal/control"
)

// Errors of a [Client] and of [Run] that a program may want to tell apart.
var (
	ErrNotRunning = errors.New("no demo is running")
	ErrRunning    = errors.New("a demo is running already")
	ErrUnknown    = errors.New("not known to the demo") // an instance or a fault
)

// unknownError is an [ErrUnknown] in words of its own.
type unknownError string

func (e unknownError) Error() string        { return string(e) }
func (e unknownError) Is(target error) bool { return target == ErrUnknown }

// DefaultControl is the unix socket that a demo takes commands on: one for each
// user, in the user's cache folder, or in the folder for temporary files where
// there is no home.
func DefaultControl() string {
	if dir, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(dir, "inservice")
		if os.MkdirAll(dir, 0o700) == nil {
			return filepath.Join(dir, "demo.sock")
		}
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("inservice-demo-%d.sock", os.Getuid()))
}

// listenControl binds the control socket.
func listenControl(path string) (net.Listener, error) {
	listener, err := control.Listen(path)
	if errors.Is(err, control.ErrTaken) {
		return nil, fmt.Errorf("%w: it answers on %s", ErrRunning, path)
	}
	return listener, err
}

// controlHandler takes commands: POST /break with instance and fault, GET /rows.
func (d *demo) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /break", func(w http.ResponseWriter, r *http.Request) {
		fault, err := d.breakSite(r.FormValue("instance"), r.FormValue("fault"))
		if err != nil {
			http.Error(w, err.Error(), breakStatus(err))
			return
		}
		io.WriteString(w, fault.Effect())
	})
	mux.HandleFunc("GET /rows", func(w http.ResponseWriter, r *http.Request) {
		rows, _ := d.board.state()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(rows)
	})
	return mux
}

// breakStatus is the answer to a command that failed.
func breakStatus(err error) int {
	if errors.Is(err, ErrUnknown) {
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

// breakSite switches a fault, as typed by somebody.
func (d *demo) breakSite(instance, typed string) (Fault, error) {
	fault, err := parseFault(typed)
	if err != nil {
		return None, err
	}
	var names []string
	for _, s := range d.sites {
		if s.name != instance {
			names = append(names, s.name)
			continue
		}
		err := s.set(fault)
		now, _ := s.state() // not fault, when that could be done by half only
		d.board.edit(told(now), func(rows []Row) (tell []int) {
			for i := range rows {
				if rows[i].Name == instance && rows[i].Fault != now {
					rows[i].Fault = now
					tell = append(tell, i)
				}
			}
			return tell
		})
		if err != nil {
			return None, err
		}
		return fault, nil
	}
	return None, unknownError(fmt.Sprintf("there is no instance %q: use one of %s", instance, strings.Join(names, ", ")))
}

// told says what a person did.
func told(fault Fault) string {
	if fault == None {
		return "healed"
	}
	return fmt.Sprintf("broken with %s: %s", fault, fault.Effect())
}

// Client talks to a demo that runs in another process.
type Client struct {
	Control string // the demo's control socket; empty means DefaultControl
}

// Break switches a fault on one instance, and returns what that does. With no
// demo there, the error is [ErrNotRunning].
func (c Client) Break(ctx context.Context, instance, fault string) (effect string, err error) {
	body, err := c.do(ctx, http.MethodPost, "/break?"+url.Values{"instance": {instance}, "fault": {fault}}.Encode())
	return string(body), err
}

// Rows is the demo's table now. With no demo there, the error is
// [ErrNotRunning].
func (c Client) Rows(ctx context.Context) ([]Row, error) {
	body, err := c.do(ctx, http.MethodGet, "/rows")
	if err != nil {
		return nil, err
	}
	var rows []Row
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("what answers on %s is not a demo: %w", c.control(), err)
	}
	return rows, nil
}

func (c Client) control() string {
	if c.Control == "" {
		return DefaultControl()
	}
	return c.Control
}

func (c Client) do(ctx context.Context, method, target string) ([]byte, error) {
	answer, err := control.Ask(ctx, c.control(), method, target)
	if errors.Is(err, control.ErrNobody) {
		return nil, fmt.Errorf("%w: nobody answers on %s", ErrNotRunning, c.control())
	}
	if err != nil {
		return nil, fmt.Errorf("the demo: %w", err)
	}
	switch answer.Status {
	case http.StatusOK:
		return answer.Body, nil
	case http.StatusNotFound:
		return nil, unknownError(answer.Body)
	default:
		return nil, errors.New(string(answer.Body))
	}
}
