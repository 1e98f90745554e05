package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// MaxUnpool puts the elements of X where the Indices of a MaxPool say, and zeros elsewhere. The indices count in the shape that the attributes give, which
// output_shape may enlarge at the end of each axis.
var maxUnpool = family(
	&graph.Op{
		Name: "MaxUnpool", Since: 22,
		Sig: `(X:T1, I:T2, output_shape?:T2) -> (output:T1)
			T1 = float; T2 = i64
			kernel_shape ints!; pads ints; strides ints`,
		Infer: inferMaxUnpool, Run: runMaxUnpool,
		Grad: by1(maxUnpoolGrad),
	},
	&graph.Op{Since: 11, Sig: "T1 = f16 f32 f64"},
	&graph.Op{Since: 9},
)

func inferMaxUnpool(c *graph.Infer) error {
	c.Set(0, graph.Unranked(c.DType(0)))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if len(x) < 3 {
		return graph.Shapef("input of %d axes, want N, C and at least one more", len(x))
	}
	if i, ok := c.Shape(1); ok {
		same := len(i) == len(x)
		for k := 0; same && k < len(x); k++ {
			same = !x[k].IsInt() || !i[k].IsInt() || x[k].Equal(i[k])
		}
		if !same {
			return graph.Shapef("indices %s for an input %s", graph.ShapeString(i), graph.ShapeString(x))
		}
	}
	y, err := unpooled(c.Node, x)
	if err != nil {
		return err
	}
	if c.Has(2) {
		want, known := c.Ints(2)
		if !known {
			want = unknownDims(len(x))
		}
		if len(want) != len(x) {
			return graph.Shapef("output_shape of %d elements for an input %s", len(want), graph.ShapeString(x))
		}
		for k, d := range want {
			if n, ok := d.Int(); ok && (n < 0 || n > 1<<40) {
				return graph.Shapef("output_shape is %s", graph.ShapeString(want))
			} else if least, known := y[k].Int(); ok && known && n < least {
				return graph.Shapef("output_shape %s, want at least %s", graph.ShapeString(want), graph.ShapeString(y))
			}
		}
		y = want
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

// unpooled is the shape of what was pooled to x: (x - 1)·stride + kernel - pads.
func unpooled(n *graph.Node, x []graph.Dim) ([]graph.Dim, error) {
	s, err := readSlide(n, len(x)-2, nil)
	if err != nil {
		return nil, err
	}
	y := append([]graph.Dim{}, x...)
	for i := 2; i < len(y); i++ {
		a := 3 - s.rank + i - 2
		y[i] = x[i].Sub(graph.Size(1)).Mul(graph.Size(s.Stride[a])).Add(graph.Size(s.Kernel[a] - s.Head[a] - s.Tail[a]))
		if v, ok := y[i].Int(); ok && (v < 0 || v > 1<<40) {
			return nil, graph.Shapef("pooling %d elements to %s", v, x[i])
		}
	}
	return y, nil
}

func runMaxUnpool(c *graph.Ctx) error {
	switch c.In[0].DType().Size() {
	case 2:
		return maxUnpoolOf[uint16](c)
	case 4:
		return maxUnpoolOf[uint32](c)
	case 8:
		return maxUnpoolOf[uint64](c)
	}
	return graph.Typef("unpooling of %s", c.In[0])
}

func maxUnpoolOf[T uint16 | uint32 | uint64](c *graph.Ctx) error {
	out, err := outOf(c, 0)
	if err != nil {
		return err
	}
	inner, _ := c.Memo.(tensor.Shape) // in which the indices count
	if inner == nil {
		dims, err := unpooled(c.Node, graph.Dims(c.In[0].Shape()...))
		if err != nil {
			return err
		}
		ok := false
		if inner, ok = graph.TensorType(out.DType(), dims...).Static(); !ok {
			return graph.Shapef("unpooling of %s", c.In[0])
		}
		c.Memo = inner
	}
	total, ok := inner.Size()
	if !ok {
		return graph.Shapef("unpooling of %s to %v", c.In[0], inner)
	}
	y := tensor.Data[T](out)
	clear(y)
	x, index := tensor.Data[T](c.In[0]), tensor.Data[int64](c.In[1])
	same := inner.Equal(out.Shape())
	for i, v := range x { // in order: of equal indices the last wins
		at := int(index[i])
		if at < 0 || at >= total {
			return graph.Shapef("index %d into %v", at, inner)
		}
		if !same {
			to, step, rest := 0, 1, at
			for k := len(inner) - 1; k >= 0; k-- {
				to += rest % inner[k] * step
				rest /= inner[k]
				step *= out.Dim(k)
			}
			at = to
		}
		y[at] = v
	}
	return nil
}
