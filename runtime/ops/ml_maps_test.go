package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestMaps(t *testing.T) {
	dict := func(keys, values *tensor.Tensor) *tensor.Tensor {
		return tensor.Must(tensor.OfElems(tensor.Map, keys, values))
	}
	labels := intsAttr("classlabels_int64s", 7, 9)
	row := func(a, b float32) *tensor.Tensor { return dict(i64([]int64{7, 9}, 2), f32([]float32{a, b}, 2)) }
	optest.Run(t, Registry(), "ai.onnx.ml::ZipMap", []optest.Case{
		{Name: "rows", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 2, 2)}, Attrs: []graph.Attr{labels}, Want: []*tensor.Tensor{tensor.Must(tensor.OfElems(tensor.Sequence, row(1, 2), row(3, 4)))}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2)}, Attrs: []graph.Attr{labels}, Want: []*tensor.Tensor{tensor.Must(tensor.OfElems(tensor.Sequence))}},
		{Name: "width", In: []*tensor.Tensor{f32(nil, 0, 3)}, Attrs: []graph.Attr{labels}, Err: graph.ErrShape, Text: "2 labels"},
	})
	words := dict(mlStrings("b", "a"), i64([]int64{5, 6}, 2))
	optest.Run(t, Registry(), "ai.onnx.ml::DictVectorizer", []optest.Case{
		{Name: "words", In: []*tensor.Tensor{words}, Attrs: []graph.Attr{{Name: "string_vocabulary", Value: []string{"a", "c", "b"}}}, Want: []*tensor.Tensor{i64([]int64{6, 0, 5}, 1, 3)}},
		{Name: "no map", In: []*tensor.Tensor{i64([]int64{1}, 1)}, Attrs: []graph.Attr{intsAttr("int64_vocabulary", 1)}, Err: graph.ErrType, Text: "want a map"},
	})
	numbers := dict(i64([]int64{3, 1}, 2), f32([]float32{0.5, 2}, 2))
	optest.Run(t, Registry(), "ai.onnx.ml::CastMap", []optest.Case{
		{Name: "dense", In: []*tensor.Tensor{numbers}, Attrs: []graph.Attr{graph.Str("cast_to", "TO_STRING")}, Want: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"2", "0.5"}, 1, 2))}},
		{Name: "sparse", In: []*tensor.Tensor{numbers}, Attrs: []graph.Attr{graph.Str("map_form", "SPARSE"), graph.Int("max_map", 4)}, Want: []*tensor.Tensor{f32([]float32{0, 2, 0, 0.5}, 1, 4)}},
		{Name: "key", In: []*tensor.Tensor{numbers}, Attrs: []graph.Attr{graph.Str("map_form", "SPARSE")}, Err: graph.ErrShape, Text: "key 1 of a map of 1"},
	})
}
