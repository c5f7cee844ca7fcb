package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// override sets one key of the configuration from a flag. A value that is wrong is a
// problem for the report; an override that does not fit the structs is the caller's
// mistake, and the error.
func override(file reflect.Value, o Override, rep *report) error {
	name, appends := strings.CutSuffix(o.Key, "[]")
	v, tag, err := locate(file, name)
	if err != nil {
		return fmt.Errorf("flag %s: %w", o.Flag, err)
	}
	if appends {
		return appendValue(v, o, name, tag, rep)
	}
	at := place{flag: o.Flag, hidden: isSecret(tag)}
	_, isScalar := scalarOf(v.Type(), tag)
	if v.Kind() != reflect.Slice || isScalar {
		rep.set(name, at)
		return setValue(v, o, name, tag, rep)
	}
	list := reflect.ValueOf(o.Value)
	if list.Kind() != reflect.Slice {
		return fmt.Errorf("flag %s: the key %s takes a list, not a %T", o.Flag, name, o.Value)
	}
	rep.forget(name)
	rep.set(name, at)
	v.SetZero()
	for i := range list.Len() {
		o.Value = list.Index(i).Interface()
		if err := appendValue(v, o, name, tag, rep); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the field for a key, and adds the sections on the way to it.
func locate(v reflect.Value, key string) (field reflect.Value, tag reflect.StructTag, err error) {
	for name := range strings.SplitSeq(key, ".") {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
				setDefaults(v.Elem())
			}
			v = v.Elem()
		}
		found := false
		if v.Kind() == reflect.Struct {
			v, tag, found = fieldByKey(v, name)
		}
		if !found {
			return v, tag, fmt.Errorf("there is no key %s", key)
		}
	}
	return v, tag, nil
}

func appendValue(list reflect.Value, o Override, key string, tag reflect.StructTag, rep *report) error {
	if list.Kind() != reflect.Slice {
		return fmt.Errorf("flag %s: the key %s is not a list", o.Flag, key)
	}
	path := fmt.Sprintf("%s[%d]", key, list.Len())
	rep.set(path, place{flag: o.Flag, hidden: isSecret(tag)})
	element := reflect.New(list.Type().Elem()).Elem()
	err := setValue(element, o, path, tag, rep)
	list.Set(reflect.Append(list, element))
	return err
}

// setValue sets v to the override's value, or to what its text says.
func setValue(v reflect.Value, o Override, key string, tag reflect.StructTag, rep *report) error {
	delete(rep.bad, key) // what the file says here no longer matters
	s, isScalar := scalarOf(v.Type(), tag)
	text, isText := o.Value.(string)
	switch given := reflect.ValueOf(o.Value); {
	case isText && isScalar:
		if bad := setScalar(v, s, text, isSecret(tag)); bad != nil {
			rep.add(key, bad.message, bad.want)
		}
	case o.Value != nil && given.Type() == v.Type():
		v.Set(given)
		if v.Kind() == reflect.Struct && !isScalar {
			setDefaults(v)
		}
	default:
		return fmt.Errorf("flag %s: the key %s takes a %s, not a %T", o.Flag, key, v.Type(), o.Value)
	}
	return nil
}

// forget drops what is known of a list's items, which a flag replaces. Problems of theirs
// that were found while reading stay: the file is wrong all the same.
func (r *report) forget(list string) {
	for key := range r.places {
		if strings.HasPrefix(key, list+"[") {
			delete(r.places, key)
			delete(r.bad, key)
		}
	}
}

// nameFlagChecks names the checks that came from flags, which cannot name them: after their
// kind, with a number where that is taken. The file's own come first: they are named after
// their kind too.
func nameFlagChecks(checks []Check, rep *report) {
	var names []string
	fromFlag := func(i int) bool { return rep.at(fmt.Sprintf("agent.checks[%d]", i)).flag != "" }
	for i := range checks {
		if c := &checks[i]; c.Name != "" || !fromFlag(i) {
			names = append(names, cmp.Or(c.Name, checkKind(c)))
		}
	}
	for i := range checks {
		c := &checks[i]
		if c.Name != "" || !fromFlag(i) {
			continue
		}
		name := checkKind(c)
		for n := 2; slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s-%d", checkKind(c), n)
		}
		c.Name = name
		names = append(names, name)
	}
}
