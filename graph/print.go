package graph

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Print writes g as a text for people and test diffs, one node a line:
//
//	graph main(x: f32[batch,3]) -> (y: f32[batch,2]) {
//	  const w = f32[3,2]{0.5 -1 2 …}
//	  y: f32[batch,2] = MatMul-13(x, w)
//	}
func Print(w io.Writer, g *Graph) error {
	p := &printer{}
	p.graph(g, "graph", "")
	_, err := io.WriteString(w, p.b.String())
	return err
}

// String is what Print writes.
func (g *Graph) String() string {
	p := &printer{}
	p.graph(g, "graph", "")
	return p.b.String()
}

type printer struct{ b strings.Builder }

func (p *printer) graph(g *Graph, word, indent string) {
	name := g.Name
	if name != "" {
		name = " " + name
	}
	fmt.Fprintf(&p.b, "%s%s(%s) -> (%s) {\n", word, name, typed(g.Inputs), typed(g.Outputs))
	in := indent + "  "
	for _, d := range slices.Sorted(maps.Keys(g.Opsets)) {
		fmt.Fprintf(&p.b, "%sopset %s %d\n", in, cmp.Or(d, "ai.onnx"), g.Opsets[d])
	}
	for _, v := range g.Consts {
		fmt.Fprintf(&p.b, "%sconst %s = %s\n", in, v.Name, tensorText(v.Const))
	}
	for _, n := range g.Nodes {
		p.node(n, in)
	}
	for _, c := range g.Carry {
		fmt.Fprintf(&p.b, "%scarry %s <- %s\n", in, c.In.Name, c.Out.Name)
	}
	fmt.Fprintf(&p.b, "%s}\n", indent)
}

func (p *printer) node(n *Node, indent string) {
	in := make([]string, len(n.In))
	for i, v := range n.In {
		if in[i] = "_"; v != nil {
			in[i] = v.Name
		}
	}
	out := make([]string, len(n.Out))
	for i, v := range n.Out {
		if out[i] = "_"; v != nil {
			out[i] = v.Name + ": " + v.Type.String()
		}
	}
	fmt.Fprintf(&p.b, "%s%s = %s(%s)", indent, strings.Join(out, ", "), n.Op, strings.Join(in, ", "))
	var subs []Attr
	first := true
	for _, a := range n.Attrs {
		if _, ok := a.Value.(*Graph); ok {
			subs = append(subs, a)
			continue
		}
		sep := ", "
		if first {
			sep, first = " {", false
		}
		fmt.Fprintf(&p.b, "%s%s=%s", sep, a.Name, attrText(a))
	}
	if !first {
		p.b.WriteString("}")
	}
	p.b.WriteString("\n")
	for _, a := range subs {
		p.b.WriteString(indent)
		p.graph(a.Value.(*Graph), "  "+a.Name, indent+"  ")
	}
}

func attrText(a Attr) string {
	if a.Ref != "" {
		return "@" + a.Ref
	}
	switch v := a.Value.(type) {
	case *tensor.Tensor:
		return tensorText(v)
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(a.Value)
}

// tensorText is the type and the first elements.
func tensorText(t *tensor.Tensor) string {
	const most = 8
	var b strings.Builder
	b.WriteString(t.String())
	if t.DType().IsContainer() {
		return b.String()
	}
	b.WriteString("{")
	for i := range min(t.Len(), most) {
		if i > 0 {
			b.WriteString(" ")
		}
		if t.DType() == tensor.String {
			fmt.Fprintf(&b, "%q", t.Strings()[i])
		} else {
			fmt.Fprintf(&b, "%g", t.Float(i))
		}
	}
	if t.Len() > most {
		b.WriteString(" …")
	}
	return b.String() + "}"
}

func typed(vs []*Value) string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Name + ": " + v.Type.String()
	}
	return strings.Join(out, ", ")
}
