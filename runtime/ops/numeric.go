package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// numbers runs a loop over elements of any number type; half precision comes through float32. A nil loop is a type that the operator does not take.
type numbers struct {
	f32 func(y, x []float32)
	f64 func(y, x []float64)
	i8  func(y, x []int8)
	i16 func(y, x []int16)
	i32 func(y, x []int32)
	i64 func(y, x []int64)
	u8  func(y, x []uint8)
	u16 func(y, x []uint16)
	u32 func(y, x []uint32)
	u64 func(y, x []uint64)
}

// vectorLoop is the loop of a function without parameters.
func vectorLoop(kind kernel.Act) func(y, x []float32) {
	return func(y, x []float32) { kernel.Activate(y, x, kernel.Activation{Kind: kind}) }
}

func (k numbers) run(c *graph.Ctx) error {
	switch d := c.In[0].DType(); {
	case d == tensor.Float32 && k.f32 != nil:
		mapUnary(c, k.f32)
	case d == tensor.Float64 && k.f64 != nil:
		mapUnary(c, k.f64)
	case d == tensor.Int8 && k.i8 != nil:
		mapUnary(c, k.i8)
	case d == tensor.Int16 && k.i16 != nil:
		mapUnary(c, k.i16)
	case d == tensor.Int32 && k.i32 != nil:
		mapUnary(c, k.i32)
	case d == tensor.Int64 && k.i64 != nil:
		mapUnary(c, k.i64)
	case d == tensor.Uint8 && k.u8 != nil:
		mapUnary(c, k.u8)
	case d == tensor.Uint16 && k.u16 != nil:
		mapUnary(c, k.u16)
	case d == tensor.Uint32 && k.u32 != nil:
		mapUnary(c, k.u32)
	case d == tensor.Uint64 && k.u64 != nil:
		mapUnary(c, k.u64)
	default:
		return graph.Typef("input is %s", c.In[0])
	}
	return nil
}

// Abs is |x|; the smallest integer of a type stays as it is.
var abs = family(
	&graph.Op{
		Name: "Abs", Since: 13,
		Sig:   "(X:T) -> (Y:T); T = num",
		Infer: graph.Same, InPlace: true,
		Run: halves(numbers{vectorLoop(kernel.ActAbs), kernel.AbsFloat[float64], kernel.Abs[int8], kernel.Abs[int16], kernel.Abs[int32], kernel.Abs[int64],
			kernel.Abs[uint8], kernel.Abs[uint16], kernel.Abs[uint32], kernel.Abs[uint64]}.run),
		Grad: by1(func(r rule) *graph.Value { return r.mul(r.g(0), r.Op("Sign", r.x(0))) }),
	},
	&graph.Op{Since: 6, Sig: "T = int f16 f32 f64"},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64; consumed_inputs ints"},
)

// Neg is −x.
var neg = family(
	&graph.Op{
		Name: "Neg", Since: 13,
		Sig:   "(X:T) -> (Y:T); T = float i8 i16 i32 i64",
		Infer: graph.Same, InPlace: true,
		Run:  halves(numbers{f32: vectorLoop(kernel.ActNeg), f64: kernel.Neg[float64], i8: kernel.Neg[int8], i16: kernel.Neg[int16], i32: kernel.Neg[int32], i64: kernel.Neg[int64]}.run),
		Grad: by1(func(r rule) *graph.Value { return r.neg(r.g(0)) }),
	},
	&graph.Op{Since: 6, Sig: "T = f16 f32 f64 i8 i16 i32 i64"},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64; consumed_inputs ints"},
)

// Sign is −1, 0 or 1; NaN stays NaN.
var sign = family(
	&graph.Op{
		Name: "Sign", Since: 13,
		Sig:   "(input:T) -> (output:T); T = num",
		Infer: graph.Same, InPlace: true,
		Run: halves(numbers{vectorLoop(kernel.ActSign), kernel.Sign[float64], kernel.Sign[int8], kernel.Sign[int16], kernel.Sign[int32], kernel.Sign[int64],
			kernel.Sign[uint8], kernel.Sign[uint16], kernel.Sign[uint32], kernel.Sign[uint64]}.run),
		Grad: by(func(rule) []*graph.Value { return nil }),
	},
	&graph.Op{Since: 9, Sig: "T = int f16 f32 f64"},
)

// Erf is the error function; of integers it is cut toward zero.
var erf = family(
	&graph.Op{
		Name: "Erf", Since: 13,
		Sig:   "(input:T) -> (output:T); T = float",
		Infer: graph.Same, InPlace: true, Run: halves(runErf),
		Grad: by1(erfGrad),
	},
	&graph.Op{Since: 9, Sig: "T = int f16 f32 f64"},
)

var (
	erfFloats = applied(kernel.ActErf, "", "")
	erfInts   = numbers{i8: kernel.ErfInt[int8], i16: kernel.ErfInt[int16], i32: kernel.ErfInt[int32], i64: kernel.ErfInt[int64],
		u8: kernel.ErfInt[uint8], u16: kernel.ErfInt[uint16], u32: kernel.ErfInt[uint32], u64: kernel.ErfInt[uint64]}
)

func runErf(c *graph.Ctx) error {
	if c.In[0].DType().IsInt() {
		return erfInts.run(c)
	}
	return erfFloats(c)
}

// BitwiseNot flips every bit.
var bitwiseNot = family(&graph.Op{
	Name: "BitwiseNot", Since: 18,
	Sig:   "(X:T) -> (Y:T); T = int",
	Infer: graph.Same, InPlace: true,
	Run: numbers{i8: kernel.BitNot[int8], i16: kernel.BitNot[int16], i32: kernel.BitNot[int32], i64: kernel.BitNot[int64],
		u8: kernel.BitNot[uint8], u16: kernel.BitNot[uint16], u32: kernel.BitNot[uint32], u64: kernel.BitNot[uint64]}.run,
})

// inferTest is for operators that ask something of every element.
func inferTest(c *graph.Infer) error {
	t := c.Type(0)
	t.DType = tensor.Bool
	c.Set(0, t)
	return nil
}

// IsNaN asks whether an element is NaN.
var isNaN = family(
	&graph.Op{
		Name: "IsNaN", Since: 20,
		Sig:   "(X:T1) -> (Y:T2); T1 = float f8; T2 = bool",
		Infer: inferTest, Run: func(c *graph.Ctx) error {
			return runTest(c, func(x float64, _, _ bool) bool { return x != x }, false, false)
		},
	},
	&graph.Op{Since: 13, Sig: "T1 = float"},
	&graph.Op{Since: 9, Sig: "T1 = f16 f32 f64"},
)

// IsInf asks whether an element is one of the infinities that the attributes name.
var isInf = family(
	&graph.Op{
		Name: "IsInf", Since: 20,
		Sig:   "(X:T1) -> (Y:T2); T1 = float f8; T2 = bool; detect_negative int = 1; detect_positive int = 1",
		Infer: inferTest, Run: func(c *graph.Ctx) error {
			return runTest(c, func(x float64, neg, pos bool) bool { return neg && math.IsInf(x, -1) || pos && math.IsInf(x, 1) },
				c.Node.Bool("detect_negative"), c.Node.Bool("detect_positive"))
		},
	},
	&graph.Op{Since: 10, Sig: "T1 = f32 f64"},
)

type testArgs struct {
	y        []bool
	x        *tensor.Tensor
	f        func(x float64, neg, pos bool) bool
	neg, pos bool
}

func (a *testArgs) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		a.y[i] = a.f(a.x.Float(i), a.neg, a.pos)
	}
}

func runTest(c *graph.Ctx, f func(x float64, neg, pos bool) bool, neg, pos bool) error {
	x := c.In[0]
	if !x.DType().IsFloat() {
		return graph.Typef("input is %s", x)
	}
	graph.Parallel(c, x.Len(), 1<<13, testArgs{tensor.Data[bool](c.Out[0]), x, f, neg, pos})
	return nil
}

// Shrink is x + bias below −lambd, x − bias above lambd, and 0 between.
var shrink = family(&graph.Op{
	Name: "Shrink", Since: 9,
	Sig:   "(input:T) -> (output:T); T = int f16 f32 f64; bias float = 0; lambd float = 0.5",
	Infer: graph.Same, InPlace: true, Run: halves(runShrink),
	Grad: by1(shrinkGrad),
})

func runShrink(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		shrinkAll[float32](c)
	case tensor.Float64:
		shrinkAll[float64](c)
	case tensor.Int8:
		shrinkAll[int8](c)
	case tensor.Int16:
		shrinkAll[int16](c)
	case tensor.Int32:
		shrinkAll[int32](c)
	case tensor.Int64:
		shrinkAll[int64](c)
	case tensor.Uint8:
		shrinkAll[uint8](c)
	case tensor.Uint16:
		shrinkAll[uint16](c)
	case tensor.Uint32:
		shrinkAll[uint32](c)
	case tensor.Uint64:
		shrinkAll[uint64](c)
	default:
		return graph.Typef("input is %s", c.In[0])
	}
	return nil
}

type shrinkArgs[T kernel.Arith] struct {
	y, x        []T
	bias, lambd float64
}

func (a *shrinkArgs[T]) Do(_, lo, hi int) { kernel.Shrink(a.y[lo:hi], a.x[lo:hi], a.bias, a.lambd) }

func shrinkAll[T kernel.Arith](c *graph.Ctx) {
	x := tensor.Data[T](c.In[0])
	graph.Parallel(c, len(x), 1<<13, shrinkArgs[T]{tensor.Data[T](c.Out[0]), x, float64(c.Node.Float("bias")), float64(c.Node.Float("lambd"))})
}
