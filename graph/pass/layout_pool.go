package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// pool is a pool over blocks.
func (l *c16) pool(n *graph.Node) *graph.Value {
	if n.Wants(1) {
		return nil
	}
	attrs, ok := lanePool(n)
	if !ok {
		return nil
	}
	return sameNode(l.b, n, attrs, l.blocked[n.In[0]])
}

// lanePool are the attributes of a pool, or of its gradient, over blocks: that of the standard with one more axis, the lanes, along which the window has extent 1. Every window must see
// an element, so that lanes beyond the channels stay finite.
func lanePool(n *graph.Node) ([]graph.Attr, bool) {
	kernel := n.Ints("kernel_shape")
	spatial := len(kernel)
	if spatial != n.Out[0].Type.Rank()-2 {
		return nil, false
	}
	pads := n.Ints("pads")
	if len(pads) != 0 && len(pads) != 2*spatial || n.HasAttr("strides") && len(n.Ints("strides")) != spatial {
		return nil, false // the kernel says what is wrong
	}
	for i, p := range pads {
		if p >= kernel[i%spatial] {
			return nil, false
		}
	}
	for _, d := range n.Ints("dilations") {
		if d != 1 {
			return nil, false
		}
	}
	attrs := []graph.Attr{graph.Ints("kernel_shape", lanesToo(kernel, 1)...)}
	for _, a := range n.Attrs {
		switch a.Name {
		case "strides":
			attrs = append(attrs, graph.Ints(a.Name, lanesToo(n.Ints(a.Name), 1)...))
		case "pads":
			if len(pads) == 0 {
				continue
			}
			attrs = append(attrs, graph.Ints(a.Name, append(lanesToo(pads[:spatial], 0), lanesToo(pads[spatial:], 0)...)...))
		case "auto_pad", "ceil_mode", "count_include_pad":
			attrs = append(attrs, a)
		}
	}
	return attrs, true
}

// lanesToo is v, of one or two spatial axes, for blocks: height, width and lanes, with other for those that v does not speak of.
func lanesToo(v []int64, other int64) []int64 {
	out := append(slices.Clone(v), other)
	if len(v) == 1 {
		out = append([]int64{other}, out...)
	}
	return out
}

// global is the reduction of an image to one number a channel, by the operator name.
func global(name string) func(l *c16, n *graph.Node) *graph.Value {
	return func(l *c16, n *graph.Node) *graph.Value { return l.b.Op(name, l.blocked[n.In[0]], l.b.Ints(2, 3)) }
}

// reduce is a ReduceMean or ReduceMax over all spatial axes. Where it drops these axes, the result is not blocked: it is small.
func (l *c16) reduce(n *graph.Node) bool {
	rank := n.In[0].Type.Rank()
	if !n.Has(1) || !l.pending[n.In[0]] {
		return false
	}
	axes, ok := constInts(n.In[1])
	if !ok || len(axes) != rank-2 {
		return false
	}
	for _, a := range axes {
		if (a+rank)%rank < 2 {
			return false
		}
	}
	if len(axes) == 2 && (axes[0]-axes[1])%rank == 0 {
		return false
	}
	y := global(n.Op.Name)(l, n)
	if n.Bool("keepdims") {
		l.is(n.Out[0], y)
		return true
	}
	channels, _ := channelsOf(n.In[0])
	y = l.b.Op(private+"::UnblockC16", y, graph.Int("channels", channels))
	squeeze := &graph.Node{Op: l.b.Registry().Lookup("", "Squeeze", 0), In: []*graph.Value{y, l.b.Ints(2, 3)}}
	l.b.Append(squeeze, n.Out[0])
	l.changed = true
	return true
}

// resize is a Resize of the spatial axes of an image.
func (l *c16) resize(n *graph.Node) *graph.Value {
	const rank = 4
	if n.Op.Since < 11 || n.Out[0].Type.Rank() != rank || n.Str("coordinate_transformation_mode") == "tf_crop_and_resize" {
		return nil
	}
	axes := []int64{0, 1, 2, 3}
	if a := n.Ints("axes"); len(a) > 0 {
		axes = slices.Clone(a)
	}
	in := []*graph.Value{l.blocked[n.In[0]], nil, nil, nil}
	for i := 2; i < 4; i++ { // scales or sizes
		if !n.Has(i) || n.In[i].Const == nil && n.In[i].Ints == nil || n.In[i].Type.Shape[0].Is(0) {
			continue
		}
		if in[i] = l.spatialOf(n, i, axes); in[i] == nil {
			return nil
		}
	}
	if (in[2] == nil) == (in[3] == nil) {
		return nil
	}
	attrs := []graph.Attr{graph.Ints("axes", 2, 3)}
	for _, a := range n.Attrs {
		if a.Name != "axes" {
			attrs = append(attrs, a)
		}
	}
	return sameNode(l.b, n, attrs, in...)
}

// spatialOf is what input i of a Resize, scales or sizes for the given axes, says of height and width, if it leaves the other axes as they are.
func (l *c16) spatialOf(n *graph.Node, i int, axes []int64) *graph.Value {
	x, v := n.In[0].Type.Shape, n.In[i]
	scales, sizes := []float32{1, 1}, make([]int, 2)
	for k := range sizes {
		d, ok := x[2+k].Int()
		if sizes[k] = d; !ok {
			sizes[k] = -1
		}
	}
	for k, a := range axes {
		if a < 0 {
			a += int64(len(x))
		}
		switch {
		case v.Const != nil && v.Const.DType() == tensor.Float32 && v.Const.Len() == len(axes):
			s := tensor.Data[float32](v.Const)[k]
			if a < 2 && s != 1 {
				return nil
			}
			if a >= 2 {
				scales[a-2] = s
			}
		default:
			dims := v.Ints
			if c, ok := constInts(v); v.Const != nil && ok {
				dims = graph.Dims(c...)
			}
			if len(dims) != len(axes) || a < 2 && !dims[k].Equal(x[a]) {
				return nil
			}
			if a >= 2 {
				d, ok := dims[k].Int()
				if !ok {
					return nil
				}
				sizes[a-2] = d
			}
		}
	}
	if i == 2 {
		return l.b.Const(tensor.Must(tensor.Of(scales, 2)))
	}
	if slices.Contains(sizes, -1) || n.Str("keep_aspect_ratio_policy") != "stretch" {
		return nil
	}
	return l.b.Ints(sizes...)
}

// slice takes whole blocks of channels.
func (l *c16) slice(n *graph.Node) *graph.Value {
	channels, ok := channelsOf(n.In[0])
	if !ok || len(n.In) < 4 || !n.Has(3) {
		return nil
	}
	starts, ok0 := constInts(n.In[1])
	ends, ok1 := constInts(n.In[2])
	axes, ok2 := constInts(n.In[3])
	if !ok0 || !ok1 || !ok2 || len(starts) != 1 || len(ends) != 1 || len(axes) != 1 || axes[0] != 1 && axes[0]+n.In[0].Type.Rank() != 1 {
		return nil
	}
	if n.Has(4) {
		if steps, ok := constInts(n.In[4]); !ok || len(steps) != 1 || steps[0] != 1 {
			return nil
		}
	}
	bound := func(v int) int {
		if v < 0 {
			v += channels
		}
		return min(max(v, 0), channels)
	}
	lo, hi := bound(starts[0]), bound(ends[0])
	if lo%16 != 0 || hi%16 != 0 && hi != channels || lo >= hi {
		return nil
	}
	return l.b.Op("Slice", l.blocked[n.In[0]], l.b.Ints(lo/16), l.b.Ints((hi+15)/16), l.b.Ints(1))
}

// split cuts between whole blocks of channels.
func (l *c16) split(n *graph.Node) bool {
	axis := n.Int("axis")
	if !l.pending[n.In[0]] || axis != 1 && axis+n.In[0].Type.Rank() != 1 {
		return false
	}
	blocks := make([]int, len(n.Out))
	for i, v := range n.Out {
		c, ok := channelsOf(v)
		if !ok || c%16 != 0 && i < len(n.Out)-1 {
			return false
		}
		blocks[i] = (c + 15) / 16
	}
	for i, y := range l.b.OpN(len(n.Out), "Split", l.blocked[n.In[0]], l.b.Ints(blocks...), graph.Int("axis", 1)) {
		l.is(n.Out[i], y)
	}
	return true
}
