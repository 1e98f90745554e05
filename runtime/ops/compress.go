package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Compress keeps the slices along an axis, or without one the elements of the flattened input, where the condition holds.
// A condition that is too short drops the rest.
var compress = family(
	&graph.Op{
		Name: "Compress", Since: 28,
		Sig: `(input:T, condition:T1) -> (output:T)
			T = tensor
			T1 = bool
			axis int`,
		Infer: inferCompress, Run: runCompress,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
	&graph.Op{Since: 9},
)

func inferCompress(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	if t := c.Type(1); t.Ranked && len(t.Shape) != 1 || t.DType != tensor.Bool && t.DType != tensor.Invalid {
		return graph.Shapef("condition %s, want a bool tensor of one axis", t)
	}
	count := graph.Unknown()
	if !c.Node.HasAttr("axis") {
		if s, ok := c.Shape(0); ok {
			count = countTrue(c.Const(1), dimProduct(s))
		}
		c.SetTensor(0, c.DType(0), count)
		return nil
	}
	s, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(s))
	if err != nil {
		return err
	}
	out := append([]graph.Dim{}, s...)
	out[axis] = countTrue(c.Const(1), s[axis])
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

// countTrue is how many of the first n elements of a condition hold, when both are known.
func countTrue(cond *tensor.Tensor, n graph.Dim) graph.Dim {
	size, ok := n.Int()
	if cond == nil || !ok || cond.DType() != tensor.Bool {
		return graph.Unknown()
	}
	count := 0
	for i, v := range tensor.Data[bool](cond) {
		if v && i < size {
			count++
		}
	}
	return graph.Size(count)
}

func runCompress(c *graph.Ctx) error {
	x, cond := c.In[0], tensor.Data[bool](c.In[1])
	outer, rows, inner, axis := 1, x.Len(), 1, -1
	if c.Node.HasAttr("axis") {
		var err error
		if axis, err = graph.Axis(c.Node.Int("axis"), x.Rank()); err != nil {
			return err
		}
		if outer, rows, inner, err = split(x.Shape(), axis); err != nil {
			return err
		}
	}
	cond = cond[:min(len(cond), rows)]
	index, err := graph.Scratch[int64](c, len(cond))
	if err != nil {
		return err
	}
	count := 0
	for i, v := range cond {
		if v {
			index[count] = int64(i)
			count++
		}
	}
	index = index[:count]
	m := memo[strideMemo](c)
	m.a = append(m.a[:0], count)
	if axis >= 0 {
		m.a = append(m.a[:0], x.Shape()...)
		m.a[axis] = count
	}
	y, err := c.Alloc(0, x.DType(), m.a...)
	if y == nil {
		return err
	}
	return gatherBodies.run(c, x.DType(), outer*count, 1+32768/max(inner, 1), gatherArgs{y, x, index, rows, inner})
}
