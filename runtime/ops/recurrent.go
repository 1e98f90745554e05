package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// The inputs of LSTM; GRU and RNN have the first six.
const (
	recurrentX = iota
	recurrentW
	recurrentR
	recurrentB
	recurrentLens
	recurrentH
	recurrentC
	recurrentP
)

// recurrentCell is what tells the recurrent operators apart.
type recurrentCell struct {
	gates, states int      // matrices in W and R; outputs after Y
	activations   []string // of one direction
	packed        bool     // W and R are (direction, input or hidden, gates × hidden) instead of (direction, gates × hidden, input or hidden)
}

var (
	lstmCell = recurrentCell{gates: 4, states: 2, activations: []string{"Sigmoid", "Tanh", "Tanh"}}
	gruCell  = recurrentCell{gates: 3, states: 1, activations: []string{"Sigmoid", "Tanh"}}
	rnnCell  = recurrentCell{gates: 1, states: 1, activations: []string{"Tanh"}}
)

// recurrentDirections says which way the directions of a node go in time.
func recurrentDirections(n *graph.Node) (reverse [2]bool, count int, err error) {
	switch d := n.Str("direction"); d {
	case "forward", "foward", "": // the default of GRU-1 is spelled like that
		return [2]bool{}, 1, nil
	case "reverse":
		return [2]bool{true, false}, 1, nil
	case "bidirectional":
		return [2]bool{false, true}, 2, nil
	default:
		return reverse, 0, graph.Invalidf("direction %q", d)
	}
}

// infer checks that all shapes agree and gives Y (steps, directions, batch, hidden) and the last states (directions, batch, hidden), or with
// layout 1 (batch, steps, directions, hidden) and (batch, directions, hidden).
func (k recurrentCell) infer(c *graph.Infer) error {
	_, dirs, err := recurrentDirections(c.Node)
	if err != nil {
		return err
	}
	fit := shapeFit{c: c}
	x := fit.rank(recurrentX, "X", 3)
	steps, batch, input := x[0], x[1], x[2]
	batchFirst := c.Node.Int("layout") != 0
	if batchFirst {
		steps, batch = batch, steps
	}
	r := fit.rank(recurrentR, "R", 3)
	hidden := r[2]
	if k.packed {
		hidden = r[1]
	}
	if c.Node.HasAttr("hidden_size") {
		if hidden = graph.Size(c.Node.Int("hidden_size")); c.Node.Int("hidden_size") < 0 {
			return graph.Invalidf("hidden_size %d", c.Node.Int("hidden_size"))
		}
	}
	d, all := graph.Size(dirs), hidden.Mul(graph.Size(k.gates))
	if k.packed {
		fit.shape(recurrentW, "W", d, input, all)
		fit.shape(recurrentR, "R", d, hidden, all)
	} else {
		fit.shape(recurrentW, "W", d, all, input)
		fit.shape(recurrentR, "R", d, all, hidden)
	}
	fit.shape(recurrentB, "B", d, all.Mul(graph.Size(2)))
	fit.shape(recurrentLens, "sequence_lens", batch)
	state := []graph.Dim{d, batch, hidden}
	y := []graph.Dim{steps, d, batch, hidden}
	if batchFirst {
		state = []graph.Dim{batch, d, hidden}
		y = []graph.Dim{batch, steps, d, hidden}
	}
	fit.shape(recurrentH, "initial_h", state...)
	if k.states > 1 {
		fit.shape(recurrentC, "initial_c", state...)
		fit.shape(recurrentP, "P", d, hidden.Mul(graph.Size(3)))
	}
	c.SetTensor(0, c.DType(0), y...)
	for i := range k.states {
		c.SetTensor(1+i, c.DType(0), state...)
	}
	return fit.err
}

// shapeFit holds the shapes of inputs against what they should be and keeps the first error.
type shapeFit struct {
	c   *graph.Infer
	err error
}

// rank is the shape of an input, which must have n axes; unknown ones when it is not known.
func (f *shapeFit) rank(i int, name string, n int) []graph.Dim {
	s, ok := f.c.Shape(i)
	if ok && len(s) == n {
		return s
	}
	if ok && f.err == nil {
		f.err = graph.Shapef("%s is %s, want %d axes", name, f.c.Type(i), n)
	}
	s = make([]graph.Dim, n)
	for k := range s {
		s[k] = graph.Unknown()
	}
	return s
}

// shape asks for an input, if it is there, of the given shape, as far as both are known.
func (f *shapeFit) shape(i int, name string, want ...graph.Dim) {
	s, ok := f.c.Shape(i)
	if !ok || f.err != nil {
		return
	}
	bad := len(s) != len(want)
	for k := 0; k < len(s) && !bad; k++ {
		bad = s[k].IsInt() && (want[k].IsInt() && !s[k].Equal(want[k]))
	}
	if bad {
		f.err = graph.Shapef("%s is %s, want the shape %s", name, f.c.Type(i), graph.ShapeString(want))
	}
}

// recurrentPlan is what a node and the shapes of its inputs say.
type recurrentPlan struct {
	recurrentCell
	dirs, steps, batch, input, hidden int
	batchFirst                        bool
	reverse                           [2]bool
	acts                              [2][3]kernel.CellActivation
	inputForget, linearBeforeReset    bool
	chunk                             int // steps whose inputs are multiplied at once
	blocks, grain                     int // hidden units are dealt out in blocks of recurrentBlock, so many at once
}

const (
	recurrentBlock = 32  // hidden units whose gates are computed together
	recurrentRows  = 128 // rows of X that are multiplied by W at once, if there are as many
)

// plan is that of a node with W and R as the standard has them.
func (k recurrentCell) plan(c *graph.Ctx) (*recurrentPlan, error) {
	hidden := c.In[recurrentR].Dim(2)
	if k.packed {
		hidden = c.In[recurrentR].Dim(1)
	}
	p, err := k.read(c, hidden)
	if err != nil {
		return nil, err
	}
	p.chunk = min(p.steps, 1+(recurrentRows-1)/max(p.batch, 1))
	p.blocks = (p.hidden + recurrentBlock - 1) / recurrentBlock
	work := float64(p.batch) * float64(k.gates) * recurrentBlock * float64(p.hidden)
	p.grain = 1 + int(1<<17/math.Max(work, 1))
	return p, nil
}

// read takes what attributes and the shape of X say.
func (k recurrentCell) read(c *graph.Ctx, hidden int) (*recurrentPlan, error) {
	n := c.Node
	p := &recurrentPlan{recurrentCell: k, hidden: hidden, batchFirst: n.Int("layout") != 0, inputForget: n.Bool("input_forget"), linearBeforeReset: n.Bool("linear_before_reset")}
	var err error
	if p.reverse, p.dirs, err = recurrentDirections(n); err != nil {
		return nil, err
	}
	x := c.In[recurrentX].Shape()
	p.steps, p.batch, p.input = x[0], x[1], x[2]
	if p.batchFirst {
		p.steps, p.batch = p.batch, p.steps
	}
	names := n.Strs("activations")
	if len(names) == 0 {
		names = append(append([]string{}, k.activations...), k.activations...)
	}
	if len(names) < p.dirs*len(k.activations) {
		return nil, graph.Invalidf("%d activations for %d directions of %d", len(names), p.dirs, len(k.activations))
	}
	alpha, beta := n.Floats("activation_alpha"), n.Floats("activation_beta")
	for i := range p.dirs * len(k.activations) {
		var a kernel.CellActivation
		var ok bool
		if a, alpha, beta, ok = kernel.FindActivation(names[i], alpha, beta); !ok {
			return nil, graph.Unsupportedf("activation %q", names[i])
		}
		// The state that goes into the last activation of LSTM is not clipped: ONNX Runtime does not, and models are made with it.
		if clip := n.Float("clip"); clip > 0 && i%len(k.activations) < 2 {
			a.Clip = float64(clip)
		}
		p.acts[i/len(k.activations)][i%len(k.activations)] = a
	}
	return p, nil
}

// recurrentScratch is memory for the product of the extents.
func recurrentScratch[T tensor.Elem](c *graph.Ctx, extents ...int) ([]T, error) {
	n, ok := tensor.Shape(extents).Size()
	if !ok {
		return nil, graph.Limitf("scratch of %v elements", slices.Clone(extents)) // a clone, so that extents stay on the stack
	}
	return graph.Scratch[T](c, n)
}

// checkLens holds that every sequence_lens is 0 to steps.
func (p *recurrentPlan) checkLens(lens []int32) error {
	for i, n := range lens {
		if n < 0 || int(n) > p.steps {
			return graph.Shapef("sequence_lens[%d] is %d of %d steps", i, n, p.steps)
		}
	}
	return nil
}
