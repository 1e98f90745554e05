package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Resize resamples X along some axes, to sizes or by scales. An output at x along an axis looks at the input position that
// coordinate_transformation_mode gives, and takes the nearest element, or a weighted sum of neighbours (linear, cubic; with antialias over
// a support that grows as the scale shrinks). roi is the part [starts…, ends…] of X, in fractions of it, for tf_crop_and_resize.
var resize = family(
	&graph.Op{
		Name: "Resize", Since: 19,
		Sig: `(X:T1, roi?:T2, scales?:f32, sizes?:i64) -> (Y:T1)
			T1 = tensor; T2 = f16 f32 f64
			antialias int = 0; axes ints; coordinate_transformation_mode string = half_pixel; cubic_coeff_a float = -0.75
			exclude_outside int = 0; extrapolation_value float = 0; keep_aspect_ratio_policy string = stretch
			mode string = nearest; nearest_mode string = round_prefer_floor`,
		Infer: inferResize, Run: runResize,
		Grad: by1(resizeGrad),
	},
	&graph.Op{Since: 18},
	&graph.Op{Since: 13, Sig: "-antialias; -axes; -keep_aspect_ratio_policy"},
	&graph.Op{Since: 11, Sig: `(X:T1, roi:T2, scales:f32, sizes?:i64) -> (Y:T1)
			T1 = int bool c128 c64 f16 f32 f64 str`},
	// It had no attributes but the mode: positions are x/scale, and nearest rounds down where the axis grows and up where it shrinks.
	&graph.Op{Since: 10, Sig: `(X:T, scales:f32) -> (Y:T)
			T = int bool c128 c64 f16 f32 f64 str
			-coordinate_transformation_mode; -cubic_coeff_a; -exclude_outside; -extrapolation_value; -nearest_mode`,
		Infer: inferResize, Run: runResize, Grad: by1(resizeGrad)},
)

// Upsample is Resize by scales of at least 1, from before that operator.
var upsample = family(
	&graph.Op{Name: "Upsample", Since: 10,
		Sig: `(X:T, scales:f32) -> (Y:T)
			T = int bool c128 c64 f16 f32 f64 str
			mode string = nearest`,
		Expand: expandUpsample},
	&graph.Op{Since: 9},
	&graph.Op{Since: 7, Sig: "(X:T) -> (Y:T); scales floats!", Expand: expandUpsample},
	&graph.Op{Since: 1, Sig: "T = bool f16 f32 f64 i32 i64; height_scale float!; width_scale float!; -scales", Expand: expandUpsample},
)

func expandUpsample(b *graph.Builder, n *graph.Node) []*graph.Value {
	mode := n.Str("mode")
	if mode == "bilinear" {
		mode = "linear"
	}
	var scales *graph.Value
	switch {
	case len(n.In) > 1:
		scales = n.In[1]
	case n.Op.Since >= 7:
		v := n.Floats("scales")
		scales = b.Const(tensor.Must(tensor.Of(append([]float32{}, v...), len(v))))
	default:
		scales = b.Const(tensor.Must(tensor.Of([]float32{1, 1, n.Float("height_scale"), n.Float("width_scale")}, 4)))
	}
	return []*graph.Value{b.Op("Resize", n.In[0], (*graph.Value)(nil), scales, graph.Str("mode", mode),
		graph.Str("coordinate_transformation_mode", "asymmetric"), graph.Str("nearest_mode", "floor"))}
}

// resizeAxes are the axes that scales, sizes and roi speak of, in their order: list[:n].
func resizeAxes(n *graph.Node, rank int, list *[16]int) (int, error) {
	if rank > len(list) {
		return 0, graph.Unsupportedf("resize of %d axes", rank)
	}
	axes := n.Ints("axes")
	if len(axes) == 0 {
		for i := range rank {
			list[i] = i
		}
		return rank, nil
	}
	if len(axes) > rank {
		return 0, graph.Shapef("axes %v of a tensor of rank %d", axes, rank)
	}
	for i, a := range axes {
		k, err := graph.Axis(int(a), rank)
		if err != nil {
			return 0, err
		}
		for _, before := range list[:i] {
			if before == k {
				return 0, graph.Shapef("axes %v repeat axis %d", axes, k)
			}
		}
		list[i] = k
	}
	return len(axes), nil
}

// resizeInputs are the places of roi, scales and sizes, -1 where there is none: an empty tensor stands for none.
func resizeInputs(n *graph.Node, empty func(i int) bool) (roi, scales, sizes int) {
	at := func(i int) int {
		if !n.Has(i) || empty(i) {
			return -1
		}
		return i
	}
	if n.Op.Since < 11 && n.Op.Domain == "" {
		return -1, at(1), -1
	}
	return at(1), at(2), at(3)
}

func inferResize(c *graph.Infer) error {
	c.Set(0, graph.Unranked(c.DType(0)))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	var list [16]int
	n, err := resizeAxes(c.Node, len(x), &list)
	if err != nil {
		return err
	}
	unsure := false
	roi, scales, sizes := resizeInputs(c.Node, func(i int) bool {
		s, ok := c.Shape(i)
		if !ok || len(s) == 1 && !s[0].IsInt() {
			unsure = true
		}
		return ok && len(s) == 1 && s[0].Is(0)
	})
	y := append([]graph.Dim{}, x...)
	for _, a := range list[:n] {
		y[a] = graph.Unknown()
	}
	c.SetTensor(0, c.DType(0), y...)
	if err := resizeModes(c.Node); err != nil {
		return err
	}
	for k, i := range [...]int{roi, scales, sizes} {
		want := n
		if k == 0 {
			want = 2 * n
		}
		if i < 0 {
			continue
		}
		if s, ok := c.Shape(i); ok && (len(s) != 1 || s[0].IsInt() && !s[0].Is(want)) {
			return graph.Shapef("input %d is %s for %d axes", i, c.Type(i), n)
		}
	}
	if unsure {
		return nil
	}
	if (scales < 0) == (sizes < 0) {
		return graph.Shapef("resize needs scales or sizes, and not both")
	}
	if sizes >= 0 {
		if ints, ok := c.Ints(sizes); ok && len(ints) == n {
			err = sizedDims(c.Node, x, y, list[:n], ints)
		}
	} else if t := c.Const(scales); t != nil && t.DType() == tensor.Float32 && t.Len() == n {
		err = scaledDims(x, y, list[:n], tensor.Data[float32](t))
	}
	c.SetTensor(0, c.DType(0), y...)
	return err
}

// resizeModes refuses attributes that name no mode.
func resizeModes(n *graph.Node) error {
	for _, m := range [...]struct {
		attr string
		any  []string
	}{
		{"mode", []string{"nearest", "linear", "cubic", "bilinear"}},
		{"nearest_mode", []string{"", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}},
		{"keep_aspect_ratio_policy", []string{"", "stretch", "not_larger", "not_smaller"}},
		{"coordinate_transformation_mode", []string{"", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"}},
	} {
		ok := false
		for _, name := range m.any {
			ok = ok || n.Str(m.attr) == name
		}
		if !ok {
			return graph.Invalidf("%s is %q", m.attr, n.Str(m.attr))
		}
	}
	return nil
}

// scaledDims sets the extents floor(x·scale) of axes, the product in float32 as the standard's shape inference has it.
func scaledDims(x, y []graph.Dim, axes []int, scales []float32) error {
	for i, a := range axes {
		s := scales[i]
		if !(s > 0) || s > 1<<30 {
			return graph.Shapef("scales are %v", scales)
		}
		if d, ok := x[a].Int(); ok {
			f := math.Floor(float64(float32(d) * s))
			if f > 1<<40 {
				return graph.Shapef("an axis of %d scaled by %v", d, s)
			}
			y[a] = graph.Size(int(f))
		} else if s == float32(int(s)) {
			y[a] = x[a].Mul(graph.Size(int(s)))
		} else if inv := 1 / s; inv == float32(int(inv)) && inv*s == 1 && int(inv)&(int(inv)-1) == 0 {
			y[a] = x[a].Div(graph.Size(int(inv)))
		}
	}
	return nil
}

// sizedDims sets the extents of axes to sizes, or with a policy to those at most or at least that large that keep the ratios.
func sizedDims(n *graph.Node, x, y []graph.Dim, axes []int, sizes []graph.Dim) error {
	for _, d := range sizes {
		if k, ok := d.Int(); ok && (k < 0 || k > 1<<40) {
			return graph.Shapef("sizes are %s", graph.ShapeString(sizes))
		}
	}
	policy := n.Str("keep_aspect_ratio_policy")
	if policy == "" || policy == "stretch" {
		for i, a := range axes {
			y[a] = sizes[i]
		}
		return nil
	}
	num, den := 0, 0 // the ratio, size over extent
	for i, a := range axes {
		size, ok := sizes[i].Int()
		in, ok2 := x[a].Int()
		if !ok || !ok2 {
			return nil
		}
		if in == 0 {
			return graph.Shapef("the ratio of an axis of 0")
		}
		if den == 0 || (float64(size)/float64(in) < float64(num)/float64(den)) == (policy == "not_larger") {
			num, den = size, in
		}
	}
	for _, a := range axes {
		in, _ := x[a].Int()
		f := math.Floor(float64(in)*float64(num)/float64(den) + .5)
		if f > 1<<40 {
			return graph.Shapef("an axis of %d scaled by %d/%d", in, num, den)
		}
		y[a] = graph.Size(int(f))
	}
	return nil
}
