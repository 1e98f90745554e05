package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

type tensors = []*tensor.Tensor

// list is a sequence for test rows; words a tensor of strings.
func list(elems ...*tensor.Tensor) *tensor.Tensor {
	return tensor.Must(tensor.OfElems(tensor.Sequence, elems...))
}

func words(data []string, shape ...int) *tensor.Tensor {
	return tensor.Must(tensor.OfStrings(data, shape...))
}

func i32(data []int32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(data, shape...)) }

// The expected values are counted by hand after output[i][j] = data[index[i][j]][j].
func TestGatherElements(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3)
	optest.Run(t, Registry(), "GatherElements", []optest.Case{
		{Name: "axis 0, fewer columns", In: tensors{x, i64([]int64{1, -1, 0, 0}, 2, 2)}, Want: tensors{f32([]float32{4, 8, 1, 2}, 2, 2)}},
		{Name: "last axis", In: tensors{x, i32([]int32{2, 0, -3}, 3, 1)}, Attrs: []graph.Attr{graph.Int("axis", -1)}, Want: tensors{f32([]float32{3, 4, 7}, 3, 1)}},
		{Name: "strings", Since: 11, In: tensors{words([]string{"a", "b"}, 2), i64([]int64{1, 1, 0}, 3)}, Want: tensors{words([]string{"b", "b", "a"}, 3)}},
		{Name: "wide", In: tensors{tensor.Must(tensor.Of([]complex128{1, 2i})), i64([]int64{1}, 1)}, Want: tensors{tensor.Must(tensor.Of([]complex128{2i}))}},
		{Name: "empty", In: tensors{f32(nil, 0, 3), i64(nil, 0, 3)}, Want: tensors{f32(nil, 0, 3)}},
		{Name: "index", In: tensors{x, i64([]int64{3}, 1, 1)}, Err: graph.ErrShape, Text: "index 3"},
		{Name: "lowest index", In: tensors{x, i64([]int64{math.MinInt64}, 1, 1)}, Err: graph.ErrShape, Text: "outside"},
		{Name: "rank", In: tensors{x, i64([]int64{0}, 1)}, Err: graph.ErrShape, Text: "axes"},
		{Name: "too wide", In: tensors{x, i64(make([]int64, 4), 1, 4)}, Err: graph.ErrShape, Text: "outside"},
	})
}

func TestGatherND(t *testing.T) {
	x := f32([]float32{0, 1, 2, 3, 4, 5, 6, 7}, 2, 2, 2)
	optest.Run(t, Registry(), "GatherND", []optest.Case{
		{Name: "slices", In: tensors{x, i64([]int64{0, 1, -1, 0}, 2, 2)}, Want: tensors{f32([]float32{2, 3, 4, 5}, 2, 2)}},
		{Name: "elements", In: tensors{x, i64([]int64{1, 1, 1}, 3)}, Want: tensors{f32([]float32{7}, []int{}...)}},
		{Name: "batch", In: tensors{x, i64([]int64{1, 0}, 2, 1)}, Attrs: []graph.Attr{graph.Int("batch_dims", 1)}, Want: tensors{f32([]float32{2, 3, 4, 5}, 2, 2)}},
		{Name: "empty", In: tensors{x, i64(nil, 0, 2)}, Want: tensors{f32(nil, 0, 2)}},
		{Name: "no row to take", In: tensors{f32(nil, 0, 2), i64([]int64{0}, 1, 1)}, Err: graph.ErrShape, Text: "index 0"},
		{Name: "tuple", In: tensors{x, i64(make([]int64, 4), 1, 4)}, Err: graph.ErrShape, Text: "tuples of 4"},
		{Name: "old", Since: 11, In: tensors{words([]string{"a", "b"}, 2), i64([]int64{1}, 1, 1)}, Want: tensors{words([]string{"b"}, 1)}},
	})
}

func reducing(s string) []graph.Attr { return []graph.Attr{graph.Str("reduction", s)} }

// Where several updates meet, they apply one after the other, as numpy's ufunc.at does.
func TestScatterElements(t *testing.T) {
	nan := float32(math.NaN())
	x, ix := f32([]float32{1, 2, 3, 4}, 4), i64([]int64{1, 1, -1}, 3)
	up := f32([]float32{10, 20, 5}, 3)
	half := tensor.Must(tensor.Full(tensor.Float16, 1.5, 2))
	optest.Run(t, Registry(), "ScatterElements", []optest.Case{
		{Name: "last update wins", In: tensors{x, ix, up}, Want: tensors{f32([]float32{1, 20, 3, 5}, 4)}},
		{Name: "add", In: tensors{x, ix, up}, Attrs: reducing("add"), Want: tensors{f32([]float32{1, 32, 3, 9}, 4)}},
		{Name: "mul", In: tensors{x, ix, up}, Attrs: reducing("mul"), Want: tensors{f32([]float32{1, 400, 3, 20}, 4)}},
		{Name: "max of nan", In: tensors{x, ix, f32([]float32{10, nan, 0}, 3)}, Attrs: reducing("max"), Want: tensors{f32([]float32{1, nan, 3, 4}, 4)}},
		{Name: "min", In: tensors{x, ix, up}, Attrs: reducing("min"), Want: tensors{f32([]float32{1, 2, 3, 4}, 4)}},
		{Name: "axis 1", In: tensors{f32(make([]float32, 6), 2, 3), i32([]int32{1, 2}, 2, 1), f32([]float32{7, 8}, 2, 1)},
			Attrs: []graph.Attr{graph.Int("axis", 1)}, Want: tensors{f32([]float32{0, 7, 0, 0, 0, 8}, 2, 3)}},
		{Name: "half", In: tensors{half, i64([]int64{0}, 1), tensor.Must(tensor.Full(tensor.Float16, 2, 1))}, Attrs: reducing("mul"),
			Want: tensors{tensor.Must(tensor.FromBytes(tensor.Float16, []byte{0, 0x42, 0, 0x3e}, 2))}}, // 3 and 1.5
		{Name: "truth", In: tensors{tensor.Must(tensor.Of([]bool{true, false})), i64([]int64{0, 1}, 2), tensor.Must(tensor.Of([]bool{true, true}))},
			Attrs: reducing("add"), Want: tensors{tensor.Must(tensor.Of([]bool{true, true}))}},
		{Name: "strings", Since: 11, In: tensors{words([]string{"a", "b"}, 2), i64([]int64{-2}, 1), words([]string{"c"}, 1)}, Want: tensors{words([]string{"c", "b"}, 2)}},
		{Name: "empty", In: tensors{x, i64(nil, 0), f32(nil, 0)}, Want: tensors{x}},
		{Name: "sum of strings", In: tensors{words([]string{"a"}, 1), i64([]int64{0}, 1), words([]string{"c"}, 1)}, Attrs: reducing("add"), Err: graph.ErrType},
		{Name: "updates", In: tensors{x, ix, f32([]float32{1}, 1)}, Err: graph.ErrShape, Text: "updates"},
		{Name: "reduction", In: tensors{x, ix, up}, Attrs: reducing("mean"), Err: graph.ErrInvalid, Text: "mean"},
	})
	optest.Run(t, Registry(), "Scatter", []optest.Case{
		{Name: "former name", Since: 9, In: tensors{x, ix, up}, Want: tensors{f32([]float32{1, 20, 3, 5}, 4)}},
	})
}

func TestScatterND(t *testing.T) {
	x, ix := f32([]float32{1, 2, 3, 4, 5, 6}, 3, 2), i64([]int64{2, -3, 2}, 3, 1)
	up := f32([]float32{1, 1, 9, 9, 10, 0}, 3, 2)
	c64 := tensor.Must(tensor.Of([]complex64{1i, 2}))
	optest.Run(t, Registry(), "ScatterND", []optest.Case{
		{Name: "rows", In: tensors{x, ix, up}, Want: tensors{f32([]float32{9, 9, 3, 4, 10, 0}, 3, 2)}},
		{Name: "add", In: tensors{x, ix, up}, Attrs: reducing("add"), Want: tensors{f32([]float32{10, 11, 3, 4, 16, 7}, 3, 2)}},
		{Name: "max", In: tensors{x, ix, up}, Attrs: reducing("max"), Want: tensors{f32([]float32{9, 9, 3, 4, 10, 6}, 3, 2)}},
		{Name: "elements", Since: 13, In: tensors{x, i64([]int64{0, 1}, 1, 2), f32([]float32{7}, 1)}, Want: tensors{f32([]float32{1, 7, 3, 4, 5, 6}, 3, 2)}},
		{Name: "complex", In: tensors{c64, i64([]int64{0}, 1, 1), tensor.Must(tensor.Of([]complex64{1i}))}, Attrs: reducing("mul"),
			Want: tensors{tensor.Must(tensor.Of([]complex64{-1, 2}))}},
		{Name: "empty", In: tensors{x, i64(nil, 0, 1), f32(nil, 0, 2)}, Want: tensors{x}},
		{Name: "index", In: tensors{x, i64([]int64{3}, 1, 1), f32([]float32{1, 1}, 1, 2)}, Err: graph.ErrShape, Text: "index 3"},
		{Name: "updates", In: tensors{x, ix, f32([]float32{1}, 1)}, Err: graph.ErrShape, Text: "updates"},
	})
}

func TestOneHot(t *testing.T) {
	off := f32([]float32{2, 5}, 2)
	optest.Run(t, Registry(), "OneHot", []optest.Case{
		{Name: "last axis", In: tensors{i64([]int64{1, -1, 3}, 3), i64([]int64{3}, []int{}...), off},
			Want: tensors{f32([]float32{2, 5, 2, 2, 2, 5, 2, 2, 2}, 3, 3)}},
		{Name: "first axis", Since: 9, In: tensors{f32([]float32{0, float32(math.NaN()), 1.9}, 3), f32([]float32{2}, 1), words([]string{"-", "x"}, 2)},
			Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: tensors{words([]string{"x", "-", "-", "-", "-", "x"}, 2, 3)}},
		{Name: "scalar", In: tensors{i64([]int64{math.MinInt64}, []int{}...), i64([]int64{2}, 1), off}, Want: tensors{f32([]float32{2, 2}, 2)}},
		{Name: "empty", In: tensors{i64([]int64{0}, 1), i64([]int64{0}, 1), off}, Want: tensors{f32(nil, 1, 0)}},
		{Name: "too deep", In: tensors{i64(make([]int64, 8), 8), i64([]int64{math.MaxInt64}, 1), off}, Err: graph.ErrShape, Text: "size"},
		{Name: "depth", In: tensors{i64([]int64{0}, 1), i64([]int64{-1}, 1), off}, Err: graph.ErrShape, Text: "depth"},
		{Name: "values", In: tensors{i64([]int64{0}, 1), i64([]int64{1}, 1), f32([]float32{1}, 1)}, Err: graph.ErrShape, Text: "values"},
	})
}

func TestNonZero(t *testing.T) {
	neg := float32(math.Copysign(0, -1))
	optest.Run(t, Registry(), "NonZero", []optest.Case{
		{Name: "matrix", In: tensors{f32([]float32{0, neg, float32(math.NaN()), 1}, 2, 2)}, Want: tensors{i64([]int64{1, 1, 0, 1}, 2, 2)}},
		{Name: "-0 of 16 bits", In: tensors{tensor.Must(tensor.FromBytes(tensor.BFloat16, []byte{0, 0x80, 1, 0}, 2))}, Want: tensors{i64([]int64{1}, 1, 1)}},
		{Name: "strings", Since: 9, In: tensors{words([]string{"", "a"}, 2)}, Want: tensors{i64([]int64{1}, 1, 1)}},
		{Name: "scalar", In: tensors{f32([]float32{3}, []int{}...)}, Want: tensors{i64(nil, 0, 1)}},
		{Name: "empty", In: tensors{f32(nil, 0, 2, 3)}, Want: tensors{i64(nil, 3, 0)}},
		{Name: "sequence", In: tensors{list()}, Err: graph.ErrType},
	})
}
