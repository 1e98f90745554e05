package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// castTo is the attribute of Cast.
func castTo(d tensor.DType, more ...graph.Attr) []graph.Attr {
	return append([]graph.Attr{graph.Int("to", int(d))}, more...)
}

// castBits is a tensor of rank 1 with the stored bytes of n elements.
func castBits(d tensor.DType, n int, b ...byte) *tensor.Tensor {
	return tensor.Must(tensor.FromBytes(d, b, n))
}

// TestCastNumbers has numpy's results on amd64 for what the standard leaves open, floats outside of an integer type.
func TestCastNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := vec[float32](3e9, -3e9, inf, -inf, nan, -1.5, 300.7, 70000)
	const low32, low64 = math.MinInt32, math.MinInt64
	optest.Run(t, Registry(), "Cast", []optest.Case{
		{Name: "f32 to i8", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Int8), Want: []*tensor.Tensor{vec[int8](0, 0, 0, 0, 0, -1, 44, 112)}},
		{Name: "f32 to u8", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Uint8), Want: []*tensor.Tensor{vec[uint8](0, 0, 0, 0, 0, 255, 44, 112)}},
		{Name: "f32 to i16", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Int16), Want: []*tensor.Tensor{vec[int16](0, 0, 0, 0, 0, -1, 300, 4464)}},
		{Name: "f32 to i32", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Int32), Want: []*tensor.Tensor{vec[int32](low32, low32, low32, low32, low32, -1, 300, 70000)}},
		{Name: "f32 to i64", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Int64), Want: []*tensor.Tensor{vec[int64](3e9, -3e9, low64, low64, low64, -1, 300, 70000)}},
		{Name: "f32 to bool", In: []*tensor.Tensor{vec(0, float32(math.Copysign(0, -1)), nan, 1e-45)}, Attrs: castTo(tensor.Bool), Want: []*tensor.Tensor{vec(false, false, true, true)}},
		{Name: "f64 to u64", In: []*tensor.Tensor{vec[float64](1<<63, -1, 1.8e19)}, Attrs: castTo(tensor.Uint64), Want: []*tensor.Tensor{vec[uint64](1<<63, math.MaxUint64, 18000000000000000000)}},
		{Name: "i16 to i8", In: []*tensor.Tensor{vec[int16](200, -129)}, Attrs: castTo(tensor.Int8), Want: []*tensor.Tensor{vec[int8](-56, 127)}},
		{Name: "u64 to f32", In: []*tensor.Tensor{vec[uint64](math.MaxUint64, 1<<24+1)}, Attrs: castTo(tensor.Float32), Want: []*tensor.Tensor{vec[float32](1<<64, 1<<24)}},
		{Name: "i64 to f16", In: []*tensor.Tensor{vec[int64](2049, 2051, 70000)}, Attrs: castTo(tensor.Float16), Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{2048, 2052, inf}, 3)}},
		{Name: "bool to f32", In: []*tensor.Tensor{vec(true, false)}, Attrs: castTo(tensor.Float32), Want: []*tensor.Tensor{vec[float32](1, 0)}},
		{Name: "f16 to bf16", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{1.00390625, 1.01171875}, 2)}, Attrs: castTo(tensor.BFloat16), Want: []*tensor.Tensor{as(t, tensor.BFloat16, []float32{1, 1.015625}, 2)}}, // both are ties
		{Name: "f64 to f16 rounds once", In: []*tensor.Tensor{vec(1 + 1.0/2048 + 1e-12)}, Attrs: castTo(tensor.Float16), Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{1 + 1.0/1024}, 1)}},                         // through float32 it would be a tie
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 2, 0)}, Attrs: castTo(tensor.Int4), Want: []*tensor.Tensor{tensor.Must(tensor.New(tensor.Int4, 2, 0))}},
		{Name: "to nothing", In: []*tensor.Tensor{x}, Attrs: castTo(60), Err: graph.ErrType, Text: "60"},
		{Name: "to complex", In: []*tensor.Tensor{x}, Attrs: castTo(tensor.Complex64), Err: graph.ErrType},
		{Name: "by name", Since: 1, In: []*tensor.Tensor{vec[float32](2.5)}, Attrs: []graph.Attr{graph.Str("to", "INT32")}, Want: []*tensor.Tensor{vec[int32](2)}},
		{Name: "by wrong name", Since: 1, In: []*tensor.Tensor{vec[float32](2.5)}, Attrs: []graph.Attr{graph.Str("to", "STRING")}, Err: graph.ErrType},
	})
	long := make([]int32, 10001) // several blocks, odd in length
	half := make([]byte, 5001)
	for i := range long {
		long[i] = int32(i%15) - 7
		half[i/2] |= byte(long[i]) & 15 << (4 * (i & 1))
	}
	optest.Run(t, Registry(), "Cast", []optest.Case{
		{Name: "i32 to i4", In: []*tensor.Tensor{vec(long...)}, Attrs: castTo(tensor.Int4), Want: []*tensor.Tensor{castBits(tensor.Int4, len(long), half...)}},
		{Name: "i4 to i32", In: []*tensor.Tensor{castBits(tensor.Int4, len(long), half...)}, Attrs: castTo(tensor.Int32), Want: []*tensor.Tensor{vec(long...)}},
	})
}

// TestCastSmall has the tables of the standard's Cast for special numbers, and its rounding modes.
func TestCastSmall(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := vec(inf, -inf, nan, float32(math.Copysign(0, -1)), 1e9, -1e9)
	cut := graph.Int("saturate", 0)
	mode := func(s string) graph.Attr { return graph.Str("round_mode", s) }
	scales := vec(0, 1, 1.4, 1.5, 3, inf)
	var rows []optest.Case
	for _, c := range []struct {
		d         tensor.DType
		sat, open []byte
	}{
		{tensor.Float8E4M3FN, []byte{0x7e, 0xfe, 0x7f, 0x80, 0x7e, 0xfe}, []byte{0x7f, 0xff, 0x7f, 0x80, 0x7f, 0xff}},
		{tensor.Float8E4M3FNUZ, []byte{0x7f, 0xff, 0x80, 0, 0x7f, 0xff}, []byte{0x80, 0x80, 0x80, 0, 0x80, 0x80}},
		{tensor.Float8E5M2, []byte{0x7b, 0xfb, 0x7f, 0x80, 0x7b, 0xfb}, []byte{0x7c, 0xfc, 0x7f, 0x80, 0x7c, 0xfc}},
		{tensor.Float8E5M2FNUZ, []byte{0x7f, 0xff, 0x80, 0, 0x7f, 0xff}, []byte{0x80, 0x80, 0x80, 0, 0x80, 0x80}},
		{tensor.Float4E2M1, []byte{0xf7, 0x80, 0xf7}, []byte{0xf7, 0x80, 0xf7}}, // has no infinity or NaN: 6, −6, 0, −0, 6, −6
	} {
		rows = append(rows,
			optest.Case{Name: c.d.Short(), In: []*tensor.Tensor{x}, Attrs: castTo(c.d), Want: []*tensor.Tensor{castBits(c.d, 6, c.sat...)}},
			optest.Case{Name: c.d.Short() + " open", In: []*tensor.Tensor{x}, Attrs: castTo(c.d, cut), Want: []*tensor.Tensor{castBits(c.d, 6, c.open...)}})
	}
	rows = append(rows,
		optest.Case{Name: "e8m0 up", In: []*tensor.Tensor{scales}, Attrs: castTo(tensor.Float8E8M0), Want: []*tensor.Tensor{castBits(tensor.Float8E8M0, 6, 0, 127, 128, 128, 129, 254)}},
		optest.Case{Name: "e8m0 down", In: []*tensor.Tensor{scales}, Attrs: castTo(tensor.Float8E8M0, mode("down")), Want: []*tensor.Tensor{castBits(tensor.Float8E8M0, 6, 0, 127, 127, 127, 128, 254)}},
		optest.Case{Name: "e8m0 nearest open", In: []*tensor.Tensor{scales}, Attrs: castTo(tensor.Float8E8M0, mode("nearest"), cut), Want: []*tensor.Tensor{castBits(tensor.Float8E8M0, 6, 255, 127, 127, 128, 129, 255)}},
		optest.Case{Name: "e8m0 otherwise", In: []*tensor.Tensor{scales}, Attrs: castTo(tensor.Float8E8M0, mode("odd")), Err: graph.ErrInvalid, Text: `"odd"`},
		optest.Case{Name: "i2", In: []*tensor.Tensor{vec[int8](-2, -1, 0, 1, 2)}, Attrs: castTo(tensor.Int2), Want: []*tensor.Tensor{castBits(tensor.Int2, 5, 0b01001110, 0b10)}},
		optest.Case{Name: "u2 to f16", In: []*tensor.Tensor{castBits(tensor.Uint2, 4, 0b11100100)}, Attrs: castTo(tensor.Float16), Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{0, 1, 2, 3}, 4)}},
		optest.Case{Name: "f6e2m3 to f32", In: []*tensor.Tensor{castBits(tensor.Float6E2M3, 3, 0x1f, 0x21, 0x08)}, Attrs: castTo(tensor.Float32), Want: []*tensor.Tensor{vec[float32](7.5, -.125, 1)}},
		optest.Case{Name: "f8 to f8", In: []*tensor.Tensor{castBits(tensor.Float8E5M2, 3, 0x7b, 0x3c, 0x7c)}, Attrs: castTo(tensor.Float8E4M3FN), Want: []*tensor.Tensor{castBits(tensor.Float8E4M3FN, 3, 0x7e, 0x38, 0x7e)}},
	)
	optest.Run(t, Registry(), "Cast", rows)
}

func TestCastStrings(t *testing.T) {
	text := func(s ...string) *tensor.Tensor { return tensor.Must(tensor.OfStrings(s)) }
	nan, inf := math.NaN(), math.Inf(1)
	optest.Run(t, Registry(), "Cast", []optest.Case{
		{Name: "to f64", In: []*tensor.Tensor{text("3.14", " 1e-5", "1E8", "+INF", "inf", "-Inf", "nan", "1e999")}, Attrs: castTo(tensor.Float64), Want: []*tensor.Tensor{vec(3.14, 1e-5, 1e8, inf, inf, -inf, nan, inf)}},
		{Name: "to f32 rounds once", In: []*tensor.Tensor{text("1.00000005960464477540")}, Attrs: castTo(tensor.Float32), Want: []*tensor.Tensor{vec[float32](1.0000001)}}, // just above a tie
		{Name: "to i64", In: []*tensor.Tensor{text("9223372036854775807", "100.5", "-1e3")}, Attrs: castTo(tensor.Int64), Want: []*tensor.Tensor{vec[int64](math.MaxInt64, 100, -1000)}},
		{Name: "to u64", In: []*tensor.Tensor{text("18446744073709551615")}, Attrs: castTo(tensor.Uint64), Want: []*tensor.Tensor{vec[uint64](math.MaxUint64)}},
		{Name: "to i4", In: []*tensor.Tensor{text("-8", "7", "3")}, Attrs: castTo(tensor.Int4), Want: []*tensor.Tensor{castBits(tensor.Int4, 3, 0x78, 0x03)}},
		{Name: "to bool", In: []*tensor.Tensor{text("0", "1")}, Attrs: castTo(tensor.Bool), Want: []*tensor.Tensor{vec(false, true)}},
		{Name: "words", In: []*tensor.Tensor{text("Hello World!")}, Attrs: castTo(tensor.Float32), Err: graph.ErrInvalid, Text: `"Hello World!"`},
		{Name: "from f32", In: []*tensor.Tensor{vec[float32](0.1, -314.15926, 1e-7, 1e20, float32(inf), float32(-inf), float32(nan), 1)}, Attrs: castTo(tensor.String), Want: []*tensor.Tensor{text("0.1", "-314.15927", "1e-07", "1e+20", "INF", "-INF", "NaN", "1")}},
		{Name: "from f16", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{.1, 65504, -6e-8, 1. / 3}, 4)}, Attrs: castTo(tensor.String), Want: []*tensor.Tensor{text("0.1", "65500", "-6e-08", "0.3333")}}, // as numpy, but for its ".0"
		{Name: "from f8", In: []*tensor.Tensor{castBits(tensor.Float8E4M3FN, 3, 0x7e, 0x01, 0xc1)}, Attrs: castTo(tensor.String), Want: []*tensor.Tensor{text("448", "0.001953125", "-2.25")}},
		{Name: "from u64", In: []*tensor.Tensor{vec[uint64](math.MaxUint64)}, Attrs: castTo(tensor.String), Want: []*tensor.Tensor{text("18446744073709551615")}},
		{Name: "from i4", In: []*tensor.Tensor{castBits(tensor.Int4, 2, 0x78)}, Attrs: castTo(tensor.String), Want: []*tensor.Tensor{text("-8", "7")}},
	})
	optest.Run(t, Registry(), "CastLike", []optest.Case{
		{Name: "like i32", In: []*tensor.Tensor{text("7"), vec[int32]()}, Want: []*tensor.Tensor{vec[int32](7)}},
		{Name: "like f8", In: []*tensor.Tensor{vec[float32](1e9), castBits(tensor.Float8E4M3FN, 0)}, Attrs: []graph.Attr{graph.Int("saturate", 0)}, Want: []*tensor.Tensor{castBits(tensor.Float8E4M3FN, 1, 0x7f)}},
		{Name: "of 15", Since: 15, In: []*tensor.Tensor{vec[float32](2.5), vec[int64](1)}, Want: []*tensor.Tensor{vec[int64](2)}},
	})
}
