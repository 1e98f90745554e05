package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Max and Min are the largest and smallest of any number of tensors, NaN if one is; Sum and Mean add them up. All broadcast.
var (
	maxOp = extreme("Max", "max", kernel.BinMax, arith{nil, kernel.Max[float64], kernel.Max[int8], kernel.Max[int16], kernel.Max[int32],
		kernel.Max[int64], kernel.Max[uint8], kernel.Max[uint16], kernel.Max[uint32], kernel.Max[uint64]}, graph.Dim.Max)
	minOp = extreme("Min", "min", kernel.BinMin, arith{nil, kernel.Min[float64], kernel.Min[int8], kernel.Min[int16], kernel.Min[int32],
		kernel.Min[int64], kernel.Min[uint8], kernel.Min[uint16], kernel.Min[uint32], kernel.Min[uint64]}, minDim)
	sum = grad(total("Sum", "sum"), func(r rule) []*graph.Value {
		return slices.Repeat([]*graph.Value{r.g(0)}, len(r.n.In))
	})
	mean = grad(total("Mean", "mean"), func(r rule) []*graph.Value {
		return slices.Repeat([]*graph.Value{r.mul(r.g(0), r.num(1/float64(len(r.n.In))))}, len(r.n.In))
	})
)

func minDim(a, b graph.Dim) graph.Dim {
	x, ok1 := a.Int()
	y, ok2 := b.Int()
	switch {
	case ok1 && ok2:
		return graph.Size(min(x, y))
	case a.Equal(b):
		return a
	}
	return graph.Unknown()
}

func extreme(name, out string, op kernel.Binary, k arith, ints func(a, b graph.Dim) graph.Dim) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 13,
			Sig:   "(data_0*:T) -> (" + out + ":T); T = num",
			Infer: inferVariadic(ints), Run: halves(foldLoops(op, k)), Grad: by(shareGrad),
		},
		&graph.Op{Since: 12, Sig: "T = int f16 f32 f64"},
		&graph.Op{Since: 8, Sig: "T = f16 f32 f64"},
		&graph.Op{Since: 6},
		&graph.Op{Since: 1, Sig: "consumed_inputs ints"},
	)
}

func inferVariadic(ints func(a, b graph.Dim) graph.Dim) func(*graph.Infer) error {
	return func(c *graph.Infer) error {
		if len(c.In) == 0 {
			return graph.Shapef("no operands")
		}
		if len(c.In) == 2 {
			return inferArith(ints)(c)
		}
		return inferBroadcast(c)
	}
}

func total(name, out string) []*graph.Op {
	add := foldLoops(kernel.BinAdd, arith{f64: kernel.Add[float64]})
	run := add
	if name == "Mean" {
		run = func(c *graph.Ctx) error {
			if err := add(c); err != nil {
				return err
			}
			if y := c.Out[0]; y.DType() == tensor.Float32 {
				scale(tensor.Data[float32](y), len(c.In))
			} else {
				scale(tensor.Data[float64](y), len(c.In))
			}
			return nil
		}
	}
	return family(
		&graph.Op{
			Name: name, Since: 13,
			Sig:   "(data_0*:T) -> (" + out + ":T); T = float",
			Infer: inferVariadic(nil), Run: halves(run),
		},
		&graph.Op{Since: 8, Sig: "T = f16 f32 f64"},
		&graph.Op{Since: 6},
		&graph.Op{Since: 1, Sig: "consumed_inputs ints"},
	)
}

func scale[T float32 | float64](y []T, n int) {
	for i := range y {
		y[i] /= T(n)
	}
}

// foldLoops applies a function of two numbers from the first operand to the last: y = f(f(x0, x1), x2) …
func foldLoops(op kernel.Binary, k arith) func(*graph.Ctx) error {
	k.f32 = func(y, a, b []float32, sa, sb int) {
		op.Apply(y, kernel.Operand{Data: a, Step: sa}, kernel.Operand{Data: b, Step: sb}, 1, len(y))
	}
	return func(c *graph.Ctx) error {
		if err := sameOperands(c); err != nil {
			return err
		}
		switch d := c.In[0].DType(); {
		case d == tensor.Float32 && len(c.In) == 2:
			mapFloats(c, op)
		case d == tensor.Float32:
			foldAll(c, k.f32)
		case d == tensor.Float64 && k.f64 != nil:
			foldAll(c, k.f64)
		case d == tensor.Int8 && k.i8 != nil:
			foldAll(c, k.i8)
		case d == tensor.Int16 && k.i16 != nil:
			foldAll(c, k.i16)
		case d == tensor.Int32 && k.i32 != nil:
			foldAll(c, k.i32)
		case d == tensor.Int64 && k.i64 != nil:
			foldAll(c, k.i64)
		case d == tensor.Uint8 && k.u8 != nil:
			foldAll(c, k.u8)
		case d == tensor.Uint16 && k.u16 != nil:
			foldAll(c, k.u16)
		case d == tensor.Uint32 && k.u32 != nil:
			foldAll(c, k.u32)
		case d == tensor.Uint64 && k.u64 != nil:
			foldAll(c, k.u64)
		default:
			return graph.Typef("operands are %s", c.In[0])
		}
		return nil
	}
}

// foldArgs is one operand's turn: y = f(y, x), or y = x for the first.
type foldArgs[T tensor.Elem] struct {
	y, x []T
	plan *kernel.Axes
	k    int // operand
	f    loop[T, T]
}

func (a *foldArgs[T]) Do(_, lo, hi int) {
	c := a.plan.Seek(a.k, lo)
	for ; lo < hi; lo++ {
		y, x, step := a.y[c.At:c.At+c.N], a.x[c.Off[0]:], c.Step[0]
		switch {
		case a.k > 0:
			a.f(y, y, x, 1, step)
		case step == 1:
			copy(y, x)
		default:
			for i := range y {
				y[i] = x[i*step]
			}
		}
		c.Next()
	}
}

func foldAll[T tensor.Elem](c *graph.Ctx, f loop[T, T]) {
	if len(c.In) == 2 {
		mapBinary(c, f)
		return
	}
	y := tensor.Data[T](c.Out[0])
	if len(y) == 0 {
		return
	}
	plan := broadcastPlan(c)
	for k, x := range c.In {
		graph.Parallel(c, plan.Pieces(), plan.Grain(1<<14), foldArgs[T]{y, tensor.Data[T](x), plan, k, f})
	}
}
