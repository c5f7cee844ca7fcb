package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseYAML decodes data into file.
func parseYAML(data []byte, file *File, getenv func(string) (string, bool), rep *report) {
	body := document(data, rep)
	if body == nil {
		rep.unreadable = len(rep.problems) > 0
		return
	}
	d := &decoder{getenv: getenv, rep: rep}
	switch body.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		d.value(body, "", reflect.ValueOf(file).Elem(), "")
	default:
		rep.unreadable = true
		rep.add("", "the file must be a section of keys, not "+kind(body), "write a balance: or an agent: section")
	}
}

// document gives the one YAML document in data, or nil after reporting why there is none.
func document(data []byte, rep *report) ast.Node {
	switch {
	case !utf8.Valid(data):
		rep.add("", "the file is not UTF-8 text", "save it as UTF-8")
		return nil
	case nestedTooDeeply(data):
		rep.add("", "the file is nested too deeply", "a configuration needs no more than ten levels")
		return nil
	}
	docs, err := parseDocuments(data)
	if err != nil {
		syntaxProblem(err, rep)
		return nil
	}
	var body ast.Node
	for _, doc := range docs {
		if doc.Body == nil {
			continue
		}
		at := position(doc.Body)
		_, isDirective := doc.Body.(*ast.DirectiveNode)
		if !isDirective && body == nil {
			body = doc.Body
			continue
		}
		if isDirective {
			rep.addAt(at, "", "YAML directives are not supported", "remove the line that starts with %")
		} else {
			rep.addAt(at, "", "a second YAML document starts here", "keep one, and remove the line ---")
		}
	}
	if body == nil && len(rep.problems) == 0 {
		rep.add("", "the file is empty", "write a balance: or an agent: section")
	}
	return body
}

// parseDocuments parses without the library's check for duplicate keys, which stops at the
// first. A panic of the library becomes an error: its tracker (github.com/goccy/go-yaml)
// has had several on malformed input, issues 439, 479 and 890 among them. None is known in
// the version used, but the next one must not end the program.
func parseDocuments(data []byte) (docs []*ast.DocumentNode, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the YAML library cannot cope with it")
		}
	}()
	file, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	return file.Docs, nil
}

// syntaxProblem reports what the library says, without the lines it quotes: they may hold
// secrets.
func syntaxProblem(err error, rep *report) {
	message, want := "this is not valid YAML", "check quotes, brackets and indentation here and just above"
	var at place
	if yamlErr, ok := errors.AsType[yaml.Error](err); ok {
		if tk := yamlErr.GetToken(); tk != nil {
			at = tokenPlace(tk)
		}
		// Its messages are fixed phrases, but for a few that quote the file.
		if said := yamlErr.GetMessage(); !strings.ContainsAny(said, "\"\t\r\n") {
			message += ": " + said
		}
	}
	at = rep.clamp(at)
	switch line := rep.lines[at.line-1]; {
	case bytes.Contains(line, []byte("${")):
		want = "inside { } and [ ], put a value that holds ${…} in quotes"
	case bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")):
		want = "indent with spaces, not tabs"
	case bytes.Contains(line, []byte("*")):
		want = "put a value that begins with * in quotes"
	}
	rep.addAt(at, "", message, want)
}

// nestedTooDeeply protects the library, which calls itself for every level. It counts
// roughly; a real file comes nowhere near the limit.
func nestedTooDeeply(data []byte) bool {
	const most = 100
	brackets := 0
	for line := range bytes.Lines(data) {
		text := bytes.TrimLeft(line, " \t-?") // behind the markers of lists in lists, as in "- - - x"
		indent := line[:len(line)-len(text)]
		if bytes.Count(indent, []byte("-"))+bytes.Count(indent, []byte("?")) > most {
			return true
		}
		for _, c := range text {
			switch c {
			case '[', '{':
				brackets++
			case ']', '}':
				brackets--
			}
			if brackets > most {
				return true
			}
		}
	}
	return false
}

// notSupported names the YAML feature that a node uses and this package refuses, and says
// what to write instead.
func notSupported(node ast.Node) (what, want string) {
	switch node.(type) {
	case *ast.AnchorNode:
		return "anchors", "write the value out here"
	case *ast.AliasNode: // *.mysite.com is one as well
		return "aliases", "write the value out here; put one that begins with * in quotes"
	case *ast.TagNode:
		return "tags", "write the value out here"
	}
	return "", ""
}

// kind names a node for people.
func kind(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.NullNode:
		return "nothing"
	}
	return fmt.Sprintf("a YAML %s", strings.ToLower(node.Type().YAMLName()))
}

// isLeaf reports whether problems with a value point at the value; those with a section, a
// list or a missing value point at the key.
func isLeaf(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.NullNode:
		return false
	}
	return true
}

// keyText gives a mapping's key as text.
func keyText(node ast.MapKeyNode) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// position gives where a node starts. The library's token of a block mapping is its first
// colon.
func position(node ast.Node) place {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	return tokenPlace(node.GetToken())
}

func tokenPlace(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{}
	}
	return place{line: tk.Position.Line, column: tk.Position.Column}
}
