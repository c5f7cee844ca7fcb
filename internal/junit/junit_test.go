package junit_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/junit"
)

func TestWrite(t *testing.T) {
	var all junit.Suites
	all.Name = "inservice probe"
	suite := all.Suite("web")
	suite.Add(junit.Case{Class: "probe.alb", Name: "http://a/", Output: "PASS"}, 1500*time.Millisecond)
	suite.Add(junit.Case{Class: "probe.alb", Name: "http://b/", Failure: &junit.Message{Message: "fails <now>", Type: "fail", Text: "why & how"}}, time.Millisecond)
	suite.Add(junit.Case{Class: "probe.alb", Name: "http://c/", Skipped: &junit.Message{Message: "not asked"}}, 0)
	all.Suite("nothing")
	var b strings.Builder
	if err := all.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="inservice probe">
  <testsuite name="web" tests="3" failures="1" skipped="1" time="1.501">
    <testcase classname="probe.alb" name="http://a/" time="1.500">
      <system-out>PASS</system-out>
    </testcase>
    <testcase classname="probe.alb" name="http://b/" time="0.001">
      <failure message="fails &lt;now&gt;" type="fail">why &amp; how</failure>
    </testcase>
    <testcase classname="probe.alb" name="http://c/" time="0.000">
      <skipped message="not asked"></skipped>
    </testcase>
  </testsuite>
  <testsuite name="nothing" tests="0" failures="0" skipped="0" time="0.000"></testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

// TestHostile: whatever stands in it, the document can be read again, and names
// keep what is legal of them.
func TestHostile(t *testing.T) {
	const hostile = "a\x00\x1b[31m\xff\ufffe]]>\u2028<b"
	var all junit.Suites
	suite := all.Suite(hostile)
	suite.Add(junit.Case{Class: hostile, Name: hostile, Output: hostile, Failure: &junit.Message{Message: hostile, Text: hostile}}, 0)
	var b strings.Builder
	if err := all.Write(&b); err != nil {
		t.Fatal(err)
	}
	var read junit.Suites
	if err := xml.Unmarshal([]byte(b.String()), &read); err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	const kept = "a[31m\ufffd]]>\u2028<b"
	got := read.Suites[0].Cases[0]
	for what, text := range map[string]string{
		"suite": read.Suites[0].Name, "class": got.Class, "name": got.Name, "output": got.Output, "message": got.Failure.Message, "text": got.Failure.Text,
	} {
		if text != kept {
			t.Errorf("%s is %q, want %q", what, text, kept)
		}
	}
}
