package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills structs from a YAML tree. Unlike the library's own decoder it goes on
// after a problem, and it records where each key was written.
//
// Struct tags: yaml:"key" names the key; yaml:"key,secret" also keeps the value out of
// problems; yaml:",name" marks the field of a list's element that is the element's key, so
// that the list is written as a mapping; default:"text" is the value as a file would give
// it; parse:"name" picks a scalar by name instead of by Go type; or:"word" lets the word
// stand in place of a section, which is then nil although its key was written.
type decoder struct {
	getenv func(string) (string, bool)
	rep    *report
}

// value decodes a node into v; tag is the tag of the field that v is or is in.
func (d *decoder) value(node ast.Node, key string, v reflect.Value, tag reflect.StructTag) {
	if what, want := notSupported(node); what != "" {
		d.rep.add(key, what+" are not supported", want)
		return
	}
	if s, isScalar := scalarOf(v.Type(), tag); isScalar {
		d.scalar(node, key, v, s, tag)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if word := tag.Get("or"); word != "" && isLeaf(node) {
			d.word(node, key, word)
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(node, key, v.Elem(), tag)
	case reflect.Struct:
		setDefaults(v)
		if pairs, ok := d.mapping(node, key); ok {
			d.fields(pairs, key, v)
		}
	case reflect.Slice:
		if _, named := nameField(v.Type().Elem()); named {
			if pairs, ok := d.mapping(node, key); ok {
				d.elements(pairs, v)
			}
			return
		}
		d.list(node, key, v, tag)
	}
}

// word decodes the one word that may stand for a section. It leaves the section out.
func (d *decoder) word(node ast.Node, key, word string) {
	if n, isText := node.(*ast.StringNode); !isText || n.Value != word {
		d.rep.add(key, "must be a section of keys or "+word+", not "+kind(node), "write "+word+", or one key: value per line, indented")
	}
}

func (d *decoder) scalar(node ast.Node, key string, v reflect.Value, s scalar, tag reflect.StructTag) {
	var text string
	switch n := node.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = n.GetToken().Value // as it was written: 010 stays 010
	case *ast.NullNode:
		d.rep.add(key, "has no value", "write "+s.noun+", or leave the key out")
		return
	default:
		d.rep.add(key, "must be "+s.noun+", not "+kind(node), "")
		return
	}
	if isSecret(tag) && bareVariable(text) {
		d.rep.add(key, "the value looks like a variable, but only ${NAME} is replaced", "write ${NAME}")
		return
	}
	text, expanded, bad := expand(text, d.getenv)
	if len(bad) == 0 {
		at := d.rep.at(key)
		at.hidden = expanded || isSecret(tag)
		d.rep.set(key, at)
		if c := setScalar(v, s, text, at.hidden); c != nil {
			bad = append(bad, *c)
		}
	}
	for _, c := range bad {
		d.rep.add(key, c.message, c.want)
	}
}

func setScalar(v reflect.Value, s scalar, text string, hidden bool) *complaint {
	value, bad := s.parse(text, hidden)
	if bad == nil {
		v.Set(reflect.ValueOf(value))
	}
	return bad
}

// mapping gives the pairs of a mapping without those whose key is a problem by itself. A
// section with nothing in it is an empty mapping.
func (d *decoder) mapping(node ast.Node, key string) (pairs []pair, ok bool) {
	switch n := node.(type) {
	case *ast.NullNode:
		return nil, true
	case *ast.MappingNode:
		return d.pairs(n.Values, key), true
	case *ast.MappingValueNode:
		return d.pairs([]*ast.MappingValueNode{n}, key), true
	}
	d.rep.add(key, "must be a section of keys, not "+kind(node), "write one key: value per line, indented")
	return nil, false
}

// pair is one key of a mapping with its value.
type pair struct {
	name  string
	path  string
	at    place // of the key itself
	value ast.Node
	again bool // the key was there before; that is reported already
}

// place is where problems with the pair's value point.
func (p pair) place() place {
	if isLeaf(p.value) {
		return position(p.value)
	}
	return p.at
}

func (d *decoder) pairs(values []*ast.MappingValueNode, key string) []pair {
	var pairs []pair
	first := map[string]int{} // line of each key
	for _, mv := range values {
		at := position(mv.Key)
		name, ok := keyText(mv.Key)
		path := join(key, name)
		switch {
		case mv.Key.IsMergeKey():
			d.rep.addAt(at, join(key, "<<"), "merge keys are not supported", "write the keys out here")
			continue
		case !ok:
			d.rep.addAt(at, key, "a key here is not plain text", "write the key as one word")
			continue
		}
		p := pair{name: name, path: path, at: at, value: mv.Value, again: first[name] > 0}
		if p.again {
			d.rep.addAt(at, path, fmt.Sprintf("is written twice, first on line %d", first[name]), "keep one of them")
		} else {
			first[name] = at.line
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// fields decodes the pairs of the section key into its struct.
func (d *decoder) fields(pairs []pair, key string, v reflect.Value) {
	for _, p := range pairs {
		field, tag, found := fieldByKey(v, p.name)
		switch {
		case found:
			d.pair(p, field, tag)
		case !p.again:
			d.unknown(p, pairs, key, keys(v.Type()))
		}
	}
}

// unknown reports a key that its section does not have. What was likely meant counts as a
// key with a problem, lest it be reported as missing too.
func (d *decoder) unknown(p pair, pairs []pair, section string, allowed []string) {
	d.rep.addAt(p.at, p.path, "unknown key", suggest(p.name, allowed))
	meant := Nearest(p.name, allowed)
	if meant != "" && !slices.ContainsFunc(pairs, func(other pair) bool { return other.name == meant }) {
		d.rep.bad[join(section, meant)] = true
	}
}

// elements decodes a mapping into a list whose elements carry their key as a name.
func (d *decoder) elements(pairs []pair, list reflect.Value) {
	for _, p := range pairs {
		element := reflect.New(list.Type().Elem()).Elem()
		d.pair(p, element, "")
		if p.again {
			continue
		}
		field, _ := nameField(element.Type())
		element.FieldByIndex(field.Index).SetString(p.name)
		list.Set(reflect.Append(list, element))
	}
}

// pair decodes a pair's value into v. That of a key which was there before is read for its
// problems only, and aside, so that nothing of it is taken for the first one's.
func (d *decoder) pair(p pair, v reflect.Value, tag reflect.StructTag) {
	if !p.again {
		d.rep.set(p.path, p.place())
		d.value(p.value, p.path, v, tag)
		return
	}
	aside := &decoder{getenv: d.getenv, rep: d.rep.aside()}
	aside.rep.set(p.path, p.place())
	aside.value(p.value, p.path, reflect.New(v.Type()).Elem(), tag)
	d.rep.problems = append(d.rep.problems, aside.rep.problems...)
}

// list decodes a list. An element with a problem stays in it as the zero value, so that
// the places of those behind it are right.
func (d *decoder) list(node ast.Node, key string, list reflect.Value, tag reflect.StructTag) {
	sequence, isSequence := node.(*ast.SequenceNode)
	if _, isNull := node.(*ast.NullNode); isNull {
		return
	}
	if !isSequence {
		d.rep.add(key, "must be a list, not "+kind(node), "write each item on a line of its own after -, or all in [ ]")
		return
	}
	list.Set(reflect.MakeSlice(list.Type(), 0, len(sequence.Values))) // [] is not the same as nothing
	for i, item := range sequence.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.rep.set(path, position(item))
		element := reflect.New(list.Type().Elem()).Elem()
		d.value(item, path, element, tag)
		list.Set(reflect.Append(list, element))
	}
}

// setDefaults gives each zero field its default, in the structs inside too. Structs behind
// pointers are copied first: they may be the caller's.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		field, f := v.Type().Field(i), v.Field(i)
		if s, isScalar := scalarOf(f.Type(), field.Tag); isScalar {
			if text, has := field.Tag.Lookup("default"); has && f.IsZero() {
				setScalar(f, s, text, false)
			}
			continue
		}
		switch {
		case f.Kind() == reflect.Struct:
			setDefaults(f)
		case f.Kind() == reflect.Pointer && !f.IsNil():
			own := reflect.New(f.Type().Elem())
			own.Elem().Set(f.Elem())
			setDefaults(own.Elem())
			f.Set(own)
		}
	}
}

func fieldByKey(v reflect.Value, name string) (reflect.Value, reflect.StructTag, bool) {
	for field := range v.Type().Fields() {
		if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); key == name && key != "" {
			return v.FieldByIndex(field.Index), field.Tag, true
		}
	}
	return reflect.Value{}, "", false
}

// keys gives the keys of a section in the order of its struct.
func keys(t reflect.Type) []string {
	var list []string
	for field := range t.Fields() {
		if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); key != "" {
			list = append(list, key)
		}
	}
	return list
}

func nameField(t reflect.Type) (reflect.StructField, bool) {
	if t.Kind() != reflect.Struct || scalarType(t) {
		return reflect.StructField{}, false
	}
	for field := range t.Fields() {
		if field.Tag.Get("yaml") == ",name" {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

func scalarType(t reflect.Type) bool { _, found := byType[t]; return found }

func isSecret(tag reflect.StructTag) bool { return strings.HasSuffix(tag.Get("yaml"), ",secret") }

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// join makes the path of a key. A key that is not one plain word may be anything,
// such as half of a value in a mangled file, and is not repeated.
func join(section, name string) string {
	if name != "<<" && !plainKey.MatchString(name) {
		name = "?"
	}
	if section == "" {
		return name
	}
	return section + "." + name
}
