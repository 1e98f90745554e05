package ops

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// contribRow is a case of testdata/contrib, written by scripts/contrib_goldens.py: what ONNX Runtime made of a node, or that it refused it.
type contribRow struct {
	Name   string
	Domain string
	Attrs  map[string]any
	In     []*contribTensor
	Want   []*contribTensor
	Tol    float64
}

type contribTensor struct {
	Type  string
	Shape []int
	Data  []any
}

func (c *contribTensor) tensor(t *testing.T) *tensor.Tensor {
	if c == nil {
		return nil
	}
	d, ok := tensor.ParseDType(c.Type)
	if !ok {
		t.Fatalf("type %q", c.Type)
	}
	v := make([]float64, len(c.Data))
	for i, x := range c.Data {
		switch x := x.(type) {
		case float64:
			v[i] = x
		case string:
			v[i] = map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}[x]
		}
	}
	out, err := tensor.FromFloats(d, v, c.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// attrs are the attributes of a row in the kinds that the operator gives them.
func (c *contribRow) attrs(t *testing.T, o *graph.Op) []graph.Attr {
	kinds := map[string]string{}
	for _, a := range o.Signature().Attrs {
		kinds[a.Name] = a.Kind
	}
	var out []graph.Attr
	for name, v := range c.Attrs {
		switch kinds[name] {
		case "int":
			out = append(out, graph.Int(name, int(v.(float64))))
		case "float":
			out = append(out, graph.Float(name, float32(v.(float64))))
		case "string":
			out = append(out, graph.Str(name, v.(string)))
		case "ints":
			var n []int64
			for _, x := range v.([]any) {
				n = append(n, int64(x.(float64)))
			}
			out = append(out, graph.Ints(name, n...))
		case "floats":
			var n []float32
			for _, x := range v.([]any) {
				n = append(n, float32(x.(float64)))
			}
			out = append(out, graph.Attr{Name: name, Value: n})
		default:
			t.Fatalf("%s has no attribute %q", o, name)
		}
	}
	return out
}

// TestContrib holds ONNX Runtime's own operators to what it computes. What it refuses is refused here, too.
func TestContrib(t *testing.T) {
	files, err := filepath.Glob("testdata/contrib/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rows []contribRow
		if err := json.Unmarshal(data, &rows); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := "com.microsoft::" + strings.TrimSuffix(filepath.Base(file), ".json")
		if rows[0].Domain != "" {
			name = rows[0].Domain + name[len("com.microsoft"):]
		}
		domain, short, _ := strings.Cut(name, "::")
		o := Registry().Lookup(domain, short, 0)
		if o == nil {
			t.Errorf("%s is not defined", name)
			continue
		}
		var cases []optest.Case
		for _, r := range rows {
			c := optest.Case{Name: r.Name, Attrs: r.attrs(t, o), Tol: max(r.Tol, 2e-6)}
			for _, x := range r.In {
				c.In = append(c.In, x.tensor(t))
			}
			for _, x := range r.Want {
				c.Want = append(c.Want, x.tensor(t))
			}
			if r.Want == nil {
				c.Text = ": " // any error: the kinds differ
			}
			cases = append(cases, c)
		}
		t.Run(short, func(t *testing.T) { optest.Run(t, Registry(), name, cases) })
	}
}

// TestContribRefuses: what no golden can say, since ONNX Runtime lets it pass or ends in other ways.
func TestContribRefuses(t *testing.T) {
	x := f32(make([]float32, 12), 1, 3, 4)
	for name, c := range map[string]optest.Case{
		"SkipLayerNormalization":           {In: []*tensor.Tensor{x, f32(make([]float32, 8), 2, 4), f32(make([]float32, 4), 4)}, Err: graph.ErrShape, Text: "differ"},
		"SkipSimplifiedLayerNormalization": {In: []*tensor.Tensor{x, x, f32(make([]float32, 3), 3)}, Err: graph.ErrShape, Text: "rows of 4"},
		"EmbedLayerNormalization":          {In: []*tensor.Tensor{i32(make([]int32, 3), 3), nil, x, x, nil, x, x}, Err: graph.ErrShape, Text: "batch, seq"},
		"FusedConv":                        {In: []*tensor.Tensor{x, x}, Attrs: []graph.Attr{graph.Str("activation", "Concat")}, Err: graph.ErrUnsupported, Text: "Concat"},
	} {
		t.Run(name, func(t *testing.T) { optest.Run(t, Registry(), "com.microsoft::"+name, []optest.Case{c}) })
	}
}

// BiasSoftmax has no kernel for processors in ONNX Runtime: the numbers are those of numpy.
func TestBiasSoftmax(t *testing.T) {
	x := f32([]float32{0, 1, 2, 3, 4, 5, 6, 7}, 2, 2, 2)
	inner := []graph.Attr{graph.Int("is_inner_broadcast", 1), graph.Int("axis", 2)}
	optest.Run(t, Registry(), "com.microsoft::BiasSoftmax", []optest.Case{
		{Name: "last axis", Tol: 1e-6, Attrs: inner, In: []*tensor.Tensor{x, f32([]float32{0, -10}, 1, 1, 2)},
			Want: []*tensor.Tensor{f32([]float32{0.999876605, 0.000123394576, 0.999876605, 0.000123394576, 0.999876605, 0.000123394576, 0.999876605, 0.000123394576}, 2, 2, 2)}},
		{Name: "two axes", Tol: 1e-6, Attrs: []graph.Attr{graph.Int("is_inner_broadcast", 0)}, In: []*tensor.Tensor{x, f32([]float32{0, 0, 0, 0, -5, -5, -5, -5}, 2, 2, 2)},
			Want: []*tensor.Tensor{f32([]float32{0.0320586033, 0.0871443187, 0.236882818, 0.64391426, 0.0320586033, 0.0871443187, 0.236882818, 0.64391426}, 2, 2, 2)}},
		{Name: "empty", Attrs: inner, In: []*tensor.Tensor{f32(nil, 0, 2, 2), f32([]float32{0, 1}, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 2, 2)}},
		{Name: "axis", Attrs: []graph.Attr{graph.Int("axis", 3), graph.Int("is_inner_broadcast", 1)}, In: []*tensor.Tensor{x, x}, Err: graph.ErrShape, Text: "axis 3"},
	})
}

// TestInverse: singular matrices and gradients.
func TestInverse(t *testing.T) {
	optest.Run(t, Registry(), "com.microsoft::Inverse", []optest.Case{
		{Name: "zero", In: []*tensor.Tensor{f64([]float64{0}, 1, 1)}, Want: []*tensor.Tensor{f64([]float64{math.Inf(1)}, 1, 1)}},
		{Name: "empty", In: []*tensor.Tensor{f64(nil, 2, 0, 0)}, Want: []*tensor.Tensor{f64(nil, 2, 0, 0)}},
		{Name: "vector", In: []*tensor.Tensor{f64([]float64{1}, 1)}, Err: graph.ErrShape, Text: "inverse of"},
	})
	optest.Grad(t, Registry(), "com.microsoft::Inverse", []optest.Case{
		{Name: "matrix", In: args(f64([]float64{2, 1, 0.5, 3}, 2, 2))},
		{Name: "stack", In: args(drawn(1, 0.5, 1, 2, 3, 3))},
		{Name: "empty", In: args(drawn(1, 0.5, 1, 0, 2, 2))},
		{Name: "large", In: args(f64([]float64{2e4, 1e4, 5e3, 3e4}, 2, 2))},
	})
}
