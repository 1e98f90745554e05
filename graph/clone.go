package graph

import "maps"

// Clone copies the graph with the graphs inside it, so that passes may change one and leave the other. Constants and origins are shared.
func (g *Graph) Clone() *Graph {
	c, _ := g.CloneMap()
	return c
}

// CloneMap is Clone that also tells which value of the copy stands for which of g.
func (g *Graph) CloneMap() (*Graph, map[*Value]*Value) {
	m := map[*Value]*Value{}
	return g.clone(m), m
}

// CopyInto is a copy of g in which the values in m are replaced; m then also holds the values copied.
func (g *Graph) CopyInto(m map[*Value]*Value) *Graph { return g.clone(m) }

func (g *Graph) clone(m map[*Value]*Value) *Graph {
	c := &Graph{Name: g.Name, Opsets: maps.Clone(g.Opsets), Functions: g.Functions, Origin: g.Origin}
	c.Inputs = cloneValues(g.Inputs, m, true)
	c.Consts = cloneValues(g.Consts, m, true)
	c.Nodes = make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		c.Nodes[i] = n.clone(m)
	}
	c.Outputs = cloneValues(g.Outputs, m, false)
	for _, k := range g.Carry {
		c.Carry = append(c.Carry, Carry{In: lookup(k.In, m), Out: lookup(k.Out, m)})
	}
	return c
}

// lookup is the copy of v, or v itself when it belongs to a graph around the one that is copied.
func lookup(v *Value, m map[*Value]*Value) *Value {
	if c, ok := m[v]; ok {
		return c
	}
	return v
}

func cloneValues(vs []*Value, m map[*Value]*Value, define bool) []*Value {
	if vs == nil {
		return nil
	}
	out := make([]*Value, len(vs))
	for i, v := range vs {
		if v == nil {
			continue
		}
		if define && m[v] == nil {
			c := *v
			c.Def = nil
			m[v] = &c
		}
		out[i] = lookup(v, m)
	}
	return out
}

func (n *Node) clone(m map[*Value]*Value) *Node {
	c := &Node{Name: n.Name, Op: n.Op, Overload: n.Overload, Origin: n.Origin}
	c.In = cloneValues(n.In, m, false)
	c.Attrs = make([]Attr, len(n.Attrs))
	for i, a := range n.Attrs {
		switch v := a.Value.(type) {
		case *Graph:
			a.Value = v.clone(m)
		case []*Graph:
			gs := make([]*Graph, len(v))
			for k, g := range v {
				gs[k] = g.clone(m)
			}
			a.Value = gs
		}
		c.Attrs[i] = a
	}
	c.Out = cloneValues(n.Out, m, true)
	for _, v := range c.Out {
		if v != nil {
			v.Def = c
		}
	}
	return c
}
