package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// SkipLayerNormalization is the LayerNormalization of input + skip + bias over the last axis; skip may serve the whole batch. The sum
// is an output, too.
var contribSkipNorm = contribOp("SkipLayerNormalization", `(input:T, skip:T, gamma:T, beta?:T, bias?:T) -> (output:T, mean?:U, inv_std_var?:U, input_skip_bias_sum?:T)
	T = f32 f16 bf16; U = f32
	epsilon float = 1e-12`, func(c contrib) []*graph.Value {
	sum := c.skipSum(4)
	c.vector(c.in(2), sum)
	c.vector(c.in(3), sum)
	args := with([]graph.Arg{graph.Float("epsilon", c.n.Float("epsilon"))}, sum, c.in(2), c.in(3))
	if !c.n.Wants(1) && !c.n.Wants(2) {
		return []*graph.Value{c.Op("LayerNormalization", args...), nil, nil, sum}
	}
	return append(c.OpN(3, "LayerNormalization", args...), sum)
})

// SkipSimplifiedLayerNormalization is the RMSNormalization of input + skip + bias.
var contribSkipRMSNorm = contribOp("SkipSimplifiedLayerNormalization", `(input:T, skip:T, gamma:T, bias?:T) -> (output:T, mean?:U, inv_std_var?:U, input_skip_bias_sum?:T)
	T = f32 f16 bf16; U = f32
	epsilon float = 1e-12`, func(c contrib) []*graph.Value {
	sum := c.skipSum(3)
	c.vector(c.in(2), sum)
	y := c.Op("RMSNormalization", sum, c.in(2), graph.Float("epsilon", c.n.Float("epsilon")))
	return []*graph.Value{y, nil, c.invRMS(2, sum, -1), sum}
})

// SimplifiedLayerNormalization is RMSNormalization as ONNX Runtime wrote it, in the default domain, before the standard had it.
var simplifiedLayerNorm = family(&graph.Op{
	Name: "SimplifiedLayerNormalization", Since: 1,
	Sig: `(X:T, scale:V) -> (Y:V, inv_std_var?:U)
		T = float; U = f32 f64; V = float
		axis int = -1; epsilon float = 1e-5; stash_type int = 1`,
	Expand: contribExpand(func(c contrib) []*graph.Value {
		axis := c.n.Int("axis")
		y := c.Op("RMSNormalization", with(c.attrs("axis", "epsilon", "stash_type"), c.in(0), c.in(1))...)
		return []*graph.Value{y, c.invRMS(1, c.in(0), axis)}
	}),
})

// skipSum is input + bias + skip, in the order in which the bias still belongs to the product that gave the input.
func (c contrib) skipSum(bias int) *graph.Value {
	x, skip := c.in(0), c.in(1)
	c.rank(x)
	c.rank(skip)
	if c.Err() != nil {
		return nil
	}
	off := x.Type.Rank() - skip.Type.Rank()
	fits := off >= 0
	for i := range skip.Type.Shape {
		if s := skip.Type.Shape[i]; fits && s.IsInt() && x.Type.Shape[off+i].IsInt() {
			fits = s.Equal(x.Type.Shape[off+i]) || i+off == 0 && s.Is(1)
		}
	}
	if !fits {
		c.Fail(graph.Shapef("%s and %s differ", x.Type, skip.Type))
		return nil
	}
	c.vector(c.in(bias), x)
	return c.Op("Add", c.add(x, c.in(bias)), skip)
}

// invRMS is what an RMSNormalization of x over the axes from axis on multiplied by, when output i is wanted.
func (c contrib) invRMS(i int, x *graph.Value, axis int) *graph.Value {
	rank := c.rank(x)
	if !c.n.Wants(i) || c.Err() != nil {
		return nil
	}
	axis, err := graph.Axis(axis, rank)
	if err != nil {
		c.Fail(err)
		return nil
	}
	var axes []int
	for ; axis < rank; axis++ {
		axes = append(axes, axis)
	}
	d := tensor.Float32
	if x.Type.DType == tensor.Float64 {
		d = tensor.Float64
	}
	x = c.cast(x, d)
	mean := c.Op("ReduceMean", c.Op("Mul", x, x), c.Ints(axes...))
	return c.Op("Reciprocal", c.Op("Sqrt", c.Op("Add", mean, c.Scalar(d, float64(c.n.Float("epsilon"))))))
}

// Inputs of EmbedLayerNormalization.
const (
	embedIDs = iota
	embedSegmentIDs
	embedWords
	embedPositions
	embedSegments
	embedGamma
	embedBeta
	embedMask
	embedPositionIDs
)

// EmbedLayerNormalization is the LayerNormalization of the sum of the embeddings of words, positions (0, 1, 2 … unless given) and segments, of ids
// [batch, seq]. mask_index is how many ones a row of the mask has, zero without a mask.
var embedLayerNorm = contribOp("EmbedLayerNormalization", `(input_ids:T1, segment_ids?:T1, word_embedding:T, position_embedding:T, segment_embedding?:T, gamma:T, beta:T, mask?:T1, position_ids?:T1) -> (output:T, mask_index?:T1, embedding_sum?:T)
	T1 = i32; T = f32 f16
	epsilon float = 1e-12; mask_index_type int`, func(c contrib) []*graph.Value {
	ids := c.in(embedIDs)
	if c.rank(ids) != 2 && c.Err() == nil {
		c.Fail(graph.Shapef("ids are %s, want [batch, seq]", ids.Type))
	}
	if (c.in(embedSegmentIDs) == nil) != (c.in(embedSegments) == nil) {
		c.Fail(graph.Invalidf("one of segment_ids and segment_embedding is missing"))
	}
	sum := c.Op("Gather", c.in(embedWords), ids)
	positions := c.in(embedPositions)
	if at := c.in(embedPositionIDs); at != nil {
		positions = c.Op("Gather", positions, at)
	} else {
		positions = c.Op("Gather", positions, c.count(c.dims(ids, 1, 2)))
	}
	sum = c.Op("Add", sum, positions)
	if c.in(embedSegments) != nil {
		sum = c.Op("Add", sum, c.Op("Gather", c.in(embedSegments), c.in(embedSegmentIDs)))
	}
	y := c.Op("LayerNormalization", sum, c.in(embedGamma), c.in(embedBeta), graph.Float("epsilon", c.n.Float("epsilon")))
	var lengths *graph.Value
	if c.n.Wants(1) {
		if mask := c.in(embedMask); mask != nil {
			is := c.Op("Cast", c.Op("Equal", mask, c.Scalar(tensor.Int32, 1)), graph.Int("to", int(tensor.Int32)))
			lengths = c.Op("ReduceSum", is, c.Ints(1), graph.Int("keepdims", 0))
		} else {
			lengths = c.Op("Expand", c.Scalar(tensor.Int32, 0), c.dims(ids, 0, 1))
		}
	}
	return []*graph.Value{y, lengths, sum}
})

// count is the numbers 0 … n-1 for a vector of one int64 n.
func (c contrib) count(n *graph.Value) *graph.Value {
	return c.Op("Range", c.Scalar(tensor.Int64, 0), c.Op("Squeeze", n, c.Ints(0)), c.Scalar(tensor.Int64, 1))
}
