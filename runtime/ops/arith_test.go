package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestAdd(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	legacy := func(axis int) []graph.Attr { return []graph.Attr{graph.Int("broadcast", 1), graph.Int("axis", axis)} }
	optest.Run(t, Registry(), "Add", []optest.Case{
		{Name: "rows", In: []*tensor.Tensor{x, f32([]float32{10, 20, 30}, 3)}, Want: []*tensor.Tensor{f32([]float32{11, 22, 33, 14, 25, 36}, 2, 3)}},
		{Name: "columns", In: []*tensor.Tensor{f32([]float32{10, 20}, 2, 1), x}, Want: []*tensor.Tensor{f32([]float32{11, 12, 13, 24, 25, 26}, 2, 3)}},
		{Name: "both ways", In: []*tensor.Tensor{f32([]float32{1, 2}, 2, 1), f32([]float32{10, 20}, 2)}, Want: []*tensor.Tensor{f32([]float32{11, 21, 12, 22}, 2, 2)}},
		{Name: "scalars", In: []*tensor.Tensor{tensor.Scalar[float32](1), tensor.Scalar[float32](2)}, Want: []*tensor.Tensor{tensor.Scalar[float32](3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 3), f32([]float32{1, 2, 3}, 3)}, Want: []*tensor.Tensor{f32(nil, 0, 3)}},
		{Name: "wraps", In: []*tensor.Tensor{vec[int8](127, -128), vec[int8](1, -1)}, Want: []*tensor.Tensor{vec[int8](-128, 127)}},
		{Name: "f16 rounds once", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{2048, 65504}, 2), as(t, tensor.Float16, []float32{1, 65504}, 2)}, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{2048, float32(math.Inf(1))}, 2)}},
		{Name: "shapes", In: []*tensor.Tensor{x, f32([]float32{1, 2}, 2)}, Err: graph.ErrShape, Text: "[2,3] and [2]"},
		{Name: "types", In: []*tensor.Tensor{x, vec[int64](1)}, Err: graph.ErrType},
		{Name: "axis 0", Since: 6, In: []*tensor.Tensor{x, f32([]float32{10, 20}, 2)}, Attrs: legacy(0), Want: []*tensor.Tensor{f32([]float32{11, 12, 13, 24, 25, 26}, 2, 3)}},
		{Name: "axis -1", Since: 1, In: []*tensor.Tensor{x, f32([]float32{10, 20, 30}, 3)}, Attrs: legacy(-1), Want: []*tensor.Tensor{f32([]float32{11, 22, 33, 14, 25, 36}, 2, 3)}},
		{Name: "axis 2", Since: 6, In: []*tensor.Tensor{x, f32([]float32{10, 20}, 2)}, Attrs: legacy(2), Err: graph.ErrShape, Text: "axis 2"},
	})
}

func TestDiv(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	optest.Run(t, Registry(), "Div", []optest.Case{
		{Name: "f32", In: []*tensor.Tensor{f32([]float32{1, -1, 0, 7}, 4), f32([]float32{0, 0, 0, 2}, 4)}, Want: []*tensor.Tensor{f32([]float32{inf, -inf, nan, 3.5}, 4)}},
		{Name: "toward zero", In: []*tensor.Tensor{vec[int32](7, -7, 7, math.MinInt32, 5), vec[int32](2, 2, -2, -1, 0)}, Want: []*tensor.Tensor{vec[int32](3, -3, -3, math.MinInt32, 0)}},
		{Name: "u8", In: []*tensor.Tensor{vec[uint8](255, 3), vec[uint8](2, 0)}, Want: []*tensor.Tensor{vec[uint8](127, 0)}},
		{Name: "by one number", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 3), tensor.Scalar[float32](2)}, Want: []*tensor.Tensor{f32([]float32{.5, 1, 1.5}, 3)}},
	})
}

// TestMod has the results of numpy.mod and numpy.fmod.
func TestMod(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	a := f32([]float32{-7, 7, -7, 7, 5, 0, inf, 3, -3}, 9)
	b := f32([]float32{3, -3, -3, 3, 0, 2, 2, inf, inf}, 9)
	fmod := []graph.Attr{graph.Int("fmod", 1)}
	optest.Run(t, Registry(), "Mod", []optest.Case{
		{Name: "floor", In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{f32([]float32{2, -2, -1, 1, nan, 0, nan, 3, inf}, 9)}},
		{Name: "fmod", In: []*tensor.Tensor{a, b}, Attrs: fmod, Want: []*tensor.Tensor{f32([]float32{-1, 1, -1, 1, nan, 0, nan, 3, -3}, 9)}},
		{Name: "ints", In: []*tensor.Tensor{vec[int64](-7, 7, -7, 5, math.MinInt64), vec[int64](3, -3, -3, 0, -1)}, Want: []*tensor.Tensor{vec[int64](2, -2, -1, 0, 0)}},
		{Name: "ints fmod", Since: 10, In: []*tensor.Tensor{vec[int64](-7, 7, -7, 5), vec[int64](3, -3, -3, 0)}, Attrs: fmod, Want: []*tensor.Tensor{vec[int64](-1, 1, -1, 0)}},
	})
}

func TestBitShift(t *testing.T) {
	dir := func(s string) []graph.Attr { return []graph.Attr{graph.Str("direction", s)} }
	optest.Run(t, Registry(), "BitShift", []optest.Case{
		{Name: "left", In: []*tensor.Tensor{vec[uint8](1, 255, 1), vec[uint8](7, 4, 200)}, Attrs: dir("LEFT"), Want: []*tensor.Tensor{vec[uint8](128, 240, 0)}},
		{Name: "right", In: []*tensor.Tensor{vec[int16](-8, 8, -8), vec[int16](1, 1, 99)}, Attrs: dir("RIGHT"), Want: []*tensor.Tensor{vec[int16](-4, 4, -1)}},
		{Name: "direction", In: []*tensor.Tensor{vec[uint8](1), vec[uint8](1)}, Attrs: dir("UP"), Err: graph.ErrInvalid, Text: `"UP"`},
	})
	optest.Run(t, Registry(), "BitwiseAnd", []optest.Case{{In: []*tensor.Tensor{vec[int8](-1, 12), vec[int8](10)}, Want: []*tensor.Tensor{vec[int8](10, 8)}}})
	optest.Run(t, Registry(), "BitwiseOr", []optest.Case{{In: []*tensor.Tensor{vec[int8](-1, 12), vec[int8](10)}, Want: []*tensor.Tensor{vec[int8](-1, 14)}}})
	optest.Run(t, Registry(), "BitwiseXor", []optest.Case{{In: []*tensor.Tensor{vec[int8](-1, 12), vec[int8](10)}, Want: []*tensor.Tensor{vec[int8](-11, 6)}}})
}

func TestPRelu(t *testing.T) {
	x := f32([]float32{-1, 2, -3, 4, -5, -6, 7, -8}, 1, 2, 2, 2)
	channel := f32([]float32{-.5, 2, -1.5, 4, -10, -12, 7, -16}, 1, 2, 2, 2) // slope 0.5 for the first four, 2 for the others
	optest.Run(t, Registry(), "PRelu", []optest.Case{
		{Name: "channels", In: []*tensor.Tensor{x, f32([]float32{.5, 2}, 2, 1, 1)}, Want: []*tensor.Tensor{channel}},
		{Name: "channels of before 7", Since: 6, In: []*tensor.Tensor{x, f32([]float32{.5, 2}, 2)}, Want: []*tensor.Tensor{channel}},
		{Name: "one slope", Since: 1, In: []*tensor.Tensor{vec[float32](-2, 2), vec[float32](.25)}, Want: []*tensor.Tensor{vec[float32](-.5, 2)}},
		{Name: "i32", In: []*tensor.Tensor{vec[int32](-2, 2), vec[int32](3)}, Want: []*tensor.Tensor{vec[int32](-6, 2)}},
		{Name: "nan", In: []*tensor.Tensor{vec(float32(math.NaN()), float32(math.Inf(-1))), vec[float32](0.5)}, Want: []*tensor.Tensor{vec(float32(math.NaN()), float32(math.Inf(-1)))}},
		{Name: "larger slope", In: []*tensor.Tensor{vec[float32](1, 2), f32(make([]float32, 4), 2, 2)}, Err: graph.ErrShape, Text: "[2,2] does not broadcast to [2]"},
		{Name: "wider slope", In: []*tensor.Tensor{vec[float32](1), vec[float32](1, 2)}, Err: graph.ErrShape},
	})
}

// TestIntegersOfShapes follows shape arithmetic through Infer: symbols where they can be known, nothing where they cannot.
func TestIntegersOfShapes(t *testing.T) {
	n, m := graph.Sym("n"), graph.Sym("m")
	size := graph.Size
	for _, c := range []struct {
		op   string
		d    tensor.DType
		a, b []graph.Dim
		want string // "" when nothing may be known
	}{
		{"Add", tensor.Int64, []graph.Dim{n, size(3)}, []graph.Dim{size(1)}, "[n+1,4]"},
		{"Sub", tensor.Int64, []graph.Dim{n.Add(m)}, []graph.Dim{m}, "[n]"},
		{"Mul", tensor.Int32, []graph.Dim{n, size(5)}, []graph.Dim{size(2), n}, "[n*2,n*5]"},
		{"Mul", tensor.Int32, []graph.Dim{size(1 << 20), size(2)}, []graph.Dim{size(1 << 20)}, "[?,2097152]"}, // the first wraps around
		{"Add", tensor.Int64, []graph.Dim{graph.Unknown(), size(2)}, []graph.Dim{size(1)}, "[?,3]"},
		{"Div", tensor.Int64, []graph.Dim{n.Mul(size(4)), size(-7)}, []graph.Dim{size(4), size(2)}, "[n,-3]"},
		{"Div", tensor.Int64, []graph.Dim{size(1)}, []graph.Dim{size(0)}, ""},
		{"Div", tensor.Int64, []graph.Dim{n}, []graph.Dim{m}, ""},
		{"Mod", tensor.Int64, []graph.Dim{size(-7), size(7)}, []graph.Dim{size(4), size(4)}, "[1,3]"},
		{"Max", tensor.Int64, []graph.Dim{n, size(2)}, []graph.Dim{n, size(3)}, "[n,3]"},
		{"Min", tensor.Int64, []graph.Dim{n, size(2)}, []graph.Dim{n, size(3)}, "[n,2]"},
		{"Min", tensor.Int64, []graph.Dim{n}, []graph.Dim{m}, ""},
		{"Add", tensor.Int16, []graph.Dim{size(1)}, []graph.Dim{size(1)}, ""}, // no type of shapes
	} {
		node := &graph.Node{Op: Registry().Lookup("", c.op, 0), In: []*graph.Value{{}, {}}, Out: []*graph.Value{{}}}
		info := func(v []graph.Dim) graph.Info { return graph.Info{Type: graph.TensorType(c.d, size(len(v))), Ints: v} }
		out, err := graph.InferOutputs(Registry(), node, []graph.Info{info(c.a), info(c.b)}, nil)
		if err != nil {
			t.Errorf("%s: %v", c.op, err)
			continue
		}
		got := ""
		if out[0].Ints != nil {
			got = graph.ShapeString(out[0].Ints)
		}
		if got != c.want {
			t.Errorf("%s of %s and %s is %q, want %q", c.op, graph.ShapeString(c.a), graph.ShapeString(c.b), got, c.want)
		}
	}
}
