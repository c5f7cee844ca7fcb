// Package junit writes results in the form that build servers read of JUnit.
// There is no standard; these are the elements and attributes that all of them
// take.
//
// It keeps nothing. What no XML document may hold is left out, so that no stranger's
// words make a document that a build server can't read.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Suites is a document. Its zero value is an empty one.
type Suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	Suites  []*Suite `xml:"testsuite"`
}

// Suite is a group of cases. Add counts them.
type Suite struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`
	Cases    []Case `xml:"testcase"`

	took time.Duration
}

// Case is one result: passed, unless Failure or Skipped says otherwise.
type Case struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"` // written by Add
	Failure *Message `xml:"failure,omitempty"`
	Skipped *Message `xml:"skipped,omitempty"`
	Output  string   `xml:"system-out,omitempty"`
}

// Message says why a case failed or was left out.
type Message struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// Suite adds an empty suite and returns it.
func (s *Suites) Suite(name string) *Suite {
	made := &Suite{Name: legal(name), Time: seconds(0)}
	s.Suites = append(s.Suites, made)
	return made
}

// Add adds a case that took so long.
func (s *Suite) Add(c Case, took time.Duration) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.took += took
	s.Time, c.Time = seconds(s.took), seconds(took)
	c.Class, c.Name, c.Output = legal(c.Class), legal(c.Name), legal(c.Output)
	c.Failure, c.Skipped = c.Failure.legal(), c.Skipped.legal()
	s.Cases = append(s.Cases, c)
}

// Write writes the document.
func (s *Suites) Write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func (m *Message) legal() *Message {
	if m == nil {
		return nil
	}
	return &Message{Message: legal(m.Message), Type: m.Type, Text: legal(m.Text)}
}

// legal leaves out what no XML document may hold (XML 1.0, section 2.2).
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0xfffe && r != 0xffff {
			return r
		}
		return -1
	}, s)
}
