package onnx

import (
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
)

// In a file, nodes find values by name. Values of a graph find each other by pointer, so passes and builders may leave
// values without a name, two of one name, or one that hides another from a graph inside a node. namer gives those new names;
// a graph that was imported and not changed keeps all of its own.
type namer struct {
	root  *graph.Graph
	names map[*graph.Value]string // the new ones
	taken map[string]bool         // made when the first new name is wanted
	last  int
}

// defs are the values that a graph has defined so far.
type defs struct {
	outer *defs
	own   map[string]*graph.Value
}

// nameValues puts new names where they are needed into names. It fails when a node reads what is not computed before it.
func nameValues(names map[*graph.Value]string, g *graph.Graph) error {
	n := &namer{root: g, names: names}
	return n.graph(g, nil)
}

func (n *namer) name(v *graph.Value) string {
	if s, ok := n.names[v]; ok {
		return s
	}
	return v.Name
}

func (n *namer) graph(g *graph.Graph, outer *defs) error {
	if g == nil {
		return graph.Invalidf("a graph is missing")
	}
	d := &defs{outer, make(map[string]*graph.Value, len(g.Inputs)+len(g.Consts)+len(g.Nodes))}
	for i, v := range g.Inputs {
		if err := n.define(v, d); err != nil {
			return at("input", i, err)
		}
	}
	for i, v := range g.Consts {
		if err := n.define(v, d); err != nil {
			return at("initializer", i, err)
		}
	}
	for i, k := range g.Nodes {
		if err := n.node(k, d); err != nil {
			return at("node", i, err)
		}
	}
	for i, v := range g.Outputs {
		if v == nil {
			return at("output", i, graph.Invalidf("an output is missing"))
		}
		if err := n.use(v, d); err != nil {
			return at("output", i, err)
		}
	}
	return nil
}

func (n *namer) node(k *graph.Node, d *defs) error {
	for i, v := range k.In {
		if v != nil {
			if err := n.use(v, d); err != nil {
				return at("input", i, err)
			}
		}
	}
	var err error
	k.Subgraphs(func(s *graph.Graph) {
		if err == nil {
			err = n.graph(s, d)
		}
	})
	if err != nil {
		return err
	}
	for i, v := range k.Out {
		if v != nil {
			if err := n.define(v, d); err != nil {
				return at("output", i, err)
			}
		}
	}
	return nil
}

func (n *namer) define(v *graph.Value, d *defs) error {
	if v == nil {
		return graph.Invalidf("a value is missing")
	}
	name := n.name(v)
	switch other := d.own[name]; {
	case other == v:
		return graph.Invalidf("value %q is defined twice", name)
	case name == "" || other != nil:
		name = n.fresh(v)
	}
	d.own[name] = v
	return nil
}

// use makes sure that the name of v leads to v from within d.
func (n *namer) use(v *graph.Value, d *defs) error {
	name := n.name(v)
	var found *defs
	for s := d; s != nil && found == nil; s = s.outer {
		if s.own[name] == v {
			found = s
		}
	}
	if found == nil {
		return graph.Invalidf("value %q is read where it is not defined", name)
	}
	for s := d; s != found; s = s.outer {
		if hiding := s.own[name]; hiding != nil {
			delete(s.own, name)
			s.own[n.fresh(hiding)] = hiding
		}
	}
	return nil
}

// fresh renames v to what no value of the model is called.
func (n *namer) fresh(v *graph.Value) string {
	if n.taken == nil {
		n.taken = map[string]bool{}
		eachValue(n.root, func(v *graph.Value) { n.taken[v.Name] = true })
	}
	for {
		n.last++
		s := "v_" + strconv.Itoa(n.last)
		if v.Name != "" {
			s = v.Name + "_" + strconv.Itoa(n.last)
		}
		if !n.taken[s] {
			n.taken[s] = true
			n.names[v] = s
			return s
		}
	}
}

func eachValue(g *graph.Graph, f func(*graph.Value)) {
	each := func(vs []*graph.Value) {
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
		n.Subgraphs(func(s *graph.Graph) { eachValue(s, f) })
	}
}
