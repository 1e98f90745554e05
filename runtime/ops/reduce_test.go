package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// reduceRows has the results of numpy for arange(24).reshape(2, 3, 4) over the given axes.
func reduceRows(want ...[]float32) []optest.Case {
	x := count(2, 3, 4)
	axes := [][]int64{{-1}, {1}, {0, 2}}
	shape := [][]int{{2, 3, 1}, {2, 1, 4}, {1, 3, 1}}
	var rows []optest.Case
	for i, w := range want {
		rows = append(rows,
			optest.Case{Name: "axes", In: []*tensor.Tensor{x, i64(axes[i])}, Want: []*tensor.Tensor{f32(w, shape[i]...)}, Tol: 1e-6},
			optest.Case{Name: "attribute", Since: 11, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Ints("axes", axes[i]...)}, Want: []*tensor.Tensor{f32(w, shape[i]...)}, Tol: 1e-6})
	}
	return rows
}

func TestReduceSum(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	at := func(a ...graph.Attr) []graph.Attr { return a }
	drop, noop := graph.Int("keepdims", 0), graph.Int("noop_with_empty_axes", 1)
	inf := float32(math.Inf(1))
	rows := reduceRows([]float32{6, 22, 38, 54, 70, 86}, []float32{12, 15, 18, 21, 48, 51, 54, 57}, []float32{60, 92, 124})
	optest.Run(t, Registry(), "ReduceSum", append(rows, []optest.Case{
		{Name: "all", In: ts(count(2, 3, 4)), Attrs: at(drop), Want: ts(f32([]float32{276}, []int{}...))},
		{Name: "columns", In: ts(count(2, 300), i64([]int64{0})), Attrs: at(drop), Want: ts(func() *tensor.Tensor {
			y := count(300)
			for i := range tensor.Data[float32](y) {
				tensor.Data[float32](y)[i] = float32(300 + 2*i)
			}
			return y
		}())},
		{Name: "noop", In: ts(count(3), i64(nil)), Attrs: at(noop), Want: ts(count(3))},
		{Name: "scalar", In: ts(f32([]float32{7}, []int{}...)), Want: ts(f32([]float32{7}, []int{}...))},
		{Name: "ones", In: ts(count(1, 3, 1), i64([]int64{0, -1})), Want: ts(count(1, 3, 1))},
		{Name: "empty set", In: ts(f32(nil, 2, 0, 4), i64([]int64{1})), Want: ts(f32(make([]float32, 8), 2, 1, 4))},
		{Name: "empty", In: ts(f32(nil, 2, 0), i64([]int64{0})), Want: ts(f32(nil, 1, 0))},
		{Name: "int64 wraps", In: ts(i64([]int64{math.MaxInt64, 1})), Want: ts(i64([]int64{math.MinInt64}))},
		{Name: "small beside large", In: ts(f32([]float32{1e8, 1, 1, 1, 1, -1e8}, 6)), Want: ts(f32([]float32{4}, 1))},
		{Name: "opposite infinities", In: ts(f32([]float32{inf, -inf}, 2)), Want: ts(f32([]float32{float32(math.NaN())}, 1))},
		{Name: "axis", In: ts(count(2), i64([]int64{1})), Err: graph.ErrShape, Text: "axis 1"},
	}...))
}

func TestReduceKinds(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	none, two := f32(nil, 0, 2), i64([]int64{0})
	one := func(name string, in, want *tensor.Tensor) optest.Case {
		return optest.Case{Name: name, In: ts(in, two), Want: ts(want), Tol: 1e-6}
	}
	run := func(op string, rows []optest.Case, more ...optest.Case) {
		t.Run(op, func(t *testing.T) { optest.Run(t, Registry(), op, append(rows, more...)) })
	}
	i32 := func(v ...int32) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	run("ReduceMean", reduceRows([]float32{1.5, 5.5, 9.5, 13.5, 17.5, 21.5}, []float32{4, 5, 6, 7, 16, 17, 18, 19}, []float32{7.5, 11.5, 15.5}),
		one("none", none, f32([]float32{nan, nan}, 1, 2)), one("toward zero", i32(-3, 0), i32(-1)))
	run("ReduceMax", reduceRows([]float32{3, 7, 11, 15, 19, 23}, []float32{8, 9, 10, 11, 20, 21, 22, 23}, []float32{15, 19, 23}),
		one("none", none, f32([]float32{-inf, -inf}, 1, 2)), one("nan", f32([]float32{1, nan, inf}, 3), f32([]float32{nan}, 1)),
		one("bool", tensor.Must(tensor.Of([]bool{false, true, false, false}, 2, 2)), tensor.Must(tensor.Of([]bool{false, true}, 1, 2))),
		one("no bytes", tensor.Must(tensor.Of([]int8{}, 0)), tensor.Must(tensor.Of([]int8{-128}))))
	run("ReduceMin", reduceRows([]float32{0, 4, 8, 12, 16, 20}, []float32{0, 1, 2, 3, 12, 13, 14, 15}, []float32{0, 4, 8}),
		one("none", none, f32([]float32{inf, inf}, 1, 2)), one("no bools", tensor.Must(tensor.Of([]bool{}, 0)), tensor.Must(tensor.Of([]bool{true}))),
		one("no integers", i32(), i32(math.MaxInt32)), one("uint64", tensor.Must(tensor.Of([]uint64{1<<64 - 1})), tensor.Must(tensor.Of([]uint64{1<<64 - 1}))))
	run("ReduceProd", reduceRows([]float32{0, 840, 7920, 32760, 93024, 212520}, []float32{0, 45, 120, 231, 3840, 4641, 5544, 6555}),
		one("none", none, f32([]float32{1, 1}, 1, 2)), one("wraps", i32(1<<30, 4), i32(0)))
	run("ReduceL1", reduceRows([]float32{6, 22, 38, 54, 70, 86}), one("signs", f32([]float32{-1, 2, -inf}, 3), f32([]float32{inf}, 1)),
		one("none", none, f32([]float32{0, 0}, 1, 2)))
	run("ReduceL2", nil, one("3, 4", f32([]float32{3, -4}, 2), f32([]float32{5}, 1)), one("large", f32([]float32{3e30, 4e30}, 2), f32([]float32{5e30}, 1)),
		one("integers", i32(2, 2), i32(2)), one("none", none, f32([]float32{0, 0}, 1, 2)))
	run("ReduceSumSquare", reduceRows([]float32{14, 126, 366, 734, 1230, 1854}), one("none", none, f32([]float32{0, 0}, 1, 2)),
		optest.Case{Name: "noop squares", In: ts(f32([]float32{-3, 2}, 2)), Attrs: []graph.Attr{graph.Int("noop_with_empty_axes", 1)}, Want: ts(f32([]float32{9, 4}, 2))})
	run("ReduceLogSum", nil, one("log 8", f32([]float32{3, 5}, 2), f32([]float32{2.0794415}, 1)), one("none", none, f32([]float32{-inf, -inf}, 1, 2)))
	run("ReduceLogSumExp", nil, one("columns", f32([]float32{0, 1000, 0, 1000}, 2, 2), f32([]float32{0.6931472, 1000.6931}, 1, 2)),
		one("infinite", f32([]float32{-inf, inf, -inf, 1}, 2, 2), f32([]float32{-inf, inf}, 1, 2)), one("nan", f32([]float32{nan, inf}, 2), f32([]float32{nan}, 1)),
		one("none", none, f32([]float32{-inf, -inf}, 1, 2)))
}
