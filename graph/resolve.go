package graph

import (
	"cmp"
	"fmt"
	"slices"
)

// Resolve gives every node of g and of the graphs inside it the definition in force at the graph's opsets, from the model's own
// functions or from reg. Operators that neither knows stay without rules. It rewrites nothing else.
func Resolve(reg *Registry, g *Graph) error {
	r := &resolver{reg: reg, funcs: map[[3]string]*Op{}, byFunc: map[*Function]*Op{}}
	for _, f := range g.Functions {
		k := [3]string{CanonicalDomain(f.Domain), f.Name, f.Overload}
		op := functionOp(f)
		r.funcs[k], r.byFunc[f] = op, op
	}
	for _, f := range g.Functions {
		r.graph(f.Body, f.Body.Opsets)
	}
	if err := checkCalls(g, r); err != nil {
		return err
	}
	r.graph(g, g.Opsets)
	return nil
}

type resolver struct {
	reg    *Registry
	funcs  map[[3]string]*Op
	byFunc map[*Function]*Op
}

func (r *resolver) graph(g *Graph, opsets map[string]int) {
	g.Walk(func(_ *Graph, n *Node) bool {
		if n.Op.Known() {
			return true
		}
		domain := CanonicalDomain(n.Op.Domain)
		if op := r.funcs[[3]string{domain, n.Op.Name, n.Overload}]; op != nil {
			n.Op = op
			return true
		}
		version, ok := opsets[domain]
		if !ok { // contrib operators are often used without an import
			version = 1
		}
		op := r.reg.Lookup(domain, n.Op.Name, version)
		if op == nil {
			op = r.reg.Oldest(domain, n.Op.Name) // other runtimes take operators before the version that introduced them
		}
		if op != nil {
			n.Op = op
		}
		return true
	})
}

// maxInlined bounds the nodes that calls of functions may grow into: nested functions double with every level.
const maxInlined = 1 << 20

// checkCalls refuses functions that call themselves and those that grow without measure.
func checkCalls(g *Graph, r *resolver) error {
	size := map[*Function]int{}
	open := map[*Function]bool{}
	byOp := map[*Op]*Function{}
	for f, op := range r.byFunc {
		byOp[op] = f
	}
	var count func(*Graph) (int, error)
	var visit func(*Function) (int, error)
	count = func(g *Graph) (int, error) {
		total := 0
		var err error
		g.Walk(func(_ *Graph, n *Node) bool {
			total++
			if f := byOp[n.Op]; f != nil {
				var k int
				if k, err = visit(f); err != nil {
					return false
				}
				total += k
			}
			if total > maxInlined {
				err = Limitf("calls of functions grow to more than %d nodes", maxInlined)
			}
			return err == nil
		})
		return total, err
	}
	visit = func(f *Function) (int, error) {
		if k, ok := size[f]; ok {
			return k, nil
		}
		if open[f] {
			return 0, Invalidf("function %s::%s calls itself", f.Domain, f.Name)
		}
		open[f] = true
		k, err := count(f.Body)
		size[f] = k
		return k, err
	}
	for _, f := range g.Functions {
		if _, err := visit(f); err != nil {
			return err
		}
	}
	_, err := count(g)
	return err
}

// functionOp is the operator that a model's function defines: its expansion is a copy of the body.
func functionOp(f *Function) *Op {
	return &Op{Domain: CanonicalDomain(f.Domain), Name: f.Name, IsFunction: true, Expand: func(b *Builder, n *Node) []*Value {
		m := map[*Value]*Value{}
		for i, p := range f.Body.Inputs {
			if i < len(n.In) && n.In[i] != nil {
				m[p] = n.In[i]
			} else {
				m[p] = nil
			}
		}
		body := &Graph{Nodes: f.Body.Nodes, Consts: f.Body.Consts, Outputs: f.Body.Outputs}
		c := body.CopyInto(m)
		if err := bindAttrs(c, f, n); err != nil {
			b.Fail(err)
			return nil
		}
		for _, v := range c.Consts {
			v.Name = b.name()
			b.Graph.Consts = append(b.Graph.Consts, v)
		}
		for _, k := range c.Nodes {
			for _, v := range k.Out {
				if v != nil {
					v.Name = b.name()
				}
			}
			if k.Name != "" {
				k.Name = n.Label() + "/" + k.Name
			}
			b.Append(k, k.Out...)
		}
		return c.Outputs
	}}
}

// bindAttrs replaces references to the function's attributes by the call's, or by their defaults.
func bindAttrs(g *Graph, f *Function, call *Node) error {
	var err error
	g.Walk(func(_ *Graph, n *Node) bool {
		kept := n.Attrs[:0]
		for _, a := range n.Attrs {
			if a.Ref == "" {
				kept = append(kept, a)
				continue
			}
			i := slices.IndexFunc(call.Attrs, func(c Attr) bool { return c.Name == a.Ref })
			d := slices.IndexFunc(f.Attrs, func(c Attr) bool { return c.Name == a.Ref })
			switch {
			case i >= 0:
				kept = append(kept, Attr{Name: a.Name, Value: call.Attrs[i].Value})
			case d >= 0 && f.Attrs[d].Value != nil:
				kept = append(kept, Attr{Name: a.Name, Value: f.Attrs[d].Value})
			case d < 0:
				err = cmp.Or(err, error(fmt.Errorf("function %s refers to attribute %q, which it does not declare: %w", f.Name, a.Ref, ErrInvalid)))
			}
			// a declared attribute that the call leaves out is left out of the body's node as well
		}
		n.Attrs = kept
		return true
	})
	return err
}

// Unresolved lists the nodes whose operator has no definition, for one error that names them all.
func Unresolved(g *Graph) []*Node {
	var out []*Node
	visit := func(g *Graph) {
		g.Walk(func(_ *Graph, n *Node) bool {
			if !n.Op.Known() {
				out = append(out, n)
			}
			return true
		})
	}
	visit(g)
	for _, f := range g.Functions {
		visit(f.Body)
	}
	return out
}

// SetOpsets gives a graph that passes rewrote the lowest versions of each domain at which all of its nodes mean what they mean here. Passes
// build operators of the newest versions, which many runtimes do not have although older ones say the same.
func SetOpsets(reg *Registry, g *Graph) {
	need := map[string]int{}
	g.Walk(func(_ *Graph, n *Node) bool {
		need[n.Op.Domain] = max(need[n.Op.Domain], oldest(reg, n))
		return true
	})
	if g.Opsets == nil {
		g.Opsets = map[string]int{}
	}
	for d, v := range need {
		g.Opsets[d] = max(g.Opsets[d], v)
	}
}

// oldest is the first version at which the operator of n computes the same and takes the node as it is.
func oldest(reg *Registry, n *Node) int {
	newest := func(o *Op) *Op {
		for o.SameAs != nil {
			o = o.SameAs
		}
		return o
	}
	best := n.Op
	for v := n.Op.Since - 1; v > 0; v = best.Since - 1 {
		o := reg.Lookup(n.Op.Domain, n.Op.Name, v)
		if o == nil || o.Since > v || newest(o) != newest(n.Op) {
			break
		}
		old := *n
		old.Op = o
		if len(CheckNode(&old)) > 0 || !sameDefaults(o, n) {
			break
		}
		best = o
	}
	return best.Since
}

// sameDefaults reports whether the attributes that n leaves out mean the same in o.
func sameDefaults(o *Op, n *Node) bool {
	for _, d := range n.Op.Signature().Attrs {
		if !n.HasAttr(d.Name) && o.Has(d.Name) && fmt.Sprint(o.Default(d.Name)) != fmt.Sprint(d.Default) {
			return false
		}
	}
	return true
}
