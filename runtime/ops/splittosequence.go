package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// SplitToSequence cuts a tensor along an axis into pieces: of the given extent, the last one maybe smaller, when split is a scalar; of the
// given extents when it is a list; of extent 1 without it, in which case keepdims = 0 drops the axis.
var splitToSequence = family(
	&graph.Op{
		Name: "SplitToSequence", Since: 24,
		Sig: `(input:T, split?:I) -> (output_sequence:S)
			T = tensor; I = i32 i64; S = seq(tensor)
			axis int = 0; keepdims int = 1`,
		Infer: inferSplitToSequence, Run: runSplitToSequence,
	},
	&graph.Op{Since: 11, Sig: "T = " + oldTensors + "; S = seq(" + oldTensors + ")"},
)

func inferSplitToSequence(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	elem := graph.Unranked(c.DType(0))
	if x, ok := c.Shape(0); ok {
		axis, err := graph.Axis(c.Node.Int("axis"), len(x))
		if err != nil {
			return err
		}
		elem.Ranked, elem.Shape = true, slices.Clone(x)
		switch {
		case c.Has(1):
			elem.Shape[axis] = graph.Unknown()
		case c.Node.Bool("keepdims"):
			elem.Shape[axis] = graph.Size(1)
		default:
			elem.Shape = slices.Delete(elem.Shape, axis, axis+1)
		}
	}
	c.Set(0, graph.SeqOf(elem))
	return nil
}

func runSplitToSequence(c *graph.Ctx) error {
	x := c.In[0]
	axis, err := graph.Axis(c.Node.Int("axis"), x.Rank())
	if err != nil {
		return err
	}
	n := x.Dim(axis)
	step, pieces := 1, n
	var extents []int
	if c.Has(1) {
		split := c.In[1]
		if split.Rank() > 1 {
			return graph.Shapef("split is %s, want a number or a list", split)
		}
		if split.Rank() == 0 {
			if step, err = oneInt(split, "split"); err != nil {
				return err
			}
			if step < 1 {
				return graph.Shapef("split into pieces of %d", step)
			}
			pieces = n / step
			if n%step != 0 {
				pieces++
			}
		} else if extents, err = splitExtents(split, n); err != nil {
			return err
		} else {
			pieces = len(extents)
		}
	}
	// before anything is made: pieces without elements cost nothing but their number
	per := elemBytes + 8*x.Rank()
	if pieces > math.MaxInt/per {
		return graph.Limitf("%d pieces", pieces)
	}
	if err := c.Exec().Charge(pieces * per); err != nil {
		return err
	}
	drop := !c.Has(1) && !c.Node.Bool("keepdims")
	out := make([]*tensor.Tensor, 0, pieces)
	for at := 0; len(out) < pieces; {
		if len(out)%1024 == 0 {
			if err := c.Exec().Stopped(); err != nil {
				return err
			}
		}
		m := min(step, n-at)
		if extents != nil {
			m = extents[len(out)]
		}
		t, err := sliceRange(c, x, axis, at, at+m)
		if err != nil {
			return err
		}
		if drop {
			if t, err = t.Reshape(slices.Delete(t.Shape().Clone(), axis, axis+1)...); err != nil {
				return err
			}
		}
		out, at = append(out, t), at+m
	}
	return setElems(c, tensor.Sequence, out)
}

// splitExtents are the elements of split, which must add up to n.
func splitExtents(split *tensor.Tensor, n int) ([]int, error) {
	out := make([]int, 0, split.Len())
	out, err := appendInts(out, split)
	if err != nil {
		return nil, err
	}
	left := n
	for _, m := range out {
		if m < 0 || m > left {
			return nil, graph.Shapef("split into %v of an axis of %d", out, n)
		}
		left -= m
	}
	if left != 0 {
		return nil, graph.Shapef("split into %v of an axis of %d", out, n)
	}
	return out, nil
}
