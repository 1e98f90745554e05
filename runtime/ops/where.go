package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Where takes elements of x where the condition holds and of y elsewhere; all three broadcast.
var where = family(
	&graph.Op{
		Name: "Where", Since: 16,
		Sig:   "(condition:B, X:T, Y:T) -> (output:T); B = bool; T = tensor",
		Infer: inferWhere, Run: runWhere, InPlace: true,
		Grad: by(whereGrad),
	},
	&graph.Op{Since: 9, Sig: "T = int f16 f32 f64 bool str c64 c128"},
)

func inferWhere(c *graph.Infer) error {
	if x, y := c.DType(1), c.DType(2); x != y && x != tensor.Invalid && y != tensor.Invalid {
		return graph.Typef("branches are %s and %s", x.Short(), y.Short())
	}
	if d := c.DType(0); d != tensor.Bool && d != tensor.Invalid {
		return graph.Typef("condition is %s", d.Short())
	}
	if err := inferBroadcastAs(c, c.DType(1)); err != nil {
		return err
	}
	x, ok1 := vector(c, 1)
	y, ok2 := vector(c, 2)
	cond := truths(c)
	if !ok1 || !ok2 || len(cond) == 0 || len(x) == 0 || len(y) == 0 {
		return nil
	}
	n := max(len(x), len(y), len(cond))
	for _, k := range []int{len(x), len(y), len(cond)} {
		if k != n && k != 1 {
			return nil
		}
	}
	out := make([]graph.Dim, n)
	for i := range out {
		a, b := x[i%len(x)], y[i%len(y)]
		switch t := cond[i%len(cond)]; {
		case t.Is(1) || a.Equal(b):
			out[i] = a
		case t.Is(0):
			out[i] = b
		default:
			out[i] = graph.Unknown()
		}
	}
	c.SetInts(0, out)
	return nil
}

// truths is the condition of Where as 0, 1 and Unknown, when it has rank 0 or 1 and something is known of it.
func truths(c *graph.Infer) []graph.Dim {
	t := c.Const(0)
	if t == nil {
		if c.Has(0) && len(c.Type(0).Shape) <= 1 {
			return c.In[0].Ints
		}
		return nil
	}
	if t.DType() != tensor.Bool || t.Rank() > 1 || t.Len() > 64 {
		return nil
	}
	out := make([]graph.Dim, t.Len())
	for i, v := range tensor.Data[bool](t) {
		if v {
			out[i] = graph.Size(1)
		}
	}
	return out
}

func runWhere(c *graph.Ctx) error {
	if c.In[1].DType() != c.In[2].DType() || c.In[0].DType() != tensor.Bool {
		return graph.Typef("where of %s, %s, %s", c.In[0], c.In[1], c.In[2])
	}
	switch d := c.In[1].DType(); {
	case d.IsContainer():
		return graph.Typef("where of %s", c.In[1])
	case d == tensor.String:
		whereAll(c, c.Out[0].Strings(), c.In[1].Strings(), c.In[2].Strings())
	case d.Size() == 1:
		whereOf[uint8](c)
	case d.Size() == 2:
		whereOf[uint16](c)
	case d.Size() == 4:
		whereOf[uint32](c)
	case d == tensor.Complex64:
		whereOf[complex64](c)
	case d.Size() == 8:
		whereOf[uint64](c)
	case d.Size() == 16:
		whereOf[complex128](c)
	default:
		return graph.Typef("where of %s", c.In[1])
	}
	return nil
}

func whereOf[T tensor.Elem](c *graph.Ctx) {
	whereAll(c, tensor.Data[T](c.Out[0]), tensor.Data[T](c.In[1]), tensor.Data[T](c.In[2]))
}

type whereArgs[T any] struct {
	z, x, y []T
	cond    []bool
	plan    *kernel.Axes
}

func (a *whereArgs[T]) Do(_, lo, hi int) {
	c := a.plan.Seek(0, lo)
	for ; lo < hi; lo++ {
		kernel.Where(a.z[c.At:c.At+c.N], a.cond[c.Off[0]:], a.x[c.Off[1]:], a.y[c.Off[2]:], c.Step[0], c.Step[1], c.Step[2])
		c.Next()
	}
}

func whereAll[T any](c *graph.Ctx, z, x, y []T) {
	if len(z) == 0 {
		return
	}
	plan := broadcastPlan(c)
	pieces := plan.Pieces()
	if pieces == 1 {
		kernel.Where(z, tensor.Data[bool](c.In[0]), x, y, plan.Last(0), plan.Last(1), plan.Last(2))
		return
	}
	graph.Parallel(c, pieces, plan.Grain(1<<14), whereArgs[T]{z, x, y, tensor.Data[bool](c.In[0]), plan})
}
