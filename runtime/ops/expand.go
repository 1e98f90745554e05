package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Expand repeats the input along its axes of extent 1, and along new ones in front, to the shape that it and the given shape broadcast to.
var expand = family(
	&graph.Op{
		Name: "Expand", Since: 13,
		Sig: `(input:T, shape:i64) -> (output:T)
			T = tensor`,
		Infer: inferExpand, Run: runExpand,
		Grad: by1(func(r rule) *graph.Value { return r.g(0) }),
	},
	movableOps("T", 8)...,
)

func inferExpand(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	x, ranked := c.Shape(0)
	shape, ok, err := shapeInput(c, 1)
	if err != nil {
		return err
	}
	if !ok || !ranked {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	if err := checkSize(shape); err != nil {
		return err
	}
	out, err := graph.Broadcast(x, shape)
	if err != nil {
		return err
	}
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	if v, ok := vector(c, 0); ok && len(out) <= 1 {
		n := 1
		if len(out) == 1 {
			if n, ok = out[0].Int(); !ok || n > 64 {
				return nil
			}
		}
		if len(v) == 1 {
			setVector(c, len(out), d, repeated(v[0], n))
		} else if len(v) == n {
			setVector(c, len(out), d, v)
		}
	}
	return nil
}

func repeated(d graph.Dim, n int) []graph.Dim {
	v := make([]graph.Dim, n)
	for i := range v {
		v[i] = d
	}
	return v
}

func runExpand(c *graph.Ctx) error {
	m := memo[strideMemo](c)
	return broadcastTo(c, m, c.Out[0], c.In[0])
}

// broadcastTo fills y with x repeated along the axes on which x has extent 1 or none.
func broadcastTo(c *graph.Ctx, m *strideMemo, y, x *tensor.Tensor) error {
	off := y.Rank() - x.Rank()
	if off < 0 {
		return graph.Shapef("%s as %s", x, y)
	}
	m.strides = denseStrides(m.strides, x.Shape())
	m.Reset(0, 0)
	to := y.Len()
	for i, n := range y.Shape() {
		to /= max(n, 1)
		from := 0
		if i >= off && x.Dim(i-off) != 1 {
			if x.Dim(i-off) != n {
				return graph.Shapef("%s as %s", x, y)
			}
			from = m.strides[i-off]
		}
		m.Axis(n, to, from)
	}
	return move(c, y, x, &m.Strided)
}
