package ops

import (
	"math"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// pathLoss is the loss by its definition: the sum over all paths that become the target when repetitions and then blanks are taken out, and the part in it of each
// class at each step.
func pathLoss(x []float32, steps, classes int, target []int64) (loss float64, posterior []float64) {
	posterior = make([]float64, steps*classes)
	path, total := make([]int, steps), 0.0
	for {
		var read []int64
		p := 1.0
		for t, c := range path {
			p *= math.Exp(float64(x[t*classes+c]))
			if c != 0 && (t == 0 || path[t-1] != c) {
				read = append(read, int64(c))
			}
		}
		if slices.Equal(read, target) {
			total += p
			for t, c := range path {
				posterior[t*classes+c] += p
			}
		}
		t := 0
		for t < steps && path[t] == classes-1 {
			path[t] = 0
			t++
		}
		if t == steps {
			break
		}
		path[t]++
	}
	for i := range posterior {
		posterior[i] /= total
	}
	return -math.Log(total), posterior
}

func TestCTCLoss(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	const steps, classes = 5, 3
	x := make([]float32, steps*classes)
	for i := range x {
		x[i] = float32(-0.2 - math.Abs(math.Sin(float64(3*i))))
	}
	in := f32(x, steps, 1, classes)
	var rows []optest.Case
	for _, target := range [][]int64{{1, 2}, {1, 1}, {2, 1, 2}, {}, {1, 1, 2}} {
		loss, posterior := pathLoss(x, steps, classes, target)
		grad := make([]float32, len(x))
		for i, p := range posterior {
			grad[i] = float32(math.Exp(float64(x[i])) - p)
		}
		n := len(target)
		rows = append(rows, optest.Case{In: ts(in, i64(target, 1, n), i64([]int64{steps}, 1), i64([]int64{int64(n)}, 1)), Tol: 1e-6,
			Want: ts(f32([]float32{float32(loss)}, 1), f32(grad, steps, 1, classes))})
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	one, zero := i64([]int64{1}, 1), i64([]int64{0}, 1)
	short := f32([]float32{-1, -2, -3, -4}, 2, 1, 2)
	none := f32([]float32{0, 0, 0, 0}, 2, 1, 2)
	twice := i64([]int64{1, 1}, 1, 2)
	two := i64([]int64{2}, 1)
	zeroInf := []graph.Attr{graph.Int("zero_infinity", 1)}
	rows = append(rows,
		optest.Case{Name: "impossible", In: ts(short, twice, two, two), Want: ts(f32([]float32{inf}, 1), f32([]float32{nan, nan, nan, nan}, 2, 1, 2))},
		optest.Case{Name: "zero infinity", In: ts(short, twice, two, two), Attrs: zeroInf, Want: ts(f32([]float32{0}, 1), none)},
		optest.Case{Name: "no steps", In: ts(short, i64(nil, 1, 0), zero, zero), Want: ts(f32([]float32{0}, 1), none)},
		optest.Case{Name: "label without steps", In: ts(short, one, zero, one), Want: ts(f32([]float32{inf}, 1))},
		optest.Case{Name: "empty batch", In: ts(f32(nil, 2, 0, 2), i64(nil, 0, 3), i64(nil, 0), i64(nil, 0)), Want: ts(f32(nil, 0), f32(nil, 2, 0, 2))},
		optest.Case{Name: "extreme", In: ts(f32([]float32{-1e4, 0}, 1, 1, 2), one, one, one), Want: ts(f32([]float32{0}, 1), f32([]float32{0, 0}, 1, 1, 2))},
		optest.Case{Name: "no class", In: ts(short, two, two, one), Err: graph.ErrShape, Text: "label 2"},
		optest.Case{Name: "too long", In: ts(short, twice, i64([]int64{3}, 1), two), Err: graph.ErrShape, Text: "3 of 2 steps"},
		optest.Case{Name: "too many labels", In: ts(short, one, two, two), Err: graph.ErrShape, Text: "2 of 1 labels"},
		optest.Case{Name: "negative", In: ts(short, one, two, i64([]int64{-1}, 1)), Err: graph.ErrShape, Text: "-1"},
		optest.Case{Name: "blank", In: ts(short, one, two, one), Attrs: []graph.Attr{graph.Int("blank", 2)}, Err: graph.ErrShape, Text: "blank 2"},
	)
	optest.Run(t, Registry(), "ai.onnxrun::CTCLoss", rows)
}

func TestStopGradient(t *testing.T) {
	optest.Run(t, Registry(), "ai.onnxrun::StopGradient", []optest.Case{
		{In: []*tensor.Tensor{f32([]float32{1, float32(math.Inf(-1))}, 2)}, Want: []*tensor.Tensor{f32([]float32{1, float32(math.Inf(-1))}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 2)}},
	})
}
