package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

type tens = []*tensor.Tensor

// iota32 is 0, 1, 2 … in the given shape.
func iota32(shape ...int) *tensor.Tensor {
	t := tensor.Must(tensor.New(tensor.Float32, shape...))
	for i, d := 0, tensor.Data[float32](t); i < len(d); i++ {
		d[i] = float32(i)
	}
	return t
}

func ints(v ...int) *tensor.Tensor { return tensor.Ints(v...) }

func strs(v ...string) *tensor.Tensor { return tensor.Must(tensor.OfStrings(v)) }

// Expected values of the rows below are indices written out by hand.

func TestTranspose(t *testing.T) {
	big, want := iota32(3, 70, 45), tensor.Must(tensor.New(tensor.Float32, 3, 45, 70))
	for i, d := 0, tensor.Data[float32](want); i < len(d); i++ {
		d[i] = float32(i/3150*3150 + i%70*45 + i/70%45)
	}
	rev, revWant := iota32(5, 6, 7, 8), tensor.Must(tensor.New(tensor.Float32, 8, 6, 7, 5))
	for i, d := 0, tensor.Data[float32](revWant); i < len(d); i++ {
		a, b, c, e := i/210, i/35%6, i/5%7, i%5
		d[i] = float32(((e*6+b)*7+c)*8 + a)
	}
	optest.Run(t, Registry(), "Transpose", []optest.Case{
		{Name: "tiles", In: tens{big}, Attrs: []graph.Attr{graph.Ints("perm", 0, 2, 1)}, Want: tens{want}},
		{Name: "ends swapped", In: tens{rev}, Attrs: []graph.Attr{graph.Ints("perm", 3, 1, 2, 0)}, Want: tens{revWant}},
		{Name: "reversed", In: tens{i64([]int64{1, 2, 3, 4, 5, 6}, 2, 3)}, Want: tens{i64([]int64{1, 4, 2, 5, 3, 6}, 3, 2)}},
		{Name: "heads", In: tens{iota32(1, 2, 2, 2)}, Attrs: []graph.Attr{graph.Ints("perm", 0, 2, 1, 3)}, Want: tens{f32([]float32{0, 1, 4, 5, 2, 3, 6, 7}, 1, 2, 2, 2)}},
		{Name: "strings", Since: 1, In: tens{tensor.Must(strs("a", "b", "c", "d").Reshape(2, 2))}, Want: tens{tensor.Must(strs("a", "c", "b", "d").Reshape(2, 2))}},
		{Name: "packed", In: tens{tensor.Must(tensor.FromBytes(tensor.Int4, []byte{0x21, 0x43, 0x65}, 2, 3))}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Int4, []byte{0x41, 0x52, 0x63}, 3, 2))}},
		{Name: "two bits", In: tens{tensor.Must(tensor.FromBytes(tensor.Uint2, []byte{0x84, 0x3}, 5, 1))}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Uint2, []byte{0x84, 0x3}, 1, 5))}},
		{Name: "scalar", In: tens{f32([]float32{3}, []int{}...)}, Want: tens{f32([]float32{3}, []int{}...)}},
		{Name: "empty", In: tens{iota32(2, 0, 3)}, Want: tens{iota32(3, 0, 2)}},
		{Name: "twice", In: tens{iota32(2, 2)}, Attrs: []graph.Attr{graph.Ints("perm", 1, 1)}, Err: graph.ErrShape, Text: "twice"},
		{Name: "short", In: tens{iota32(2, 2)}, Attrs: []graph.Attr{graph.Ints("perm", 0)}, Err: graph.ErrShape, Text: "2 axes"},
	})
}

func TestReshape(t *testing.T) {
	x := iota32(2, 3, 4)
	optest.Run(t, Registry(), "Reshape", []optest.Case{
		{Name: "rest", In: tens{x, ints(0, -1)}, Want: tens{iota32(2, 12)}},
		{Name: "allowzero", In: tens{iota32(0, 3), ints(3, 0)}, Attrs: []graph.Attr{graph.Int("allowzero", 1)}, Want: tens{iota32(3, 0)}},
		{Name: "empty with a rest", In: tens{iota32(0, 3), ints(0, -1)}, Want: tens{iota32(0, 3)}},
		{Name: "scalar", In: tens{iota32(1), ints()}, Want: tens{f32([]float32{0}, []int{}...)}},
		{Name: "packed", In: tens{tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x21, 0x3}, 3)), ints(3, 1)}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x21, 0x3}, 3, 1))}},
		{Name: "attribute", Since: 1, In: tens{x}, Attrs: []graph.Attr{graph.Ints("shape", 6, -1)}, Want: tens{iota32(6, 4)}},
		{Name: "no fit", In: tens{x, ints(5, -1)}, Err: graph.ErrShape, Text: "cannot be seen"},
		{Name: "huge", In: tens{x, ints(1<<40, 1<<40)}, Err: graph.ErrShape},
		{Name: "two rests", In: tens{x, ints(-1, -1)}, Err: graph.ErrShape, Text: "twice"},
		{Name: "0 beyond", In: tens{x, ints(2, 3, 4, 0)}, Err: graph.ErrShape, Text: "0 at 3"},
		{Name: "0 and rest", In: tens{x, ints(0, -1)}, Attrs: []graph.Attr{graph.Int("allowzero", 1)}, Err: graph.ErrShape, Text: "both"},
	})
}

func TestViews(t *testing.T) {
	optest.Run(t, Registry(), "Flatten", []optest.Case{
		{In: tens{iota32(2, 3, 4)}, Attrs: []graph.Attr{graph.Int("axis", -1)}, Want: tens{iota32(6, 4)}},
		{Name: "axis 0", Since: 1, In: tens{iota32(2, 3)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: tens{iota32(1, 6)}},
		{Name: "empty", In: tens{iota32(2, 0)}, Want: tens{iota32(2, 0)}},
		{Name: "axis", In: tens{iota32(2)}, Attrs: []graph.Attr{graph.Int("axis", 2)}, Err: graph.ErrShape, Text: "axis 2"},
	})
	optest.Run(t, Registry(), "Squeeze", []optest.Case{
		{In: tens{iota32(1, 3, 1)}, Want: tens{iota32(3)}},
		{Name: "axes", In: tens{iota32(1, 0, 1), ints(-1)}, Want: tens{iota32(1, 0)}},
		{Name: "attribute", Since: 1, In: tens{iota32(1, 3, 1)}, Attrs: []graph.Attr{graph.Ints("axes", 0)}, Want: tens{iota32(3, 1)}},
		{Name: "not 1", In: tens{iota32(2, 1), ints(0)}, Err: graph.ErrShape, Text: "not 1"},
	})
	optest.Run(t, Registry(), "Unsqueeze", []optest.Case{
		{In: tens{iota32(3), ints(2, 0)}, Want: tens{iota32(1, 3, 1)}},
		{Name: "attribute", Since: 11, In: tens{iota32(0)}, Attrs: []graph.Attr{graph.Ints("axes", -1)}, Want: tens{iota32(0, 1)}},
		{Name: "twice", In: tens{iota32(3), ints(0, -3)}, Err: graph.ErrShape, Text: "twice"},
	})
	seq := tensor.Must(tensor.OfElems(tensor.Sequence, iota32(2), iota32(0)))
	optest.Run(t, Registry(), "Identity", []optest.Case{
		{In: tens{strs("a", "")}, Want: tens{strs("a", "")}},
		{Name: "sequence", In: tens{seq}, Want: tens{seq}},
		{Name: "old", Since: 1, In: tens{iota32(2, 0)}, Want: tens{iota32(2, 0)}},
	})
	optest.Run(t, Registry(), "Shape", []optest.Case{
		{In: tens{iota32(2, 3, 0)}, Want: tens{ints(2, 3, 0)}},
		{Name: "range", In: tens{iota32(2, 3, 0)}, Attrs: []graph.Attr{graph.Int("start", -9), graph.Int("end", -1)}, Want: tens{ints(2, 3)}},
		{Name: "none", In: tens{iota32(2, 3)}, Attrs: []graph.Attr{graph.Int("start", 2), graph.Int("end", 1)}, Want: tens{ints()}},
		{Name: "sequence", In: tens{seq}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "Size", []optest.Case{{In: tens{iota32(2, 3)}, Want: tens{i64([]int64{6}, []int{}...)}}, {In: tens{iota32(2, 0)}, Want: tens{i64([]int64{0}, []int{}...)}}})
}

func TestConstant(t *testing.T) {
	optest.Run(t, Registry(), "Constant", []optest.Case{
		{Attrs: []graph.Attr{graph.TensorAttr("value", iota32(2, 2))}, Want: tens{iota32(2, 2)}},
		{Name: "ints", Attrs: []graph.Attr{graph.Ints("value_ints", 1, 2)}, Want: tens{ints(1, 2)}},
		{Name: "string", Attrs: []graph.Attr{graph.Str("value_string", "x")}, Want: tens{tensor.Must(strs("x").Reshape())}},
		{Name: "none", Err: graph.ErrInvalid},
	})
}

func TestConcat(t *testing.T) {
	axis := func(n int) []graph.Attr { return []graph.Attr{graph.Int("axis", n)} }
	optest.Run(t, Registry(), "Concat", []optest.Case{
		{In: tens{iota32(2, 1), iota32(2, 2), iota32(2, 0)}, Attrs: axis(-1), Want: tens{f32([]float32{0, 0, 1, 1, 2, 3}, 2, 3)}},
		{Name: "strings", In: tens{strs("a"), strs("b", "c")}, Attrs: axis(0), Want: tens{strs("a", "b", "c")}},
		{Name: "axis 1 of before 4", Since: 1, In: tens{iota32(1, 1), iota32(1, 2)}, Want: tens{f32([]float32{0, 0, 1}, 1, 3)}},
		{Name: "extents", In: tens{iota32(2, 1), iota32(3, 1)}, Attrs: axis(1), Err: graph.ErrShape, Text: "axis 0"},
		{Name: "types", In: tens{iota32(2), ints(1)}, Attrs: axis(0), Err: graph.ErrType},
	})
}

func TestGather(t *testing.T) {
	optest.Run(t, Registry(), "Gather", []optest.Case{
		{In: tens{iota32(3, 2), i64([]int64{-1, 0}, 1, 2)}, Want: tens{f32([]float32{4, 5, 0, 1}, 1, 2, 2)}},
		{Name: "columns", In: tens{iota32(2, 3), tensor.Must(tensor.Of([]int32{2}, []int{}...))}, Attrs: []graph.Attr{graph.Int("axis", 1)}, Want: tens{f32([]float32{2, 5}, 2)}},
		{Name: "strings", Since: 1, In: tens{strs("a", "b"), ints(1, 1)}, Want: tens{strs("b", "b")}},
		{Name: "empty", In: tens{iota32(0, 2), ints()}, Want: tens{iota32(0, 2)}},
		{Name: "outside", In: tens{iota32(2, 2), ints(2)}, Err: graph.ErrShape, Text: "index 2"},
		{Name: "from nothing", In: tens{iota32(0, 2), ints(0)}, Err: graph.ErrShape, Text: "index 0"},
		{Name: "scalar", In: tens{f32([]float32{1}, []int{}...), ints(0)}, Err: graph.ErrShape, Text: "axis"},
	})
}

func TestSlice(t *testing.T) {
	x := iota32(3, 4)
	optest.Run(t, Registry(), "Slice", []optest.Case{
		{In: tens{x, ints(1), ints(maxInt), ints(1), ints(2)}, Want: tens{f32([]float32{1, 3, 5, 7, 9, 11}, 3, 2)}},
		{Name: "backwards", In: tens{x, ints(-1, maxInt), ints(minInt, -2), ints(0, 1), ints(-2, -1)}, Want: tens{f32([]float32{11, 3}, 2, 1)}},
		{Name: "default axes", In: tens{x, ints(0, -2), ints(1, 4)}, Want: tens{f32([]float32{2, 3}, 1, 2)}},
		{Name: "nothing left", In: tens{x, ints(9), ints(20)}, Want: tens{iota32(0, 4)}},
		{Name: "giant steps", In: tens{x, ints(0, 3), ints(3, minInt), nil, ints(maxInt, minInt)}, Want: tens{f32([]float32{3}, 1, 1)}},
		{Name: "attributes", Since: 1, In: tens{x}, Attrs: []graph.Attr{graph.Ints("starts", 2), graph.Ints("ends", 1000), graph.Ints("axes", -1)}, Want: tens{f32([]float32{2, 3, 6, 7, 10, 11}, 3, 2)}},
		{Name: "step 0", In: tens{x, ints(0), ints(1), ints(0), ints(0)}, Err: graph.ErrShape, Text: "step 0"},
		{Name: "axis twice", In: tens{x, ints(0, 0), ints(1, 1), ints(0, -2)}, Err: graph.ErrShape, Text: "twice"},
		{Name: "lengths", In: tens{x, ints(0, 0), ints(1)}, Err: graph.ErrShape, Text: "2 starts"},
	})
}

func TestExpand(t *testing.T) {
	optest.Run(t, Registry(), "Expand", []optest.Case{
		{In: tens{f32([]float32{1, 2}, 2, 1), ints(2, 1, 3)}, Want: tens{f32([]float32{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2}, 2, 2, 3)}},
		{Name: "fewer axes", In: tens{iota32(2, 2), ints(1)}, Want: tens{iota32(2, 2)}},
		{Name: "empty", Since: 8, In: tens{iota32(1), ints(0, 1)}, Want: tens{iota32(0, 1)}},
		{Name: "no fit", In: tens{iota32(2), ints(3)}, Err: graph.ErrShape, Text: "broadcast"},
		{Name: "bomb", In: tens{iota32(1), ints(1<<40, 1<<40)}, Err: graph.ErrShape},
		{Name: "negative", In: tens{iota32(1), ints(-1)}, Err: graph.ErrShape, Text: "negative"},
	})
}
