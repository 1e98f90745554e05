package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// reducedAxes are the axes of a reduction that keeps them with extent 1, in order, for an input of the given rank; false when they are not known.
func reducedAxes(n *graph.Node, rank int) ([]int, bool) {
	if rank < 0 || n == nil || !n.Bool("keepdims") || n.HasAttr("axes") {
		return nil, false
	}
	var axes []int
	if n.Has(1) {
		t := n.In[1].Const
		if t == nil || t.DType() != tensor.Int64 {
			return nil, false
		}
		for _, a := range tensor.Data[int64](t) {
			k, err := graph.Axis(int(a), rank)
			if err != nil {
				return nil, false
			}
			axes = append(axes, k)
		}
	}
	if len(axes) == 0 {
		if n.Bool("noop_with_empty_axes") {
			return nil, false
		}
		for k := range rank {
			axes = append(axes, k)
		}
	}
	slices.Sort(axes)
	return slices.Compact(axes), true
}

// trailing is the first of the axes when they are the last ones of rank.
func trailing(axes []int, rank int) (int, bool) {
	for i, a := range axes {
		if a != rank-len(axes)+i {
			return 0, false
		}
	}
	return rank - len(axes), len(axes) > 0
}

// rowLike reports whether p broadcasts to the axes of x from axis on, and does not depend on those before.
func rowLike(p, x graph.Type, axis int) bool {
	off := len(x.Shape) - len(p.Shape)
	if !p.Ranked || !x.Ranked || off < 0 {
		return false
	}
	for i, d := range p.Shape {
		if !d.Is(1) && (off+i < axis || !d.IsInt() || !d.Equal(x.Shape[off+i])) {
			return false
		}
	}
	return true
}
