package adapter

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Kind is what a layer computes.
type Kind string

const (
	Linear    Kind = "linear"    // x·Wᵀ, with or without a bias: MatMul or Gemm by a constant
	Conv      Kind = "conv"      // a convolution by a constant
	Embedding Kind = "embedding" // rows of a constant
)

// Layer is a module of a model that adapters can change.
type Layer struct {
	Name    string // of the module, as PyTorch had it, where the graph still tells
	Kind    Kind
	In, Out int  // features of its input and output; for an embedding, rows and columns of the table
	Output  bool // the model's outputs follow from it by no other layer

	weight     *finetune.Param
	transposed bool  // the constant is [in, out]
	reads      []use // where the weight is read for this layer
	bias       *finetune.Param
	sites      []*site
}

// site is a place where the layer is called.
type site struct {
	node *graph.Node
	out  *graph.Value // with the bias
	bias *use         // where it is read
}

// use is an input of a node.
type use struct {
	node  *graph.Node
	index int
}

func usesOf(g *graph.Graph) map[*graph.Value][]use {
	m := map[*graph.Value][]use{}
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for i, v := range n.In {
			if v != nil {
				m[v] = append(m[v], use{n, i})
			}
		}
		return true
	})
	return m
}

type finder struct {
	m      *finetune.Model
	uses   map[*graph.Value][]use
	params map[*graph.Value]*finetune.Param
	layers []*Layer
}

// discover finds the layers outside of branches and loops.
func discover(m *finetune.Model) []*Layer {
	f := &finder{m: m, uses: usesOf(m.Graph), params: map[*graph.Value]*finetune.Param{}}
	for _, p := range m.Params {
		f.params[p.Value] = p
	}
	for _, n := range m.Graph.Nodes {
		if n.Op.Domain != "" || len(n.In) < 2 || n.In[0] == nil || n.In[1] == nil {
			continue
		}
		switch n.Op.Name {
		case "MatMul":
			f.linear(n, true)
		case "Gemm":
			if !n.Bool("transA") && n.Float("alpha") == 1 && (!n.Has(2) || n.Float("beta") == 1) {
				f.linear(n, !n.Bool("transB"))
			}
		case "Conv":
			f.conv(n)
		case "Gather":
			if n.Int("axis") == 0 {
				f.embedding(n)
			}
		}
	}
	f.name()
	return f.layers
}

// weight is the parameter behind v, perhaps behind Transpose nodes, and the place where it is read.
func (f *finder) weight(n *graph.Node, index, rank int) (p *finetune.Param, flipped bool, at use) {
	v, at := n.In[index], use{n, index}
	for v.Const == nil {
		if v.Def == nil || v.Def.Op.Domain != "" {
			return nil, false, at
		}
		at = use{v.Def, 0}
		switch v.Def.Op.Name {
		case "Identity":
		case "Transpose":
			if perm := v.Def.Ints("perm"); rank != 2 || len(perm) == 2 && perm[0] == 0 {
				return nil, false, at
			}
			flipped = !flipped
		default:
			return nil, false, at
		}
		v = v.Def.In[0]
	}
	if d := v.Const.DType(); v.Const.Rank() != rank || v.Const.Len() == 0 || d != tensor.Float32 && d != tensor.Float64 {
		return nil, false, at
	}
	return f.params[v], flipped, at
}

// layer is that of kind with the weight p, new or known.
func (f *finder) layer(kind Kind, p *finetune.Param, transposed bool, at use) *Layer {
	for _, l := range f.layers {
		if l.Kind == kind && l.weight == p && l.transposed == transposed {
			if !slices.Contains(l.reads, at) {
				l.reads = append(l.reads, at)
			}
			return l
		}
	}
	l := &Layer{Kind: kind, weight: p, transposed: transposed, reads: []use{at}}
	w := p.Value.Const
	l.Out, l.In = w.Dim(0), w.Dim(1)
	if transposed || kind == Embedding {
		l.In, l.Out = w.Dim(0), w.Dim(1)
	}
	f.layers = append(f.layers, l)
	return l
}

func (f *finder) linear(n *graph.Node, transposed bool) {
	p, flipped, at := f.weight(n, 1, 2)
	if p == nil || n.In[0].Const != nil {
		return
	}
	l := f.layer(Linear, p, transposed != flipped, at)
	s := &site{node: n, out: n.Out[0]}
	if n.Op.Name == "Gemm" {
		f.bias(l, s, n, 2)
	} else if u := f.uses[n.Out[0]]; len(u) == 1 && u[0].node.Op.Domain == "" && u[0].node.Op.Name == "Add" && len(u[0].node.In) == 2 {
		f.bias(l, s, u[0].node, 1-u[0].index)
	}
	f.place(l, s)
}

func (f *finder) conv(n *graph.Node) {
	p, _, at := f.weight(n, 1, max(len(n.In[0].Type.Shape), 3))
	if p == nil {
		return
	}
	l := f.layer(Conv, p, false, at)
	l.In *= max(n.Int("group"), 1)
	s := &site{node: n, out: n.Out[0]}
	f.bias(l, s, n, 2)
	f.place(l, s)
}

func (f *finder) embedding(n *graph.Node) {
	if p, flipped, at := f.weight(n, 0, 2); p != nil && !flipped && n.In[1].Const == nil {
		f.place(f.layer(Embedding, p, false, at), &site{node: n, out: n.Out[0]})
	}
}

// bias takes input i of n for the layer's bias, if it is one: a parameter with an element for each output.
func (f *finder) bias(l *Layer, s *site, n *graph.Node, i int) {
	if !n.Has(i) {
		return
	}
	p := f.params[n.In[i]]
	if p == nil || p.Value.Const.Rank() != 1 || p.Value.Const.Len() != l.Out || l.bias != nil && l.bias != p {
		return
	}
	l.bias, s.out, s.bias = p, n.Out[0], &use{n, i}
}

func (f *finder) place(l *Layer, s *site) {
	l.sites = append(l.sites, s)
	l.Output = l.Output || f.reaches(s.out)
}

// passing are the operators behind which an output layer still is one.
var passing = []string{"Identity", "Cast", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Softmax", "LogSoftmax", "Sigmoid"}

// reaches reports whether v is an output of the model, or becomes one by passing operators.
func (f *finder) reaches(v *graph.Value) bool {
	if slices.Contains(f.m.Graph.Outputs, v) {
		return true
	}
	for _, u := range f.uses[v] {
		if u.index == 0 && u.node.Op.Domain == "" && slices.Contains(passing, u.node.Op.Name) && f.reaches(u.node.Out[0]) {
			return true
		}
	}
	return false
}

// name names the layers after their weights; where several share one, after the modules that their nodes stand in.
func (f *finder) name() {
	sharing := map[*finetune.Param]int{}
	for _, l := range f.layers {
		sharing[l.weight]++
	}
	for _, l := range f.layers {
		l.Name = strings.TrimSuffix(l.weight.Name, ".weight")
		if sharing[l.weight] > 1 {
			if s, ok := finetune.Module(l.sites[0].node); ok && s != "" {
				l.Name = s
			}
		}
	}
}
