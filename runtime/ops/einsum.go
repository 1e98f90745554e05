package ops

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Einsum is Einstein's summation: every axis of every input has a label, and the result has, for each combination of the labels of the
// output, the sum over all other labels of the products of the inputs' elements. A label twice in one term is a diagonal;
// "..." stands for axes that broadcast. Without "->" the output has "..." and the labels that occur once, in the order of the alphabet.
var einsum = family(
	&graph.Op{
		Name: "Einsum", Since: 28,
		Sig: `(Inputs*:T) -> (Output:T)
			T = float int
			equation string!`,
		Infer: inferEinsum, Run: halves(runEinsum), Grad: by(einsumGrad),
	},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64 int"},
)

// einDots is the label of the last axis that "..." stands for; those before it count up from there. Letters are their own labels.
const einDots = 256

// parseEinsum gives the labels of the axes of each input, whose ranks are given, and of the output.
func parseEinsum(equation string, ranks []int) (in [][]int, out []int, err error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(ranks) {
		return nil, nil, graph.Invalidf("einsum equation %q has %d terms for %d inputs", equation, len(terms), len(ranks))
	}
	dots, count := 0, map[int]int{}
	for i, term := range terms {
		labels, err := einLabels(equation, term, ranks[i]-len(strings.Replace(term, "...", "", 1)))
		if err != nil {
			return nil, nil, err
		}
		if len(labels) != ranks[i] {
			return nil, nil, graph.Shapef("einsum equation %q: term %q for an input of rank %d", equation, term, ranks[i])
		}
		for _, l := range labels {
			count[l]++
			dots = max(dots, l-einDots+1)
		}
		in = append(in, labels)
	}
	if explicit {
		if out, err = einLabels(equation, right, dots); err != nil {
			return nil, nil, err
		}
		for i, l := range out {
			if count[l] == 0 || slices.Contains(out[:i], l) {
				return nil, nil, graph.Invalidf("einsum equation %q: output label %q is not in the inputs or there twice", equation, string(rune(l)))
			}
		}
		return in, out, nil
	}
	for d := dots - 1; d >= 0; d-- {
		out = append(out, einDots+d)
	}
	for l := range einDots {
		if count[l] == 1 {
			out = append(out, l)
		}
	}
	return in, out, nil
}

// einLabels are the labels of a term in which "..." stands for dots axes.
func einLabels(equation, term string, dots int) ([]int, error) {
	var out []int
	for i := 0; i < len(term); i++ {
		ch := term[i]
		switch {
		case ch|0x20 >= 'a' && ch|0x20 <= 'z':
			out = append(out, int(ch))
		case strings.HasPrefix(term[i:], "...") && !strings.Contains(term[i+3:], "."):
			for d := dots - 1; d >= 0; d-- {
				out = append(out, einDots+d)
			}
			i += 2
		default:
			return nil, graph.Invalidf("einsum equation %q: term %q", equation, term)
		}
	}
	return out, nil
}

func inferEinsum(c *graph.Infer) error {
	ranks := make([]int, len(c.Node.In))
	for i := range ranks {
		s, ok := c.Shape(i)
		if !ok {
			c.Set(0, graph.Unranked(c.DType(0)))
			return nil
		}
		ranks[i] = len(s)
	}
	in, out, err := parseEinsum(c.Node.Str("equation"), ranks)
	if err != nil {
		return err
	}
	dims := map[int][]graph.Dim{}
	for i, labels := range in {
		s, _ := c.Shape(i)
		for k, l := range labels {
			old, ok := dims[l]
			if !ok {
				old = []graph.Dim{graph.Size(1)}
			}
			if dims[l], err = graph.Broadcast(old, s[k:k+1]); err != nil {
				return graph.Shapef("einsum equation %q: extents %s and %s of one label", c.Node.Str("equation"), old[0], s[k])
			}
		}
	}
	shape := make([]graph.Dim, len(out))
	for i, l := range out {
		shape[i] = dims[l][0]
	}
	c.SetTensor(0, c.DType(0), shape...)
	return nil
}

func runEinsum(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return einsumOf[float32](c)
	case tensor.Float64:
		return einsumOf[float64](c)
	case tensor.Int8, tensor.Uint8: // sums of products have the same bits with and without sign
		return einsumOf[int8](c)
	case tensor.Int16, tensor.Uint16:
		return einsumOf[int16](c)
	case tensor.Int32, tensor.Uint32:
		return einsumOf[int32](c)
	case tensor.Int64, tensor.Uint64:
		return einsumOf[int64](c)
	}
	return graph.Typef("einsum of %s", c.In[0])
}
