package pass

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseConv folds what is linear per channel after a convolution into its weights and bias: BatchNormalization in inference, and multiplication by, division by
// and addition of constants; and zeros that Pad puts around an image into the convolution's own padding.
func FuseConv(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	for {
		c, err := rewrite(reg, g, convRules)
		if err != nil || !c {
			return changed, err
		}
		changed = true
	}
}

const anyConv = "y=Conv(...) | y=ConvTranspose(...)"

var convRules = []rule{
	{parse("n=BatchNormalization(" + anyConv + ", @s, @b, @m, @v)"), foldBatchNorm},
	{parse("Mul(" + anyConv + ", @k)"), foldAffine(func(k float64) (float64, float64) { return k, 0 })},
	{parse("Div(" + anyConv + ", @k)"), foldAffine(func(k float64) (float64, float64) { return 1 / k, 0 })},
	{parse("Add(" + anyConv + ", @k)"), foldAffine(func(k float64) (float64, float64) { return 1, k })},
	{parse("Sub(" + anyConv + ", @k)"), foldAffine(func(k float64) (float64, float64) { return 1, -k })},
	{parse("y=Conv(p=Pad(x, @pads, _, ...), ...)"), foldPad},
}

func foldBatchNorm(b *graph.Builder, m *match) *graph.Value {
	n, conv := m.node("n"), m.node("y")
	channels := convChannels(conv)
	if channels < 1 || n.Bool("training_mode") {
		return nil
	}
	var in [4][]float64
	for i, name := range []string{"s", "b", "m", "v"} {
		if in[i] = perChannel(m.val(name), channels, 1); in[i] == nil {
			return nil
		}
	}
	scale, shift := make([]float64, channels), make([]float64, channels)
	for i := range channels {
		scale[i] = in[0][i] / math.Sqrt(in[3][i]+float64(n.Float("epsilon")))
		shift[i] = in[1][i] - in[2][i]*scale[i]
	}
	return affineConv(b, conv, scale, shift)
}

// foldAffine folds an operation by a constant that makes scale·y + shift of a convolution's y.
func foldAffine(f func(k float64) (scale, shift float64)) func(*graph.Builder, *match) *graph.Value {
	return func(b *graph.Builder, m *match) *graph.Value {
		conv := m.node("y")
		channels := convChannels(conv)
		k := perChannel(m.val("k"), channels, m.val("y").Type.Rank()-1)
		if k == nil {
			return nil
		}
		scale, shift := make([]float64, channels), make([]float64, channels)
		for i := range k {
			scale[i], shift[i] = f(k[i])
		}
		return affineConv(b, conv, scale, shift)
	}
}

// convChannels is the number of output channels of a convolution whose weights and bias are constants of float32, else 0.
func convChannels(n *graph.Node) int {
	if !n.Has(1) || n.In[1].Const == nil || n.In[1].Const.DType() != tensor.Float32 || n.In[1].Const.Rank() < 3 || n.In[1].Const.Len() == 0 {
		return 0
	}
	channels := n.In[1].Const.Dim(0)
	group := n.Int("group")
	if n.Op.Name == "ConvTranspose" {
		channels = n.In[1].Const.Dim(1) * group
	}
	if group < 1 || n.In[1].Const.Dim(0)%group != 0 || n.Has(2) && perChannel(n.In[2], channels, 1) == nil {
		return 0
	}
	return channels
}

// perChannel are the elements of v for each of the channels: a constant of float32 whose axis that is the axes-th from the end counts the channels, all others
// having one element, or of one element alone. Otherwise it is nil.
func perChannel(v *graph.Value, channels, axes int) []float64 {
	if v == nil || v.Const == nil || v.Const.DType() != tensor.Float32 || channels < 1 || v.Const.Rank() > axes+1 {
		return nil
	}
	x, s := tensor.Data[float32](v.Const), v.Const.Shape()
	if len(x) != 1 && (len(x) != channels || len(s) < axes || s[len(s)-axes] != channels) {
		return nil
	}
	out := make([]float64, channels)
	for i := range out {
		out[i] = float64(x[min(i, len(x)-1)])
	}
	return out
}

// affineConv is scale·n + shift.
func affineConv(b *graph.Builder, n *graph.Node, scale, shift []float64) *graph.Value {
	old := n.In[1].Const
	w := old.Clone()
	data := tensor.Data[float32](w)
	rows := len(data) / old.Dim(0) // elements of an index of axis 0
	taps := rows / old.Dim(1)
	perGroup := old.Dim(0) / n.Int("group")
	for i := range data {
		c := i / rows
		if n.Op.Name == "ConvTranspose" { // axis 0 counts the input channels, axis 1 the output channels of a group
			c = c/perGroup*old.Dim(1) + i/taps%old.Dim(1)
		}
		data[i] = float32(float64(data[i]) * scale[c])
	}
	bias := make([]float32, len(shift))
	for i, v := range shift {
		if n.Has(2) {
			v += float64(tensor.Data[float32](n.In[2].Const)[i]) * scale[i]
		}
		bias[i] = float32(v)
	}
	k, err := tensor.Of(bias, len(bias))
	if err != nil {
		return nil
	}
	return sameNode(b, n, n.Attrs, n.In[0], b.Const(w), b.Const(k))
}

// sameNode builds n with other attributes and inputs.
func sameNode(b *graph.Builder, n *graph.Node, attrs []graph.Attr, in ...*graph.Value) *graph.Value {
	args := make([]graph.Arg, 0, len(in)+len(attrs))
	for _, v := range in {
		args = append(args, v)
	}
	for _, a := range attrs {
		args = append(args, a)
	}
	name := n.Op.Name
	if n.Op.Domain != "" {
		name = n.Op.Domain + "::" + name
	}
	return b.Op(name, args...)
}

// foldPad folds Pad(x) by zeros along the spatial axes.
func foldPad(b *graph.Builder, m *match) *graph.Value {
	n, pad := m.node("y"), m.node("p")
	rank := m.val("x").Type.Rank()
	add, ok := constInts(m.val("pads"))
	if !ok || rank < 3 || len(add) != 2*rank || pad.Str("mode") != "constant" || pad.Has(3) || n.Str("auto_pad") != "NOTSET" && n.Str("auto_pad") != "VALID" {
		return nil
	}
	if pad.Has(2) && (pad.In[2].Const == nil || pad.In[2].Const.Len() != 1 || pad.In[2].Const.Float(0) != 0) {
		return nil
	}
	sum := make([]int64, 2*(rank-2))
	if p := n.Ints("pads"); len(p) == len(sum) && n.Str("auto_pad") == "NOTSET" {
		copy(sum, p)
	}
	for i, k := range add {
		switch axis := i % rank; {
		case k < 0 || axis < 2 && k != 0:
			return nil
		case axis >= 2:
			sum[i/rank*(rank-2)+axis-2] += int64(k)
		}
	}
	attrs := []graph.Attr{graph.Ints("pads", sum...)}
	for _, a := range n.Attrs {
		if a.Name != "pads" && a.Name != "auto_pad" {
			attrs = append(attrs, a)
		}
	}
	in := append([]*graph.Value{}, n.In...)
	in[0] = m.val("x")
	return sameNode(b, n, attrs, in...)
}

// constInts are the elements of a constant int64 tensor.
func constInts(v *graph.Value) ([]int, bool) {
	if v == nil || v.Const == nil || v.Const.DType() != tensor.Int64 {
		return nil, false
	}
	out := make([]int, v.Const.Len())
	for i, k := range tensor.Data[int64](v.Const) {
		out[i] = int(k)
	}
	return out, true
}
