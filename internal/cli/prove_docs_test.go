package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inservice/inservice/internal/realserver"
)

const proveDocs = "../../docs/prove.md"

// What docs/prove.md shows is what happens: its file, run with a real database,
// prints its output, but for times and the port.
func TestProveDocs(t *testing.T) {
	text, err := os.ReadFile(proveDocs)
	if err != nil {
		t.Fatal(err)
	}
	config, shown := block(t, string(text), "yaml"), block(t, string(text), "console")
	command, shown, _ := strings.Cut(shown, "\n")
	arguments := strings.Fields(command)
	if len(arguments) < 3 || strings.Join(arguments[:3], " ") != "$ inservice prove" {
		t.Fatalf("the page shows %q", command)
	}
	postgres := realserver.Postgres(t)
	t.Chdir(filepath.Dir(writeConfig(t, strings.ReplaceAll(config, "127.0.0.1:5432", postgres.Addr()))))
	t.Setenv("DATABASE_URL", postgres.DSN())
	status, out, problems := proves(t, arguments[3:]...)
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	got := strings.ReplaceAll(out+problems, postgres.Addr(), "127.0.0.1:5432")
	if diff := cmp.Diff(timeless(shown), timeless(got)); diff != "" {
		t.Errorf("docs/prove.md does not show what is printed (-shown +printed):\n%s\nall of it:\n%s", diff, got)
	}
}

// block is the first code block of a page in a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no block of %s", language)
	}
	return found[1]
}

// timeless is a text without what differs from run to run.
func timeless(text string) []string {
	// Whether a kept connection is cut while it is written to or read is chance.
	text = regexp.MustCompile(`(the database did not answer: ).*`).ReplaceAllString(text, "$1<words>")
	text = regexp.MustCompile(`\b[0-9.]+(?:ms|s)\b`).ReplaceAllString(text, "<time>")
	return strings.Split(regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  "), "\n")
}
