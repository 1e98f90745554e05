package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestDFT(t *testing.T) {
	inverse, half := graph.Int("inverse", 1), graph.Int("onesided", 1)
	s := float32(math.Sqrt(3) / 2)
	nan := float32(math.NaN())
	optest.Run(t, Registry(), "DFT", []optest.Case{
		// by the sum that defines it
		{Name: "real", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 4, 1)}, Want: []*tensor.Tensor{f32([]float32{10, 0, -2, 2, -2, 0, -2, -2}, 4, 2)}},
		{Name: "one-sided", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 4, 1)}, Attrs: []graph.Attr{half}, Want: []*tensor.Tensor{f32([]float32{10, 0, -2, 2, -2, 0}, 1, 3, 2)}},
		{Name: "one-sided inverse", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{10, 0, -2, 2, -2, 0}, 3, 2)}, Attrs: []graph.Attr{half, inverse}, Want: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 4, 1)}},
		{Name: "complex", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{0, 1, 0, 0, 0, 0}, 3, 2)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 0, 1, 0, 1}, 3, 2)}},
		{Name: "inverse", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{0, 0, 3, 0, 0, 0}, 3, 2)}, Attrs: []graph.Attr{inverse}, Want: []*tensor.Tensor{f32([]float32{1, 0, -0.5, s, -0.5, -s}, 3, 2)}},
		{Name: "longer, outer axis", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 1, 2}, 2, 2, 1), tensor.Scalar[int64](4), tensor.Scalar[int64](0)},
			Want: []*tensor.Tensor{f32([]float32{2, 0, 4, 0, 1, -1, 2, -2, 0, 0, 0, 0, 1, 1, 2, 2}, 4, 2, 2)}},
		{Name: "shorter", Since: 17, Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 9}, 1, 3, 1), tensor.Scalar[int64](2)}, Want: []*tensor.Tensor{f32([]float32{3, 0, -1, 0}, 1, 2, 2)}},
		{Name: "nan", In: []*tensor.Tensor{f32([]float32{1, nan}, 2, 1)}, Want: []*tensor.Tensor{f32([]float32{nan, 0, nan, 0}, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 4, 1), tensor.Scalar[int64](1 << 40)}, Want: []*tensor.Tensor{f32(nil, 0, 1<<40, 2)}},
		{Name: "length", In: []*tensor.Tensor{f32([]float32{1}, 1, 1), tensor.Scalar[int64](0)}, Err: graph.ErrShape, Text: "length 0"},
		{Name: "axis", In: []*tensor.Tensor{f32([]float32{1}, 1, 1), nil, tensor.Scalar[int64](-1)}, Err: graph.ErrShape, Text: "axis 1"},
	})
}

func TestSTFT(t *testing.T) {
	step, two := tensor.Scalar[int64](1), tensor.Scalar[int64](2)
	optest.Run(t, Registry(), "STFT", []optest.Case{
		// pieces of two: their sum and difference
		{Name: "real", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 4, 9}, 1, 4, 1), step, nil, two}, Want: []*tensor.Tensor{f32([]float32{3, 0, -1, 0, 6, 0, -2, 0, 13, 0, -5, 0}, 1, 3, 2, 2)}},
		{Name: "window", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 2, 4, 9}, 1, 4), two, f32([]float32{1, 3}, 2)}, Want: []*tensor.Tensor{f32([]float32{7, 0, -5, 0, 31, 0, -23, 0}, 1, 2, 2, 2)}},
		{Name: "complex", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{0, 1, 0, 0, 0, 0}, 1, 3, 2), step, nil, tensor.Scalar[int64](3)}, Attrs: []graph.Attr{graph.Int("onesided", 0)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 0, 1, 0, 1}, 1, 1, 3, 2)}},
		{Name: "no batch", In: []*tensor.Tensor{f32(nil, 0, 4, 1), step, nil, two}, Want: []*tensor.Tensor{f32(nil, 0, 3, 2, 2)}},
		{Name: "short", In: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1), step, nil, two}, Err: graph.ErrShape, Text: "frames of 2"},
		{Name: "step", In: []*tensor.Tensor{f32([]float32{1, 2}, 1, 2, 1), tensor.Scalar[int64](0), nil, two}, Err: graph.ErrShape, Text: "frame_step is 0"},
	})
}

func TestWindows(t *testing.T) {
	size := tensor.Scalar[int64](4)
	optest.Run(t, Registry(), "HannWindow", []optest.Case{
		{Name: "periodic", Tol: 1e-7, In: []*tensor.Tensor{size}, Want: []*tensor.Tensor{f32([]float32{0, 0.5, 1, 0.5}, 4)}},
		{Name: "symmetric", Tol: 1e-7, In: []*tensor.Tensor{size}, Attrs: []graph.Attr{graph.Int("periodic", 0)}, Want: []*tensor.Tensor{f32([]float32{0, 0.75, 0.75, 0}, 4)}},
		{Name: "ints", In: []*tensor.Tensor{size}, Attrs: []graph.Attr{graph.Int("output_datatype", int(tensor.Int8))}, Want: []*tensor.Tensor{i8s([]int8{0, 0, 1, 0}, 4)}},
		{Name: "empty", In: []*tensor.Tensor{tensor.Scalar[int32](0)}, Want: []*tensor.Tensor{f32(nil, 0)}},
		{Name: "one", In: []*tensor.Tensor{tensor.Scalar[int32](1)}, Attrs: []graph.Attr{graph.Int("periodic", 0)}, Want: []*tensor.Tensor{f32([]float32{1}, 1)}},
		{Name: "negative", In: []*tensor.Tensor{tensor.Scalar[int64](-1)}, Err: graph.ErrShape, Text: "size is -1"},
		{Name: "type", In: []*tensor.Tensor{size}, Attrs: []graph.Attr{graph.Int("output_datatype", int(tensor.String))}, Err: graph.ErrType, Text: "output_datatype 8"},
	})
	optest.Run(t, Registry(), "BlackmanWindow", []optest.Case{
		{Name: "periodic", Tol: 1e-7, In: []*tensor.Tensor{size}, Want: []*tensor.Tensor{f32([]float32{0, 0.34, 1, 0.34}, 4)}},
	})
	optest.Run(t, Registry(), "HammingWindow", []optest.Case{
		{Name: "periodic", Tol: 1e-6, In: []*tensor.Tensor{size}, Want: []*tensor.Tensor{f32([]float32{4.0 / 46, 25.0 / 46, 1, 25.0 / 46}, 4)}},
	})
}
