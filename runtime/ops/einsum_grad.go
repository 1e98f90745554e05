package ops

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
)

// einsumGrad: the gradient of an input is again a sum of products, of the output's gradient and the other inputs. Of a label that the input has twice, only the
// diagonal has a gradient: the second axis gets a label of its own and meets the first in an identity matrix. Along a label that only this input has,
// the gradient repeats.
func einsumGrad(r rule) []*graph.Value {
	ranks := make([]int, len(r.n.In))
	for i, v := range r.n.In {
		ranks[i] = r.rank(v)
	}
	in, out, err := parseEinsum(r.n.Str("equation"), ranks)
	if err != nil {
		r.Fail(err)
		return nil
	}
	grads := make([]*graph.Value, len(in))
	for i, labels := range in {
		names := map[int]byte{}
		terms, operands := []string{einTerm(names, out)}, []graph.Arg{r.g(0)}
		seen := slices.Clone(out)
		for k, other := range in {
			if k != i {
				terms, operands = append(terms, einTerm(names, other)), append(operands, r.x(k))
				seen = append(seen, other...)
			}
		}
		own := slices.Clone(labels) // each once
		for k, l := range labels {
			if first := slices.Index(labels, l); first < k {
				own[k] = einDots + einDots + k
				terms = append(terms, einTerm(names, []int{l, own[k]}))
				operands = append(operands, r.identity(r.x(i), k))
				seen = append(seen, l, own[k])
			}
		}
		var result, lone []int
		for k, l := range own {
			if slices.Contains(seen, l) {
				result = append(result, l)
			} else {
				lone = append(lone, k)
			}
		}
		equation := strings.Join(terms, ",") + "->" + einTerm(names, result)
		if len(names) > 52 {
			r.Fail(graph.Unsupportedf("the gradient of an einsum with %d labels", len(names)))
			return nil
		}
		g := r.Op("Einsum", append(operands, graph.Str("equation", equation))...)
		if lone != nil {
			g = r.Op("Unsqueeze", g, r.Ints(lone...))
		}
		if r.Err() == nil && !g.Type.Equal(r.x(i).Type) {
			g = r.Op("Expand", g, r.shape(r.x(i)))
		}
		grads[i] = g
	}
	return grads
}

// einTerm writes labels as letters, each of which stands for the same label in all terms that share names.
func einTerm(names map[int]byte, labels []int) string {
	term := make([]byte, len(labels))
	for i, l := range labels {
		c, ok := names[l]
		if !ok {
			if c = byte('a' + len(names)); len(names) >= 26 {
				c = byte('A' + len(names) - 26)
			}
			names[l] = c
		}
		term[i] = c
	}
	return string(term)
}

// identity is the identity matrix of as many rows as an axis of v has elements, in the type of v.
func (r rule) identity(v *graph.Value, axis int) *graph.Value {
	n := r.Op("Squeeze", r.extent(v, axis), r.Ints(0))
	at := r.Op("Range", r.Scalar(7, 0), n, r.Scalar(7, 1))
	return r.Op("Cast", r.Op("Equal", r.Op("Unsqueeze", at, r.Ints(0)), r.Op("Unsqueeze", at, r.Ints(1))), graph.Int("to", int(v.Type.DType)))
}
