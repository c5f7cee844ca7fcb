package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/junit"
	"github.com/inservice/inservice/internal/visible"
)

// JSON writes v as one indented object. What does not print of what came over the
// network is escaped.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(visible.JSON(b.Bytes()))
	return err
}

// JUnit writes one test case for each view. With strict, one that passes with
// warnings has failed.
func JUnit(w io.Writer, views []View, strict bool) error {
	all := junit.Suites{Name: "inservice"}
	suite := all.Suite("inservice probe")
	for _, v := range views {
		var text strings.Builder
		if err := (Text{}).Write(&text, v); err != nil {
			return err
		}
		c := junit.Case{Class: "inservice.probe." + v.Dialect, Name: v.Asked, Failure: failure(v, strict, text.String())}
		if c.Failure == nil {
			c.Output = text.String()
		}
		suite.Add(c, time.Duration(v.TookMS*float64(time.Millisecond)))
	}
	return all.Write(w)
}

// failure says why a view is no success; nil if it is one.
func failure(v View, strict bool, text string) *junit.Message {
	failed := junit.Message{Type: string(v.Verdict), Message: strings.TrimSpace(v.Reason + " " + v.Text), Text: text}
	if v.Verdict == diagnose.Pass {
		if !strict || len(v.Warnings) == 0 {
			return nil
		}
		failed.Type, failed.Message = "not true", "passes, and is not true"
	}
	for _, f := range slices.Concat(v.Causes, v.Warnings) {
		failed.Message += "; " + string(f.ID)
	}
	failed.Message = visible.Line(failed.Message, 300)
	return &failed
}
