package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseLayerNorm finds (x - mean)/√(variance + ε), with the mean and the variance over the last axes (https://arxiv.org/abs/1607.06450), and the
// scale and the bias that follow it. Where they have an element for each channel it is an InstanceNormalization; one that stands
// between two Reshapes is a GroupNormalization.
func FuseLayerNorm(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	for _, rules := range [][]rule{layerNormRules, normCastRules, normScaleRules, normBiasRules} {
		c, err := rewrite(reg, g, rules)
		if changed = changed || c; err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// inverseRoot are the ways to write t/√v and t·v^-½.
func inverseRoot(t, v string) string {
	root := "Sqrt(" + v + ") | Pow(" + v + ", 0.5)"
	return "Div(" + t + ", " + root + ") | Mul(" + t + ", Reciprocal(" + root + ") | Div(1, " + root + ") | Pow(" + v + ", -0.5))"
}

var layerNormRules = []rule{
	{parse(inverseRoot("d=Sub(x, mean=ReduceMean(x, _))", "Add(var=ReduceMean(Pow(Cast?(d), 2) | Mul(d, d), _), #eps)")), layerNormOf},
	{parse("Reshape(n=InstanceNormalization(in=Reshape(x, _), @scale, @bias), _)"), groupNormOf},
}

// TensorFlow folds the scale into the factor: x·(r·s) + (c - mean·(r·s)).
func init() {
	const variance = "Add(var=ReduceMean(Pow(d=Sub(x, mean), 2) | Mul(d=Sub(x, mean), d), _), #eps)"
	const factor = "f=Mul(Reciprocal(Sqrt(" + variance + ")), s)"
	layerNormRules = append(layerNormRules, rule{parse("Add(Mul(x, f), Sub(c, Mul(mean=ReduceMean(x, _), " + factor + ")))"), layerNormOf})
}

// layerNormOf normalizes x; s and c are its scale and bias, if they are there.
func layerNormOf(b *graph.Builder, m *match) *graph.Value {
	x := m.val("x")
	rank := x.Type.Rank()
	mean, ok1 := reducedAxes(m.node("mean"), rank)
	spread, ok2 := reducedAxes(m.node("var"), rank)
	axis, ok3 := trailing(mean, rank)
	if axis2, ok := trailing(spread, rank); !ok1 || !ok2 || !ok3 || !ok || axis != axis2 {
		return nil
	}
	scale, bias := m.val("s"), m.val("c")
	if scale == nil {
		scale = filled(b, x.Type, axis, 1)
	}
	if scale == nil || !rowLike(scale.Type, x.Type, axis) || bias != nil && !rowLike(bias.Type, x.Type, axis) {
		return nil
	}
	return b.Op("LayerNormalization", x, scale, bias, graph.Int("axis", axis-rank), graph.Float("epsilon", float32(m.float("eps"))))
}

// groupNormOf turns the instance normalization of [N, G, …] into the group normalization of [N, C, …].
func groupNormOf(b *graph.Builder, m *match) *graph.Value {
	x, in := m.val("x"), m.val("in").Type
	if !x.Type.Ranked || !in.Ranked || len(x.Type.Shape) < 3 || len(in.Shape) < 3 || !x.Type.Equal(m.root.Out[0].Type) {
		return nil
	}
	groups, ok := in.Shape[1].Int()
	channels, known := x.Type.Shape[1].Int()
	if !ok || !known || groups < 1 || channels%groups != 0 || !in.Shape[0].Equal(x.Type.Shape[0]) || !filledWith(m.val("scale"), 1) || !filledWith(m.val("bias"), 0) {
		return nil
	}
	return b.Op("GroupNormalization", x, constant(b, x.Type.DType, 1, channels), constant(b, x.Type.DType, 0, channels),
		graph.Int("num_groups", groups), graph.Float("epsilon", m.node("n").Float("epsilon")))
}

// Halves that are widened for the normalization alone: its kernel computes in float32 anyway.
var normCastRules = []rule{
	{parse("Cast(n=LayerNormalization(Cast(x), @scale))"), func(b *graph.Builder, m *match) *graph.Value {
		x, n := m.val("x"), m.node("n")
		if !x.Type.DType.IsHalf() || !filledWith(m.val("scale"), 1) {
			return nil
		}
		return b.Op("LayerNormalization", x, constant(b, x.Type.DType, 1, m.val("scale").Const.Shape()...), graph.Int("axis", n.Int("axis")), graph.Float("epsilon", n.Float("epsilon")))
	}},
}

var normScaleRules = []rule{
	{parse("Mul(n=LayerNormalization(x, @one), s)"), func(b *graph.Builder, m *match) *graph.Value {
		x, s, n := m.val("x"), m.val("s"), m.node("n")
		axis, err := graph.Axis(n.Int("axis"), max(x.Type.Rank(), 0))
		switch {
		case err != nil || !filledWith(m.val("one"), 1):
		case rowLike(s.Type, x.Type, axis):
			return b.Op("LayerNormalization", x, s, graph.Int("axis", n.Int("axis")), graph.Float("epsilon", n.Float("epsilon")))
		case axis == 2:
			if s = channelVector(b, s, x.Type); s != nil {
				zero := constant(b, x.Type.DType, 0, s.Const.Len())
				return b.Op("InstanceNormalization", x, s, zero, graph.Float("epsilon", n.Float("epsilon")))
			}
		}
		return nil
	}},
	{parse("Mul(n=InstanceNormalization(x, @one, @zero), @s) | Mul(n=GroupNormalization(x, @one, @zero), @s)"), func(b *graph.Builder, m *match) *graph.Value {
		s := channelVector(b, m.val("s"), m.val("x").Type)
		if s == nil || !filledWith(m.val("one"), 1) || !filledWith(m.val("zero"), 0) {
			return nil
		}
		return again(b, m.node("n"), m.val("x"), s, m.val("zero"))
	}},
}

var normBiasRules = []rule{
	{parse("Add(n=LayerNormalization(x, s), c)"), func(b *graph.Builder, m *match) *graph.Value {
		x, n := m.val("x"), m.node("n")
		axis, err := graph.Axis(n.Int("axis"), max(x.Type.Rank(), 0))
		if err != nil || !rowLike(m.val("c").Type, x.Type, axis) {
			return nil
		}
		return again(b, n, x, m.val("s"), m.val("c"))
	}},
	{parse("Add(n=InstanceNormalization(x, s, @zero), @c) | Add(n=GroupNormalization(x, s, @zero), @c)"), func(b *graph.Builder, m *match) *graph.Value {
		c := channelVector(b, m.val("c"), m.val("x").Type)
		if c == nil || !filledWith(m.val("zero"), 0) {
			return nil
		}
		return again(b, m.node("n"), m.val("x"), m.val("s"), c)
	}},
}

// again builds the operator of n with its attributes on other inputs.
func again(b *graph.Builder, n *graph.Node, in ...*graph.Value) *graph.Value {
	var args []graph.Arg
	for _, v := range in {
		args = append(args, v)
	}
	for _, a := range n.Attrs {
		args = append(args, a)
	}
	return b.Op(n.Op.Name, args...)
}

// constant is a tensor of one number.
func constant(b *graph.Builder, d tensor.DType, v float64, shape ...int) *graph.Value {
	t, err := tensor.Full(d, v, shape...)
	if err != nil {
		b.Fail(err)
		return nil
	}
	return b.Const(t)
}

// filled is a constant of the shape of x's axes from axis on, nil when they are not known.
func filled(b *graph.Builder, x graph.Type, axis int, v float64) *graph.Value {
	shape, ok := graph.TensorType(x.DType, x.Shape[axis:]...).Static()
	if n, fits := shape.Size(); !ok || !fits || n > foldSmall/8 {
		return nil
	}
	return constant(b, x.DType, v, shape...)
}

// filledWith reports whether v is a constant of one number.
func filledWith(v *graph.Value, x float64) bool {
	t := v.Const
	if t == nil || !t.DType().IsFloat() && !t.DType().IsInt() {
		return false
	}
	for i := range t.Len() {
		if t.Float(i) != x {
			return false
		}
	}
	return true
}

// channelVector is the constant v as a vector when it has an element for each channel of x [N, C, …] and is the same elsewhere.
func channelVector(b *graph.Builder, v *graph.Value, x graph.Type) *graph.Value {
	off := len(x.Shape) - v.Type.Rank()
	if v.Const == nil || !x.Ranked || len(x.Shape) < 2 || off < 0 || off > 1 {
		return nil
	}
	for i, d := range v.Type.Shape {
		if off+i == 1 && (!d.IsInt() || !d.Equal(x.Shape[1])) || off+i != 1 && !d.Is(1) {
			return nil
		}
	}
	t, err := v.Const.Reshape(v.Const.Len())
	if err != nil {
		return nil
	}
	return b.Const(t)
}
