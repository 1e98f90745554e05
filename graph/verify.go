package graph

// Verify checks that g is sound: every value is defined before it is read and only once, nodes and values agree about who
// defines whom, and required inputs are there. It reports the first fault as an error of kind ErrInvalid.
func Verify(g *Graph) error {
	return verify(g, map[*Value]bool{})
}

func verify(g *Graph, outer map[*Value]bool) error {
	var mine []*Value
	defer func() {
		for _, v := range mine {
			delete(outer, v)
		}
	}()
	define := func(v *Value) error {
		if outer[v] {
			return Invalidf("value %q is defined twice", v.Name)
		}
		outer[v] = true
		mine = append(mine, v)
		return nil
	}
	for _, v := range g.Inputs {
		if err := define(v); err != nil {
			return err
		}
	}
	for _, v := range g.Consts {
		if v.Const == nil {
			return Invalidf("constant %q has no value", v.Name)
		}
		if err := define(v); err != nil {
			return err
		}
	}
	for _, n := range g.Nodes {
		if n.Op == nil {
			return Invalidf("node %q has no operator", n.Label())
		}
		for i, v := range n.In {
			if v != nil && !outer[v] {
				return n.Wrap(Invalidf("input %d, %q, is read before it is computed", i, v.Name), nil)
			}
		}
		if n.Op.Sig != "" || n.Op.Base != nil {
			sig := n.Op.Signature()
			if most, ok := arity(sig.In); ok && len(n.In) > most {
				return n.Wrap(Invalidf("%d inputs, the operator takes %d", len(n.In), most), nil)
			}
			if most, ok := arity(sig.Out); ok && len(n.Out) > most {
				return n.Wrap(Invalidf("%d outputs, the operator gives %d", len(n.Out), most), nil)
			}
			for i, p := range sig.In {
				if !p.Optional && !p.Variadic && !n.Has(i) {
					return n.Wrap(Invalidf("required input %d (%s) is missing", i, p.Name), nil)
				}
			}
		}
		var err error
		n.Subgraphs(func(s *Graph) {
			if err == nil && s != nil {
				err = verify(s, outer)
			}
		})
		if err != nil {
			return err
		}
		for i, v := range n.Out {
			if v == nil {
				continue
			}
			if v.Def != n {
				return n.Wrap(Invalidf("output %d, %q, says that another node computes it", i, v.Name), nil)
			}
			if err := define(v); err != nil {
				return n.Wrap(err, nil)
			}
		}
	}
	for _, v := range g.Outputs {
		if v == nil || !outer[v] {
			name := ""
			if v != nil {
				name = v.Name
			}
			return Invalidf("output %q is never computed", name)
		}
	}
	return nil
}
