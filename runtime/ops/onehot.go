package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// OneHot has values[1] where the coordinate on a new axis of length depth is the index, and values[0] elsewhere. Indices
// count from the end when they are negative; those outside of -depth … depth-1 give values[0] alone.
var oneHot = family(
	&graph.Op{
		Name: "OneHot", Since: 28,
		Sig: `(indices:T1, depth:T2, values:T3) -> (output:T3)
			T1 = int f16 f32 f64; T2 = int f16 f32 f64
			T3 = tensor
			axis int = -1`,
		Infer: inferOneHot, Run: runOneHot,
		Grad: by(oneHotGrad),
	},
	movableOps("T3", 11, 9)...,
)

func inferOneHot(c *graph.Infer) error {
	for i := range c.In {
		if err := needTensor(c, i); err != nil {
			return err
		}
	}
	c.Set(0, graph.Unranked(c.DType(2)))
	depth := graph.Unknown()
	if t := c.Const(1); t != nil {
		n, err := oneHotDepth(t)
		if err != nil {
			return err
		}
		depth = graph.Size(n)
	} else if v, ok := c.Ints(1); ok && len(v) == 1 {
		depth = v[0]
	}
	if v, ok := c.Shape(2); ok && (len(v) != 1 || v[0].IsInt() && !v[0].Is(2)) {
		return graph.Shapef("values are %s, want [2]", graph.ShapeString(v))
	}
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x)+1)
	if err != nil {
		return err
	}
	out := slices.Concat(x[:axis], []graph.Dim{depth}, x[axis:])
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, c.DType(2), out...)
	return nil
}

// oneHotDepth is the number in depth, a scalar or one element.
func oneHotDepth(t *tensor.Tensor) (int, error) {
	if t.Len() != 1 {
		return 0, graph.Shapef("depth is %s, want one number", t)
	}
	n := 0
	switch t.DType() {
	case tensor.Int64:
		n = int(tensor.Data[int64](t)[0])
	case tensor.Uint64:
		n = int(min(tensor.Data[uint64](t)[0], math.MaxInt64))
	default:
		f := t.Float(0)
		if !(math.Abs(f) < 1<<53) {
			return 0, graph.Shapef("depth is %v", f)
		}
		n = int(f)
	}
	if n < 0 {
		return 0, graph.Shapef("depth is %d", n)
	}
	return n, nil
}

type oneHotArgs struct {
	y, values    *tensor.Tensor
	index        []int64
	depth, inner int
}

var oneHotBodies = widths[oneHotArgs]{oneHotBody[uint8], oneHotBody[uint16], oneHotBody[uint32], oneHotBody[uint64],
	oneHotBody[complex128], oneHotBody[string]}

// oneHotBody fills the blocks lo to hi-1 of depth × inner elements, one for each run of inner indices.
func oneHotBody[T kernel.Cell](a *oneHotArgs, _, lo, hi int) {
	y, v := cells[T](a.y), cells[T](a.values)
	size := a.depth * a.inner
	kernel.Fill(y[lo*size:hi*size], v[0])
	for o := lo; o < hi; o++ {
		for i, k := range a.index[o*a.inner : (o+1)*a.inner] {
			if k >= 0 {
				y[o*size+int(k)*a.inner+i] = v[1]
			}
		}
	}
}

func runOneHot(c *graph.Ctx) error {
	x, values := c.In[0], c.In[2]
	depth, err := oneHotDepth(c.In[1])
	if err != nil {
		return err
	}
	axis, err := graph.Axis(c.Node.Int("axis"), x.Rank()+1)
	if err != nil {
		return err
	}
	if values.Len() != 2 {
		return graph.Shapef("values are %s, want [2]", values)
	}
	y := c.Out[0]
	outer, inner := x.Shape()[:axis].Elems(), x.Shape()[axis:].Elems()
	if y == nil || y.Len() != outer*inner*depth || y.DType() != values.DType() {
		return graph.Shapef("%s with depth %d as %s", x, depth, y)
	}
	index, err := graph.Scratch[int64](c, x.Len())
	if err != nil {
		return err
	}
	if !wholeIndices(index, x) {
		return graph.Typef("indices %s", x)
	}
	for i, k := range index {
		if k < 0 {
			k += int64(depth)
		}
		if k < 0 || k >= int64(depth) {
			k = -1
		}
		index[i] = k
	}
	return oneHotBodies.run(c, y.DType(), outer, 1+32768/max(depth*inner, 1), oneHotArgs{y, values, index, depth, inner})
}

// wholeIndices converts numbers to integers, those with a fraction toward zero; what no int64 holds becomes the lowest, which is out of every range.
func wholeIndices(to []int64, t *tensor.Tensor) bool {
	switch d := t.DType(); {
	case d == tensor.Int64:
		copy(to, tensor.Data[int64](t))
	case d == tensor.Int32:
		for i, v := range tensor.Data[int32](t) {
			to[i] = int64(v)
		}
	case d == tensor.Uint64:
		for i, v := range tensor.Data[uint64](t) {
			if to[i] = int64(v); to[i] < 0 {
				to[i] = math.MinInt64
			}
		}
	case d.IsInt() || d.IsFloat():
		for i := range to {
			f := t.Float(i)
			if to[i] = math.MinInt64; math.Abs(f) < 1<<62 {
				to[i] = int64(f)
			}
		}
	default:
		return false
	}
	return true
}
