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

// inferBroadcastTo gives output 0 the type of input 0, to which the other inputs must broadcast.
func inferBroadcastTo(c *graph.Infer) error {
	c.Set(0, c.Type(0))
	for i := 1; i < len(c.In); i++ {
		if err := broadcastsTo(c.Type(i), c.Type(0)); err != nil {
			return err
		}
	}
	return nil
}

// broadcastsTo refuses a type that cannot broadcast to that of x.
func broadcastsTo(t, x graph.Type) error {
	if !t.Ranked || !x.Ranked {
		return nil
	}
	all, err := graph.Broadcast(x.Shape, t.Shape)
	if err != nil {
		return err
	}
	fits := len(all) == len(x.Shape)
	for k := 0; fits && k < len(all); k++ {
		fits = all[k].Equal(x.Shape[k]) || !all[k].IsInt() || !x.Shape[k].IsInt()
	}
	if !fits {
		return graph.Shapef("%s does not broadcast to %s", graph.ShapeString(t.Shape), graph.ShapeString(x.Shape))
	}
	return nil
}

// inferArith is inferBroadcast that also follows the integers of shape tensors through f.
func inferArith(f func(a, b graph.Dim) graph.Dim) func(*graph.Infer) error {
	return func(c *graph.Infer) error {
		if d := c.DType(0); c.Has(1) && c.DType(1) != d && d != tensor.Invalid && c.DType(1) != tensor.Invalid {
			return graph.Typef("operands are %s and %s", d.Short(), c.DType(1).Short())
		}
		if err := inferBroadcast(c); err != nil || f == nil {
			return err
		}
		setInts(c, f, 0, 1)
		return nil
	}
}

// setInts computes the integers of output 0 from those of inputs a and b, which are shape tensors: of rank 0 or 1. What does not fit the type,
// and wraps around in the run, stays unknown.
func setInts(c *graph.Infer, f func(a, b graph.Dim) graph.Dim, a, b int) {
	x, ok1 := vector(c, a)
	y, ok2 := vector(c, b)
	if !ok1 || !ok2 || len(x) == 0 || len(y) == 0 || len(x) != len(y) && len(x) != 1 && len(y) != 1 {
		return
	}
	d := c.DType(a)
	out := make([]graph.Dim, max(len(x), len(y)))
	for i := range out {
		if out[i] = f(x[i%len(x)], y[i%len(y)]); !holds(d, out[i]) {
			out[i] = graph.Unknown()
		}
	}
	setVector(c, max(c.Type(a).Rank(), c.Type(b).Rank()), d, out)
}

// holds reports whether an integer, if it is known, fits the type; what does not fit wraps around in the run.
func holds(d tensor.DType, v graph.Dim) bool {
	n, ok := v.Int()
	return !ok || d == tensor.Int64 || n == int(int32(n))
}

// binaryArgs are the pieces of a broadcast of two operands.
type binaryArgs[T, R any] struct {
	a, b []T
	y    []R
	plan *kernel.Axes
	f    func(y []R, a, b []T, sa, sb int)
}

func (p *binaryArgs[T, R]) Do(_, lo, hi int) {
	c := p.plan.Seek(0, lo)
	for ; lo < hi; lo++ {
		p.f(p.y[c.At:c.At+c.N], p.a[c.Off[0]:], p.b[c.Off[1]:], c.Step[0], c.Step[1])
		c.Next()
	}
}

// mapBinary computes output 0 from inputs 0 and 1 with broadcasting. f computes y[i] from a[i·sa] and b[i·sb], whose steps are 0 or more.
func mapBinary[T, R tensor.Elem](c *graph.Ctx, f func(y []R, a, b []T, sa, sb int)) {
	mapPairs(c, tensor.Data[R](c.Out[0]), tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), f)
}

// mapPairs is mapBinary for elements of any kind.
func mapPairs[T, R any](c *graph.Ctx, y []R, a, b []T, f func(y []R, a, b []T, sa, sb int)) {
	if len(y) == 0 {
		return
	}
	plan := broadcastPlan(c)
	pieces := plan.Pieces()
	if pieces == 1 { // arithmetic of shapes
		f(y, a, b, plan.Last(0), plan.Last(1))
		return
	}
	graph.Parallel(c, pieces, plan.Grain(1<<14), binaryArgs[T, R]{a, b, y, plan, f})
}

// vectorized runs a function of two numbers that has vector instructions for float32, with broadcasting, and the loops k for other types.
func vectorized(op kernel.Binary, k arith) func(*graph.Ctx) error {
	run := binary(k)
	return func(c *graph.Ctx) error {
		if err := sameOperands(c); err != nil {
			return err
		}
		if c.In[0].DType() != tensor.Float32 {
			return run(c)
		}
		mapFloats(c, op)
		return nil
	}
}

type floatArgs struct {
	op   kernel.Binary
	y    []float32
	in   [2][]float32
	plan *kernel.Axes
}

// Do takes pieces that are rows of a matrix together: they may be a few elements long, as those of blocked channels.
func (p *floatArgs) Do(_, lo, hi int) {
	for c := p.plan.Seek(0, lo); lo < hi; {
		rows := c.Rows(hi - lo)
		var o [2]kernel.Operand
		for k := range o {
			o[k] = kernel.Operand{Data: p.in[k][c.Off[k]:], Row: c.RowStep(k), Step: c.Step[k]}
		}
		p.op.Apply(p.y[c.At:], o[0], o[1], rows, c.N)
		lo += rows
		c.Skip(rows)
	}
}

// mapFloats computes output 0 from inputs 0 and 1, which are float32, with broadcasting.
func mapFloats(c *graph.Ctx, op kernel.Binary) {
	y := tensor.Data[float32](c.Out[0])
	if len(y) == 0 {
		return
	}
	plan := broadcastPlan(c)
	in := [2][]float32{tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1])}
	pieces := plan.Pieces()
	if pieces == 1 {
		op.Apply(y, kernel.Operand{Data: in[0], Step: plan.Last(0)}, kernel.Operand{Data: in[1], Step: plan.Last(1)}, 1, len(y))
		return
	}
	graph.Parallel(c, pieces, plan.Grain(1<<14), floatArgs{op, y, in, plan})
}

// broadcastPlan is the plan for all inputs, kept while the shapes stay.
func broadcastPlan(c *graph.Ctx) *kernel.Axes {
	plan, _ := c.Memo.(*kernel.Axes)
	if plan == nil {
		plan = newBroadcastPlan(c)
		c.Memo = plan
	}
	return plan
}

func newBroadcastPlan(c *graph.Ctx) *kernel.Axes {
	shapes := make([][]int, len(c.In))
	for i, t := range c.In {
		shapes[i] = t.Shape()
	}
	p := kernel.Plan(c.Out[0].Shape(), shapes...)
	return &p
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
