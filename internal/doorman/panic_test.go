package doorman_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/inservice/inservice/internal/doorman"
)

// TestAnswerPanics: the caller gets 500 and the end of its connection, the log what
// happened, and all others go on.
func TestAnswerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		p := stand(t, &doorman.Doorman{
			Log: slog.New(slog.NewTextHandler(&logged, nil)),
			Answer: func(q *doorman.Question) (int, string) {
				if q.UserAgent == "x" {
					panic("no such asker")
				}
				return 200, "ok"
			},
		})
		c, kept := p.dial(t), p.dial(t)
		got, keptGot := record(c), record(kept)
		io.WriteString(c, bareGet+"GET /health_check HTTP/1.1\r\nUser-Agent: x\r\n\r\n")
		synctest.Wait()
		if text := got.String(); !strings.HasPrefix(text, full("", "ok")+"HTTP/1.1 500 Internal Server Error\r\n") || !strings.Contains(text, closes) || len(got.over) == 0 {
			t.Errorf("answers = %q, the connection has ended: %v", text, len(got.over) > 0)
		}
		if text := logged.String(); !strings.Contains(text, "no such asker") || !strings.Contains(text, "TestAnswerPanics") {
			t.Errorf("logged is %q, want what happened and where", text)
		}
		io.WriteString(kept, bareGet)
		synctest.Wait()
		if keptGot.String() != full("", "ok") {
			t.Errorf("another caller got %q", keptGot)
		}
	})
}
