package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestShapeGradients: operators that give their elements another shape or place. Elements are as large as they come, since derivatives are zero and one.
func TestShapeGradients(t *testing.T) {
	x, none := drawn(1, -1e3, 1e3, 2, 3, 4), drawn(1, 0, 1, 2, 0, 3)
	axis := func(a int) []graph.Attr { return []graph.Attr{graph.Int("axis", a)} }
	for _, g := range []struct {
		op    string
		cases []optest.Case
	}{
		{"Reshape", []optest.Case{
			{Name: "matrix", In: args(x, ints(6, -1))}, {Name: "kept axis", In: args(x, ints(0, 12))}, {Name: "empty", In: args(none, ints(0, 7)), Attrs: []graph.Attr{graph.Int("allowzero", 1)}},
			{Name: "scalar", In: args(row(3), i64(nil, 0))},
		}},
		{"Flatten", []optest.Case{{In: args(x)}, {Name: "rows", In: args(x), Attrs: axis(0)}, {Name: "negative", In: args(x), Attrs: axis(-1)}, {Name: "empty", In: args(none)}}},
		{"Squeeze", []optest.Case{
			{Name: "all", In: args(drawn(1, -1, 1, 1, 3, 1))}, {Name: "one", In: args(drawn(1, -1, 1, 1, 3, 1), ints(-1))}, {Name: "empty", In: args(drawn(1, -1, 1, 1, 0), ints(0))},
		}},
		{"Unsqueeze", []optest.Case{{In: args(x, ints(0, -1))}, {Name: "scalar", In: args(drawn(1, -1, 1), ints(0))}, {Name: "empty", In: args(none, ints(1))}}},
		{"Transpose", []optest.Case{
			{Name: "reverse", In: args(x)}, {Name: "cycle", In: args(x), Attrs: []graph.Attr{graph.Ints("perm", 1, 2, 0)}}, {Name: "swap", In: args(x), Attrs: []graph.Attr{graph.Ints("perm", 0, 2, 1)}},
			{Name: "empty", In: args(none), Attrs: []graph.Attr{graph.Ints("perm", 1, 2, 0)}},
		}},
		{"Expand", []optest.Case{
			{Name: "column", In: args(drawn(1, -1, 1, 2, 1), ints(2, 3))}, {Name: "new axes", In: args(drawn(1, -1, 1, 3), ints(2, 2, 1))}, {Name: "scalar", In: args(drawn(1, -1, 1), ints(2, 2))},
			{Name: "to nothing", In: args(drawn(1, -1, 1, 1, 3), ints(0, 3))}, {Name: "empty", In: args(none, ints(1))},
		}},
		{"ai.onnxrun::SumTo", []optest.Case{
			{Name: "row", In: args(x, ints(3, 1))}, {Name: "scalar", In: args(x, i64(nil, 0))}, {Name: "same", In: args(x, ints(2, 3, 4))}, {Name: "empty", In: args(none, ints(1, 3))},
		}},
		{"Tile", []optest.Case{
			{Name: "twice", In: args(drawn(1, -1, 1, 2, 3), ints(2, 3))}, {Name: "zero times", In: args(drawn(1, -1, 1, 2, 3), ints(2, 0))}, {Name: "empty", In: args(none, ints(1, 2, 2))},
		}},
		{"Concat", []optest.Case{
			{Name: "first", In: args(drawn(1, -1, 1, 2, 3), drawn(2, -1, 1, 1, 3), drawn(3, -1, 1, 2, 3)), Attrs: axis(0)}, {Name: "negative", In: args(drawn(1, -1, 1, 2, 3), drawn(2, -1e8, 1e8, 2, 1)), Attrs: axis(-1)},
			{Name: "one", In: args(x), Attrs: axis(1)}, {Name: "with nothing", In: args(none, drawn(1, -1, 1, 2, 2, 3), none), Attrs: axis(1)}, {Name: "empty", In: args(none, none), Attrs: axis(0)},
		}},
		{"Split", []optest.Case{
			{Name: "parts", In: args(x, ints(1, 0, 3)), Attrs: axis(-1), Want: args(x, x, x)}, {Name: "number", In: args(x), Attrs: append(axis(1), graph.Int("num_outputs", 2)), Want: args(x, x)},
			{Name: "one unread", In: args(x, ints(1, 2)), Attrs: axis(1), Want: args(nil, x)}, {Name: "empty", In: args(none, ints(0, 0)), Attrs: axis(1), Want: args(x, x)},
		}},
		{"Slice", []optest.Case{
			{Name: "all axes", In: args(x, ints(0, 1, 1), ints(2, 3, 3))}, {Name: "axes", In: args(x, ints(1, -3), ints(9, -1), ints(1, -1))},
			{Name: "steps", In: args(x, ints(0, 3), ints(3, 0), ints(1, 2), ints(2, -2))}, {Name: "nothing left", In: args(x, ints(2), ints(1), ints(0))}, {Name: "empty", In: args(none, ints(0), ints(1), ints(2))},
		}},
		{"Trilu", []optest.Case{
			{Name: "upper", In: args(drawn(1, -1, 1, 2, 3, 4))}, {Name: "lower", In: args(drawn(1, -1, 1, 3, 2), tensor.Scalar[int64](-1)), Attrs: []graph.Attr{graph.Int("upper", 0)}},
			{Name: "nothing kept", In: args(drawn(1, -1, 1, 2, 2), tensor.Scalar[int64](5))}, {Name: "empty", In: args(none)},
		}},
		{"DepthToSpace", []optest.Case{
			{Name: "DCR", In: args(drawn(1, -1, 1, 1, 8, 2, 3)), Attrs: []graph.Attr{graph.Int("blocksize", 2)}},
			{Name: "CRD", In: args(drawn(1, -1, 1, 2, 4, 1, 2)), Attrs: []graph.Attr{graph.Int("blocksize", 2), graph.Str("mode", "CRD")}},
			{Name: "empty", In: args(drawn(1, -1, 1, 0, 4, 1, 2)), Attrs: []graph.Attr{graph.Int("blocksize", 2)}},
		}},
		{"SpaceToDepth", []optest.Case{
			{In: args(drawn(1, -1, 1, 1, 2, 4, 2)), Attrs: []graph.Attr{graph.Int("blocksize", 2)}}, {Name: "empty", In: args(drawn(1, -1, 1, 0, 2, 4, 2)), Attrs: []graph.Attr{graph.Int("blocksize", 2)}},
		}},
		{"ReverseSequence", []optest.Case{
			{In: args(drawn(1, -1, 1, 4, 3, 2), i64([]int64{4, 1, 2}, 3))}, {Name: "batch first", In: args(drawn(1, -1, 1, 2, 4), i64([]int64{3, 4}, 2)), Attrs: []graph.Attr{graph.Int("batch_axis", 0), graph.Int("time_axis", 1)}},
			{Name: "empty", In: args(drawn(1, -1, 1, 4, 0), i64(nil, 0))},
		}},
		{"Identity", []optest.Case{{In: args(x)}, {Name: "empty", In: args(none)}}},
		{"CastLike", []optest.Case{{In: args(x, row(1))}, {Name: "empty", In: args(none, row(1))}}},
	} {
		optest.Grad(t, Registry(), g.op, g.cases)
	}
}

// TestIndexGradients: operators that pick elements. One picked twice gets both gradients, one not picked none.
func TestIndexGradients(t *testing.T) {
	x, none := drawn(1, -1e3, 1e3, 3, 4), drawn(1, 0, 1, 0, 4)
	axis := func(a int) []graph.Attr { return []graph.Attr{graph.Int("axis", a)} }
	holds := func(v ...bool) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v))) }
	optest.Grad(t, Registry(), "Gather", []optest.Case{
		{Name: "rows", In: args(x, i64([]int64{2, 0, 2, -1}, 2, 2))}, {Name: "columns", In: args(x, i64([]int64{1, -4}, 2)), Attrs: axis(-1)}, {Name: "scalar", In: args(x, tensor.Scalar[int64](1))},
		{Name: "nothing", In: args(x, i64(nil, 0))}, {Name: "empty", In: args(drawn(1, 0, 1, 3, 0), i64([]int64{1}, 1))}, {Name: "int32", In: args(x, i32([]int32{2, 2}, 2)), Attrs: axis(1)},
	})
	optest.Grad(t, Registry(), "GatherElements", []optest.Case{
		{Name: "rows", In: args(x, i64([]int64{2, 0, 1, 1, 2, -3, 1, 1}, 2, 4))}, {Name: "columns", In: args(x, i64([]int64{3, 3, 0}, 3, 1)), Attrs: axis(-1)}, {Name: "nothing", In: args(x, i64(nil, 0, 4))},
		{Name: "empty", In: args(none, i64(nil, 0, 2)), Attrs: axis(1)},
	})
	optest.Grad(t, Registry(), "GatherND", []optest.Case{
		{Name: "elements", In: args(x, i64([]int64{2, 1, 0, 0, 2, 1}, 3, 2))}, {Name: "rows", In: args(x, i64([]int64{1, 1, -1}, 3, 1))},
		{Name: "batches", In: args(drawn(1, -1, 1, 2, 3, 2), i64([]int64{2, 0}, 2, 1)), Attrs: []graph.Attr{graph.Int("batch_dims", 1)}}, {Name: "nothing", In: args(x, i64(nil, 0, 1))},
	})
	optest.Grad(t, Registry(), "Compress", []optest.Case{
		{Name: "flat", In: args(x, holds(true, false, true, true))}, {Name: "rows", In: args(x, holds(false, true)), Attrs: axis(0)}, {Name: "columns", In: args(x, holds(true, false, false, true)), Attrs: axis(-1)},
		{Name: "nothing", In: args(x, holds(false, false)), Attrs: axis(0)}, {Name: "empty", In: args(none, holds()), Attrs: axis(0)},
	})
	optest.Grad(t, Registry(), "Scatter", []optest.Case{
		{Name: "rows", In: args(x, i64([]int64{2, 0, 1, 1}, 1, 4), drawn(2, -1, 1, 1, 4))}, {Name: "columns", In: args(x, i64([]int64{2, 0}, 1, 2), drawn(2, -1, 1, 1, 2)), Attrs: axis(1)},
		{Name: "nothing", In: args(x, i64(nil, 0, 4), drawn(2, -1, 1, 0, 4))},
	})
	optest.Grad(t, Registry(), "TopK", []optest.Case{
		{Name: "largest", In: args(x, ints(2)), Want: args(x, nil)}, {Name: "smallest, first axis", In: args(x, ints(2)), Attrs: append(axis(0), graph.Int("largest", 0)), Want: args(x, nil)},
		{Name: "none", In: args(x, ints(0))}, {Name: "empty", In: args(none, ints(1))},
	})
	checkExact(t, []exactGradient{
		{name: "one picked twice", op: "Gather", in: args(row(nan, inf, zero), i64([]int64{1, 1, 2}, 3)), want: args(row(0, 2, 1))},
		{name: "NaN moves", op: "Gather", in: args(row(1, 2, 3), i64([]int64{1, 2}, 2)), cot: row(nan, inf), want: args(row(0, nan, inf))},
		{name: "NaN moves", op: "Slice", in: args(row(1, 2, 3), ints(1), ints(3)), cot: row(nan, 1), want: args(row(0, nan, 1))},
		{name: "NaN moves", op: "Transpose", in: args(f64([]float64{1, 2, 3, 4}, 2, 2)), cot: f64([]float64{1, nan, -inf, 2}, 2, 2), want: args(f64([]float64{1, -inf, nan, 2}, 2, 2))},
	})
}
