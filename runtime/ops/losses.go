package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// NegativeLogLikelihoodLoss is −weight[t]·input[n, t, …] for the class t that the target [N, …] has for each position of the log-probabilities [N, C, …]: all of them,
// their sum, or their sum divided by that of the weights. Targets equal to ignore_index, which may be no class, have loss and weight 0.
var negativeLogLikelihoodLoss = family(
	&graph.Op{
		Name: "NegativeLogLikelihoodLoss", Since: 22,
		Sig: `(input:T, target:Tind, weight?:T) -> (loss:T)
			T = float; Tind = i32 i64
			ignore_index int; reduction string = mean`,
		Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
			return []*graph.Value{likelihoodLoss(b, n, n.In[0])}
		},
	},
	&graph.Op{Since: 13, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 12},
)

// SoftmaxCrossEntropyLoss is NegativeLogLikelihoodLoss of the logarithm of the softmax of scores over the classes, which is axis 1.
var softmaxCrossEntropyLoss = grad(family(
	&graph.Op{
		Name: "SoftmaxCrossEntropyLoss", Since: 13,
		Sig: `(scores:T, labels:Tind, weights?:T) -> (output:T, log_prob?:T)
			T = float; Tind = i32 i64
			ignore_index int; reduction string = mean`,
		Run: halves(runCrossEntropy),
		Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
			log := b.Op("LogSoftmax", n.In[0], graph.Int("axis", 1))
			return []*graph.Value{likelihoodLoss(b, n, log), log}
		},
	},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64"},
), crossEntropyGrad)

// likelihoodLoss is the loss of a node with the given log-probabilities.
func likelihoodLoss(b *graph.Builder, n *graph.Node, log *graph.Value) *graph.Value {
	if b.Err() != nil {
		return nil
	}
	target := n.In[1]
	d := log.Type.DType
	if d == tensor.Invalid || target.Type.DType == tensor.Invalid {
		b.Fail(graph.Unsupportedf("%s of an unknown type", n.Op))
		return nil
	}
	zero := b.Scalar(d, 0)
	var ignored *graph.Value
	if n.HasAttr("ignore_index") {
		ignored = b.Op("Equal", target, b.Scalar(target.Type.DType, float64(n.Int("ignore_index"))))
		target = b.Op("Where", ignored, b.Scalar(target.Type.DType, 0), target)
	}
	axis := b.Ints(1)
	loss := b.Op("Neg", b.Op("Squeeze", b.Op("GatherElements", log, b.Op("Unsqueeze", target, axis), graph.Int("axis", 1)), axis))
	var weight *graph.Value // of each position; nil where all have 1
	if n.Has(2) {
		weight = b.Op("Gather", n.In[2], target)
	}
	if ignored != nil {
		if weight == nil {
			weight = b.Scalar(d, 1)
		}
		weight = b.Op("Where", ignored, zero, weight)
	}
	if weight != nil {
		loss = b.Op("Mul", loss, weight)
	}
	if ignored != nil { // 0 times an infinite loss would not be 0
		loss = b.Op("Where", ignored, zero, loss)
	}
	sum := func(v *graph.Value) *graph.Value { return b.Op("ReduceSum", v, graph.Int("keepdims", 0)) }
	switch red := n.Str("reduction"); {
	case red == "none":
		return loss
	case red == "sum":
		return sum(loss)
	case red == "mean" && weight == nil:
		return b.Op("ReduceMean", loss, graph.Int("keepdims", 0))
	case red == "mean":
		return b.Op("Div", sum(loss), sum(weight))
	default:
		b.Fail(graph.Invalidf("reduction %q", red))
		return nil
	}
}
