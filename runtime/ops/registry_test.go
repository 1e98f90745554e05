package ops

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
)

// TestRegistry holds that every definition parses, has Run or Expand and Infer or Expand, and that the list is complete and without repetition.
func TestRegistry(t *testing.T) {
	for _, o := range Registry().All() {
		o.Signature() // panics on a text that does not parse
		if o.Run == nil && o.Expand == nil {
			t.Errorf("%s has neither Run nor Expand", o)
		}
		if o.Infer == nil && o.Expand == nil {
			t.Errorf("%s has neither Infer nor Expand", o)
		}
	}
}

// schema is one line of the standard's list of operators.
type schema struct {
	Domain  string                `json:"domain"`
	Name    string                `json:"name"`
	Since   int                   `json:"since"`
	Inputs  []schemaParam         `json:"inputs"`
	Outputs []schemaParam         `json:"outputs"`
	Types   map[string][]string   `json:"types"`
	Attrs   map[string]schemaAttr `json:"attributes"`

	Deprecated bool `json:"deprecated"`
}

type schemaParam struct{ Name, Type, Option string }

type schemaAttr struct {
	Type     string
	Required bool
	Default  any
}

// TestSignatures compares every version of every operator with the standard's list.
func TestSignatures(t *testing.T) {
	root := os.Getenv("ONNXRUN_CONFORMANCE")
	if root == "" {
		t.Skip("ONNXRUN_CONFORMANCE does not name the folder with schemas.jsonl")
	}
	f, err := os.Open(filepath.Join(root, "schemas.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	have := map[string]bool{}
	for _, o := range Registry().All() {
		have[o.Domain+"::"+o.Name] = true
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s schema
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if !have[s.Domain+"::"+s.Name] || s.Deprecated {
			continue
		}
		o := Registry().Lookup(s.Domain, s.Name, s.Since)
		if o == nil || o.Since != s.Since {
			t.Errorf("%s::%s-%d is not defined", s.Domain, s.Name, s.Since)
			continue
		}
		for _, d := range signatureDiff(o, &s) {
			t.Errorf("%s: %s", o, d)
		}
	}
}

func signatureDiff(o *graph.Op, s *schema) []string {
	sig := o.Signature()
	out := append(paramDiff(sig, sig.In, s, s.Inputs, "input"), paramDiff(sig, sig.Out, s, s.Outputs, "output")...)
	for _, a := range sig.Attrs {
		w, ok := s.Attrs[a.Name]
		if !ok {
			out = append(out, fmt.Sprintf("attribute %s is not in the standard", a.Name))
			continue
		}
		if kind := kinds[w.Type]; a.Kind != kind && kind != "" || a.Required != w.Required {
			out = append(out, fmt.Sprintf("attribute %s is %s (required %v), want %s (%v)", a.Name, a.Kind, a.Required, w.Type, w.Required))
		}
		if w.Default != nil && !sameDefault(a.Default, w.Default) {
			out = append(out, fmt.Sprintf("attribute %s is %v by default, want %v", a.Name, a.Default, w.Default))
		}
	}
	for name := range s.Attrs {
		if !slices.ContainsFunc(sig.Attrs, func(a graph.AttrDef) bool { return a.Name == name }) {
			out = append(out, fmt.Sprintf("attribute %s is missing", name))
		}
	}
	return out
}

var kinds = map[string]string{"int": "int", "ints": "ints", "float": "float", "floats": "floats", "string": "string", "strings": "strings",
	"tensor": "tensor", "graph": "graph", "sparse_tensor": "sparse", "type_proto": "type"}

func sameDefault(got, want any) bool {
	switch g := got.(type) {
	case int64:
		w, ok := want.(float64)
		return ok && float64(g) == w
	case float32:
		w, ok := want.(float64)
		return ok && g == float32(w)
	case string:
		return g == want
	}
	return strings.Trim(fmt.Sprint(got), "[]") == strings.Trim(fmt.Sprint(want), "[]")
}

func paramDiff(sig *graph.Signature, got []graph.Param, s *schema, want []schemaParam, what string) []string {
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d %ss, want %d", len(got), what, len(want))}
	}
	var out []string
	for i, p := range got {
		w := want[i]
		if p.Name != w.Name || p.Optional != (w.Option == "optional") || p.Variadic != (w.Option == "variadic") {
			out = append(out, fmt.Sprintf("%s %d is %+v, want %+v", what, i, p, w))
		}
		g, e := typeList(sig, p.Type), schemaTypes(s, w.Type)
		if !reflect.DeepEqual(g, e) {
			out = append(out, fmt.Sprintf("%s %s allows %v, want %v", what, p.Name, g, e))
		}
	}
	return out
}

func typeList(sig *graph.Signature, name string) []string {
	set, ok := sig.Types[name]
	if !ok {
		one, err := graph.ParseSig(&graph.Signature{}, "T = "+name)
		if err != nil {
			return []string{err.Error()}
		}
		set = one.Types["T"]
	}
	var out []string
	for _, t := range set {
		s := t.DType.String()
		switch depth := strings.Count(t.Wrap, "("); {
		case strings.HasSuffix(t.Wrap, ","): // a map, open for its values
			s = t.Wrap + s + strings.Repeat(")", depth)
		case t.Wrap != "":
			s = t.Wrap + "(" + s + strings.Repeat(")", 1+depth)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// schemaTypes writes the standard's names of types as ours: "seq(tensor(float))" is "seq(float32)".
func schemaTypes(s *schema, name string) []string {
	types, ok := s.Types[name]
	if !ok {
		types = []string{name}
	}
	var out []string
	for _, t := range types {
		if strings.Contains(t, "map(") {
			out = append(out, strings.NewReplacer(" ", "", "float", "float32", "double", "float64").Replace(t))
			continue
		}
		t = strings.ReplaceAll(t, "optional(", "opt(")
		inner := t[strings.LastIndex(t, "tensor(")+len("tensor("):]
		elem, rest, _ := strings.Cut(inner, ")")
		switch elem {
		case "float":
			elem = "float32"
		case "double":
			elem = "float64"
		}
		out = append(out, t[:strings.LastIndex(t, "tensor(")]+elem+rest)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
