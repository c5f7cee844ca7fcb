package lbconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// node is a value of a YAML or JSON file, with its line. Methods on a nil node
// give what is missing, so that a path can be followed without a question at each
// step.
type node struct {
	line  int
	kind  nodeKind
	text  string           // of a scalar, as written
	keys  []string         // of a mapping, in their order
	under map[string]*node // of a mapping
	items []*node          // of a list
}

type nodeKind uint8

const (
	isNull nodeKind = iota
	isText
	isNumber
	isBool
	isList
	isMapping
)

// mostLevels bounds how deep a file may be nested.
const mostLevels = 100

func (n *node) set(key string, value *node) {
	if _, ok := n.under[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.under[key] = value
}

// get follows keys down. A list with one element is passed through, as Terraform
// writes blocks.
func (n *node) get(keys ...string) *node {
	for _, key := range keys {
		if n != nil && n.kind == isList && len(n.items) == 1 {
			n = n.items[0]
		}
		if n == nil || n.kind != isMapping {
			return nil
		}
		n = n.under[key]
	}
	if n != nil && n.kind == isNull {
		return nil
	}
	return n
}

// list gives the elements of a list; a single value stands for a list of it.
func (n *node) list() []*node {
	switch {
	case n == nil || n.kind == isNull:
		return nil
	case n.kind == isList:
		return n.items
	}
	return []*node{n}
}

// str is a scalar's text; empty for anything else.
func (n *node) str() string {
	if n == nil || n.kind == isList || n.kind == isMapping || n.kind == isNull {
		return ""
	}
	return n.text
}

func (n *node) isTrue() bool { return n.str() == "true" }

// problem is the first thing that makes a file unusable. What follows is read on,
// but not returned.
type problem struct {
	file string
	err  error
}

func (p *problem) at(line int, format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%s:%d: %s", p.file, line, printable(fmt.Sprintf(format, args...)))
	}
}

// number reads a whole number within bounds; 0 if it is missing.
func (p *problem) number(n *node, what string, low, high int) int {
	if n == nil || n.str() == "" {
		return 0
	}
	i, err := strconv.Atoi(n.str())
	if f, ferr := strconv.ParseFloat(n.str(), 64); err != nil && ferr == nil && f == float64(int(f)) && f < 1e9 && f > -1e9 {
		i, err = int(f), nil // JSON may write 1e2
	}
	if err != nil || i < low || i > high {
		p.at(n.line, "%s is %q: want a whole number from %d to %d", what, n.str(), low, high)
		return 0
	}
	return i
}

func (p *problem) port(n *node, what string) uint16 { return uint16(p.number(n, what, 0, 65535)) }

// parseDocuments reads a YAML file into its documents. Anchors, aliases and merge
// keys are followed; tags are passed over. A panic of the library becomes an
// error.
func parseDocuments(file string, data []byte) (docs []*node, err error) {
	defer func() {
		if recover() != nil {
			docs, err = nil, fmt.Errorf("%s: the YAML library cannot cope with it", file)
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: the file is not UTF-8 text", file)
	}
	if nestedTooDeeply(data) {
		return nil, fmt.Errorf("%s: the file is nested too deeply", file)
	}
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, yamlProblem(file, data, err)
	}
	for _, doc := range parsed.Docs {
		t := &treeMaker{anchors: make(map[string]*node)}
		if doc.Body != nil {
			docs = append(docs, t.make(doc.Body))
		}
	}
	return docs, nil
}

// yamlProblem is the library's error without the lines that it quotes, which may
// hold secrets.
func yamlProblem(file string, data []byte, err error) error {
	line, said := 1, "this is not valid YAML"
	if e, ok := errors.AsType[yaml.Error](err); ok {
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
		if m := e.GetMessage(); !strings.ContainsAny(m, "\"\t\r\n") {
			said += ": " + m
		}
	}
	if bytes.Contains(data, []byte("{{")) {
		said += " (it looks like a template: render it first, with helm template or the like)"
	}
	return fmt.Errorf("%s:%d: %s", file, line, said)
}

// nestedTooDeeply protects the library, which calls itself for every level. It
// counts roughly.
func nestedTooDeeply(data []byte) bool {
	open := 0
	for line := range bytes.Lines(data) {
		text := bytes.TrimLeft(line, " \t-?")
		indent := line[:len(line)-len(text)]
		if bytes.Count(indent, []byte("-"))+bytes.Count(indent, []byte("?")) > mostLevels || len(indent) > 8*mostLevels {
			return true
		}
		for _, c := range text {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
		}
		if open > mostLevels {
			return true
		}
	}
	return false
}

// treeMaker makes nodes of a YAML document. An alias is the node of its anchor
// itself, so that a file of aliases of aliases stays small.
type treeMaker struct {
	anchors map[string]*node
	depth   int
}

func (t *treeMaker) make(from ast.Node) *node {
	if t.depth++; t.depth > 2*mostLevels {
		t.depth--
		return &node{}
	}
	defer func() { t.depth-- }()
	n := &node{}
	if tk := from.GetToken(); tk != nil && tk.Position != nil {
		n.line = tk.Position.Line
	}
	switch f := from.(type) {
	case *ast.MappingNode:
		n.kind, n.under = isMapping, make(map[string]*node)
		for _, pair := range f.Values {
			t.pair(n, pair)
		}
	case *ast.MappingValueNode:
		n.kind, n.under = isMapping, make(map[string]*node)
		t.pair(n, f)
	case *ast.SequenceNode:
		n.kind = isList
		for _, item := range f.Values {
			n.items = append(n.items, t.make(item))
		}
	case *ast.StringNode:
		n.kind, n.text = isText, f.Value
	case *ast.LiteralNode:
		n.kind, n.text = isText, f.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.kind, n.text = isNumber, from.GetToken().Value
	case *ast.BoolNode:
		n.kind, n.text = isBool, strconv.FormatBool(f.Value)
	case *ast.TagNode:
		return t.make(f.Value)
	case *ast.AnchorNode:
		made := t.make(f.Value)
		t.anchors[f.Name.GetToken().Value] = made
		return made
	case *ast.AliasNode:
		if made, ok := t.anchors[f.Value.GetToken().Value]; ok {
			return made
		}
	}
	return n
}

// pair adds a key. What a merge key brings yields to what is written.
func (t *treeMaker) pair(n *node, pair *ast.MappingValueNode) {
	value := t.make(pair.Value)
	if _, merges := pair.Key.(*ast.MergeKeyNode); merges {
		for _, from := range value.list() {
			for _, key := range from.keys {
				if _, ok := n.under[key]; !ok {
					n.set(key, from.under[key])
				}
			}
		}
		return
	}
	tk := pair.Key.GetToken()
	if tk == nil {
		return
	}
	if n.line == 0 || len(n.keys) == 0 && tk.Position != nil {
		n.line = tk.Position.Line // the library's token of a mapping is its first colon
	}
	n.set(tk.Value, value)
}

// parseJSONTree reads a JSON file.
func parseJSONTree(file string, data []byte) (*node, error) {
	j := &jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data, line: 1}
	j.dec.UseNumber()
	n, err := j.value(0)
	if err != nil {
		line := j.lineAt(j.dec.InputOffset())
		return nil, fmt.Errorf("%s:%d: this is not valid JSON: %s", file, line, printable(err.Error()))
	}
	return n, nil
}

type jsonReader struct {
	dec    *json.Decoder
	data   []byte
	line   int // of offset
	offset int64
}

// lineAt gives the line of an offset, which only grows.
func (j *jsonReader) lineAt(offset int64) int {
	offset = min(offset, int64(len(j.data)))
	if offset > j.offset {
		j.line += bytes.Count(j.data[j.offset:offset], []byte("\n"))
		j.offset = offset
	}
	return j.line
}

func (j *jsonReader) value(depth int) (*node, error) {
	if depth > mostLevels {
		return nil, errors.New("nested too deeply")
	}
	token, err := j.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{}
	n.line = j.lineAt(j.dec.InputOffset())
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			n.kind, n.under = isMapping, make(map[string]*node)
		} else {
			n.kind = isList
		}
		for j.dec.More() {
			key := ""
			if v == '{' {
				token, err := j.dec.Token()
				if err != nil {
					return nil, err
				}
				key, _ = token.(string)
			}
			item, err := j.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if v == '{' {
				n.set(key, item)
			} else {
				n.items = append(n.items, item)
			}
		}
		_, err = j.dec.Token()
		return n, err
	case string:
		n.kind, n.text = isText, v
	case json.Number:
		n.kind, n.text = isNumber, v.String()
	case bool:
		n.kind, n.text = isBool, strconv.FormatBool(v)
	}
	return n, nil
}

// parseJSON reads JSON: Terraform's, or a Kubernetes manifest.
func parseJSON(file string, data []byte) ([]Check, error) {
	root, err := parseJSONTree(file, data)
	if err != nil {
		return nil, err
	}
	switch {
	case root.get("apiVersion") != nil:
		return kubernetes(file, []*node{root})
	case root.get("services") != nil:
		return compose(file, root)
	}
	return terraform(file, root)
}

// parseYAML reads YAML: a Compose file or Kubernetes manifests.
func parseYAML(file string, data []byte) ([]Check, error) {
	docs, err := parseDocuments(file, data)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc.get("services") != nil && doc.get("apiVersion") == nil {
			return compose(file, doc)
		}
		if doc.get("apiVersion") != nil || doc.get("kind") != nil {
			return kubernetes(file, docs)
		}
	}
	return nil, fmt.Errorf("%s: this is neither a Compose file (services:) nor Kubernetes manifests (apiVersion:, kind:)", file)
}
