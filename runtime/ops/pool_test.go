package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

var visInf, visNaN = float32(math.Inf(1)), float32(math.NaN())

// The numbers of these tests are small enough to be seen in the inputs.

func TestMaxPool(t *testing.T) {
	square := f32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 1, 3, 3)
	two := graph.Ints("kernel_shape", 2, 2)
	optest.Run(t, Registry(), "MaxPool", []optest.Case{
		{Name: "indices", In: []*tensor.Tensor{square}, Attrs: []graph.Attr{two}, Want: []*tensor.Tensor{f32([]float32{5, 6, 8, 9}, 1, 1, 2, 2), i64([]int64{4, 5, 7, 8}, 1, 1, 2, 2)}},
		{Name: "column-major indices", Since: 8, In: []*tensor.Tensor{square}, Attrs: []graph.Attr{two, graph.Int("storage_order", 1)},
			Want: []*tensor.Tensor{f32([]float32{5, 6, 8, 9}, 1, 1, 2, 2), i64([]int64{4, 7, 5, 8}, 1, 1, 2, 2)}},
		{Name: "indices alone", In: []*tensor.Tensor{square}, Attrs: []graph.Attr{two, graph.Ints("strides", 2, 2)}, Want: []*tensor.Tensor{nil, i64([]int64{4}, 1, 1, 1, 1)}},
		{Name: "ceil", In: []*tensor.Tensor{square}, Attrs: []graph.Attr{two, graph.Ints("strides", 2, 2), graph.Int("ceil_mode", 1)}, Want: []*tensor.Tensor{f32([]float32{5, 6, 8, 9}, 1, 1, 2, 2)}},
		{Name: "a window in the padding is dropped", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 1, 1, 3)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2), graph.Ints("strides", 3), graph.Ints("pads", 0, 1), graph.Int("ceil_mode", 1)},
			Want: []*tensor.Tensor{f32([]float32{2}, 1, 1, 1)}},
		{Name: "kernel beyond the input", In: []*tensor.Tensor{f32([]float32{2, 4}, 1, 1, 2)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 3), graph.Ints("pads", 2, 1)}, Want: []*tensor.Tensor{f32([]float32{2, 4, 4}, 1, 1, 3)}},
		{Name: "bytes", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int8{-7, -128, -3}, 1, 1, 3))}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2), graph.Ints("pads", 1, 0)},
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int8{-7, -7, -3}, 1, 1, 3))}},
		{Name: "nan and infinities", In: []*tensor.Tensor{f32([]float32{visNaN, 1, -visInf, -visInf, visInf}, 1, 1, 5)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2)},
			Want: []*tensor.Tensor{f32([]float32{visNaN, 1, -visInf, visInf}, 1, 1, 4), i64([]int64{0, 1, 2, 4}, 1, 1, 4)}},
		{Name: "a window that sees nothing", In: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 1), graph.Ints("pads", 1, 0)},
			Want: []*tensor.Tensor{f32([]float32{-visInf, 1}, 1, 1, 2), i64([]int64{-1, 0}, 1, 1, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 2, 0, 3, 3)}, Attrs: []graph.Attr{two}, Want: []*tensor.Tensor{f32(nil, 2, 0, 2, 2)}},
		{Name: "rank", In: []*tensor.Tensor{square}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2)}, Err: graph.ErrShape, Text: "kernel_shape has 1 values for 2"},
		{Name: "no stride", In: []*tensor.Tensor{square}, Attrs: []graph.Attr{two, graph.Ints("strides", 0, 1)}, Err: graph.ErrShape, Text: "strides"},
	})
}

func TestAveragePool(t *testing.T) {
	row := f32([]float32{2, 4, 6}, 1, 1, 3)
	three := graph.Ints("kernel_shape", 3)
	optest.Run(t, Registry(), "AveragePool", []optest.Case{
		{Name: "padding left out", Since: 1, In: []*tensor.Tensor{row}, Attrs: []graph.Attr{three, graph.Ints("pads", 1, 1)}, Want: []*tensor.Tensor{f32([]float32{3, 4, 5}, 1, 1, 3)}},
		{Name: "padding counted", Since: 7, In: []*tensor.Tensor{row}, Attrs: []graph.Attr{three, graph.Ints("pads", 1, 1), graph.Int("count_include_pad", 1)}, Want: []*tensor.Tensor{f32([]float32{2, 4, 10. / 3}, 1, 1, 3)}, Tol: 1e-7},
		{Name: "nothing past the padding is counted", In: []*tensor.Tensor{f32([]float32{2, 4, 6, 8}, 1, 1, 4)}, Attrs: []graph.Attr{three, graph.Ints("strides", 2), graph.Int("ceil_mode", 1), graph.Int("count_include_pad", 1)},
			Want: []*tensor.Tensor{f32([]float32{4, 7}, 1, 1, 2)}},
		{Name: "dilated", In: []*tensor.Tensor{row}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2), graph.Ints("dilations", 2)}, Want: []*tensor.Tensor{f32([]float32{4}, 1, 1, 1)}},
		{Name: "kernel beyond the input", In: []*tensor.Tensor{f32([]float32{2, 4}, 1, 1, 2)}, Attrs: []graph.Attr{three, graph.Ints("pads", 2, 1)}, Want: []*tensor.Tensor{f32([]float32{2, 3, 3}, 1, 1, 3)}},
		{Name: "cube", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 1, 2, 2, 2)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2, 2, 2)}, Want: []*tensor.Tensor{f32([]float32{4.5}, 1, 1, 1, 1, 1)}},
		{Name: "a window that sees nothing", In: []*tensor.Tensor{row}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 1), graph.Ints("pads", 1, 0)}, Want: []*tensor.Tensor{f32([]float32{0, 2, 4, 6}, 1, 1, 4)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{visInf, 1, -visInf, visNaN}, 1, 1, 4)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 2)}, Want: []*tensor.Tensor{f32([]float32{visInf, -visInf, visNaN}, 1, 1, 3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2, 3)}, Attrs: []graph.Attr{three}, Want: []*tensor.Tensor{f32(nil, 0, 2, 1)}},
		{Name: "auto_pad", In: []*tensor.Tensor{row}, Attrs: []graph.Attr{three, graph.Str("auto_pad", "SAME")}, Err: graph.ErrInvalid, Text: `auto_pad is "SAME"`},
	})
}

func TestGlobalPool(t *testing.T) {
	x := f32([]float32{1, 2, 3, 6, visNaN, 1, visInf, 0}, 1, 2, 2, 2)
	optest.Run(t, Registry(), "GlobalAveragePool", []optest.Case{
		{Name: "planes", In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{f32([]float32{3, visNaN}, 1, 2, 1, 1)}},
		{Name: "empty plane", In: []*tensor.Tensor{f32(nil, 1, 1, 0)}, Want: []*tensor.Tensor{f32([]float32{visNaN}, 1, 1, 1)}},
		{Name: "rank", In: []*tensor.Tensor{f32([]float32{1}, 1)}, Err: graph.ErrShape, Text: "1 axes"},
	})
	optest.Run(t, Registry(), "GlobalMaxPool", []optest.Case{
		{Name: "planes", Since: 1, In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{f32([]float32{6, visNaN}, 1, 2, 1, 1)}},
		{Name: "empty plane", In: []*tensor.Tensor{f32(nil, 1, 1, 0)}, Want: []*tensor.Tensor{f32([]float32{-visInf}, 1, 1, 1)}},
		{Name: "no planes", In: []*tensor.Tensor{f32(nil, 0, 3, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 3, 1)}},
	})
}
