// Package finetune trains imported models: it takes the graph of an .onnx file, turns weights into parameters, and appends loss, gradients and updates as
// ordinary nodes, which run as any graph does. What comes out is the same graph with other weights.
package finetune

import (
	"context"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// Model is a graph for inference with the parameters that were found in it. Training changes the constants of the graph and nothing else,
// so that it can be run, exported and trained on at any time.
type Model struct {
	Graph  *graph.Graph
	Params []*Param // in the order of the file, those of graphs inside nodes last
	reg    *graph.Registry
	inline map[*graph.Value]inline // constants that are Constant nodes in the file
	halves *halves                 // of a file that has float16 or bfloat16, else nil
}

// Param is a constant of the graph that may train, or a running statistic.
type Param struct {
	Name       string       // as PyTorch had it, where the graph still tells; else the constant's name
	Value      *graph.Value // a constant of Model.Graph, or of a graph inside one of its nodes
	Transform  Transform    // how the constant differs from PyTorch's tensor of that name
	Stat       bool         // a running statistic of a BatchNormalization, which follows the data
	Train      bool
	Mask       *tensor.Tensor // pruning: of the constant's shape, 0 where an element stays 0, else 1
	FrozenRows []int          // rows whose gradient is dropped, as the padding row of an embedding
}

// Transform is how a constant lies in the graph.
type Transform string

const (
	Same      Transform = ""
	Transpose Transform = "transpose" // of rank 2, the axes exchanged
)

// New finds the parameters of g, which it copies. All that are floating point and of use as weights train; see [Model.Freeze]. Where g has float16 or bfloat16,
// the copy has float32, inputs and outputs too; [Model.Save] rounds again.
func New(g *graph.Graph) (*Model, error) {
	m := &Model{Graph: g.Clone(), reg: ops.Registry()}
	if err := graph.Resolve(m.reg, m.Graph); err != nil {
		return nil, err
	}
	m.inline = unpack(m.Graph)
	var err error
	if m.halves, err = widen(m.Graph); err != nil {
		return nil, err
	}
	untie(m.Graph)
	separate(m.Graph)
	m.find()
	m.name()
	return m, nil
}

// untie gives every Identity of a constant a constant of its own: exporters merge initializers that happen to be equal, as fresh normalization weights
// are, and copy one of them. Once training starts they are parameters apart.
func untie(g *graph.Graph) {
	out := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		out[v] = true
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool {
		if n.Op.Domain != "" || n.Op.Name != "Identity" || len(n.In) != 1 || n.In[0] == nil || n.In[0].Const == nil || out[n.Out[0]] {
			return false
		}
		v := n.Out[0]
		v.Def, v.Const, v.Type = nil, n.In[0].Const, n.In[0].Type
		g.Consts = append(g.Consts, v)
		return true
	})
}

// find lists the parameters.
func (m *Model) find() {
	stat := map[*graph.Value]bool{}
	used := map[*graph.Value]bool{}
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for i, v := range n.In {
			if v != nil && v.Const != nil {
				used[v] = used[v] || !setting(n, i)
				stat[v] = stat[v] || n.Op.Name == "BatchNormalization" && i >= 3
			}
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Outputs { // the weights that a condition chooses
				used[v] = used[v] || v.Const != nil
			}
		})
		return true
	})
	for name, v := range constants(m.Graph) {
		if d := v.Const.DType(); d != tensor.Float32 && d != tensor.Float64 || !used[v] {
			continue
		}
		if v.Const.Len() == 1 && (!strings.Contains(v.Name, ".") || strings.Contains(v.Name, "/")) { // a number in a formula, as PyTorch names no parameter
			continue
		}
		m.Params = append(m.Params, &Param{Name: name, Value: v, Stat: stat[v], Train: !stat[v]})
	}
}

// settings are inputs that say how an operator works; a constant there is no weight.
var settings = map[string][]int{
	"Clip": {1, 2}, "Dropout": {1, 2}, "Pad": {2}, "Pow": {1}, "Resize": {1, 2}, "Upsample": {1}, "OneHot": {2}, "Range": {0, 1, 2},
	"QuantizeLinear": {1, 2}, "DequantizeLinear": {1, 2}, "Where": {0}, "Attention": {3}, "RoiAlign": {1}, "MelWeightMatrix": {3, 4},
}

func setting(n *graph.Node, input int) bool {
	return n.Op.Domain == "" && slices.Contains(settings[n.Op.Name], input)
}

// Param is the parameter of that name, nil when there is none.
func (m *Model) Param(name string) *Param {
	for _, p := range m.Params {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Trained are the parameters that train.
func (m *Model) Trained() []*Param {
	var list []*Param
	for _, p := range m.Params {
		if p.Train && !p.Stat {
			list = append(list, p)
		}
	}
	return list
}

// Set gives the parameter another value of the same type and shape.
func (p *Param) Set(t *tensor.Tensor) error {
	if old := p.Value.Const; t.DType() != old.DType() || !t.Shape().Equal(old.Shape()) {
		return graph.Shapef("parameter %q is %s, not %s", p.Name, old, t)
	}
	p.Value.Const = t
	return nil
}

// lift is a copy of the graph in which the constants of params, those of graphs inside nodes too, are inputs of the same names, after all other inputs.
func (m *Model) lift(params []*Param) (*graph.Graph, []*graph.Value, map[*graph.Value]*graph.Value) {
	g, at := m.Graph.CloneMap()
	g.Origin = nil
	in := make([]*graph.Value, len(params))
	lifted, outer := map[*graph.Value]bool{}, map[*graph.Value]bool{}
	for _, v := range m.Graph.Consts {
		outer[v] = true
	}
	for i, p := range params {
		v := at[p.Value]
		v.Const, v.Ints = nil, nil
		v.Type = graph.TypeOf(p.Value.Const)
		if !outer[p.Value] {
			v.Name = p.Name // two branches may have the same names
		}
		in[i], lifted[v] = v, true
		g.Inputs = append(g.Inputs, v)
	}
	for _, s := range graphs(g) {
		s.Consts = slices.DeleteFunc(s.Consts, func(v *graph.Value) bool { return lifted[v] })
	}
	return g, in, at
}

// own makes the tensors of params writable: they may lie in a mapped file, or be shared with the graph that was imported.
func own(params []*Param) {
	for _, p := range params {
		p.Value.Const = p.Value.Const.Clone()
	}
}

// applyMask sets the elements that the mask prunes to 0.
func (p *Param) applyMask() {
	if p.Mask == nil {
		return
	}
	x := p.Value.Const
	size := x.DType().Bits() / 8
	for i := range x.Len() {
		if p.Mask.Float(i) == 0 {
			clear(x.Bytes()[i*size : (i+1)*size])
		}
	}
}

// Replace gives the parameter another value, which may have another shape: a head for other classes.
func (p *Param) Replace(t *tensor.Tensor) error {
	if old := p.Value.Const; t.DType() != old.DType() || t.Rank() != old.Rank() {
		return graph.Shapef("parameter %q is %s, which %s cannot replace", p.Name, old, t)
	}
	p.Value.Const, p.Value.Type = t, graph.TypeOf(t)
	return nil
}

// Run computes the outputs of the model as it is now. To run it often, compile [Model.Graph].
func (m *Model) Run(ctx context.Context, feeds map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	s, err := runtime.Compile(m.Graph)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	in := make(map[string]*tensor.Tensor, len(feeds))
	for name, x := range feeds {
		if in[name], err = m.feed(x); err != nil {
			return nil, err
		}
	}
	return s.Run(ctx, in)
}
