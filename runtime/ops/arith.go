package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// kernels are the loops of a binary operator by element type of the operands; nil where it has none.
type kernels[F32, F64, I8, I16, I32, I64, U8, U16, U32, U64 any] struct {
	f32 F32
	f64 F64
	i8  I8
	i16 I16
	i32 I32
	i64 I64
	u8  U8
	u16 U16
	u32 U32
	u64 U64
}

type loop[T, R any] = func(y []R, a, b []T, sa, sb int)

// arith are kernels whose result has the type of the operands, compare those whose result is bool.
type (
	arith = kernels[loop[float32, float32], loop[float64, float64], loop[int8, int8], loop[int16, int16], loop[int32, int32], loop[int64, int64],
		loop[uint8, uint8], loop[uint16, uint16], loop[uint32, uint32], loop[uint64, uint64]]
	compare = kernels[loop[float32, bool], loop[float64, bool], loop[int8, bool], loop[int16, bool], loop[int32, bool], loop[int64, bool],
		loop[uint8, bool], loop[uint16, bool], loop[uint32, bool], loop[uint64, bool]]
)

// binary runs the loop of the operands' type, with broadcasting.
func binary(k arith) func(*graph.Ctx) error {
	return func(c *graph.Ctx) error {
		if err := sameOperands(c); err != nil {
			return err
		}
		switch d := c.In[0].DType(); {
		case d == tensor.Float32 && k.f32 != nil:
			mapBinary(c, k.f32)
		case d == tensor.Float64 && k.f64 != nil:
			mapBinary(c, k.f64)
		case d == tensor.Int8 && k.i8 != nil:
			mapBinary(c, k.i8)
		case d == tensor.Int16 && k.i16 != nil:
			mapBinary(c, k.i16)
		case d == tensor.Int32 && k.i32 != nil:
			mapBinary(c, k.i32)
		case d == tensor.Int64 && k.i64 != nil:
			mapBinary(c, k.i64)
		case d == tensor.Uint8 && k.u8 != nil:
			mapBinary(c, k.u8)
		case d == tensor.Uint16 && k.u16 != nil:
			mapBinary(c, k.u16)
		case d == tensor.Uint32 && k.u32 != nil:
			mapBinary(c, k.u32)
		case d == tensor.Uint64 && k.u64 != nil:
			mapBinary(c, k.u64)
		default:
			return graph.Typef("operands are %s", c.In[0])
		}
		return nil
	}
}

// comparison is binary for results of type bool.
func comparison(k compare) func(*graph.Ctx) error {
	return func(c *graph.Ctx) error {
		if err := sameOperands(c); err != nil {
			return err
		}
		switch d := c.In[0].DType(); {
		case d == tensor.Float32:
			mapBinary(c, k.f32)
		case d == tensor.Float64:
			mapBinary(c, k.f64)
		case d == tensor.Int8:
			mapBinary(c, k.i8)
		case d == tensor.Int16:
			mapBinary(c, k.i16)
		case d == tensor.Int32:
			mapBinary(c, k.i32)
		case d == tensor.Int64:
			mapBinary(c, k.i64)
		case d == tensor.Uint8:
			mapBinary(c, k.u8)
		case d == tensor.Uint16:
			mapBinary(c, k.u16)
		case d == tensor.Uint32:
			mapBinary(c, k.u32)
		case d == tensor.Uint64:
			mapBinary(c, k.u64)
		default:
			return graph.Typef("operands are %s", c.In[0])
		}
		return nil
	}
}

// sameOperands holds that all operands are there and have one type.
func sameOperands(c *graph.Ctx) error {
	for i, t := range c.In {
		if t == nil {
			return graph.Invalidf("operand %d is missing", i)
		}
		if t.DType() != c.In[0].DType() {
			return graph.Typef("operands are %s and %s", c.In[0], t)
		}
	}
	return nil
}

// arithmetic is the family of Add, Sub, Mul and Div, which share signature and history.
func arithmetic(name string, run func(*graph.Ctx) error, ints func(a, b graph.Dim) graph.Dim) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 14,
			Sig: `(A:T, B:T) -> (C:T)
				T = num`,
			Infer: inferArith(ints), Run: halves(run), InPlace: true,
		},
		&graph.Op{Since: 13, Sig: "T = float i32 i64 u32 u64"},
		&graph.Op{Since: 7, Sig: "T = f16 f32 f64 i32 i64 u32 u64"},
		&graph.Op{Since: 6, Sig: "axis int; broadcast int = 0", Expand: legacyBroadcast(name)},
		&graph.Op{Since: 1, Sig: "T = f16 f32 f64; consumed_inputs ints", Expand: legacyBroadcast(name)},
	)
}

// Add is a + b.
var add = grad(arithmetic("Add", vectorized(kernel.BinAdd, arith{
	nil, kernel.Add[float64], kernel.Add[int8], kernel.Add[int16], kernel.Add[int32],
	kernel.Add[int64], kernel.Add[uint8], kernel.Add[uint16], kernel.Add[uint32], kernel.Add[uint64],
}), graph.Dim.Add), func(r rule) []*graph.Value { return []*graph.Value{r.g(0), r.g(0)} })

// Sub is a − b.
var sub = grad(arithmetic("Sub", vectorized(kernel.BinSub, arith{
	nil, kernel.Sub[float64], kernel.Sub[int8], kernel.Sub[int16], kernel.Sub[int32],
	kernel.Sub[int64], kernel.Sub[uint8], kernel.Sub[uint16], kernel.Sub[uint32], kernel.Sub[uint64],
}), graph.Dim.Sub), func(r rule) []*graph.Value { return []*graph.Value{r.g(0), r.neg(r.g(0))} })

// Mul is a · b.
var mul = grad(arithmetic("Mul", vectorized(kernel.BinMul, arith{
	nil, kernel.Mul[float64], kernel.Mul[int8], kernel.Mul[int16], kernel.Mul[int32],
	kernel.Mul[int64], kernel.Mul[uint8], kernel.Mul[uint16], kernel.Mul[uint32], kernel.Mul[uint64],
}), graph.Dim.Mul), func(r rule) []*graph.Value { return []*graph.Value{r.mul(r.g(0), r.x(1)), r.mul(r.g(0), r.x(0))} })

// Div is a / b; of integers it is cut toward zero, and 0 where b is 0.
var div = grad(arithmetic("Div", vectorized(kernel.BinDiv, arith{
	nil, kernel.DivFloat[float64], kernel.DivInt[int8], kernel.DivInt[int16], kernel.DivInt[int32],
	kernel.DivInt[int64], kernel.DivInt[uint8], kernel.DivInt[uint16], kernel.DivInt[uint32], kernel.DivInt[uint64],
}), divDim), func(r rule) []*graph.Value {
	return []*graph.Value{r.div(r.g(0), r.x(1)), r.neg(r.div(r.mul(r.g(0), r.y(0)), r.x(1)))}
})

// divDim is a / b where cutting toward zero and rounding down are the same.
func divDim(a, b graph.Dim) graph.Dim {
	x, ok1 := a.Int()
	y, ok2 := b.Int()
	if ok1 && ok2 {
		if y == 0 {
			return graph.Unknown()
		}
		return graph.Size(x / y)
	}
	if ok2 && y > 0 { // sizes are not negative
		return a.Div(b)
	}
	return graph.Unknown()
}

// Mod is the remainder, with the sign of the divisor, or of the dividend when fmod is set.
var mod = grad(family(
	&graph.Op{
		Name: "Mod", Since: 28,
		Sig: `(A:T, B:T) -> (C:T)
			T = num
			fmod int = 0`,
		Infer: inferMod, Run: halves(runMod), InPlace: true,
	},
	&graph.Op{Since: 13},
	&graph.Op{Since: 10, Sig: "T = int f16 f32 f64"},
), func(r rule) []*graph.Value { // a mod b = a − b·q with a quotient q that is constant almost everywhere
	q := r.div(r.sub(r.x(0), r.y(0)), r.x(1))
	return []*graph.Value{r.g(0), r.neg(r.mul(r.g(0), r.Op("Round", q)))}
})

func inferMod(c *graph.Infer) error {
	if c.Node.Bool("fmod") {
		return inferArith(nil)(c)
	}
	return inferArith(func(a, b graph.Dim) graph.Dim { return a.Sub(a.Div(b).Mul(b)) })(c) // Div rounds down
}

var (
	modLoops = binary(arith{
		kernel.ModFloat[float32], kernel.ModFloat[float64], kernel.ModInt[int8], kernel.ModInt[int16], kernel.ModInt[int32],
		kernel.ModInt[int64], kernel.ModInt[uint8], kernel.ModInt[uint16], kernel.ModInt[uint32], kernel.ModInt[uint64],
	})
	fmodLoops = binary(arith{
		kernel.FmodFloat[float32], kernel.FmodFloat[float64], kernel.FmodInt[int8], kernel.FmodInt[int16], kernel.FmodInt[int32],
		kernel.FmodInt[int64], kernel.FmodInt[uint8], kernel.FmodInt[uint16], kernel.FmodInt[uint32], kernel.FmodInt[uint64],
	})
)

func runMod(c *graph.Ctx) error {
	if c.Node.Bool("fmod") {
		return fmodLoops(c)
	}
	return modLoops(c)
}

// PRelu is x where x ≥ 0, else slope · x; the slope broadcasts to x.
var pRelu = grad(family(
	&graph.Op{
		Name: "PRelu", Since: 16,
		Sig: `(X:T, slope:T) -> (Y:T)
			T = float i32 i64 u32 u64`,
		Infer: inferBroadcastTo, InPlace: true,
		Run: halves(vectorized(kernel.BinPRelu, arith{f64: kernel.PRelu[float64], i32: kernel.PRelu[int32], i64: kernel.PRelu[int64], u32: kernel.PRelu[uint32], u64: kernel.PRelu[uint64]})),
	},
	&graph.Op{Since: 9, Sig: "T = f16 f32 f64 i32 i64 u32 u64"},
	&graph.Op{Since: 7, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 6, Expand: expandChannelSlope},
	&graph.Op{Since: 1, Sig: "consumed_inputs ints", Expand: expandChannelSlope},
), func(r rule) []*graph.Value {
	positive := r.greater(r.x(0), r.num(0))
	return []*graph.Value{r.where(positive, r.g(0), r.mul(r.g(0), r.x(1))), r.where(positive, r.num(0), r.mul(r.g(0), r.x(0)))}
})

// expandChannelSlope places a slope for each channel at axis 1, as PRelu did before opset 7.
func expandChannelSlope(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, slope := n.In[0], n.In[1]
	rx := x.Type.Rank()
	if rx < 0 || slope.Type.Rank() < 0 {
		b.Fail(graph.Unsupportedf("operands of unknown rank"))
		return nil
	}
	if slope.Type.Rank() == 1 && rx > 2 && !slope.Type.Shape[0].Is(1) {
		axes := make([]int, rx-2)
		for i := range axes {
			axes[i] = 1 + i
		}
		slope = b.Op("Unsqueeze", slope, b.Ints(axes...))
	}
	return []*graph.Value{b.Op("PRelu", x, slope)}
}

// BitShift moves the bits of x by y places.
var bitShift = family(
	&graph.Op{
		Name: "BitShift", Since: 28,
		Sig: `(X:T, Y:T) -> (Z:T)
			T = int
			direction string!`,
		Infer: inferArith(nil), Run: runBitShift, InPlace: true,
	},
	&graph.Op{Since: 11, Sig: "T = u8 u16 u32 u64"},
)

var (
	shiftLeft  = binary(arith{i8: kernel.ShiftLeft[int8], i16: kernel.ShiftLeft[int16], i32: kernel.ShiftLeft[int32], i64: kernel.ShiftLeft[int64], u8: kernel.ShiftLeft[uint8], u16: kernel.ShiftLeft[uint16], u32: kernel.ShiftLeft[uint32], u64: kernel.ShiftLeft[uint64]})
	shiftRight = binary(arith{i8: kernel.ShiftRight[int8], i16: kernel.ShiftRight[int16], i32: kernel.ShiftRight[int32], i64: kernel.ShiftRight[int64], u8: kernel.ShiftRight[uint8], u16: kernel.ShiftRight[uint16], u32: kernel.ShiftRight[uint32], u64: kernel.ShiftRight[uint64]})
)

func runBitShift(c *graph.Ctx) error {
	switch c.Node.Str("direction") {
	case "LEFT":
		return shiftLeft(c)
	case "RIGHT":
		return shiftRight(c)
	}
	return graph.Invalidf("direction %q is neither LEFT nor RIGHT", c.Node.Str("direction"))
}

func bitwise(name string, k arith) []*graph.Op {
	return family(&graph.Op{
		Name: name, Since: 18,
		Sig: `(A:T, B:T) -> (C:T)
			T = int`,
		Infer: inferArith(nil), Run: binary(k), InPlace: true,
	})
}

// BitwiseAnd, BitwiseOr and BitwiseXor work bit by bit.
var (
	bitwiseAnd = bitwise("BitwiseAnd", arith{i8: kernel.BitAnd[int8], i16: kernel.BitAnd[int16], i32: kernel.BitAnd[int32], i64: kernel.BitAnd[int64], u8: kernel.BitAnd[uint8], u16: kernel.BitAnd[uint16], u32: kernel.BitAnd[uint32], u64: kernel.BitAnd[uint64]})
	bitwiseOr  = bitwise("BitwiseOr", arith{i8: kernel.BitOr[int8], i16: kernel.BitOr[int16], i32: kernel.BitOr[int32], i64: kernel.BitOr[int64], u8: kernel.BitOr[uint8], u16: kernel.BitOr[uint16], u32: kernel.BitOr[uint32], u64: kernel.BitOr[uint64]})
	bitwiseXor = bitwise("BitwiseXor", arith{i8: kernel.BitXor[int8], i16: kernel.BitXor[int16], i32: kernel.BitXor[int32], i64: kernel.BitXor[int64], u8: kernel.BitXor[uint8], u16: kernel.BitXor[uint16], u32: kernel.BitXor[uint32], u64: kernel.BitXor[uint64]})
)
