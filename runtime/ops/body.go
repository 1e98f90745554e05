package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// inferBody infers the graph of a loop. Its inputs are those of fixed types and, from input first on, values that are carried from one iteration to
// the next: outputs from on are what they become. It returns the types that hold for carried values at any time and the types of all
// outputs, or nothing when the executor does not ask for them.
//
// It assumes that carried values keep their types. Where they do not, it assumes less, in the end nothing but the element types.
func inferBody(c *graph.Infer, g *graph.Graph, in []graph.Type, first, n, from int) (carried []graph.Type, out []graph.Info, err error) {
	if c.Sub == nil {
		return nil, nil, nil
	}
	before := snapshot(g)
	tries := 3
	if loopDepth(g, 3) >= 3 {
		tries = 0 // inner loops would be inferred again and again
	}
	carried = slices.Clone(in[first : first+n])
	for try := 0; ; try++ {
		if try == tries {
			for i, t := range carried {
				carried[i] = elementType(t)
			}
		}
		info := make([]graph.Info, len(in))
		for i, t := range in {
			info[i].Type = t
		}
		for i, t := range carried {
			info[first+i].Type = t
		}
		out, err = c.Sub(g, info)
		if err != nil || len(out) != len(g.Outputs) {
			return nil, nil, err
		}
		same := true
		for i, t := range carried {
			u := t.Unify(out[from+i].Type)
			if u.DType == tensor.Invalid && out[from+i].Type.IsZero() { // not known, but it stays of its element type
				u.DType = t.DType
			}
			same = same && u.String() == t.String()
			carried[i] = u
		}
		if same || try >= tries {
			return carried, out, nil
		}
		before.restore()
	}
}

// elementType is t without shapes.
func elementType(t graph.Type) graph.Type {
	u := graph.Type{DType: t.DType, Key: t.Key}
	if t.Elem != nil {
		e := elementType(*t.Elem)
		u.Elem = &e
	}
	return u
}

// loopDepth is how deep nodes with graphs are nested in g, at most most.
func loopDepth(g *graph.Graph, most int) int {
	deepest := 0
	for _, n := range g.Nodes {
		n.Subgraphs(func(s *graph.Graph) {
			if s != nil && most > 0 {
				deepest = max(deepest, 1+loopDepth(s, most-1))
			}
		})
	}
	return deepest
}

// types is what was known of the values in a graph before it was inferred; inference keeps what it does not find, which would be
// what it found under other assumptions.
type types []struct {
	v    *graph.Value
	t    graph.Type
	ints []graph.Dim
}

func snapshot(g *graph.Graph) types {
	var s types
	add := func(v *graph.Value) {
		if v != nil && v.Const == nil {
			s = append(s, struct {
				v    *graph.Value
				t    graph.Type
				ints []graph.Dim
			}{v, v.Type, v.Ints})
		}
	}
	visit := func(g *graph.Graph) {
		for _, v := range g.Inputs {
			add(v)
		}
	}
	visit(g)
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for _, v := range n.Out {
			add(v)
		}
		n.Subgraphs(visit)
		return true
	})
	return s
}

func (s types) restore() {
	for _, k := range s {
		k.v.Type, k.v.Ints = k.t, k.ints
	}
}

// carriedBytes keeps the budget informed of what is carried from one iteration to the next: it takes the most that there ever was.
type carriedBytes int

func (most *carriedBytes) charge(c *graph.Ctx, values []*tensor.Tensor) error {
	n := 0
	for _, t := range values {
		n += t.MemBytes()
	}
	if n <= int(*most) {
		return nil
	}
	err := c.Exec().Charge(n - int(*most))
	*most = carriedBytes(n)
	return err
}

// released is t, or a copy when t is an input of the node, which belongs to somebody else.
func released(c *graph.Ctx, t *tensor.Tensor) (*tensor.Tensor, error) {
	if !slices.Contains(c.In, t) {
		return t, nil
	}
	if err := c.Exec().Charge(t.MemBytes()); err != nil {
		return nil, err
	}
	return t.Clone(), nil
}

// collected are the values of one output of a body in all iterations.
type collected struct {
	pieces  []*tensor.Tensor
	axis    int
	reverse bool
}

// add keeps a piece, which the budget must see: its elements and its place in the list.
func (k *collected) add(c *graph.Ctx, t *tensor.Tensor) error {
	if err := chargeElem(c, t); err != nil {
		return err
	}
	k.pieces = append(k.pieces, t)
	return nil
}

// write puts the pieces side by side in output i. When there are none, the result is empty, of the type that inference found for v.
func (k *collected) write(c *graph.Ctx, i int, v *graph.Value) error {
	if len(k.pieces) == 0 {
		return k.writeNone(c, i, v)
	}
	if k.reverse {
		slices.Reverse(k.pieces)
	}
	return joinInto(c, i, k.pieces, k.axis, true)
}

func (k *collected) writeNone(c *graph.Ctx, i int, v *graph.Value) error {
	if v.Type.DType == tensor.Invalid || v.Type.DType.IsContainer() {
		return graph.Typef("no iteration and no element type for output %q of the body", v.Name)
	}
	shape := make([]int, 0, len(v.Type.Shape)+1)
	for _, d := range v.Type.Shape {
		n, ok := d.Int()
		if !ok || n < 0 {
			n = 0
		}
		shape = append(shape, n)
	}
	axis, err := graph.Axis(k.axis, len(shape)+1)
	if err != nil {
		return err
	}
	_, err = c.Alloc(i, v.Type.DType, slices.Insert(shape, axis, 0)...)
	return err
}

// stackedType is the type of pieces of type t put side by side.
func stackedType(t graph.Type, axis int, n graph.Dim) (graph.Type, error) {
	if t.DType.IsContainer() {
		return t, graph.Typef("a body collects %s, want tensors", t)
	}
	if !t.Ranked {
		return t, nil
	}
	axis, err := graph.Axis(axis, len(t.Shape)+1)
	if err != nil {
		return t, err
	}
	t.Shape = slices.Insert(slices.Clone(t.Shape), axis, n)
	return t, nil
}
