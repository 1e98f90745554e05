package ops

import (
	"github.com/onnxrun/onnxrun/graph"
)

// CenterCropPad brings axes to given extents: it keeps the middle of those that are longer and puts zeros around those that are shorter.
var centerCropPad = family(
	&graph.Op{
		Name: "CenterCropPad", Since: 18,
		Sig: `(input_data:T, shape:Tind) -> (output_data:T)
			T = tensor
			Tind = i32 i64
			axes ints`,
		Infer: inferCenterCropPad, Run: runCenterCropPad,
	},
)

func inferCenterCropPad(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	s, ranked := c.Shape(0)
	if !ranked {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	axes := make([]int, 0, len(s))
	if c.Node.HasAttr("axes") {
		for _, a := range c.Node.Ints("axes") {
			axes = append(axes, int(a))
		}
	} else {
		for i := range s {
			axes = append(axes, i)
		}
	}
	axes, err := normalAxes(axes, len(s))
	if err != nil {
		return err
	}
	want, ok, err := shapeInput(c, 1)
	if err != nil {
		return err
	}
	if !ok {
		want = unknowns(len(axes))
	}
	if len(want) != len(axes) {
		return graph.Shapef("%d extents for %d axes", len(want), len(axes))
	}
	out := append([]graph.Dim{}, s...)
	for i, a := range axes {
		out[a] = want[i]
	}
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

func runCenterCropPad(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if x.Rank() != y.Rank() {
		return graph.Shapef("%s as %s", x, y)
	}
	if y.Len() == 0 {
		return nil
	}
	m := memo[strideMemo](c)
	m.strides = denseStrides(m.strides, x.Shape())
	to, from, stride, whole := 0, 0, y.Len(), true
	for i, n := range x.Shape() {
		k := y.Dim(i)
		stride /= k
		if n < k {
			to += (k - n) / 2 * stride
			whole = false
		} else {
			from += (n - k) / 2 * m.strides[i]
		}
	}
	if !whole {
		if err := fill(c, y, nil); err != nil {
			return err
		}
	}
	if x.Len() == 0 {
		return nil
	}
	m.Reset(to, from)
	stride = y.Len()
	for i, n := range x.Shape() {
		stride /= y.Dim(i)
		m.Axis(min(n, y.Dim(i)), stride, m.strides[i])
	}
	return move(c, y, x, &m.Strided)
}
