package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Scan computes its body for every slice of its last num_scan_inputs inputs along their axes. The body takes states and slices, and gives
// the next states and slices that are collected along axes of the outputs. Directions of 1 run from the end to the start.
var scanOp = family(
	&graph.Op{
		Name: "Scan", Since: 25,
		Sig: `(initial_state_and_scan_inputs**:V) -> (final_state_and_scan_outputs**:V)
			V = ` + movable(25) + `
			body graph!; num_scan_inputs int!
			scan_input_axes ints; scan_input_directions ints; scan_output_axes ints; scan_output_directions ints`,
		Infer: inferScan, Run: runScan,
	},
	&graph.Op{Since: 24, Sig: "V = " + movable(24)},
	&graph.Op{Since: 23, Sig: "V = " + movable(23)},
	&graph.Op{Since: 21, Sig: "V = " + movable(21)},
	&graph.Op{Since: 19, Sig: "V = " + movable(19)},
	&graph.Op{Since: 16, Sig: "V = " + movable(16)},
	&graph.Op{Since: 11, Sig: "V = " + movable(11)},
	&graph.Op{Since: 9},
	&graph.Op{
		Since: 8,
		Sig: `(sequence_lens?:I, initial_state_and_scan_inputs**:V) -> (final_state_and_scan_outputs**:V)
			I = i64; directions ints
			-scan_input_axes; -scan_input_directions; -scan_output_axes; -scan_output_directions`,
		Infer: inferScan8, Run: runScan8,
	},
)

// scanning is a Scan node taken apart.
type scanning struct {
	body          *graph.Graph
	first         int // input that is the first state
	states, scans int
	axes          []int64 // of inputs and of outputs; nil for the first
	outAxes       []int64
	back, outBack []int64 // directions
}

func newScanning(n *graph.Node, first int) (*scanning, error) {
	s := &scanning{body: n.Graph("body"), first: first, scans: n.Int("num_scan_inputs")}
	if first == 0 {
		s.axes, s.outAxes = n.Ints("scan_input_axes"), n.Ints("scan_output_axes")
		s.back, s.outBack = n.Ints("scan_input_directions"), n.Ints("scan_output_directions")
	} else {
		s.back = n.Ints("directions")
	}
	total := len(n.In) - first
	if s.body == nil || s.scans < 1 || s.scans > total {
		return nil, graph.Invalidf("scan of %d among %d inputs", s.scans, total)
	}
	s.states = total - s.scans
	for i := first; i < len(n.In); i++ {
		if n.In[i] == nil {
			return nil, graph.Invalidf("input %d is missing", i)
		}
	}
	outs := len(s.body.Outputs) - s.states
	if len(s.body.Inputs) != total || outs < 0 || len(n.Out) > len(s.body.Outputs) {
		return nil, graph.Invalidf("body of %d inputs and %d outputs for %d states, %d scanned inputs and %d outputs",
			len(s.body.Inputs), len(s.body.Outputs), s.states, s.scans, len(n.Out))
	}
	for _, l := range [][]int64{s.axes, s.back} {
		if l != nil && len(l) != s.scans {
			return nil, graph.Invalidf("%d axes or directions for %d scanned inputs", len(l), s.scans)
		}
	}
	for _, l := range [][]int64{s.outAxes, s.outBack} {
		if l != nil && len(l) != outs {
			return nil, graph.Invalidf("%d axes or directions for %d collected outputs", len(l), outs)
		}
	}
	return s, nil
}

// at is element i of a list that may be absent.
func at(list []int64, i int) int {
	if i < len(list) {
		return int(list[i])
	}
	return 0
}

func inferScan(c *graph.Infer) error {
	s, err := newScanning(c.Node, 0)
	if err != nil {
		return err
	}
	var in []graph.Type
	for i := range s.states {
		in = append(in, c.Type(i))
	}
	length := graph.Unknown()
	for i := range s.scans {
		t, n, err := withoutAxis(c.Type(s.states+i), at(s.axes, i))
		if err != nil {
			return err
		}
		if length, err = sameExtent(length, n); err != nil {
			return err
		}
		in = append(in, t)
	}
	carried, out, err := inferBody(c, s.body, in, 0, s.states, 0)
	if err != nil || out == nil {
		return err
	}
	for i := range c.Out {
		t := out[i].Type
		if i < s.states {
			t = carried[i]
		} else if t, err = stackedType(t, at(s.outAxes, i-s.states), length); err != nil {
			return err
		}
		c.Set(i, t)
	}
	return nil
}

// withoutAxis is the type of slices along an axis, and the extent of that axis.
func withoutAxis(t graph.Type, axis int) (graph.Type, graph.Dim, error) {
	if t.DType.IsContainer() {
		return t, graph.Unknown(), graph.Typef("%s is scanned, want a tensor", t)
	}
	if !t.Ranked {
		return t, graph.Unknown(), nil
	}
	axis, err := graph.Axis(axis, len(t.Shape))
	if err != nil {
		return t, graph.Unknown(), err
	}
	n := t.Shape[axis]
	t.Shape = slices.Delete(slices.Clone(t.Shape), axis, axis+1)
	return t, n, nil
}

// sameExtent is what two names of one extent say of it together.
func sameExtent(a, b graph.Dim) (graph.Dim, error) {
	switch {
	case !a.Known() || b.IsInt() && !a.IsInt():
		return b, nil
	case a.IsInt() && b.IsInt() && !a.Equal(b):
		return a, graph.Shapef("extents %s and %s where one is wanted", a, b)
	}
	return a, nil
}

// run computes the body for n slices of xs and returns the states after them; what it collects goes to collect.
func (s *scanning) run(c *graph.Ctx, states, xs []*tensor.Tensor, n int, collect []collected, held *carriedBytes) ([]*tensor.Tensor, error) {
	in := make([]*tensor.Tensor, s.states+s.scans)
	copy(in, states)
	for k := range n {
		if err := c.Exec().Stopped(); err != nil {
			return nil, err
		}
		for i, x := range xs {
			p := k
			if at(s.back, i) != 0 {
				p = n - 1 - k
			}
			var err error
			if in[s.states+i], err = sliceAt(c, x, at(s.axes, i), p); err != nil {
				return nil, err
			}
		}
		out, err := c.Exec().Call(c.Node, s.body, in)
		if err != nil {
			return nil, err
		}
		copy(in, out[:s.states])
		if err := held.charge(c, in[:s.states]); err != nil {
			return nil, err
		}
		for i := range collect {
			if c.Wants(s.states + i) {
				if err := collect[i].add(c, out[s.states+i]); err != nil {
					return nil, err
				}
			}
		}
	}
	return in[:s.states], nil
}

// collectors are the places for what the body collects.
func (s *scanning) collectors() []collected {
	out := make([]collected, len(s.body.Outputs)-s.states)
	for i := range out {
		out[i] = collected{axis: at(s.outAxes, i), reverse: at(s.outBack, i) != 0}
	}
	return out
}

func runScan(c *graph.Ctx) error {
	s, err := newScanning(c.Node, 0)
	if err != nil {
		return err
	}
	xs := c.In[s.states:]
	n := -1
	for i, x := range xs {
		axis, err := graph.Axis(at(s.axes, i), x.Rank())
		if err != nil {
			return err
		}
		if n >= 0 && x.Dim(axis) != n {
			return graph.Shapef("%s is scanned along axis %d beside inputs of %d slices", x, axis, n)
		}
		n = x.Dim(axis)
	}
	collect := s.collectors()
	var held carriedBytes
	states, err := s.run(c, c.In[:s.states], xs, n, collect, &held)
	if err != nil {
		return err
	}
	for i := range c.Out {
		switch {
		case !c.Wants(i):
		case i < s.states:
			if c.Out[i], err = released(c, states[i]); err != nil {
				return err
			}
		default:
			if err := collect[i-s.states].write(c, i, s.body.Outputs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sliceAt is slice i of x along an axis, which it loses: a view where the elements of the slice lie together.
func sliceAt(c *graph.Ctx, x *tensor.Tensor, axis, i int) (*tensor.Tensor, error) {
	axis, err := graph.Axis(axis, x.Rank())
	if err != nil {
		return nil, err
	}
	shape := slices.Delete(x.Shape().Clone(), axis, axis+1)
	inner := x.Shape()[axis+1:].Elems()
	if x.Shape()[:axis].Elems() == 1 && !x.DType().Packed() {
		if x.DType() == tensor.String {
			return tensor.OfStrings(x.Strings()[i*inner:(i+1)*inner], shape...)
		}
		size := inner * x.DType().Size()
		return tensor.FromBytes(x.DType(), x.Bytes()[i*size:(i+1)*size], shape...)
	}
	y, err := sliceRange(c, x, axis, i, i+1)
	if err != nil {
		return nil, err
	}
	return y.Reshape(shape...)
}
