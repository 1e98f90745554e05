package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// inferBroadcast gives output 0 the type of input 0 and the shape to which all inputs broadcast.
func inferBroadcast(c *graph.Infer) error { return inferBroadcastAs(c, c.DType(0)) }

// inferCompare is for operators whose result is bool.
func inferCompare(c *graph.Infer) error { return inferBroadcastAs(c, tensor.Bool) }

func inferBroadcastAs(c *graph.Infer, d tensor.DType) error {
	var shape []graph.Dim
	for i := range c.In {
		s, ok := c.Shape(i)
		if !ok {
			c.Set(0, graph.Unranked(d))
			return nil
		}
		if i == 0 {
			shape = s
			continue
		}
		var err error
		if shape, err = graph.Broadcast(shape, s); err != nil {
			return err
		}
	}
	c.SetTensor(0, d, shape...)
	return nil
}

// inferArith is inferBroadcast that also follows the integers of shape tensors through f.
func inferArith(f func(a, b graph.Dim) graph.Dim) func(*graph.Infer) error {
	return func(c *graph.Infer) error {
		if d := c.DType(0); c.Has(1) && c.DType(1) != d && d != tensor.Invalid && c.DType(1) != tensor.Invalid {
			return graph.Typef("operands are %s and %s", d, c.DType(1))
		}
		if err := inferBroadcast(c); err != nil {
			return err
		}
		a, ok1 := c.Ints(0)
		b, ok2 := c.Ints(1)
		if !ok1 || !ok2 || len(a) != len(b) && len(a) != 1 && len(b) != 1 || c.DType(0) != tensor.Int64 && c.DType(0) != tensor.Int32 || f == nil {
			return nil
		}
		if len(a) == 0 || len(b) == 0 {
			return nil
		}
		out := make([]graph.Dim, max(len(a), len(b)))
		for i := range out {
			if out[i] = f(a[i%len(a)], b[i%len(b)]); !out[i].Known() {
				return nil
			}
		}
		c.SetInts(0, out)
		return nil
	}
}

// binaryArgs are the pieces of a broadcast of two operands.
type binaryArgs[T, R any] struct {
	a, b []T
	y    []R
	plan *kernel.Axes
	f    func(y []R, a, b []T, sa, sb int)
}

func (p *binaryArgs[T, R]) Do(_, lo, hi int) {
	if p.plan == nil {
		p.f(p.y[lo:hi], p.a[lo:hi], p.b[lo:hi], 1, 1)
		return
	}
	n, sa := p.plan.Inner(0)
	_, sb := p.plan.Inner(1)
	for r := lo; r < hi; r++ {
		p.f(p.y[r*n:(r+1)*n], p.a[p.plan.Row(0, r):], p.b[p.plan.Row(1, r):], sa, sb)
	}
}

// mapBinary computes output 0 from inputs 0 and 1 with broadcasting. f computes y[i] from a[i·sa] and b[i·sb], whose steps are 0 or more.
func mapBinary[T, R tensor.Elem](c *graph.Ctx, f func(y []R, a, b []T, sa, sb int)) {
	a, b, y := c.In[0], c.In[1], c.Out[0]
	args := binaryArgs[T, R]{tensor.Data[T](a), tensor.Data[T](b), tensor.Data[R](y), nil, f}
	if y.Len() == 0 {
		return
	}
	if a.Shape().Equal(b.Shape()) {
		graph.Parallel(c, y.Len(), 1<<14, args)
		return
	}
	plan := broadcastPlan(c)
	n, _ := plan.Inner(0)
	args.plan = plan
	graph.Parallel(c, plan.Rows(), 1+(1<<14)/n, args)
}

// broadcastPlan is the plan for all inputs, kept while the shapes stay.
func broadcastPlan(c *graph.Ctx) *kernel.Axes {
	plan, _ := c.Memo.(*kernel.Axes)
	if plan == nil {
		shapes := make([][]int, len(c.In))
		for i, t := range c.In {
			shapes[i] = t.Shape()
		}
		p := kernel.Plan(c.Out[0].Shape(), shapes...)
		plan = &p
		c.Memo = plan
	}
	return plan
}

// legacyBroadcast expands an operator of before opset 7, whose attributes broadcast and axis say where the second operand, which alone is repeated, lies in the first:
// the axes of b get the missing ones of extent 1 behind them.
func legacyBroadcast(op string) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x, y := n.In[0], n.In[1]
		if n.Bool("broadcast") && n.HasAttr("axis") {
			rx, ry := x.Type.Rank(), y.Type.Rank()
			axis := n.Int("axis")
			if rx < 0 || ry < 0 {
				b.Fail(graph.Unsupportedf("attribute axis with operands of unknown rank"))
				return nil
			}
			if axis < 0 {
				axis += rx
			}
			if axis < 0 || axis+ry > rx {
				b.Fail(graph.Shapef("axis %d places %s outside of %s", n.Int("axis"), y.Type, x.Type))
				return nil
			}
			if more := rx - axis - ry; more > 0 {
				axes := make([]int, more)
				for i := range axes {
					axes[i] = ry + i
				}
				y = b.Op("Unsqueeze", y, b.Ints(axes...))
			}
		}
		return []*graph.Value{b.Op(op, x, y)}
	}
}
