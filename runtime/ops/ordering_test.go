package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// NaN is larger than all numbers, as in numpy and PyTorch; equal elements keep their order.
func TestTopK(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	smallest := []graph.Attr{graph.Int("largest", 0)}
	many, best, at := make([]float32, 1000), make([]float32, 5), make([]int64, 5)
	for i := range many { // 7 is prime to 1000: a permutation of 0 … 999 in which 999-k stands at 999·143-k·143 mod 1000, as 7·143 = 1001
		many[i] = float32(i * 7 % 1000)
	}
	for k := range best {
		best[k], at[k] = float32(999-k), int64((999-k)*143%1000)
	}
	optest.Run(t, Registry(), "TopK", []optest.Case{
		{Name: "ties", In: tensors{f32([]float32{1, 3, 3, 2}, 4), i64([]int64{3}, 1)}, Want: tensors{f32([]float32{3, 3, 2}, 3), i64([]int64{1, 2, 3}, 3)}},
		{Name: "of many", In: tensors{f32(many, 1000), i64([]int64{5}, 1)}, Want: tensors{f32(best, 5), i64(at, 5)}},
		{Name: "nan", In: tensors{f32([]float32{inf, nan, -inf}, 3), i64([]int64{2}, 1)}, Want: tensors{f32([]float32{nan, inf}, 2), i64([]int64{1, 0}, 2)}},
		{Name: "nan last", In: tensors{f32([]float32{nan, inf, -inf, 0}, 4), i64([]int64{4}, 1)}, Attrs: smallest,
			Want: tensors{f32([]float32{-inf, 0, inf, nan}, 4), i64([]int64{2, 3, 1, 0}, 4)}},
		{Name: "axis 0, negative", In: tensors{i64([]int64{-1, 5, math.MinInt64, 7}, 2, 2), i64([]int64{1}, 1)},
			Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: tensors{i64([]int64{-1, 7}, 1, 2), i64([]int64{0, 1}, 1, 2)}},
		{Name: "unsorted, indices alone", In: tensors{f32([]float32{1, 2}, 2), i64([]int64{1}, 1)}, Attrs: []graph.Attr{graph.Int("sorted", 0)},
			Want: tensors{nil, i64([]int64{1}, 1)}},
		{Name: "none", In: tensors{f32([]float32{1}, 1), i64([]int64{0}, 1)}, Want: tensors{f32(nil, 0), i64(nil, 0)}},
		{Name: "empty", In: tensors{f32(nil, 0, 3), i64([]int64{2}, 1)}, Want: tensors{f32(nil, 0, 2), i64(nil, 0, 2)}},
		{Name: "version 10", Since: 10, In: tensors{f32([]float32{1, 3}, 2), i64([]int64{1}, 1)}, Want: tensors{f32([]float32{3}, 1), i64([]int64{1}, 1)}},
		{Name: "version 1", Since: 1, In: tensors{f32([]float32{1, 3}, 2)}, Attrs: []graph.Attr{graph.Int("k", 1)}, Want: tensors{f32([]float32{3}, 1), i64([]int64{1}, 1)}},
		{Name: "too many", In: tensors{f32([]float32{1}, 1), i64([]int64{2}, 1)}, Want: tensors{nil, nil}, Err: graph.ErrShape, Text: "the first 2"},
	})
}

// Expected values are those of numpy.unique, whose sorting the standard's reference uses.
func TestUnique(t *testing.T) {
	nan := float32(math.NaN())
	axis := func(a int) []graph.Attr { return []graph.Attr{graph.Int("axis", a)} }
	optest.Run(t, Registry(), "Unique", []optest.Case{
		{Name: "flat", In: tensors{f32([]float32{2, 1, 1, 3, 4, 3}, 2, 3)},
			Want: tensors{f32([]float32{1, 2, 3, 4}, 4), i64([]int64{1, 0, 3, 4}, 4), i64([]int64{1, 0, 0, 2, 3, 2}, 6), i64([]int64{2, 1, 2, 1}, 4)}},
		{Name: "as they appear", In: tensors{words([]string{"b", "a", "b"}, 3)}, Attrs: []graph.Attr{graph.Int("sorted", 0)},
			Want: tensors{words([]string{"b", "a"}, 2), i64([]int64{0, 1}, 2), i64([]int64{0, 1, 0}, 3), i64([]int64{2, 1}, 2)}},
		{Name: "nan", In: tensors{f32([]float32{nan, 1, nan, float32(math.Inf(1))}, 4)},
			Want: tensors{f32([]float32{1, float32(math.Inf(1)), nan}, 3), nil, i64([]int64{2, 0, 2, 1}, 4), i64([]int64{1, 1, 2}, 3)}},
		{Name: "columns", In: tensors{i64([]int64{1, 0, 1, 2, -3, 2}, 2, 3)}, Attrs: axis(-1),
			Want: tensors{i64([]int64{0, 1, -3, 2}, 2, 2), i64([]int64{1, 0}, 2), i64([]int64{1, 0, 1}, 3), i64([]int64{1, 2}, 2)}},
		{Name: "complex", In: tensors{tensor.Must(tensor.Of([]complex64{1 + 2i, 1 - 2i, 0, 1 + 2i}))},
			Want: tensors{tensor.Must(tensor.Of([]complex64{0, 1 - 2i, 1 + 2i})), nil, nil, i64([]int64{1, 1, 2}, 3)}},
		{Name: "slices of nothing", In: tensors{f32(nil, 2, 0)}, Attrs: axis(0), Want: tensors{f32(nil, 1, 0), nil, nil, i64([]int64{2}, 1)}},
		{Name: "empty", In: tensors{f32(nil, 0)}, Want: tensors{f32(nil, 0), i64(nil, 0), i64(nil, 0), i64(nil, 0)}},
		{Name: "axis", In: tensors{f32([]float32{1}, 1)}, Attrs: axis(1), Err: graph.ErrShape, Text: "axis 1"},
	})
}

func TestCumSum(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	flags := func(exclusive, reverse int) []graph.Attr {
		return []graph.Attr{graph.Int("exclusive", exclusive), graph.Int("reverse", reverse)}
	}
	inf := math.Inf(1)
	wide, sums := make([]int64, 400), make([]int64, 400) // more columns than are summed at once
	for j := range 200 {
		wide[j], wide[200+j], sums[j], sums[200+j] = 1, int64(j), int64(j)+1, int64(j)
	}
	optest.Run(t, Registry(), "CumSum", []optest.Case{
		{Name: "many columns", In: tensors{i64(wide, 2, 200), i64([]int64{0}, 1)}, Attrs: flags(0, 1), Want: tensors{i64(sums, 2, 200)}},
		{Name: "rows", In: tensors{x, i32([]int32{-1}, 1)}, Want: tensors{f32([]float32{1, 3, 6, 4, 9, 15}, 2, 3)}},
		{Name: "columns", Since: 11, In: tensors{x, i64([]int64{0}, []int{}...)}, Want: tensors{f32([]float32{1, 2, 3, 5, 7, 9}, 2, 3)}},
		{Name: "exclusive", In: tensors{x, i64([]int64{1}, 1)}, Attrs: flags(1, 0), Want: tensors{f32([]float32{0, 1, 3, 0, 4, 9}, 2, 3)}},
		{Name: "both", In: tensors{x, i64([]int64{1}, 1)}, Attrs: flags(1, 1), Want: tensors{f32([]float32{5, 3, 0, 11, 6, 0}, 2, 3)}},
		{Name: "extreme", In: tensors{tensor.Must(tensor.Of([]float64{inf, 1, -inf})), i64([]int64{0}, 1)}, Want: tensors{tensor.Must(tensor.Of([]float64{inf, inf, math.NaN()}))}},
		{Name: "wraps", In: tensors{i32([]int32{math.MaxInt32, 1}, 2), i64([]int64{0}, 1)}, Want: tensors{i32([]int32{math.MaxInt32, math.MinInt32}, 2)}},
		{Name: "empty", In: tensors{f32(nil, 2, 0), i64([]int64{1}, 1)}, Want: tensors{f32(nil, 2, 0)}},
		{Name: "axis", In: tensors{x, i64([]int64{2}, 1)}, Err: graph.ErrShape, Text: "axis 2"},
	})
}

func TestArgMax(t *testing.T) {
	nan := float32(math.NaN())
	x := f32([]float32{1, 5, 5, 2, 0, -1}, 2, 3)
	attrs := func(axis, keep, last int) []graph.Attr {
		return []graph.Attr{graph.Int("axis", axis), graph.Int("keepdims", keep), graph.Int("select_last_index", last)}
	}
	wide, odd := make([]float32, 400), make([]int64, 200) // more columns than are searched at once
	for j := range odd {
		wide[200+j], odd[j] = float32(j%2), int64(j%2)
	}
	optest.Run(t, Registry(), "ArgMax", []optest.Case{
		{Name: "many columns", In: tensors{f32(wide, 2, 200)}, Attrs: attrs(0, 0, 0), Want: tensors{i64(odd, 200)}},
		{Name: "first", In: tensors{x}, Attrs: attrs(1, 1, 0), Want: tensors{i64([]int64{1, 0}, 2, 1)}},
		{Name: "last", In: tensors{x}, Attrs: attrs(-1, 0, 1), Want: tensors{i64([]int64{2, 0}, 2)}},
		{Name: "version 1", Since: 1, In: tensors{x}, Want: tensors{i64([]int64{1, 0, 0}, 1, 3)}},
		{Name: "nan", In: tensors{f32([]float32{1, nan, 9, nan}, 4)}, Want: tensors{i64([]int64{1}, 1)}},
		{Name: "last nan", In: tensors{f32([]float32{1, nan, 9, nan}, 4)}, Attrs: attrs(0, 1, 1), Want: tensors{i64([]int64{3}, 1)}},
		{Name: "half", In: tensors{tensor.Must(tensor.FromBytes(tensor.Float16, []byte{0, 0xc0, 0, 0x3c}, 2))}, Want: tensors{i64([]int64{1}, 1)}},
		{Name: "unsigned", In: tensors{tensor.Must(tensor.Of([]uint64{1, math.MaxUint64}))}, Want: tensors{i64([]int64{1}, 1)}},
		{Name: "scalar", In: tensors{f32([]float32{1}, []int{}...)}, Want: tensors{i64([]int64{0}, []int{}...)}},
		{Name: "empty", In: tensors{f32(nil, 0, 2)}, Attrs: attrs(1, 0, 0), Want: tensors{i64(nil, 0)}},
		{Name: "of nothing", In: tensors{f32(nil, 0, 2)}, Err: graph.ErrShape, Text: "empty"},
		{Name: "axis", In: tensors{x}, Attrs: attrs(2, 1, 0), Err: graph.ErrShape, Text: "axis 2"},
	})
	optest.Run(t, Registry(), "ArgMin", []optest.Case{
		{Name: "columns", In: tensors{x}, Want: tensors{i64([]int64{0, 1, 1}, 1, 3)}},
		{Name: "nan", In: tensors{f32([]float32{1, nan, -9}, 3)}, Want: tensors{i64([]int64{1}, 1)}},
		{Name: "last", In: tensors{f32([]float32{2, 1, 1}, 3)}, Attrs: attrs(0, 1, 1), Want: tensors{i64([]int64{2}, 1)}},
	})
}

func TestNonMaxSuppression(t *testing.T) {
	// the second box lies on 9/11 of its union with the first, the third on none
	boxes := f32([]float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 5, 5, 6, 6}, 1, 3, 4)
	nan := float32(math.NaN())
	scores := f32([]float32{.5, .9, .4, nan, .1, .2}, 1, 2, 3)
	one := func(v float32) *tensor.Tensor { return f32([]float32{v}, 1) }
	optest.Run(t, Registry(), "NonMaxSuppression", []optest.Case{
		{Name: "overlap", In: tensors{boxes, scores, i64([]int64{3}, 1), one(.5)},
			Want: tensors{i64([]int64{0, 0, 1, 0, 0, 2, 0, 1, 2, 0, 1, 1}, 4, 3)}},
		{Name: "within the threshold", In: tensors{boxes, scores, i64([]int64{2}, 1), one(.9), one(.3)}, Want: tensors{i64([]int64{0, 0, 1, 0, 0, 0}, 2, 3)}},
		{Name: "centers", In: tensors{f32([]float32{.5, .5, 1, 1, 5, 5, 0, 0}, 1, 2, 4), f32([]float32{1, 2}, 1, 1, 2), i64([]int64{math.MaxInt64}, 1)},
			Attrs: []graph.Attr{graph.Int("center_point_box", 1)}, Want: tensors{i64([]int64{0, 0, 1, 0, 0, 0}, 2, 3)}},
		{Name: "none asked for", Since: 10, In: tensors{boxes, scores}, Want: tensors{i64(nil, 0, 3)}},
		{Name: "empty", In: tensors{f32(nil, 1, 0, 4), f32(nil, 1, 2, 0), i64([]int64{3}, 1)}, Want: tensors{i64(nil, 0, 3)}},
		{Name: "shapes", In: tensors{boxes, f32([]float32{1}, 1, 1, 1)}, Err: graph.ErrShape, Text: "boxes"},
	})
}
