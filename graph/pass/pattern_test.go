package pass

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestPatterns matches each pattern against the last node of a graph of x and y, and names what it finds.
func TestPatterns(t *testing.T) {
	type value = *graph.Value
	num := func(b *graph.Builder, v float64) value { return b.Scalar(tensor.Float32, v) }
	cases := []struct {
		pattern string
		build   func(b *graph.Builder, x, y value) value
		want    string // names and what they are bound to, or "" when it must not match
	}{
		{"Div(a, Add(1, Exp(Neg(a))))", func(b *graph.Builder, x, y value) value {
			return b.Op("Div", x, b.Op("Add", b.Op("Exp", b.Op("Neg", x)), num(b, 1)))
		}, "a=x"},
		{"Div(a, Add(1, Exp(Neg(a))))", func(b *graph.Builder, x, y value) value { // not the same value
			return b.Op("Div", x, b.Op("Add", b.Op("Exp", b.Op("Neg", y)), num(b, 1)))
		}, ""},
		{"Div(a, b)", func(b *graph.Builder, x, y value) value { return b.Op("Div", x, y) }, "a=x b=y"},
		{"Add(Neg(a), b)", func(b *graph.Builder, x, y value) value { return b.Op("Add", y, b.Op("Neg", x)) }, "a=x b=y"},
		{"Sub(Neg(a), b)", func(b *graph.Builder, x, y value) value { return b.Op("Sub", y, b.Op("Neg", x)) }, ""}, // does not commute
		{"Mul(Neg(a), Add(a, b))", func(b *graph.Builder, x, y value) value { // the second input decides about the first
			return b.Op("Mul", b.Op("Neg", x), b.Op("Add", y, x))
		}, "a=x b=y"},
		{"Mul(p=Neg(a), q=Neg(Abs(c)))", func(b *graph.Builder, x, y value) value { // the first way to match is undone
			return b.Op("Mul", b.Op("Neg", b.Op("Abs", x)), b.Op("Neg", y))
		}, "a=y c=x p=Neg q=Neg"},
		{"Mul(a, 0.5)", func(b *graph.Builder, x, y value) value { return b.Op("Mul", num(b, 0.5), x) }, "a=x"},
		{"Mul(a, 0.5)", func(b *graph.Builder, x, y value) value { return b.Op("Mul", num(b, 0.501), x) }, ""},
		{"Mul(a, -1.4142135623730951)", func(b *graph.Builder, x, y value) value { return b.Op("Mul", x, num(b, -1.41421)) }, "a=x"},
		{"Mul(a, #k)", func(b *graph.Builder, x, y value) value { return b.Op("Mul", num(b, 7), x) }, "a=x k=7"},
		{"Mul(a, #k)", func(b *graph.Builder, x, y value) value { return b.Op("Mul", y, x) }, ""},
		{"Mul(a, #k)", func(b *graph.Builder, x, y value) value {
			return b.Op("Mul", x, b.Const(tensor.Must(tensor.Of([]float32{1, 2}))))
		}, ""},
		{"Mul(a, @k)", func(b *graph.Builder, x, y value) value {
			return b.Op("Mul", b.Const(tensor.Must(tensor.Of([]float32{1, 2}))), x)
		}, "a=x k=1"},
		{"Abs(Cast?(a))", func(b *graph.Builder, x, y value) value { return b.Op("Abs", x) }, "a=x"},
		{"Abs(h=Cast?(a))", func(b *graph.Builder, x, y value) value {
			return b.Op("Abs", b.Op("Cast", x, graph.Int("to", int(tensor.Float64))))
		}, "a=x h=Cast"},
		{"Exp(Pow(a, 2) | Mul(a, a))", func(b *graph.Builder, x, y value) value { return b.Op("Exp", b.Op("Mul", x, x)) }, "a=x"},
		{"Exp(Pow(a, 2) | Mul(a, a))", func(b *graph.Builder, x, y value) value { return b.Op("Exp", b.Op("Mul", x, y)) }, ""},
		{"ReduceSum(a)", func(b *graph.Builder, x, y value) value { return b.Op("ReduceSum", x, b.Ints(1)) }, ""},
		{"ReduceSum(a, @axes)", func(b *graph.Builder, x, y value) value { return b.Op("ReduceSum", x) }, ""},
		{"ReduceSum(a, _)", func(b *graph.Builder, x, y value) value { return b.Op("ReduceSum", x) }, "a=x"},
		{"ReduceSum(a, ...)", func(b *graph.Builder, x, y value) value { return b.Op("ReduceSum", x, b.Ints(1)) }, "a=x"},
		{"Concat(Split#1(a, ...), Split#0(a, ...))", func(b *graph.Builder, x, y value) value {
			s := b.OpN(2, "Split", x, graph.Int("axis", 1), graph.Int("num_outputs", 2))
			return b.Op("Concat", s[1], s[0], graph.Int("axis", 1))
		}, "a=x"},
		{"Concat(Split#0(a, ...), Split#1(a, ...))", func(b *graph.Builder, x, y value) value {
			s := b.OpN(2, "Split", x, graph.Int("axis", 1), graph.Int("num_outputs", 2))
			return b.Op("Concat", s[1], s[0], graph.Int("axis", 1))
		}, ""},
		{"Exp(Neg(a))", func(b *graph.Builder, x, y value) value { // the inside is an output
			h := b.Op("Neg", x)
			b.Output(h)
			return b.Op("Exp", h)
		}, ""},
		{"Exp(Neg(a))", func(b *graph.Builder, x, y value) value { // or has another reader
			h := b.Op("Neg", x)
			b.Output(b.Op("Abs", h))
			return b.Op("Exp", h)
		}, ""},
		{"Exp(&h=Neg(a))", func(b *graph.Builder, x, y value) value {
			h := b.Op("Neg", x)
			b.Output(h)
			return b.Op("Exp", h)
		}, "a=x h=Neg"},
		{"Div(d=Sub(a, b), Abs(d))", func(b *graph.Builder, x, y value) value { // two readers, both inside
			d := b.Op("Sub", x, y)
			return b.Op("Div", d, b.Op("Abs", d))
		}, "a=x b=y d=Sub"},
		{"com.microsoft::QuickGelu(a)", func(b *graph.Builder, x, y value) value { return b.Op("Exp", x) }, ""},
	}
	for i, c := range cases {
		t.Run(fmt.Sprint(i, " ", c.pattern), func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			typ := graph.TensorType(tensor.Float32, graph.Dims(4, 2)...)
			v := c.build(b, b.Input("x", typ), b.Input("y", typ))
			b.Output(v)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			var found []string
			p := parse(c.pattern)
			_, err := rewrite(ops.Registry(), b.Graph, []rule{{p, func(_ *graph.Builder, m *match) *graph.Value {
				if m.root == v.Def {
					found = names(p, m)
				}
				return nil
			}}})
			if got := strings.Join(found, " "); err != nil || got != c.want {
				t.Errorf("found %q, want %q, error %v", got, c.want, err)
			}
		})
	}
}

// names writes the bindings in alphabetical order.
func names(p *pattern, m *match) (out []string) {
	for c := 'a'; c <= 'z'; c++ {
		v := m.val(string(c))
		switch {
		case v == nil:
		case v.Const != nil:
			out = append(out, fmt.Sprintf("%c=%v", c, v.Const.Float(0)))
		case v.Def != nil:
			out = append(out, fmt.Sprintf("%c=%s", c, v.Def.Op.Name))
		default:
			out = append(out, fmt.Sprintf("%c=%s", c, v.Name))
		}
	}
	return out
}

// TestPatternFaults: every fault of a pattern is found when it is parsed.
func TestPatternFaults(t *testing.T) {
	for _, text := range []string{"", "Add(", "Add(a", "Add(a, b) c", "Add(a, |)", "=x"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("pattern %q is accepted", text)
				}
			}()
			parse(text)
		}()
	}
}

func TestRewrite(t *testing.T) {
	typ := graph.TensorType(tensor.Float32, graph.Dims(4, 2)...)
	abs := rule{parse("Max(a, Neg(a))"), func(b *graph.Builder, m *match) *graph.Value { return b.Op("Abs", m.val("a")) }}
	sum := rule{parse("Exp(&s=Neg(a))"), func(b *graph.Builder, m *match) *graph.Value { // a stand-in for operators with two results
		out := b.OpN(2, "Split", b.Op("Concat", m.val("a"), m.val("a"), graph.Int("axis", 0)), graph.Int("axis", 0), graph.Int("num_outputs", 2))
		m.replace("s", out[1])
		return out[0]
	}}
	cases := []struct {
		name  string
		rule  rule
		build func(b *graph.Builder, x *graph.Value)
		want  string // the operators that are left
	}{
		{"keeps outputs", abs, func(b *graph.Builder, x *graph.Value) {
			b.Output(b.Op("Max", x, b.Op("Neg", x)))
		}, "Abs"},
		{"chains", abs, func(b *graph.Builder, x *graph.Value) {
			y := b.Op("Max", x, b.Op("Neg", x))
			b.Output(b.Op("Exp", b.Op("Max", b.Op("Neg", y), y)))
		}, "Abs Abs Exp"},
		{"refuses another type", rule{parse("Mul(a, 1)"), func(b *graph.Builder, m *match) *graph.Value {
			return b.Op("Abs", m.val("a"))
		}}, func(b *graph.Builder, x *graph.Value) { // a constant of higher rank gives the product its rank
			b.Output(b.Op("Mul", x, b.Const(tensor.Must(tensor.Of([]float32{1}, 1, 1, 1)))))
			b.Output(b.Op("Mul", x, b.Const(tensor.Must(tensor.Of([]float32{1}, 1)))))
		}, "Mul Abs"},
		{"a second result", sum, func(b *graph.Builder, x *graph.Value) {
			s := b.Op("Neg", x)
			b.Output(b.Op("Relu", s)) // comes before what will compute it
			b.Output(b.Op("Exp", s))
			b.Output(s)
		}, "Concat Split Relu"},
		{"a second result that the match needs", rule{parse("Add(b, Exp(&s=Neg(a)))"), func(b *graph.Builder, m *match) *graph.Value {
			m.replace("s", m.val("a"))
			return b.Op("Add", m.val("a"), m.val("b"))
		}}, func(b *graph.Builder, x *graph.Value) {
			s := b.Op("Neg", x)
			b.Output(b.Op("Add", b.Op("Exp", s), b.Op("Abs", s)))
		}, "Neg Exp Abs Add"},
		{"graphs inside", abs, func(b *graph.Builder, x *graph.Value) {
			h := b.Op("Neg", x) // read from inside, and outside of the pattern's graph
			branch := func(f func(b *graph.Builder) *graph.Value) *graph.Graph {
				sub := b.Sub(&graph.Graph{})
				sub.Output(f(sub))
				return sub.Graph
			}
			b.Output(b.Op("If", b.Const(tensor.Scalar(true)),
				graph.GraphAttr("then_branch", branch(func(b *graph.Builder) *graph.Value { return b.Op("Max", x, b.Op("Neg", x)) })),
				graph.GraphAttr("else_branch", branch(func(b *graph.Builder) *graph.Value { return b.Op("Max", x, h) }))))
		}, "Neg If Abs Max"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			c.build(b, b.Input("x", typ))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			err := Apply(ops.Registry(), b.Graph, []Pass{{"test", func(reg *graph.Registry, g *graph.Graph) (bool, error) {
				_, err := rewrite(reg, g, []rule{c.rule})
				return true, err // verified even when nothing is said to have changed
			}}})
			var got []string
			b.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
				got = append(got, n.Op.Name)
				return true
			})
			if text := strings.Join(got, " "); err != nil || text != c.want {
				t.Errorf("%s, want %s; error %v\n%s", text, c.want, err, b.Graph)
			}
		})
	}
}
