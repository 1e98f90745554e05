package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Elementwise computes several functions of one and two numbers at once, strip by strip, so that what lies between them stays in the first-level cache.
// Step i applies ops[i] (Add, Sub, Mul, Div, Max, Min, PRelu, or the name of an activation) to one or two operands: args[2i] and args[2i+1], which count
// the inputs and then the steps before; -1 stands for none. Its parameters are params[2i] and params[2i+1]. The last step gives the result, to whose shape all
// inputs broadcast; the steps numbered by more give outputs of this shape behind it.
var elementwise = family(&graph.Op{
	Domain: "ai.onnxrun", Name: "Elementwise", Since: 1,
	Sig:   "(inputs*:T) -> (output:T, more*:T); T = f32; ops strings!; args ints!; params floats!; more ints",
	Infer: inferElementwise, Run: runElementwise, Expand: expandElementwise, InPlace: true, InPlaceAll: true,
})

// elementStep is one step, with what it reads as numbers of inputs and of steps behind them.
type elementStep struct {
	binary bool
	op     kernel.Binary     // when binary
	act    kernel.Activation // else
	args   [2]int
	slot   int // of the strips of scratch memory that the result goes to
	out    int // output that the result is copied to, 0 for none
}

// maxSteps bounds a program, and with it the scratch memory.
const maxSteps = 32

func elementSteps(n *graph.Node) ([]elementStep, error) {
	names, args, params := n.Strs("ops"), n.Ints("args"), n.Floats("params")
	if len(names) == 0 || len(names) > maxSteps || len(args) != 2*len(names) || len(params) != 2*len(names) {
		return nil, graph.Invalidf("%d steps with %d operands and %d parameters", len(names), len(args), len(params))
	}
	steps := make([]elementStep, len(names))
	for i, name := range names {
		s := &steps[i]
		s.op, s.binary = kernel.BinaryByName(name)
		if !s.binary {
			kind, ok := kernel.ActByName(name)
			if !ok {
				return nil, graph.Invalidf("step %d is %q, which is no function", i, name)
			}
			s.act = kernel.Activation{Kind: kind, Alpha: params[2*i], Beta: params[2*i+1]}
		}
		for k := range s.args {
			a := args[2*i+k]
			if k == 1 && !s.binary {
				a = -1
			} else if a < 0 || a >= int64(len(n.In)+i) {
				return nil, graph.Invalidf("step %d reads %d of %d inputs and %d steps", i, a, len(n.In), i)
			}
			s.args[k] = int(a)
		}
	}
	more := n.Ints("more")
	if len(n.Out) != 1+len(more) {
		return nil, graph.Invalidf("%d outputs for %d steps", len(n.Out), 1+len(more))
	}
	for i, k := range more {
		if k < 0 || k >= int64(len(names)-1) || steps[k].out > 0 {
			return nil, graph.Invalidf("output %d is step %d of %d", 1+i, k, len(names))
		}
		steps[k].out = 1 + i
	}
	return steps, nil
}

func inferElementwise(c *graph.Infer) error {
	if _, err := elementSteps(c.Node); err != nil {
		return err
	}
	if len(c.In) == 0 {
		return graph.Shapef("no operands")
	}
	err := inferBroadcastAs(c, tensor.Float32)
	for i := 1; i < len(c.Out) && err == nil; i++ {
		c.Set(i, c.Out[0].Type)
	}
	return err
}

func expandElementwise(b *graph.Builder, n *graph.Node) []*graph.Value {
	steps, err := elementSteps(n)
	if err != nil {
		b.Fail(err)
		return nil
	}
	vals := slices.Clone(n.In)
	for _, s := range steps {
		if s.binary {
			vals = append(vals, b.Op(s.op.String(), vals[s.args[0]], vals[s.args[1]]))
		} else {
			vals = append(vals, buildActivation(b, s.act, vals[s.args[0]]))
		}
	}
	out := vals[len(vals)-1:]
	for i, k := range n.Ints("more") { // a step on broadcast operands alone may be smaller
		if v := vals[len(n.In)+int(k)]; n.Wants(1 + i) {
			out = append(out, b.Op("Expand", v, b.Op("Shape", vals[len(vals)-1])))
		} else {
			out = append(out, v)
		}
	}
	return out
}

// stripLen is how many elements a strip has at most: a few strips fit the first-level cache.
const stripLen = 2048

// elementPlan is a program for inputs of fixed shapes. A strip is some rows of the two innermost axes of the broadcast, or a part of a row.
type elementPlan struct {
	steps  []elementStep
	inputs int
	slots  int
	axes   kernel.Axes
	n      int // elements of a row
	rows   int // rows along the second axis
	cut    int // elements of a row in a strip
	high   int // rows in a strip
}

func planElementwise(c *graph.Ctx) (*elementPlan, error) {
	steps, err := elementSteps(c.Node)
	if err != nil {
		return nil, err
	}
	p := &elementPlan{steps: steps, inputs: len(c.In), axes: *newBroadcastPlan(c)}
	last := len(p.axes.N) - 1
	p.n, p.rows = p.axes.N[last], 1
	if last > 0 {
		p.rows = p.axes.N[last-1]
	}
	p.cut = min(p.n, stripLen)
	p.high = min(p.rows, max(1, stripLen/p.n))
	p.assign()
	return p, nil
}

// strip is how many elements a strip has at most.
func (p *elementPlan) strip() int { return p.cut * p.high }

// assign gives every step but the last a slot, which becomes free after the last step that reads it. A step may write where it reads. What goes to an
// output keeps its slot until all steps are done with the strip, since the output may lie where an input does.
func (p *elementPlan) assign() {
	last := make([]int, len(p.steps))
	for i, s := range p.steps {
		if s.out > 0 {
			last[i] = len(p.steps)
		}
		for _, a := range s.args {
			if a >= p.inputs {
				last[a-p.inputs] = max(last[a-p.inputs], i)
			}
		}
	}
	var free []int
	for i := range p.steps[:len(p.steps)-1] {
		s := &p.steps[i]
		for k, a := range s.args {
			if j := a - p.inputs; j >= 0 && last[j] == i && !(k == 1 && a == s.args[0]) {
				free = append(free, p.steps[j].slot)
			}
		}
		if len(free) == 0 {
			free = append(free, p.slots)
			p.slots++
		}
		s.slot = free[len(free)-1]
		free = free[:len(free)-1]
	}
}

func (p *elementPlan) cuts() int  { return (p.n + p.cut - 1) / p.cut }
func (p *elementPlan) highs() int { return (p.rows + p.high - 1) / p.high }

func runElementwise(c *graph.Ctx) error {
	if err := sameOperands(c); err != nil {
		return err
	}
	y := tensor.Data[float32](c.Out[0])
	if len(y) == 0 {
		return nil
	}
	p, _ := c.Memo.(*elementPlan)
	if p == nil {
		var err error
		if p, err = planElementwise(c); err != nil {
			return err
		}
		c.Memo = p
	}
	scratch, err := graph.Scratch[float32](c, p.slots*p.strip()*c.Exec().Workers())
	if err != nil {
		return err
	}
	strips := p.axes.Rows() / p.rows * p.highs() * p.cuts()
	graph.Parallel(c, strips, 8, elementArgs{p, y, scratch, c})
	return nil
}

type elementArgs struct {
	p       *elementPlan
	y       []float32
	scratch []float32
	c       *graph.Ctx
}

func (a *elementArgs) Do(worker, lo, hi int) {
	p := a.p
	scratch := a.scratch[worker*p.slots*p.strip():][:p.slots*p.strip()]
	for s := lo; s < hi; s++ {
		cut, r := s%p.cuts()*p.cut, s/p.cuts()
		row := r/p.highs()*p.rows + r%p.highs()*p.high
		high := min(p.high, p.rows-r%p.highs()*p.high)
		a.strip(scratch, row, high, cut, min(p.cut, p.n-cut))
	}
}

// strip computes n elements from cut on in each of some rows; there is one row where n is not all of it.
func (a *elementArgs) strip(scratch []float32, row, rows, cut, n int) {
	p := a.p
	operand := func(k int) kernel.Operand {
		if k >= p.inputs {
			return kernel.Operand{Data: scratch[p.steps[k-p.inputs].slot*p.strip():], Row: n, Step: 1}
		}
		steps := p.axes.Step[k]
		o := kernel.Operand{Step: steps[len(steps)-1]}
		if len(steps) > 1 {
			o.Row = steps[len(steps)-2]
		}
		o.Data = tensor.Data[float32](a.c.In[k])[p.axes.Row(k, row)+cut*o.Step:]
		return o
	}
	for i := range p.steps {
		s := &p.steps[i]
		dst := a.y[row*p.n+cut:][:rows*n]
		if i < len(p.steps)-1 {
			dst = scratch[s.slot*p.strip():][:rows*n]
		}
		x := operand(s.args[0])
		if s.binary {
			s.op.Apply(dst, x, operand(s.args[1]), rows, n)
			continue
		}
		src := x.Data
		if x.Step != 1 || x.Row != n && rows > 1 { // not side by side: the larger of x and x is x
			kernel.BinMax.Apply(dst, x, x, rows, n)
			src = dst
		}
		kernel.Activate(dst, src[:rows*n], s.act)
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.out > 0 && a.c.Wants(s.out) {
			copy(tensor.Data[float32](a.c.Out[s.out])[row*p.n+cut:], scratch[s.slot*p.strip():][:rows*n])
		}
	}
}
