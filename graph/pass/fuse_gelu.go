package pass

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// FuseGelu finds Gelu in the forms in which exporters and models write it (https://arxiv.org/abs/1606.08415):
//
//	½x(1 + erf(x/√2))        ½x(1 + tanh(√(2/π)(x + 0.044715x³)))
func FuseGelu(reg *graph.Registry, g *graph.Graph) (bool, error) { return rewrite(reg, g, geluRules) }

var geluRules = geluForms()

func geluForms() []rule {
	erf := fmt.Sprintf("Erf(Div(x, %v) | Mul(x, %v))", math.Sqrt2, math.Sqrt2/2)
	c := math.Sqrt(2 / math.Pi)
	cube := "Pow(x, 3) | Mul(x, Mul(x, x) | Pow(x, 2))"
	square := "Mul(x, x) | Pow(x, 2)"
	tanh := []string{
		fmt.Sprintf("Tanh(Mul(Add(x, Mul(%s, 0.044715)), %v))", cube, c),
		fmt.Sprintf("Tanh(Mul(Add(x, Mul(Mul(x, 0.044715), %s)), %v))", square, c),
		fmt.Sprintf("Tanh(Mul(Add(x, Mul(x, Mul(Mul(x, 0.044715), x))), %v))", c),
		fmt.Sprintf("Tanh(Mul(Mul(x, %v), Add(Mul(%s, 0.044715) | Mul(Mul(x, 0.044715), x), 1)))", c, square),
		fmt.Sprintf("Tanh(Mul(x, Mul(Add(Mul(%s, 0.044715) | Mul(Mul(x, 0.044715), x), 1), %v)))", square, c),
		fmt.Sprintf("Tanh(Mul(x, Add(Mul(%s, %v), %v)))", square, 0.044715*c, c),
	}
	var rules []rule
	add := func(inner string, build func(*graph.Builder, *match) *graph.Value) {
		one := "Add(" + inner + ", 1)"
		for _, form := range []string{
			"Mul(Mul(x, " + one + "), 0.5)",
			"Div(Mul(x, " + one + "), 2)",
			"Mul(x, Mul(" + one + ", 0.5) | Div(" + one + ", 2))",
			"Mul(Mul(x, 0.5) | Div(x, 2), " + one + ")",
			"Mul(x, Add(Mul(" + inner + ", 0.5), 0.5))",
		} {
			rules = append(rules, rule{parse(form), build})
		}
	}
	add(erf, func(b *graph.Builder, m *match) *graph.Value { return b.Op("Gelu", m.val("x")) })
	for _, t := range tanh {
		add(t, func(b *graph.Builder, m *match) *graph.Value {
			return b.Op("Gelu", m.val("x"), graph.Str("approximate", "tanh"))
		})
	}
	return rules
}
