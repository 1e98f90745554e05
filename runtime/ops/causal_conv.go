package ops

import "github.com/onnxrun/onnxrun/graph"

// CausalConvWithState is a convolution of each channel of the input [batch, channels, length] with k weights of its own, which sees the past only: the k − 1 elements
// before the input are past_state, or zeros. present_state is the last k − 1 elements, for the call that goes on.
var causalConvWithState = family(&graph.Op{
	Name: "CausalConvWithState", Since: 27,
	Sig: `(input:T, weight:T, bias?:T, past_state?:T) -> (output:T, present_state:T)
		T = f16 bf16 f32
		activation string = none`,
	Expand: expandCausalConv,
})

func expandCausalConv(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, w := n.In[0], n.In[1]
	s := w.Type.Shape
	if !w.Type.Ranked || len(s) == 3 && (!s[0].IsInt() || !s[2].IsInt()) {
		b.Fail(graph.Unsupportedf("a causal convolution with weights of unknown shape"))
		return nil
	}
	if len(s) != 3 || !s[1].Is(1) || s[2].Is(0) || x.Type.Ranked && len(x.Type.Shape) != 3 {
		b.Fail(graph.Shapef("causal convolution of %s with weights %s", x.Type, w.Type))
		return nil
	}
	channels, _ := s[0].Int()
	k, _ := s[2].Int()
	var bias *graph.Value
	if n.Has(2) {
		bias = n.In[2]
	}
	all, before := x, 0
	if n.Has(3) {
		all = b.Op("Concat", n.In[3], x, graph.Int("axis", 2))
	} else if k > 1 {
		before = k - 1
		all = b.Op("Pad", x, b.Ints(0, 0, k-1, 0, 0, 0))
	}
	if b.Err() == nil && n.Has(3) && n.In[3].Type.Ranked && len(n.In[3].Type.Shape) == 3 && n.In[3].Type.Shape[2].IsInt() && !n.In[3].Type.Shape[2].Is(k-1) {
		b.Fail(graph.Shapef("past state %s of a causal convolution with %d weights", n.In[3].Type, k))
	}
	from := all
	if before > 0 {
		from = x
	}
	y := b.Op("Conv", from, w, bias, graph.Int("group", channels), graph.Ints("pads", int64(before), 0))
	switch act := n.Str("activation"); act {
	case "silu", "swish":
		y = b.Op("Swish", y)
	case "none", "":
	default:
		b.Fail(graph.Invalidf("activation %q", act))
	}
	length := b.Op("Shape", all, graph.Int("start", 2))
	present := b.Op("Slice", all, b.Op("Sub", length, b.Ints(k-1)), length, b.Ints(2))
	return []*graph.Value{y, present}
}
