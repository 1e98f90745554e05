package graph

import "slices"

// CheckNode holds a node against its operator's signature: number of inputs and outputs, attributes that the definition has, their
// kinds, required ones, and the element types of inputs that are known. It returns all that it finds.
func CheckNode(n *Node) []error {
	if n.Op.Sig == "" && n.Op.Base == nil {
		return nil
	}
	var out []error
	sig := n.Op.Signature()
	if most, ok := arity(sig.In); ok && len(n.In) > most {
		out = append(out, Invalidf("%d inputs, the operator takes %d", len(n.In), most))
	}
	if most, ok := arity(sig.Out); ok && len(n.Out) > most {
		out = append(out, Invalidf("%d outputs, the operator gives %d", len(n.Out), most))
	}
	for _, a := range n.Attrs {
		i := slices.IndexFunc(sig.Attrs, func(d AttrDef) bool { return d.Name == a.Name })
		if i < 0 {
			out = append(out, Invalidf("attribute %q is not one of the operator's", a.Name))
		} else if a.Ref == "" && !attrFits(sig.Attrs[i].Kind, a.Value) {
			out = append(out, Invalidf("attribute %q is no %s", a.Name, sig.Attrs[i].Kind))
		}
	}
	for _, d := range sig.Attrs {
		if d.Required && !n.HasAttr(d.Name) {
			out = append(out, Invalidf("required attribute %q is missing", d.Name))
		}
	}
	for i, v := range n.In {
		if v == nil || v.Type.DType == 0 || v.Type.DType.IsContainer() || len(sig.In) == 0 {
			continue
		}
		p := sig.In[min(i, len(sig.In)-1)]
		set, ok := sig.Types[p.Type]
		if ok && !slices.ContainsFunc(set, func(t TypeSet) bool { return t.Wrap == "" && t.DType == v.Type.DType }) {
			out = append(out, Typef("input %d is %s, which %s does not allow", i, v.Type.DType.Short(), p.Name))
		}
	}
	return out
}

func arity(p []Param) (int, bool) {
	return len(p), len(p) == 0 || !p[len(p)-1].Variadic
}

func attrFits(kind string, v any) bool {
	switch v.(type) {
	case int64:
		return kind == "int"
	case float32:
		return kind == "float"
	case string:
		return kind == "string"
	case []int64:
		return kind == "ints"
	case []float32:
		return kind == "floats"
	case []string:
		return kind == "strings"
	case *Graph:
		return kind == "graph"
	}
	return true
}
