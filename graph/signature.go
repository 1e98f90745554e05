package graph

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Signature is what an operator takes and gives, written in a text of the form
//
//	(X:T, bias?:T, rest*:T) -> (Y:T, mask?:bool)
//	T = f16 f32 f64; U = seq(float)
//	axis int = -1; mode string = nearest; pads ints; body graph!
//
// "?" marks optional and "*" variadic parameters ("**" of mixed types), "!" required attributes. Types are those of
// [tensor.DType.Short], sets of them (float: f16 bf16 f32 f64; int: all signed and unsigned integers of 8 to 64 bits; num: both;
// tensor: all but the byte floats and packed ones; f8: the four original byte floats; all: everything), and seq(…), opt(…), map(key,…) of them.
// In a text that changes another signature, a line replaces what it names, and "-name" drops an attribute.
type Signature struct {
	In, Out []Param
	Types   map[string][]TypeSet
	Attrs   []AttrDef
}

// Param is a formal input or output.
type Param struct {
	Name     string
	Type     string // a type variable, or a type
	Optional bool
	Variadic bool
	Mixed    bool // variadic, and each may have another type
}

// TypeSet is an allowed type: an element type, wrapped in containers ("seq", "opt", "opt(seq", "map(int64,").
type TypeSet struct {
	Wrap  string
	DType tensor.DType
}

// AttrDef is a formal attribute. Kind is int, float, string, tensor, graph, sparse, type, or one of them with an s.
type AttrDef struct {
	Name, Kind string
	Default    any // as in [Attr], nil when there is none
	Required   bool
}

var typeSets = map[string]string{
	"float":  "f16 bf16 f32 f64",
	"int":    "i8 i16 i32 i64 u8 u16 u32 u64",
	"num":    "float int",
	"tensor": "num bool str c64 c128",
	"f8":     "f8e4m3fn f8e4m3fnuz f8e5m2 f8e5m2fnuz",
	"all":    "tensor f8 u4 i4 f4e2m1 f8e8m0 u2 i2 f6e2m3 f6e3m2",
}

// ParseSig reads a signature that is base but for what s says.
func ParseSig(base *Signature, s string) (*Signature, error) {
	sig := &Signature{In: base.In, Out: base.Out, Types: map[string][]TypeSet{}, Attrs: slices.Clone(base.Attrs)}
	maps.Copy(sig.Types, base.Types)
	for _, line := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == ';' }) {
		line = strings.TrimSpace(line)
		var err error
		switch {
		case line == "":
		case strings.HasPrefix(line, "-"):
			sig.dropAttr(line[1:])
		case strings.HasPrefix(line, "("):
			in, out, ok := strings.Cut(line, "->")
			if !ok {
				return nil, fmt.Errorf("signature %q has no ->", line)
			}
			if sig.In, err = parseParams(in); err == nil {
				sig.Out, err = parseParams(out)
			}
		default:
			f := strings.Fields(line)
			if len(f) > 1 && f[1] == "=" {
				sig.Types[f[0]], err = parseTypes("", f[2:])
			} else {
				err = sig.parseAttr(line, f)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return sig, nil
}

func parseParams(s string) ([]Param, error) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
		return nil, fmt.Errorf("parameters %q", s)
	}
	var out []Param
	for _, f := range splitTop(s[1 : len(s)-1]) {
		name, typ, ok := strings.Cut(f, ":")
		if !ok {
			return nil, fmt.Errorf("parameter %q has no type", f)
		}
		p := Param{Name: strings.TrimRight(name, "?*"), Type: typ}
		p.Optional = strings.HasSuffix(name, "?")
		p.Variadic = strings.HasSuffix(name, "*")
		p.Mixed = strings.HasSuffix(name, "**")
		out = append(out, p)
	}
	return out, nil
}

// splitTop splits at commas outside of parentheses.
func splitTop(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ',' && depth == 0 {
			if f := strings.TrimSpace(s[start:i]); f != "" {
				out = append(out, f)
			}
			start = i + 1
		} else if s[i] == '(' {
			depth++
		} else if s[i] == ')' {
			depth--
		}
	}
	return out
}

func parseTypes(wrap string, names []string) ([]TypeSet, error) {
	var out []TypeSet
	joined := strings.Join(names, " ")
	for joined != "" {
		joined = strings.TrimSpace(joined)
		end := strings.IndexByte(joined, ' ')
		if open := strings.IndexByte(joined, '('); open >= 0 && (end < 0 || open < end) {
			depth, close := 0, -1
			for i := open; i < len(joined); i++ {
				if joined[i] == '(' {
					depth++
				} else if joined[i] == ')' {
					if depth--; depth == 0 {
						close = i
						break
					}
				}
			}
			if close < 0 {
				return nil, fmt.Errorf("types %q: missing )", joined)
			}
			w, body := joined[:open], joined[open+1:close]
			if w == "map" {
				key, elem, _ := strings.Cut(body, ",")
				d, ok := tensor.ParseDType(key)
				if !ok {
					return nil, fmt.Errorf("key %q of a map is unknown", key)
				}
				w, body = "map("+d.String()+",", elem
			}
			if wrap != "" {
				w = wrap + "(" + w
			}
			inner, err := parseTypes(w, strings.Fields(body))
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
			joined = joined[close+1:]
			continue
		}
		if end < 0 {
			end = len(joined)
		}
		name := joined[:end]
		joined = joined[end:]
		if set, ok := typeSets[name]; ok {
			inner, err := parseTypes(wrap, strings.Fields(set))
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		} else if d, ok := tensor.ParseDType(name); ok {
			out = append(out, TypeSet{Wrap: wrap, DType: d})
		} else {
			return nil, fmt.Errorf("type %q is unknown", name)
		}
	}
	return out, nil
}

func (sig *Signature) parseAttr(line string, f []string) error {
	if len(f) < 2 {
		return fmt.Errorf("attribute %q has no kind", line)
	}
	a := AttrDef{Name: f[0], Kind: strings.TrimSuffix(f[1], "!"), Required: strings.HasSuffix(f[1], "!")}
	if _, def, ok := strings.Cut(line, "="); ok {
		def = strings.TrimSpace(def)
		words := strings.Fields(strings.Trim(def, "[]"))
		var err error
		switch a.Kind {
		case "int":
			a.Default, err = strconv.ParseInt(def, 10, 64)
		case "float":
			var v float64
			v, err = strconv.ParseFloat(def, 32)
			a.Default = float32(v)
		case "string":
			a.Default = def
		case "ints":
			v := make([]int64, len(words))
			for i, w := range words {
				if v[i], err = strconv.ParseInt(w, 10, 64); err != nil {
					break
				}
			}
			a.Default = v
		case "floats":
			v := make([]float32, len(words))
			for i, w := range words {
				var x float64
				if x, err = strconv.ParseFloat(w, 32); err != nil {
					break
				}
				v[i] = float32(x)
			}
			a.Default = v
		case "strings":
			a.Default = words
		default:
			err = fmt.Errorf("kind %s has no defaults", a.Kind)
		}
		if err != nil {
			return fmt.Errorf("attribute %q: %w", line, err)
		}
	}
	sig.dropAttr(a.Name)
	sig.Attrs = append(sig.Attrs, a)
	return nil
}

func (sig *Signature) dropAttr(name string) {
	sig.Attrs = slices.DeleteFunc(sig.Attrs, func(a AttrDef) bool { return a.Name == name })
}
