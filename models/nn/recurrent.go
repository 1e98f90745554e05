package nn

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// Recurrent are the settings of recurrent layers.
type Recurrent struct {
	Layers        int // 1 by default
	Bidirectional bool
	Dropout       float64      // between layers
	Lengths       *graph.Value // int32 [N]: how many steps of each sequence count; nil for all. Outputs behind them are zero
	NoBias        bool
	Activation    string // of RNN: tanh (by default) or relu
}

// States are what recurrent layers compute. Directions lie beside each other on the last axis of Out, forward first.
type States struct {
	Out  *graph.Value // [N, T, directions·hidden], of the last layer
	H, C *graph.Value // [layers·directions, N, hidden] after the last step; C only of LSTM
	Last *graph.Value // [N, directions·hidden]: H of the last layer
}

// cell is a kind of recurrent layer. PyTorch has the parts of its weights in another order than ONNX: order names PyTorch's part for each of ONNX's.
type cell struct {
	op    string
	order []int
	attrs []graph.Attr
}

// LSTM is layers of long short-term memory over [N, T, in]. Parameters for each layer k and direction: weight_ih_lk [4·hidden, in], weight_hh_lk [4·hidden, hidden], bias_ih_lk and
// bias_hh_lk [4·hidden], with _reverse at the end for the second direction; gates input, forget, cell, output.
func (n *Net) LSTM(name string, x *graph.Value, hidden int, r Recurrent) States {
	return n.layer(name).recurrent(x, hidden, r, cell{op: "LSTM", order: []int{0, 3, 1, 2}})
}

// GRU is layers of gated recurrent units over [N, T, in]. Parameters as of LSTM with 3·hidden rows; gates reset, update, new.
func (n *Net) GRU(name string, x *graph.Value, hidden int, r Recurrent) States {
	return n.layer(name).recurrent(x, hidden, r, cell{op: "GRU", order: []int{1, 0, 2}, attrs: []graph.Attr{graph.Int("linear_before_reset", 1)}})
}

// RNN is layers of h' = tanh(W·x + R·h) over [N, T, in]. Parameters as of LSTM with hidden rows.
func (n *Net) RNN(name string, x *graph.Value, hidden int, r Recurrent) States {
	c := cell{op: "RNN", order: []int{0}}
	f := map[string]string{"": "Tanh", "tanh": "Tanh", "relu": "Relu"}[r.Activation]
	if f == "" {
		n.B.Fail(fmt.Errorf("no recurrent layer of activation %q: there are tanh, relu", r.Activation))
	}
	names := []string{f}
	if r.Bidirectional {
		names = append(names, f)
	}
	c.attrs = []graph.Attr{{Name: "activations", Value: names}}
	return n.layer(name).recurrent(x, hidden, r, c)
}

func (n *Net) recurrent(x *graph.Value, hidden int, r Recurrent, c cell) States {
	n.extent(x, -1)
	if !n.positive("a recurrent layer", hidden) {
		return States{}
	}
	if x.Type.Rank() != 3 {
		n.B.Fail(graph.Shapef("a recurrent layer of %s, want [N, T, channels]", x.Type))
		return States{}
	}
	directions, direction := 1, "forward"
	if r.Bidirectional {
		directions, direction = 2, "bidirectional"
	}
	attrs := append([]graph.Attr{graph.Int("hidden_size", hidden), graph.Str("direction", direction)}, c.attrs...)
	outputs := 2
	if c.op == "LSTM" {
		outputs = 3
	}
	b := n.B
	x = b.Op("Transpose", x, graph.Ints("perm", 1, 0, 2)) // the sequence first, as ONNX has it
	var hs, cs []*graph.Value
	for layer := range max(r.Layers, 1) {
		if layer > 0 {
			x = n.Dropout(x, r.Dropout)
		}
		in := n.extent(x, -1)
		var w, u, bias []*graph.Value
		for d := range directions {
			end := fmt.Sprintf("_l%d%s", layer, []string{"", "_reverse"}[d])
			w = append(w, n.gates(c, hidden, "weight_ih"+end, in))
			u = append(u, n.gates(c, hidden, "weight_hh"+end, hidden))
			if !r.NoBias {
				both := b.Op("Concat", n.gates(c, hidden, "bias_ih"+end), n.gates(c, hidden, "bias_hh"+end), graph.Int("axis", 0))
				bias = append(bias, both)
			}
		}
		args := []graph.Arg{x, n.stack(w), n.stack(u)}
		if !r.NoBias || r.Lengths != nil {
			args = append(args, n.stack(bias))
		}
		if r.Lengths != nil {
			args = append(args, r.Lengths)
		}
		for _, a := range attrs {
			args = append(args, a)
		}
		y := b.OpN(outputs, c.op, args...) // [T, directions, N, hidden]
		hs = append(hs, y[1])
		if outputs == 3 {
			cs = append(cs, y[2])
		}
		if directions == 1 {
			x = b.Op("Squeeze", y[0], b.Ints(1))
		} else {
			x = n.beside(y[0], 0, 2, 1, 3)
		}
	}
	s := States{Out: b.Op("Transpose", x, graph.Ints("perm", 1, 0, 2)), H: n.join0(hs), C: n.join0(cs)}
	if directions == 1 {
		s.Last = b.Op("Squeeze", hs[len(hs)-1], b.Ints(0))
	} else {
		s.Last = n.beside(hs[len(hs)-1], 1, 0, 2)
	}
	return s
}

// beside permutes the axes of x and joins the last two.
func (n *Net) beside(x *graph.Value, perm ...int64) *graph.Value {
	shape := make([]int, len(perm)-1) // 0 keeps an extent
	shape[len(shape)-1] = -1
	return n.B.Op("Reshape", n.B.Op("Transpose", x, graph.Ints("perm", perm...)), n.B.Ints(shape...))
}

// gates is a parameter [parts·hidden, columns…] with its parts in ONNX's order.
func (n *Net) gates(c cell, hidden int, name string, columns ...int) *graph.Value {
	bound := 1 / math.Sqrt(float64(hidden))
	init := Uniform(-bound, bound)
	if n.draw != nil && len(columns) > 0 {
		init = n.draw
	}
	p := n.Param(name, init, append([]int{len(c.order) * hidden}, columns...)...)
	if len(c.order) == 1 {
		return p
	}
	size := make([]int, len(c.order))
	for i := range size {
		size[i] = hidden
	}
	parts := n.B.OpN(len(size), "Split", p, n.B.Ints(size...), graph.Int("axis", 0))
	args := []graph.Arg{graph.Int("axis", 0)}
	for _, i := range c.order {
		args = append(args, parts[i])
	}
	return n.B.Op("Concat", args...)
}

// stack puts one value for each direction on a new first axis; nil for none.
func (n *Net) stack(list []*graph.Value) *graph.Value {
	for i, v := range list {
		list[i] = n.B.Op("Unsqueeze", v, n.B.Ints(0))
	}
	return n.join0(list)
}

// join0 joins values along the first axis; nil for none.
func (n *Net) join0(list []*graph.Value) *graph.Value {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	args := []graph.Arg{graph.Int("axis", 0)}
	for _, v := range list {
		args = append(args, v)
	}
	return n.B.Op("Concat", args...)
}
