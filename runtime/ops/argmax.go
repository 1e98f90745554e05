package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ArgMax is the position of the largest element along an axis, ArgMin that of the smallest; NaN counts as either, as in numpy.
var argMax = argOp("ArgMax", true)

var argMin = argOp("ArgMin", false)

func argOp(name string, largest bool) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 13,
			Sig: `(data:T) -> (reduced:i64)
				T = num
				axis int = 0; keepdims int = 1; select_last_index int = 0`,
			Infer: inferArg, Run: halves(func(c *graph.Ctx) error { return runArg(c, largest) }),
		},
		&graph.Op{Since: 12, Sig: "T = int f16 f32 f64"},
		&graph.Op{Since: 11, Sig: "-select_last_index"},
		&graph.Op{Since: 1},
	)
}

func inferArg(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	c.Set(0, graph.Unranked(tensor.Int64))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), max(len(x), 1))
	if err != nil {
		return err
	}
	n := graph.Size(1) // a scalar is its own largest element
	if len(x) > 0 {
		n = x[axis]
	}
	var out []graph.Dim
	for k, d := range x {
		if k != axis {
			out = append(out, d)
		} else if c.Node.Bool("keepdims") {
			out = append(out, graph.Size(1))
		}
	}
	if s, ok := static(out); ok && n.Is(0) && s.Elems() > 0 {
		return graph.Shapef("axis %d of %s is empty", axis, graph.ShapeString(x))
	}
	c.SetTensor(0, tensor.Int64, out...)
	return nil
}

type argArgs[T kernel.Arith] struct {
	y             []int64
	x             []T
	n, inner      int
	largest, last bool
}

// argCols is the number of columns that are searched side by side.
const argCols = 128

// Do searches rows, or argCols columns each.
func (a *argArgs[T]) Do(_, lo, hi int) {
	if a.inner == 1 {
		for r := lo; r < hi; r++ {
			if row := a.x[r*a.n : (r+1)*a.n]; a.largest {
				a.y[r] = int64(kernel.ArgMax(row, a.last))
			} else {
				a.y[r] = int64(kernel.ArgMin(row, a.last))
			}
		}
		return
	}
	var best [argCols]T
	chunks := (a.inner + argCols - 1) / argCols
	for i := lo; i < hi; i++ {
		o, j := i/chunks, i%chunks*argCols
		w := min(argCols, a.inner-j)
		y, x := a.y[o*a.inner+j:][:w], a.x[o*a.n*a.inner+j:]
		if a.largest {
			kernel.ArgMaxCols(y, best[:w], x, a.n, a.inner, a.last)
		} else {
			kernel.ArgMinCols(y, best[:w], x, a.n, a.inner, a.last)
		}
	}
}

func runArg(c *graph.Ctx, largest bool) error {
	x := c.In[0]
	outer, n, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	y := c.Out[0]
	if y == nil || y.Len() != outer*inner || n == 0 && outer*inner > 0 {
		return graph.Shapef("positions along axis %d of %s as %s", c.Node.Int("axis"), x, y)
	}
	switch x.DType() {
	case tensor.Float32:
		argOf[float32](c, outer, n, inner, largest)
	case tensor.Float64:
		argOf[float64](c, outer, n, inner, largest)
	case tensor.Int8:
		argOf[int8](c, outer, n, inner, largest)
	case tensor.Int16:
		argOf[int16](c, outer, n, inner, largest)
	case tensor.Int32:
		argOf[int32](c, outer, n, inner, largest)
	case tensor.Int64:
		argOf[int64](c, outer, n, inner, largest)
	case tensor.Uint8:
		argOf[uint8](c, outer, n, inner, largest)
	case tensor.Uint16:
		argOf[uint16](c, outer, n, inner, largest)
	case tensor.Uint32:
		argOf[uint32](c, outer, n, inner, largest)
	case tensor.Uint64:
		argOf[uint64](c, outer, n, inner, largest)
	default:
		return graph.Typef("largest and smallest elements of %s", x)
	}
	return nil
}

func argOf[T interface {
	kernel.Arith
	tensor.Elem
}](c *graph.Ctx, outer, n, inner int, largest bool) {
	items, size := outer, n
	if inner > 1 {
		items, size = outer*((inner+argCols-1)/argCols), n*min(inner, argCols)
	}
	if outer*inner > 0 {
		graph.Parallel(c, items, 1+32768/size, argArgs[T]{tensor.Data[int64](c.Out[0]), tensor.Data[T](c.In[0]), n, inner,
			largest, c.Node.Bool("select_last_index")})
	}
}
