package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// SumTo sums X over the axes along which a tensor of the given shape was repeated to the shape of X: the transpose of Expand, for shapes
// that only the run knows. Where they are known before, graphs have ReduceSum in its place.
var sumTo = family(&graph.Op{
	Domain: private, Name: "SumTo", Since: 1,
	Sig: `(X:T, shape:I) -> (Y:T)
		T = f16 bf16 f32 f64; I = i64`,
	Infer: func(c *graph.Infer) error {
		if d, ok := c.Ints(1); ok {
			c.SetTensor(0, c.DType(0), d...)
			return nil
		}
		if s, ok := c.Shape(1); ok && len(s) == 1 && s[0].IsInt() {
			n, _ := s[0].Int()
			c.SetTensor(0, c.DType(0), unknownDims(n)...)
			return nil
		}
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	},
	Run: halves(runSumTo),
	Grad: func(b *graph.Builder, n *graph.Node, out []*graph.Value) []*graph.Value {
		return []*graph.Value{b.Op("Expand", out[0], b.Op("Shape", n.In[0]))}
	},
})

func runSumTo(c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	x := c.In[0].Shape()
	want := make(tensor.Shape, len(x)) // the shape of y, with ones in front
	lead := len(x) - y.Rank()
	if lead < 0 {
		return graph.Shapef("%s summed to %v", c.In[0], y.Shape())
	}
	step := 1
	strides := make([]int, len(x)) // of y along the axes of x, 0 where it is summed
	for i := len(x) - 1; i >= 0; i-- {
		if want[i] = 1; i >= lead {
			want[i] = y.Dim(i - lead)
		}
		switch want[i] {
		case x[i]:
			strides[i] = step
		case 1:
		default:
			return graph.Shapef("%s summed to %v", c.In[0], y.Shape())
		}
		if x[i] == 1 {
			strides[i] = 0
		}
		step *= want[i]
	}
	switch y.DType() {
	case tensor.Float32:
		sumAlong(tensor.Data[float32](y), tensor.Data[float32](c.In[0]), x, strides)
	case tensor.Float64:
		sumAlong(tensor.Data[float64](y), tensor.Data[float64](c.In[0]), x, strides)
	default:
		return graph.Typef("sum of %s", c.In[0])
	}
	return c.Exec().Stopped()
}

// sumAlong adds the elements of x, in order, to the element of y that the strides lead to.
func sumAlong[T float32 | float64](y, x []T, shape tensor.Shape, strides []int) {
	clear(y)
	if len(x) == 0 {
		return
	}
	rank := len(shape)
	if rank == 0 {
		y[0] = x[0]
		return
	}
	at := make([]int, rank)
	inner, step := shape[rank-1], strides[rank-1]
	for off := 0; len(x) > 0; x = x[inner:] {
		for j, v := range x[:inner] {
			y[off+j*step] += v
		}
		for i := rank - 2; i >= 0; i-- {
			at[i]++
			off += strides[i]
			if at[i] < shape[i] {
				break
			}
			off -= at[i] * strides[i]
			at[i] = 0
		}
	}
}
