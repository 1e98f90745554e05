package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func intsAttr(name string, v ...int64) graph.Attr { return graph.Ints(name, v...) }

// TestTreeEnsemble runs the standard's example of sets: below 11.1 lie the members 1.2, 3.7, 8, 9 in one leaf, and 12 and 7 in another.
func TestTreeEnsemble(t *testing.T) {
	nan := float32(math.NaN())
	attrs := func(more ...graph.Attr) []graph.Attr {
		return append(more, graph.Int("n_targets", 4), intsAttr("leaf_targetids", 0, 1, 2, 3), graph.TensorAttr("leaf_weights", f32([]float32{1, 10, 1000, 100}, 4)),
			graph.TensorAttr("membership_values", f32([]float32{1.2, 3.7, 8, 9, nan, 12, 7, nan}, 8)), intsAttr("nodes_falseleafs", 1, 0, 1), intsAttr("nodes_falsenodeids", 2, 2, 3),
			intsAttr("nodes_featureids", 0, 0, 0), graph.TensorAttr("nodes_modes", u8s([]uint8{0, 6, 6}, 3)), graph.TensorAttr("nodes_splits", f32([]float32{11, 0, nan}, 3)),
			intsAttr("nodes_trueleafs", 0, 1, 1), intsAttr("nodes_truenodeids", 1, 0, 1), intsAttr("tree_roots", 0))
	}
	x := f32([]float32{1.2, 3.4, -0.12, nan, 12, 7}, 6, 1)
	optest.Run(t, Registry(), "ai.onnx.ml::TreeEnsemble", []optest.Case{
		{Name: "sets", In: []*tensor.Tensor{x}, Attrs: attrs(), Want: []*tensor.Tensor{f32([]float32{1, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 100, 0, 0, 1000, 0, 0, 0, 1000, 0, 0, 10, 0, 0}, 6, 4)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1)}, Attrs: attrs(), Want: []*tensor.Tensor{f32(nil, 0, 4)}},
		{Name: "no features", In: []*tensor.Tensor{f32(nil, 2, 0)}, Attrs: attrs(), Err: graph.ErrShape, Text: "feature 0"},
		{Name: "circle", In: []*tensor.Tensor{x}, Attrs: append([]graph.Attr{intsAttr("nodes_falsenodeids", 2, 0, 3)}, attrs()...), Err: graph.ErrInvalid, Text: "follows itself"},
		{Name: "aggregate", In: []*tensor.Tensor{x}, Attrs: attrs(graph.Int("aggregate_function", 9)), Err: graph.ErrInvalid, Text: "aggregate_function 9"},
	})
}

// stump is a tree that gives weights[0] up to 1 in feature 0, NaN included, and weights[1] above.
func stump(prefix string, ids []int64, weights []float32, more ...graph.Attr) []graph.Attr {
	return append(more, intsAttr("nodes_treeids", 0, 0, 0), intsAttr("nodes_nodeids", 0, 1, 2), graph.Attr{Name: "nodes_modes", Value: []string{"BRANCH_LEQ", "LEAF", "LEAF"}},
		intsAttr("nodes_featureids", 0, 0, 0), graph.Attr{Name: "nodes_values", Value: []float32{1, 0, 0}}, intsAttr("nodes_truenodeids", 1, 0, 0), intsAttr("nodes_falsenodeids", 2, 0, 0),
		intsAttr("nodes_missing_value_tracks_true", 1, 0, 0), intsAttr(prefix+"_treeids", 0, 0), intsAttr(prefix+"_nodeids", 1, 2), graph.Attr{Name: prefix + "_ids", Value: ids}, graph.Attr{Name: prefix + "_weights", Value: weights})
}

func TestTreeEnsembleRegressor(t *testing.T) {
	x := f32([]float32{1, 2, float32(math.NaN())}, 3, 1)
	base := graph.Attr{Name: "base_values", Value: []float32{10}}
	optest.Run(t, Registry(), "ai.onnx.ml::TreeEnsembleRegressor", []optest.Case{
		{Name: "one", Since: 1, In: []*tensor.Tensor{x}, Attrs: stump("target", []int64{0, 0}, []float32{3, 4}, base), Want: []*tensor.Tensor{f32([]float32{13, 14, 13}, 3, 1)}},
		{Name: "ints", Since: 3, In: []*tensor.Tensor{tensor.Ints(1, math.MaxInt64)}, Attrs: stump("target", []int64{0, 1}, []float32{3, 4}), Want: []*tensor.Tensor{f32([]float32{3, 0}, 1, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1)}, Attrs: stump("target", []int64{0, 0}, []float32{3, 4}), Want: []*tensor.Tensor{f32(nil, 0, 1)}},
		{Name: "target", In: []*tensor.Tensor{x}, Attrs: stump("target", []int64{0, 7}, []float32{3, 4}, graph.Int("n_targets", 2)), Err: graph.ErrInvalid, Text: "target_ids[1] is 7 of 2"},
	})
}

// TestTreeEnsembleClassifier holds the cases of two classes, whose scores come from ONNX Runtime's rules.
func TestTreeEnsembleClassifier(t *testing.T) {
	x := f32([]float32{1, 2}, 2, 1)
	labels := intsAttr("classlabels_int64s", 7, 9)
	text := graph.Attr{Name: "classlabels_strings", Value: []string{"no", "yes"}}
	post := func(s string) graph.Attr { return graph.Str("post_transform", s) }
	optest.Run(t, Registry(), "ai.onnx.ml::TreeEnsembleClassifier", []optest.Case{
		{Name: "positive weights of one class", In: []*tensor.Tensor{x}, Attrs: stump("class", []int64{0, 0}, []float32{0.25, 0.75}, labels), Want: []*tensor.Tensor{i64([]int64{7, 9}, 2), f32([]float32{0.75, 0.25, 0.25, 0.75}, 2, 2)}},
		{Name: "mixed weights", Since: 1, In: []*tensor.Tensor{x}, Attrs: stump("class", []int64{0, 0}, []float32{-2, 3}, text), Want: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"no", "yes"})), f32([]float32{2, -2, -3, 3}, 2, 2)}},
		{Name: "logistic", Tol: 1e-6, In: []*tensor.Tensor{x}, Attrs: stump("class", []int64{0, 0}, []float32{-2, 0}, labels, post("LOGISTIC")), Want: []*tensor.Tensor{i64([]int64{7, 7}, 2), f32([]float32{0.88079708, 0.11920292, 0.5, 0.5}, 2, 2)}},
		{Name: "three classes", Tol: 1e-6, In: []*tensor.Tensor{x}, Attrs: stump("class", []int64{2, 1}, []float32{1, 1}, intsAttr("classlabels_int64s", 5, 6, 7), post("SOFTMAX")),
			Want: []*tensor.Tensor{i64([]int64{7, 6}, 2), f32([]float32{0.21194156, 0.21194156, 0.57611688, 0.21194156, 0.57611688, 0.21194156}, 2, 3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1)}, Attrs: stump("class", []int64{0, 0}, []float32{1, 2}, labels), Want: []*tensor.Tensor{i64(nil, 0), f32(nil, 0, 2)}},
		{Name: "no labels", In: []*tensor.Tensor{x}, Attrs: stump("class", []int64{0, 0}, []float32{1, 2}), Err: graph.ErrInvalid, Text: "no class labels"},
	})
}

func TestScaler(t *testing.T) {
	attrs := []graph.Attr{{Name: "offset", Value: []float32{1, 2}}, {Name: "scale", Value: []float32{2}}}
	optest.Run(t, Registry(), "ai.onnx.ml::Scaler", []optest.Case{
		{Name: "floats", In: []*tensor.Tensor{f32([]float32{1, 3, 0, float32(math.Inf(1))}, 2, 2)}, Attrs: attrs, Want: []*tensor.Tensor{f32([]float32{0, 2, -2, float32(math.Inf(1))}, 2, 2)}},
		{Name: "ints", In: []*tensor.Tensor{tensor.Ints(5, 5)}, Attrs: attrs, Want: []*tensor.Tensor{f32([]float32{8, 6}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2)}, Attrs: attrs, Want: []*tensor.Tensor{f32(nil, 0, 2)}},
		{Name: "width", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 1, 3)}, Attrs: attrs, Err: graph.ErrShape, Text: "2 numbers in offset"},
	})
}
