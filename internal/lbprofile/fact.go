package lbprofile

import "strings"

// Mark says how well a Fact is known.
type Mark string

// The Marks, the best first.
const (
	Documented Mark = "doc"                     // the vendor's documentation or published API model
	SourceCode Mark = "source code"             // read in the project's source
	Measured   Mark = "measured"                // sent by the real program to a listener of ours
	Observed   Mark = "observed in issue"       // seen by somebody, in a public report or capture
	Unverified Mark = "from memory, unverified" // no source was found: check before relying on it
)

// Fact is one thing that is known about a prober.
type Fact struct {
	About    string   // the field of Profile it backs; empty: none
	Text     string   // the fact in words
	Mark     Mark     // how well it is known; of a disputed fact, its best known side
	Sources  []string // keys for Source; none if Unverified
	Disputed bool     // sources disagree; Text tells the sides
}

// The functions below keep the tables readable: one line for each fact. Keys are
// separated by spaces.

func doc(about, text, keys string) Fact {
	return Fact{About: about, Text: text, Mark: Documented, Sources: strings.Fields(keys)}
}

func code(about, text, keys string) Fact {
	return Fact{About: about, Text: text, Mark: SourceCode, Sources: strings.Fields(keys)}
}

func seen(about, text, keys string) Fact {
	return Fact{About: about, Text: text, Mark: Observed, Sources: strings.Fields(keys)}
}

func measured(about, text, keys string) Fact {
	return Fact{About: about, Text: text, Mark: Measured, Sources: strings.Fields(keys)}
}

func memory(about, text string) Fact {
	return Fact{About: about, Text: text, Mark: Unverified}
}

// disputed says that the sources of f disagree.
func (f Fact) disputed() Fact {
	f.Disputed = true
	return f
}
