package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// scaleLayout says which scale an element has. The tensor is seen as outer × n × inner around the axis.
type scaleLayout struct {
	n, inner int
	block    int // elements of the axis that share a scale; 0 for one scale in all
	blocks   int // of the axis
	each     int // scales of one block: inner where every position has its own, else 1
}

// inferScales holds the shapes of scale (input 1) and zero point (input 2) against that of the tensor. Unknown shapes pass: they are seen again before the run.
func inferScales(c *graph.Infer) error {
	if c.Node.Int("block_size") < 0 {
		return graph.Invalidf("block_size %d", c.Node.Int("block_size"))
	}
	if a, ok := c.Type(1).Static(); ok && c.Has(2) {
		if z, ok := c.Type(2).Static(); ok && !a.Equal(z) && (a.Elems() != 1 || z.Elems() != 1) {
			return graph.Shapef("scale %s and zero point %s", c.Type(1), c.Type(2))
		}
	}
	x, ok := c.Shape(0)
	s, okS := c.Shape(1)
	if !ok || !okS || len(s) == 0 || len(s) == 1 && !s[0].IsInt() {
		return nil
	}
	if len(s) == 1 && s[0].Is(1) && !(c.Node.Int("block_size") > 0 && len(x) == 1) {
		return nil
	}
	axis, err := quantAxis(c.Node, len(x))
	if err != nil {
		return err
	}
	block := c.Node.Int("block_size")
	if block == 0 {
		if len(s) != 1 || x[axis].IsInt() && !s[0].Equal(x[axis]) {
			return graph.Shapef("scale %s for axis %d of %s", c.Type(1), axis, c.Type(0))
		}
		return nil
	}
	if len(s) != len(x) {
		return graph.Shapef("scale %s for blocks of %s", c.Type(1), c.Type(0))
	}
	for i, d := range s {
		want := x[i]
		if n, ok := want.Int(); ok && i == axis {
			want = graph.Size(ceilDiv(n, block))
		}
		if d.IsInt() && want.IsInt() && !d.Equal(want) {
			return graph.Shapef("scale %s for %s in blocks of %d along axis %d", c.Type(1), c.Type(0), block, axis)
		}
	}
	return nil
}

func ceilDiv(n, by int) int {
	q := n / by
	if n%by > 0 {
		q++
	}
	return q
}

// quantAxis is the axis of the scales; of a vector it is the only one there is, whatever the attribute says.
func quantAxis(n *graph.Node, rank int) (int, error) {
	if rank == 1 {
		return 0, nil
	}
	return graph.Axis(n.Int("axis"), rank)
}

func layoutOf(c *graph.Ctx) (l scaleLayout, err error) {
	x, s := c.In[0].Shape(), c.In[1].Shape()
	block := c.Node.Int("block_size")
	if c.In[1].Len() == 1 && (block == 0 || len(s) < len(x) || len(x) == 0) {
		return l, nil
	}
	axis, err := quantAxis(c.Node, len(x))
	if err != nil {
		return l, err
	}
	l = scaleLayout{n: x[axis], inner: x[axis+1:].Elems(), block: 1, each: 1}
	if block > 0 {
		l.block, l.each = block, l.inner
	}
	l.blocks = ceilDiv(l.n, l.block)
	return l, nil
}

// run is the longest stretch of elements from i on, at most most, whose scales are equal (step 0) or follow one another (step 1); at is the first scale.
func (l *scaleLayout) run(i, most int) (n, at, step int) {
	if l.block == 0 {
		return most, 0, 0
	}
	row := i / l.inner
	outer, d, k := row/l.n, row%l.n, i%l.inner
	at = d / l.block
	if l.each > 1 || l.block > 1 {
		at = (outer*l.blocks+at)*l.each + k
	}
	switch {
	case l.each > 1:
		n, step = l.inner-k, 1
	case l.inner > 1:
		n = l.inner - k
	case l.block > 1:
		n = min(l.block-d%l.block, l.n-d)
	default:
		n, step = l.n-d, 1
	}
	return min(n, most), at, step
}

// quantTask quantizes or dequantizes pieces of x.
type quantTask struct {
	scaleLayout
	x, y        *tensor.Tensor
	scale, zero []float32
	precision   tensor.DType // of the quotient: float16, bfloat16 or float32
	saturate    bool
	blocked     bool
}

// quantGrain is a multiple of 8, so that pieces of packed types start at whole bytes.
const quantGrain = 1 << 14

// quantBuffer is how many elements go through conversions at once.
const quantBuffer = 256

// newQuantTask reads the scales and zero points as float32.
func newQuantTask(c *graph.Ctx) (t quantTask, err error) {
	t.x, t.y = c.In[0], c.Out[0]
	if t.scaleLayout, err = layoutOf(c); err != nil {
		return t, err
	}
	t.blocked = c.Node.Int("block_size") > 0
	n := c.In[1].Len()
	if t.scale, err = graph.Scratch[float32](c, n); err != nil {
		return t, err
	}
	if t.zero, err = graph.Scratch[float32](c, n); err != nil {
		return t, err
	}
	quantFloats(t.scale, c.In[1], 0)
	clear(t.zero)
	if z := c.Input(2); z != nil {
		quantFloats(t.zero, z, 0)
	}
	return t, nil
}

// quantFloats converts the elements of t from number at on to float32.
func quantFloats(dst []float32, t *tensor.Tensor, at int) {
	switch t.DType() {
	case tensor.Float32:
		copy(dst, tensor.Data[float32](t)[at:])
	case tensor.Float16, tensor.BFloat16:
		kernel.Widen(dst, tensor.Data[uint16](t)[at:at+len(dst)], t.DType() == tensor.BFloat16)
	case tensor.Int32:
		for i, v := range tensor.Data[int32](t)[at : at+len(dst)] {
			dst[i] = float32(v)
		}
	case tensor.Int8:
		for i, v := range tensor.Data[int8](t)[at : at+len(dst)] {
			dst[i] = float32(v)
		}
	case tensor.Uint8:
		for i, v := range tensor.Data[uint8](t)[at : at+len(dst)] {
			dst[i] = float32(v)
		}
	default:
		for i := range dst {
			dst[i] = float32(t.Float(at + i))
		}
	}
}
