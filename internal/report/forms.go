package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inservice/inservice/internal/diagnose"
	"github.com/inservice/inservice/internal/visible"
)

// JSON writes v as one indented object. Control characters of what came over the
// network are escaped, as JSON has it.
func JSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// The form that build servers read of JUnit. There is no standard; these are the
// elements and attributes that all of them take.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes one test case for each view. With strict, one that passes with
// warnings has failed.
func JUnit(w io.Writer, views []View, strict bool) error {
	suite := junitSuite{Name: "inservice probe", Tests: len(views)}
	total := 0.0
	for _, v := range views {
		c := junitCase{Class: "inservice.probe." + v.Dialect, Name: legal(v.Asked), Time: seconds(v.TookMS)}
		var text strings.Builder
		if err := (Text{}).Write(&text, v); err != nil {
			return err
		}
		total += v.TookMS
		message := strings.TrimSpace(v.Reason + " " + v.Text)
		findings := slices.Concat(v.Causes, v.Warnings)
		switch {
		case v.Verdict != diagnose.Pass:
			suite.Failures++
			c.Failure = &junitFailure{Type: string(v.Verdict), Text: legal(text.String())}
		case strict && len(v.Warnings) > 0:
			suite.Failures++
			message = "passes, and is not true"
			c.Failure = &junitFailure{Type: "not true", Text: legal(text.String())}
		default:
			c.Output = legal(text.String())
		}
		if c.Failure != nil {
			for _, f := range findings {
				message += "; " + string(f.ID)
			}
			c.Failure.Message = visible.Line(message, 300)
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }

// legal leaves out what no XML document may hold. Text for people holds none of
// it; a name may.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0xfffe && r != 0xffff {
			return r
		}
		return -1
	}, s)
}
