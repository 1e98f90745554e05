package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestBitCast(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	to := func(d tensor.DType) []graph.Attr { return []graph.Attr{graph.Int("to", int(d))} }
	x := f32([]float32{1, float32(math.Copysign(0, -1)), float32(math.Inf(1))}, 3)
	bits := tensor.Must(tensor.Of([]uint32{0x3f800000, 1 << 31, 0x7f800000}, 3)) // IEEE 754
	optest.Run(t, Registry(), "BitCast", []optest.Case{
		{Name: "to bits", In: ts(x), Attrs: to(tensor.Uint32), Want: ts(bits)},
		{Name: "to floats", In: ts(bits), Attrs: to(tensor.Float32), Want: ts(x)},
		{Name: "bools", In: ts(tensor.Must(tensor.Of([]uint8{0, 1, 2}))), Attrs: to(tensor.Bool), Want: ts(tensor.Must(tensor.Of([]bool{false, true, true})))},
		{Name: "packed", In: ts(tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0xf7, 0x08}, 3))), Attrs: to(tensor.Int4),
			Want: ts(tensor.Must(tensor.FromBytes(tensor.Int4, []byte{0xf7, 0x08}, 3)))},
		{Name: "empty", In: ts(i64(nil, 0)), Attrs: to(tensor.Float64), Want: ts(tensor.Must(tensor.Of([]float64{}, 0)))},
		{Name: "width", In: ts(x), Attrs: to(tensor.Int64), Err: graph.ErrType, Text: "f32[3] to int64"},
		{Name: "strings", In: ts(x), Attrs: to(tensor.String), Err: graph.ErrType, Text: "type 8"},
	})
}
