// Package params sets the fields of structs that are parameters of something with a name: of a loss, an optimizer, a schedule, an architecture, an augmentation.
package params

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Set gives the fields of the struct that to points to the values of params, by the names that encoding/json knows them by, in any case. What params lack stays as it
// is. An unknown name is an error that lists those there are; so is a value of another type, and a list of another length where an array is wanted.
func Set(params map[string]any, to any) error {
	fields := map[string]reflect.Value{}
	var names []string
	collect(reflect.ValueOf(to).Elem(), func(name string, v reflect.Value) {
		names = append(names, name)
		fields[strings.ToLower(name)] = v
	})
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		f, ok := fields[strings.ToLower(k)]
		if !ok && len(names) == 0 {
			return fmt.Errorf("no parameter %q; it has none", k)
		}
		if !ok {
			return fmt.Errorf("no parameter %q; there are %s", k, strings.Join(names, ", "))
		}
		if err := set(f, params[k]); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

// collect lists the fields, those of embedded structs in place of them.
func collect(s reflect.Value, f func(name string, v reflect.Value)) {
	for i := range s.NumField() {
		field := s.Type().Field(i)
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct:
			collect(s.Field(i), f)
		case !field.IsExported() || tag == "-" || field.Type.Kind() == reflect.Func:
		case tag == "":
			f(strings.ToLower(field.Name), s.Field(i))
		default:
			f(tag, s.Field(i))
		}
	}
}

func set(f reflect.Value, x any) error {
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if f.Kind() == reflect.Array { // encoding/json would fill up with zeros, and drop the rest
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) != f.Len() {
			return fmt.Errorf("want %d numbers, have %s", f.Len(), raw)
		}
	}
	err = json.Unmarshal(raw, f.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("want %s, have %s", kind(f.Type()), raw)
	}
	return err
}

// kind is what the user should write for a value of that type.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.String:
		return "a word"
	case reflect.Slice, reflect.Array:
		return "a list, each of it " + kind(t.Elem())
	}
	return t.String()
}
