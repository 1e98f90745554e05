package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

var elementwiseFamilies = [][]*graph.Op{
	abs, acos, acosh, add, and, asin, asinh, atan, atanh, bitShift, bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, cast, castLike, ceil, celu, clip, cos,
	cosh, div, dropout, elu, equal, erf, exp, floor, gelu, greater, greaterOrEqual, hardSigmoid, hardSwish, isInf, isNaN, leakyRelu, less, lessOrEqual, log,
	maxOp, mean, minOp, mish, mod, mul, neg, not, or, pRelu, pow, reciprocal, relu, round, selu, shrink, sigmoid, sign, sin, sinh, softplus, softsign, sqrt, swish,
	sub, sum, tan, tanh, thresholdedRelu, where, xor,
}

// TestElementwiseHostile runs every version of every elementwise operator on inputs of any type, rank and extent, absent ones too: errors are fine, panics are not.
func TestElementwiseHostile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shapes := [][]int{{}, {1}, {3}, {0}, {2, 3}, {3, 1}, {1, 3}, {2, 1, 3}, {0, 3}, {1, 1, 1, 1}}
	random := func(allowed []graph.TypeSet) *tensor.Tensor {
		d := tensor.DType(1 + rng.IntN(31))
		if rng.IntN(2) == 0 {
			d = allowed[rng.IntN(len(allowed))].DType
		}
		if d > tensor.Float6E3M2 {
			seq, err := tensor.OfElems(tensor.Sequence, f32([]float32{1}, 1))
			if err != nil {
				t.Fatal(err)
			}
			return [...]*tensor.Tensor{nil, seq}[rng.IntN(2)]
		}
		x := tensor.Must(tensor.New(d, shapes[rng.IntN(len(shapes))]...))
		for i := range x.Bytes() {
			if x.Bytes()[i] = uint8(rng.Uint32()); d == tensor.Bool {
				x.Bytes()[i] &= 1
			}
		}
		return x
	}
	for _, family := range elementwiseFamilies {
		for _, o := range family {
			ok := 0
			for range 500 {
				in := make([]*tensor.Tensor, len(o.Signature().In))
				if o.Signature().In[0].Variadic {
					in = make([]*tensor.Tensor, rng.IntN(4))
				}
				for i := range in {
					in[i] = random(o.Signature().Types[o.Signature().In[min(i, len(o.Signature().In)-1)].Type])
					if i > 0 && in[0] != nil && in[i] != nil && rng.IntN(2) == 0 && !in[0].DType().IsContainer() && !in[i].DType().IsContainer() { // types that agree come further
						in[i] = tensor.Must(tensor.New(in[0].DType(), in[i].Shape()...))
					}
				}
				if len(in) > 0 && in[0] == nil {
					continue
				}
				n := &graph.Node{Op: o, In: make([]*graph.Value, len(in)), Out: make([]*graph.Value, len(o.Signature().Out))}
				for i := range n.Out {
					n.Out[i] = &graph.Value{Name: fmt.Sprint("y", i), Def: n}
				}
				missing := false
				for i, x := range in {
					if x != nil {
						n.In[i] = &graph.Value{Name: fmt.Sprint("x", i), Type: graph.TypeOf(x)}
					} else if p := o.Signature().In; !p[0].Variadic && !p[i].Optional {
						missing = true // verification of the graph finds these, and inputs that are too many
					}
				}
				if missing {
					continue
				}
				for _, a := range o.Signature().Attrs {
					switch a.Kind {
					case "int":
						n.Attrs = append(n.Attrs, graph.Int(a.Name, rng.IntN(30)-1))
					case "string":
						n.Attrs = append(n.Attrs, graph.Str(a.Name, [...]string{"LEFT", "RIGHT", "FLOAT", "none", "tanh", "up", "?"}[rng.IntN(7)]))
					}
				}
				if _, err := (&optest.Interp{Reg: Registry(), Threads: 2}).RunNode(n, in); err == nil {
					ok++
				}
			}
			if ok == 0 {
				t.Errorf("%s accepted none of its inputs", o)
			}
		}
	}
}

// TestBroadcast holds loops over merged axes and pieces of rows to the definition of broadcasting, index by index.
func TestBroadcast(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		rank := rng.IntN(5)
		out := make([]int, rank)
		for i := range out {
			out[i] = []int{0, 1, 1, 2, 2, 3, 3, 5}[rng.IntN(8)]
		}
		if rank > 0 && rng.IntN(8) == 0 { // rows longer than a piece
			out[rank-1] = 9000 + rng.IntN(20000)
		}
		operand := func(from float32) *tensor.Tensor {
			s := append([]int{}, out[rng.IntN(rank+1):]...)
			for i := range s {
				if rng.IntN(3) == 0 {
					s[i] = 1
				}
			}
			x := tensor.Must(tensor.New(tensor.Float32, s...))
			for i := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[i] = from * float32(i+1)
			}
			return x
		}
		a, b := operand(1), operand(-7)
		shape, err := graph.BroadcastShapes(a.Shape(), b.Shape())
		if err != nil {
			t.Fatal(err)
		}
		want := tensor.Must(tensor.New(tensor.Float32, shape...))
		for i := range tensor.Data[float32](want) {
			tensor.Data[float32](want)[i] = tensor.Data[float32](a)[source(i, shape, a.Shape())] - tensor.Data[float32](b)[source(i, shape, b.Shape())]
		}
		optest.Run(t, Registry(), "Sub", []optest.Case{{Name: fmt.Sprint(a, b), In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{want}}})
	}
}

// source is where a broadcast takes element i of a result from.
func source(i int, out, in tensor.Shape) int {
	at, n := 0, 1
	for k := len(out) - 1; k >= 0; k-- {
		if j := k - (len(out) - len(in)); j >= 0 {
			if in[j] > 1 {
				at += i % out[k] * n
			}
			n *= in[j]
		}
		i /= out[k]
	}
	return at
}

// TestBroadcastPlan holds that axes along which operands move alike become one, and that long rows are cut.
func TestBroadcastPlan(t *testing.T) {
	for _, c := range []struct {
		out    []int
		in     [][]int
		axes   int
		pieces int
	}{
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {2, 3, 4}}, 1, 1},
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {}}, 1, 1},
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {4}}, 2, 6},
		{[]int{8, 3, 5, 7}, [][]int{{8, 3, 5, 7}, {3, 1, 1}}, 3, 24},
		{[]int{2, 100000}, [][]int{{2, 100000}, {1}}, 1, 25},
		{[]int{2, 10000}, [][]int{{2, 10000}, {2, 1}}, 2, 4},
		{[]int{1, 1}, [][]int{{1, 1}, {}}, 1, 1},
	} {
		p := kernel.Plan(c.out, c.in...)
		if len(p.N) != c.axes || p.Pieces() != c.pieces {
			t.Errorf("%v from %v: %d axes in %d pieces, want %d in %d", c.out, c.in, len(p.N), p.Pieces(), c.axes, c.pieces)
		}
	}
}

// TestElementwiseAllocs holds that repeated runs allocate nothing.
func TestElementwiseAllocs(t *testing.T) {
	x, row, cond := f32(make([]float32, 12), 3, 4), f32(make([]float32, 4), 4), tensor.Must(tensor.New(tensor.Bool, 3, 1))
	half := tensor.Must(tensor.New(tensor.Float16, 3, 4))
	strs := tensor.Must(tensor.OfStrings(make([]string, 12), 3, 4))
	for _, c := range []struct {
		op  *graph.Op
		in  []*tensor.Tensor
		out tensor.DType
	}{
		{add[0], []*tensor.Tensor{x, row}, tensor.Float32},
		{less[0], []*tensor.Tensor{x, x}, tensor.Bool},
		{equal[0], []*tensor.Tensor{strs, strs}, tensor.Bool},
		{where[0], []*tensor.Tensor{cond, x, row}, tensor.Float32},
		{sum[0], []*tensor.Tensor{x, row, x}, tensor.Float32},
		{pow[0], []*tensor.Tensor{x, row}, tensor.Float32},
		{tanh[0], []*tensor.Tensor{x}, tensor.Float32},
		{sin[0], []*tensor.Tensor{x}, tensor.Float32},
		{leakyRelu[0], []*tensor.Tensor{x}, tensor.Float32},
		{isNaN[0], []*tensor.Tensor{x}, tensor.Bool},
		{clip[0], []*tensor.Tensor{x}, tensor.Float32},
		{cast[0], []*tensor.Tensor{x}, tensor.Float16},
		{add[0], []*tensor.Tensor{half, half}, tensor.Float16},
		{exp[0], []*tensor.Tensor{half}, tensor.Float16},
		{cast[0], []*tensor.Tensor{x}, tensor.Int64},
		{cast[0], []*tensor.Tensor{x}, tensor.Float8E4M3FN},
		{cast[0], []*tensor.Tensor{x}, tensor.Int4},
	} {
		n := &graph.Node{Op: c.op, In: make([]*graph.Value, len(c.in)), Out: make([]*graph.Value, 1)}
		exec := &still{scratch: make([]uint64, 1<<13)}
		ctx := graph.NewCtx(n, exec)
		copy(ctx.In, c.in)
		ctx.Out[0] = tensor.Must(tensor.New(c.out, 3, 4))
		if got := testing.AllocsPerRun(10, func() {
			ctx.Begin(exec)
			if err := c.op.Run(ctx); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%s to %s: %v allocations a run", c.op, c.out, got)
		}
	}
}

// still is an executor that allocates nothing: its scratch memory, which it gives out over and over, is there before.
type still struct {
	optest.Interp
	scratch []uint64
}

func (s *still) Scratch(n int) ([]byte, error) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s.scratch[0])), 8*len(s.scratch))
	return b[:n], nil
}

// BenchmarkTiny is what an operator costs on a few integers, as in the arithmetic of shapes.
func BenchmarkTiny(b *testing.B) {
	x, cond := i64([]int64{1, 2, 3, 4}, 4), tensor.Must(tensor.New(tensor.Bool, 4))
	for _, c := range []struct {
		op  *graph.Op
		in  []*tensor.Tensor
		out tensor.DType
	}{
		{add[0], []*tensor.Tensor{x, x}, tensor.Int64},
		{equal[0], []*tensor.Tensor{x, x}, tensor.Bool},
		{where[0], []*tensor.Tensor{cond, x, x}, tensor.Int64},
		{cast[0], []*tensor.Tensor{x}, tensor.Bool},
		{cast[0], []*tensor.Tensor{x}, tensor.Float32},
		{neg[0], []*tensor.Tensor{x}, tensor.Int64},
		{and[0], []*tensor.Tensor{cond, cond}, tensor.Bool},
	} {
		b.Run(c.op.Name+"/"+c.out.Short(), func(b *testing.B) {
			n := &graph.Node{Op: c.op, In: make([]*graph.Value, len(c.in)), Out: make([]*graph.Value, 1)}
			exec := &still{scratch: make([]uint64, 1<<13)}
			ctx := graph.NewCtx(n, exec)
			copy(ctx.In, c.in)
			ctx.Out[0] = tensor.Must(tensor.New(c.out, 4))
			for b.Loop() {
				ctx.Begin(exec)
				if err := c.op.Run(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
