package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// CumSum is the running sums along an axis, in the order of the elements.
var cumSum = family(
	&graph.Op{
		Name: "CumSum", Since: 14,
		Sig: `(x:T, axis:T2) -> (y:T)
			T = float i32 i64 u32 u64
			T2 = i32 i64
			exclusive int = 0; reverse int = 0`,
		Infer: inferCumSum, Run: halves(runCumSum),
		Grad: by1(cumSumGrad),
	},
	&graph.Op{Since: 11, Sig: "T = f32 f64 i32 i64 u32 u64"},
)

func inferCumSum(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	c.Set(0, c.Type(0))
	if s, ok := c.Shape(1); ok && (len(s) > 1 || len(s) == 1 && s[0].IsInt() && !s[0].Is(1)) {
		return graph.Shapef("axis is %s, want one number", graph.ShapeString(s))
	}
	x, ok1 := c.Shape(0)
	axis, ok2 := c.ConstInts(1)
	if ok1 && ok2 && len(axis) == 1 {
		_, err := graph.Axis(axis[0], len(x))
		return err
	}
	return nil
}

type cumSumArgs[T kernel.Arith] struct {
	y, x               []T
	n, inner           int
	exclusive, reverse bool
}

// cumSumCols is the number of columns that are summed side by side.
const cumSumCols = 128

// Do sums rows, or cumSumCols columns each.
func (a *cumSumArgs[T]) Do(_, lo, hi int) {
	if a.inner == 1 {
		for r := lo; r < hi; r++ {
			kernel.CumSum(a.y[r*a.n:(r+1)*a.n], a.x[r*a.n:(r+1)*a.n], a.exclusive, a.reverse)
		}
		return
	}
	chunks := (a.inner + cumSumCols - 1) / cumSumCols
	for i := lo; i < hi; i++ {
		j := i % chunks * cumSumCols
		at := i/chunks*a.n*a.inner + j
		kernel.CumSumCols(a.y[at:], a.x[at:], a.n, a.inner, min(cumSumCols, a.inner-j), a.exclusive, a.reverse)
	}
}

func cumSumOf[T interface {
	kernel.Arith
	tensor.Elem
}](c *graph.Ctx, outer, n, inner int) {
	if outer*n*inner == 0 {
		return
	}
	items, size := outer, n
	if inner > 1 {
		items, size = outer*((inner+cumSumCols-1)/cumSumCols), n*min(inner, cumSumCols)
	}
	graph.Parallel(c, items, 1+32768/size, cumSumArgs[T]{tensor.Data[T](c.Out[0]), tensor.Data[T](c.In[0]), n, inner,
		c.Node.Bool("exclusive"), c.Node.Bool("reverse")})
}

func runCumSum(c *graph.Ctx) error {
	x := c.In[0]
	axis, err := oneInt(c.In[1], "axis")
	if err != nil {
		return err
	}
	if _, err = graph.Axis(axis, x.Rank()); err != nil {
		return err
	}
	outer, n, inner, err := split(x.Shape(), axis)
	if err != nil {
		return err
	}
	switch x.DType() {
	case tensor.Float32:
		cumSumOf[float32](c, outer, n, inner)
	case tensor.Float64:
		cumSumOf[float64](c, outer, n, inner)
	case tensor.Int32:
		cumSumOf[int32](c, outer, n, inner)
	case tensor.Int64:
		cumSumOf[int64](c, outer, n, inner)
	case tensor.Uint32:
		cumSumOf[uint32](c, outer, n, inner)
	case tensor.Uint64:
		cumSumOf[uint64](c, outer, n, inner)
	default:
		return graph.Typef("running sums of %s", x)
	}
	return nil
}

// oneInt is the only element of an integer tensor.
func oneInt(t *tensor.Tensor, what string) (int, error) {
	if t.Len() != 1 {
		return 0, graph.Shapef("%s is %s, want one number", what, t)
	}
	switch t.DType() {
	case tensor.Int64:
		return int(tensor.Data[int64](t)[0]), nil
	case tensor.Int32:
		return int(tensor.Data[int32](t)[0]), nil
	}
	return 0, graph.Typef("%s is %s, want an integer", what, t)
}
