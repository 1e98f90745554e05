package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ConcatFromSequence puts the tensors of a sequence behind one another along an axis, or side by side along a new one.
var concatFromSequence = family(&graph.Op{
	Name: "ConcatFromSequence", Since: 11,
	Sig: `(input_sequence:S) -> (concat_result:T)
		S = seq(` + oldTensors + `); T = ` + oldTensors + `
		axis int!; new_axis int = 0`,
	Infer: inferConcatFromSequence, Run: runConcatFromSequence,
})

func inferConcatFromSequence(c *graph.Infer) error {
	if s := c.Const(0); s != nil { // during a run
		shape, _, err := joinedShape(s.Elems(), c.Node.Int("axis"), c.Node.Bool("new_axis"))
		if err == nil {
			c.SetTensor(0, s.Elems()[0].DType(), graph.Dims(shape...)...)
		}
		return err
	}
	t, err := elemType(c, 0)
	if err != nil || t.DType == tensor.Invalid {
		return err
	}
	if !t.Ranked {
		c.Set(0, graph.Unranked(t.DType))
		return nil
	}
	rank := len(t.Shape)
	if c.Node.Bool("new_axis") {
		rank++
	}
	axis, err := graph.Axis(c.Node.Int("axis"), rank)
	if err != nil {
		return err
	}
	out := slices.Clone(t.Shape)
	if rank > len(out) {
		out = slices.Insert(out, axis, graph.Unknown())
	}
	out[axis] = graph.Unknown()
	c.SetTensor(0, t.DType, out...)
	return nil
}

// joinedShape is the shape of tensors put together along an axis, and that axis counted from 0.
func joinedShape(elems []*tensor.Tensor, axis int, stack bool) (tensor.Shape, int, error) {
	if len(elems) == 0 {
		return nil, 0, graph.Shapef("the sequence is empty")
	}
	first := elems[0]
	shape := first.Shape().Clone()
	rank := len(shape)
	if stack {
		rank++
	}
	axis, err := graph.Axis(axis, rank)
	if err != nil {
		return nil, 0, err
	}
	total := 0
	for _, e := range elems {
		if e.DType() != first.DType() || e.Rank() != len(shape) {
			return nil, 0, graph.Shapef("%s beside %s", e, first)
		}
		for k, d := range e.Shape() {
			if d != shape[k] && (stack || k != axis) {
				return nil, 0, graph.Shapef("%s beside %s along axis %d", e, first, axis)
			}
		}
		if stack {
			total++
		} else if total += e.Dim(axis); total < 0 {
			return nil, 0, graph.Limitf("the extents along axis %d do not fit", axis)
		}
	}
	if stack {
		shape = slices.Insert(shape, axis, total)
	} else {
		shape[axis] = total
	}
	if _, ok := shape.Size(); !ok {
		return nil, 0, graph.Shapef("size of %s does not fit", shape)
	}
	return shape, axis, nil
}

func runConcatFromSequence(c *graph.Ctx) error {
	return joinInto(c, 0, c.In[0].Elems(), c.Node.Int("axis"), c.Node.Bool("new_axis"))
}

// joinInto puts tensors together in output i.
func joinInto(c *graph.Ctx, i int, elems []*tensor.Tensor, axis int, stack bool) error {
	shape, axis, err := joinedShape(elems, axis, stack)
	if err != nil {
		return err
	}
	y, err := c.Alloc(i, elems[0].DType(), shape...)
	if err != nil || y == nil {
		return err
	}
	return join(c, y, elems, axis, stack)
}

// join puts tensors together in y, which has their joinedShape.
func join(c *graph.Ctx, y *tensor.Tensor, elems []*tensor.Tensor, axis int, stack bool) error {
	if y.DType().Packed() {
		clear(y.Bytes()) // the bits after the last element too
	}
	at := 0
	for _, e := range elems {
		n := 1
		if stack {
			var err error
			if e, err = e.Reshape(slices.Insert(e.Shape().Clone(), axis, 1)...); err != nil {
				return err
			}
		} else {
			n = e.Dim(axis)
		}
		if err := copyRange(c, y, at, e, 0, axis, n); err != nil {
			return err
		}
		at += n
	}
	return nil
}
