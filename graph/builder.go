package graph

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Builder appends nodes to a graph. It infers the types of what it builds at once and keeps its first error, so that graphs
// read like formulas; check [Builder.Err] at the end.
//
//	h := b.Op("Relu", b.Op("MatMul", x, w))
//	y := b.Op("Softmax", h, graph.Int("axis", -1))
type Builder struct {
	Graph  *Graph
	reg    *Registry
	err    error
	names  map[string]bool
	count  int
	prefix string
}

// Arg is a value (nil for an absent optional input) or an attribute of a node to build.
type Arg interface{ isArg() }

func (*Value) isArg() {}
func (Attr) isArg()   {}

// Attributes of a node to build.
func Int(name string, v int) Attr                   { return Attr{Name: name, Value: int64(v)} }
func Ints(name string, v ...int64) Attr             { return Attr{Name: name, Value: append([]int64{}, v...)} }
func Float(name string, v float32) Attr             { return Attr{Name: name, Value: v} }
func Str(name string, v string) Attr                { return Attr{Name: name, Value: v} }
func TensorAttr(name string, v *tensor.Tensor) Attr { return Attr{Name: name, Value: v} }
func GraphAttr(name string, v *Graph) Attr          { return Attr{Name: name, Value: v} }

// NewBuilder builds into g, a new graph when g is nil, with the newest operators of reg.
func NewBuilder(reg *Registry, g *Graph) *Builder {
	if g == nil {
		g = &Graph{Opsets: map[string]int{}}
	}
	return &Builder{Graph: g, reg: reg, prefix: "v"}
}

// Sub builds into a graph inside a node, with names that no graph around it has.
func (b *Builder) Sub(g *Graph) *Builder {
	b.Reserve()
	return &Builder{Graph: g, reg: b.reg, names: b.names, prefix: b.prefix}
}

// Reserve takes note of all names in the graph, which new values then avoid. It happens by itself before the first new name;
// whoever takes nodes out of the graph while building calls it before.
func (b *Builder) Reserve() {
	if b.names == nil {
		b.names = map[string]bool{}
		b.Graph.eachValue(func(v *Value) { b.names[v.Name] = true })
	}
}

// Prefix starts the names of new values that follow.
func (b *Builder) Prefix(p string) { b.prefix = p }

// Registry is where the builder finds operators.
func (b *Builder) Registry() *Registry { return b.reg }

// Err is the first error.
func (b *Builder) Err() error { return b.err }

// Fail keeps err, if it is the first.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Builder) name() string {
	b.Reserve()
	for {
		b.count++
		s := fmt.Sprintf("%s_%d", b.prefix, b.count)
		if !b.names[s] {
			b.names[s] = true
			return s
		}
	}
}

func (g *Graph) eachValue(f func(*Value)) {
	each := func(vs []*Value) {
		for _, v := range vs {
			if v != nil {
				f(v)
			}
		}
	}
	each(g.Inputs)
	each(g.Consts)
	for _, n := range g.Nodes {
		each(n.Out)
		n.Subgraphs(func(s *Graph) { s.eachValue(f) })
	}
}

// Input adds an input to the graph.
func (b *Builder) Input(name string, t Type) *Value {
	v := &Value{Name: name, Type: t}
	b.Graph.Inputs = append(b.Graph.Inputs, v)
	return v
}

// Output makes v an output of the graph.
func (b *Builder) Output(v *Value) { b.Graph.Outputs = append(b.Graph.Outputs, v) }

// Const is a constant. The tensor is not copied.
func (b *Builder) Const(t *tensor.Tensor) *Value {
	v := &Value{Name: b.name(), Type: TypeOf(t), Const: t}
	b.Graph.Consts = append(b.Graph.Consts, v)
	return v
}

// Ints is a constant int64 tensor of rank 1.
func (b *Builder) Ints(v ...int) *Value { return b.Const(tensor.Ints(v...)) }

// Scalar is a constant of rank 0 and type d with the value v, as far as d can hold it.
func (b *Builder) Scalar(d tensor.DType, v float64) *Value {
	t, err := tensor.Full(d, v)
	if err != nil {
		b.Fail(err)
		return nil
	}
	return b.Const(t)
}

// Op appends a node with one output. Operators of other domains are written "com.microsoft::Gelu".
func (b *Builder) Op(name string, args ...Arg) *Value {
	out := b.OpN(1, name, args...)
	if out == nil {
		return nil
	}
	return out[0]
}

// OpN appends a node with n outputs. After an error it returns n nil values.
func (b *Builder) OpN(n int, name string, args ...Arg) []*Value {
	out := make([]*Value, n)
	if b.err != nil {
		return out
	}
	domain := ""
	for i := 0; i+1 < len(name); i++ {
		if name[i] == ':' && name[i+1] == ':' {
			domain, name = name[:i], name[i+2:]
			break
		}
	}
	op := b.reg.Lookup(domain, name, 0)
	if op == nil {
		b.Fail(Unsupportedf("operator %s::%s", domain, name))
		return out
	}
	node := &Node{Op: op}
	for _, a := range args {
		switch a := a.(type) {
		case *Value:
			node.In = append(node.In, a)
		case Attr:
			node.Attrs = append(node.Attrs, a)
		}
	}
	for i := range out {
		out[i] = &Value{Name: b.name()}
	}
	b.Append(node, append([]*Value{}, out...)...) // the caller may change what it gets
	return out
}

// Value is a new value for Append, with a name that no other one has.
func (b *Builder) Value(t Type) *Value { return &Value{Name: b.name(), Type: t} }

// Append adds a node of any operator with the given outputs (nil for those that nobody wants) and infers their types.
func (b *Builder) Append(node *Node, out ...*Value) {
	node.Out = out
	for _, v := range out {
		if v != nil {
			v.Def = node
		}
	}
	if err := InferNode(b.reg, node); err != nil {
		b.Fail(err)
	}
	b.Graph.Nodes = append(b.Graph.Nodes, node)
}
