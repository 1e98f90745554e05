package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestLogic(t *testing.T) {
	a, b := vec(false, false, true, true), vec(false, true, false, true)
	for op, want := range map[string]*tensor.Tensor{"And": vec(false, false, false, true), "Or": vec(false, true, true, true), "Xor": vec(false, true, true, false)} {
		optest.Run(t, Registry(), op, []optest.Case{
			{Name: "table", In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{want}},
			{Name: "old", Since: 1, In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{want}},
			{Name: "empty", In: []*tensor.Tensor{vec[bool](), vec(true)}, Want: []*tensor.Tensor{vec[bool]()}},
			{Name: "ints", In: []*tensor.Tensor{vec[int32](1), vec[int32](1)}, Err: graph.ErrType},
		})
	}
	optest.Run(t, Registry(), "Not", []optest.Case{
		{In: []*tensor.Tensor{b}, Want: []*tensor.Tensor{vec(true, false, true, false)}},
		{Name: "ints", In: []*tensor.Tensor{vec[uint8](1)}, Err: graph.ErrType},
	})
}

// TestCompare has NaN, which compares with nothing, and integers that only their own type tells apart.
func TestCompare(t *testing.T) {
	nan := float32(math.NaN())
	a, b := f32([]float32{1, 2, 3, nan, nan, 0}, 6), f32([]float32{2, 2, 2, 0, nan, float32(math.Copysign(0, -1))}, 6)
	big, bigger := vec[int64](math.MaxInt64-1, -1), vec[int64](math.MaxInt64, -1)
	ubig, one := vec[uint64](math.MaxUint64), vec[uint64](1)
	for op, want := range map[string][3]*tensor.Tensor{
		"Less":           {vec(true, false, false, false, false, false), vec(true, false), vec(false)},
		"LessOrEqual":    {vec(true, true, false, false, false, true), vec(true, true), vec(false)},
		"Greater":        {vec(false, false, true, false, false, false), vec(false, false), vec(true)},
		"GreaterOrEqual": {vec(false, true, true, false, false, true), vec(false, true), vec(true)},
		"Equal":          {vec(false, true, false, false, false, true), vec(false, true), vec(false)},
	} {
		optest.Run(t, Registry(), op, []optest.Case{
			{Name: "f32", In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{want[0]}},
			{Name: "i64", In: []*tensor.Tensor{big, bigger}, Want: []*tensor.Tensor{want[1]}},
			{Name: "u64", In: []*tensor.Tensor{ubig, one}, Want: []*tensor.Tensor{want[2]}},
			{Name: "shapes", In: []*tensor.Tensor{a, big}, Err: graph.ErrShape},
			{Name: "empty", In: []*tensor.Tensor{f32(nil, 0), f32([]float32{1}, 1)}, Want: []*tensor.Tensor{vec[bool]()}},
		})
	}
	text := func(s ...string) *tensor.Tensor { return tensor.Must(tensor.OfStrings(s)) }
	optest.Run(t, Registry(), "Equal", []optest.Case{
		{Name: "strings", In: []*tensor.Tensor{text("a", "", "é"), text("a", "b", "é")}, Want: []*tensor.Tensor{vec(true, false, true)}},
		{Name: "one string", In: []*tensor.Tensor{text("a", "b"), text("b")}, Want: []*tensor.Tensor{vec(false, true)}},
		{Name: "bools", In: []*tensor.Tensor{vec(true, false), vec(true)}, Want: []*tensor.Tensor{vec(true, false)}},
		{Name: "strings and bools", In: []*tensor.Tensor{text("a"), vec(true)}, Err: graph.ErrType},
	})
}
