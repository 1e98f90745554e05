package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func mlStrings(v ...string) *tensor.Tensor { return tensor.Must(tensor.OfStrings(v)) }

func TestLabels(t *testing.T) {
	nan := float32(math.NaN())
	keys := graph.Attr{Name: "keys_strings", Value: []string{"a", "b", "a"}}
	values := intsAttr("values_int64s", 5, 6, 7)
	optest.Run(t, Registry(), "ai.onnx.ml::LabelEncoder", []optest.Case{
		{Name: "strings", In: []*tensor.Tensor{mlStrings("b", "a", "c")}, Attrs: []graph.Attr{keys, values}, Want: []*tensor.Tensor{i64([]int64{6, 5, -1}, 3)}},
		{Name: "nan", Since: 2, In: []*tensor.Tensor{f32([]float32{nan, 2}, 2)}, Attrs: []graph.Attr{{Name: "keys_floats", Value: []float32{1, nan}}, {Name: "values_strings", Value: []string{"x", "y"}}}, Want: []*tensor.Tensor{mlStrings("y", "_Unused")}},
		{Name: "classes", Since: 1, In: []*tensor.Tensor{tensor.Ints(1, 9)}, Attrs: []graph.Attr{{Name: "classes_strings", Value: []string{"x", "y"}}}, Want: []*tensor.Tensor{mlStrings("y", "_Unused")}},
		{Name: "empty", In: []*tensor.Tensor{tensor.Must(tensor.OfStrings(nil, 0))}, Attrs: []graph.Attr{keys, values}, Want: []*tensor.Tensor{i64(nil, 0)}},
		{Name: "lengths", In: []*tensor.Tensor{mlStrings("b")}, Attrs: []graph.Attr{keys, intsAttr("values_int64s", 5)}, Err: graph.ErrInvalid, Text: "keys"},
	})
	cats := []graph.Attr{intsAttr("cats_int64s", 3, 4), {Name: "cats_strings", Value: []string{"x", "y"}}}
	optest.Run(t, Registry(), "ai.onnx.ml::CategoryMapper", []optest.Case{
		{Name: "to ints", In: []*tensor.Tensor{mlStrings("y", "z")}, Attrs: cats, Want: []*tensor.Tensor{i64([]int64{4, -1}, 2)}},
		{Name: "to strings", In: []*tensor.Tensor{tensor.Ints(3)}, Attrs: cats, Want: []*tensor.Tensor{mlStrings("x")}},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::OneHotEncoder", []optest.Case{
		{Name: "ints", In: []*tensor.Tensor{tensor.Ints(4, 9)}, Attrs: []graph.Attr{intsAttr("cats_int64s", 3, 4)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 0, 0}, 2, 2)}},
		{Name: "unknown", In: []*tensor.Tensor{mlStrings("q")}, Attrs: []graph.Attr{{Name: "cats_strings", Value: []string{"x"}}, graph.Int("zeros", 0)}, Err: graph.ErrInvalid, Text: "element 0"},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::ArrayFeatureExtractor", []optest.Case{
		{Name: "columns", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3), tensor.Ints(2, 0)}, Want: []*tensor.Tensor{f32([]float32{3, 1, 6, 4}, 2, 2)}},
		{Name: "vector", In: []*tensor.Tensor{mlStrings("a", "b"), tensor.Ints(1)}, Want: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"b"}, 1, 1))}},
		{Name: "outside", In: []*tensor.Tensor{mlStrings("a", "b"), tensor.Ints(-1)}, Err: graph.ErrShape, Text: "feature -1 of 2"},
	})
}

func TestFeatures(t *testing.T) {
	nan := float32(math.NaN())
	optest.Run(t, Registry(), "ai.onnx.ml::Normalizer", []optest.Case{
		{Name: "max", In: []*tensor.Tensor{f32([]float32{1, -4, 2, 0, 0, 0}, 2, 3)}, Want: []*tensor.Tensor{f32([]float32{0.5, -2, 1, 0, 0, 0}, 2, 3)}},
		{Name: "l2", Tol: 1e-6, In: []*tensor.Tensor{tensor.Ints(3, -4)}, Attrs: []graph.Attr{graph.Str("norm", "L2")}, Want: []*tensor.Tensor{f32([]float32{0.6, -0.8}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 3)}, Want: []*tensor.Tensor{f32(nil, 0, 3)}},
		{Name: "name", In: []*tensor.Tensor{f32(nil, 0)}, Attrs: []graph.Attr{graph.Str("norm", "L3")}, Err: graph.ErrInvalid, Text: "L3"},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::Imputer", []optest.Case{
		{Name: "nan", In: []*tensor.Tensor{f32([]float32{nan, 1, 2, nan}, 2, 2)}, Attrs: []graph.Attr{{Name: "imputed_value_floats", Value: []float32{7, 8}}, {Name: "replaced_value_float", Value: nan}}, Want: []*tensor.Tensor{f32([]float32{7, 1, 2, 8}, 2, 2)}},
		{Name: "nothing", In: []*tensor.Tensor{tensor.Ints(0)}, Err: graph.ErrInvalid, Text: "imputed_value_int64s"},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::Binarizer", []optest.Case{
		{Name: "floats", In: []*tensor.Tensor{f32([]float32{0, 1, nan}, 3)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 0}, 3)}},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::FeatureVectorizer", []optest.Case{
		{Name: "columns", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 2, 2), tensor.Must(tensor.Of([]int64{5, 6}, 2, 1))}, Attrs: []graph.Attr{intsAttr("inputdimensions", 2, 1)}, Want: []*tensor.Tensor{f32([]float32{1, 2, 5, 3, 4, 6}, 2, 3)}},
		{Name: "rows", In: []*tensor.Tensor{f32([]float32{1, 2}, 2, 1), f32([]float32{1}, 1, 1)}, Err: graph.ErrShape, Text: "other rows"},
	})
}

// The scores of two classes follow ONNX Runtime, see the operators.
func TestLinearModels(t *testing.T) {
	x := f32([]float32{1, 2, -3, 0}, 2, 2)
	w := graph.Attr{Name: "coefficients", Value: []float32{1, 1}}
	b := graph.Attr{Name: "intercepts", Value: []float32{0.5}}
	labels := intsAttr("classlabels_ints", 4, 5)
	optest.Run(t, Registry(), "ai.onnx.ml::LinearRegressor", []optest.Case{
		{Name: "one", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{w, b}, Want: []*tensor.Tensor{f32([]float32{3.5, -2.5}, 2, 1)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2)}, Attrs: []graph.Attr{w, b}, Want: []*tensor.Tensor{f32(nil, 0, 1)}},
		{Name: "width", In: []*tensor.Tensor{f32(nil, 0, 3)}, Attrs: []graph.Attr{w, b}, Err: graph.ErrShape, Text: "2 coefficients"},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::LinearClassifier", []optest.Case{
		{Name: "two labels", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{w, b, labels}, Want: []*tensor.Tensor{i64([]int64{5, 4}, 2), f32([]float32{-2.5, 3.5, 3.5, -2.5}, 2, 2)}},
	})
	vectors := []graph.Attr{w, {Name: "support_vectors", Value: []float32{1, 2, 0, 0}}, {Name: "rho", Value: []float32{-1}}, {Name: "kernel_params", Value: []float32{1, 0, 2}}}
	optest.Run(t, Registry(), "ai.onnx.ml::SVMRegressor", []optest.Case{
		// (1 + 4)² + 0 − 1 and (−3)² − 1
		{Name: "poly", In: []*tensor.Tensor{x}, Attrs: append(vectors, graph.Int("n_supports", 2), graph.Str("kernel_type", "POLY")), Want: []*tensor.Tensor{f32([]float32{24, 8}, 2, 1)}},
		{Name: "kernel", In: []*tensor.Tensor{x}, Attrs: append(vectors, graph.Str("kernel_type", "CUBE")), Err: graph.ErrInvalid, Text: "CUBE"},
	})
	optest.Run(t, Registry(), "ai.onnx.ml::SVMClassifier", []optest.Case{
		// 5 − 1 and −3 − 1: a positive sum is a vote for the first class
		{Name: "pair", In: []*tensor.Tensor{x}, Attrs: append(vectors, labels, intsAttr("vectors_per_class", 1, 1)), Want: []*tensor.Tensor{i64([]int64{4, 5}, 2), f32([]float32{-4, 4, 4, -4}, 2, 2)}},
	})
}
