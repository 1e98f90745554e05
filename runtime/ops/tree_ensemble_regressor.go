package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

const treeNodesSig = `base_values floats; base_values_as_tensor tensor
	nodes_falsenodeids ints; nodes_featureids ints; nodes_hitrates floats; nodes_hitrates_as_tensor tensor; nodes_missing_value_tracks_true ints
	nodes_modes strings; nodes_nodeids ints; nodes_treeids ints; nodes_truenodeids ints; nodes_values floats; nodes_values_as_tensor tensor
	post_transform string = NONE
	`

const treeNodesSig1 = `-base_values_as_tensor
	-nodes_hitrates_as_tensor
	-nodes_values_as_tensor
	`

// TreeEnsembleRegressor is TreeEnsemble with nodes named by tree and number, for rows of any number type; the results are float32. Version 5 deprecates it unchanged.
var treeEnsembleRegressor = family(
	&graph.Op{
		Domain: "ai.onnx.ml", Name: "TreeEnsembleRegressor", Since: 5,
		Sig: `(X:T) -> (Y:f32)
			T = f32 f64 i32 i64
			` + treeNodesSig + `aggregate_function string = SUM; n_targets int
			target_ids ints; target_nodeids ints; target_treeids ints; target_weights floats; target_weights_as_tensor tensor`,
		Infer: inferTreeRegressor, Run: runTreeRegressor,
	},
	&graph.Op{Since: 3},
	&graph.Op{Since: 1, Sig: treeNodesSig1 + "-target_weights_as_tensor"},
)

func inferTreeRegressor(c *graph.Infer) error {
	targets, err := ensembleTargets(c.Node, "n_targets", "target_ids")
	if err != nil {
		return err
	}
	return inferTrees(c, 0, tensor.Float32, targets)
}

// treesInDouble reports whether trees compute in float64: for rows of other types than float32, or with thresholds in float64.
func treesInDouble(c *graph.Ctx) bool {
	t := c.Node.Tensor("nodes_values_as_tensor")
	return c.In[0].DType() != tensor.Float32 || t != nil && t.DType() == tensor.Float64
}

func runTreeRegressor(c *graph.Ctx) error {
	if d := c.In[0].DType(); !d.IsInt() && d != tensor.Float32 && d != tensor.Float64 {
		return graph.Typef("trees over %s", c.In[0])
	}
	if treesInDouble(c) {
		return runRegressor[float64](c)
	}
	return runRegressor[float32](c)
}

func runRegressor[T float32 | float64](c *graph.Ctx) error {
	return runTrees(c, regressor[T], c.Out[0], nil)
}

func regressor[T float32 | float64](n *graph.Node) (*ensemble[T], error) {
	targets, err := ensembleTargets(n, "n_targets", "target_ids")
	if err != nil {
		return nil, err
	}
	t, err := listedTrees[T](n, "target", targets)
	if err != nil {
		return nil, err
	}
	e := &ensemble[T]{Trees: t, targets: targets, finish: finishTargets[T]}
	if e.base, e.post, err = treeScores[T](n, targets); err != nil {
		return nil, err
	}
	return e, e.aggregate(n.Str("aggregate_function"))
}

// treeScores are the base values, at most one for each target, and the transform.
func treeScores[T float32 | float64](n *graph.Node, targets int) (base []T, post kernel.PostTransform, err error) {
	values, _ := numbersAttr(n, "base_values")
	for _, v := range values {
		base = append(base, T(v))
	}
	if len(base) > targets {
		return nil, 0, graph.Invalidf("%d base values for %d targets", len(base), targets)
	}
	post, ok := kernel.FindPostTransform(n.Str("post_transform"))
	if !ok {
		err = graph.Invalidf("post_transform %q", n.Str("post_transform"))
	}
	return base, post, err
}
