package pass

import (
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// cseElems is how long an attribute may be that is compared: the ensembles of classical models have lists of a million elements.
const cseElems = 64

// CSE merges nodes that compute the same: equal operators, inputs and attributes. Random operators and graphs inside nodes stay apart, and
// so do constants, which the exporter already shares or which are small.
func CSE(reg *graph.Registry, g *graph.Graph) (bool, error) {
	m := map[*graph.Value]*graph.Value{}
	ids := map[*graph.Value]int{}
	cse(g, m, ids)
	return len(m) > 0, nil
}

func cse(g *graph.Graph, m map[*graph.Value]*graph.Value, ids map[*graph.Value]int) {
	isOut := outputs(g)
	seen := map[string]*graph.Node{}
	local := map[*graph.Value]*graph.Value{}
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		for i, v := range n.In {
			if w, ok := local[v]; ok {
				n.In[i] = w
			}
		}
		n.Subgraphs(func(s *graph.Graph) {
			replaceAll(s, local)
			cse(s, m, ids)
		})
		key, ok := cseKey(n, ids)
		first := seen[key]
		if ok && first == nil {
			seen[key] = n
		}
		if !ok || first == nil || !mergeable(first, n, isOut) {
			kept = append(kept, n)
			continue
		}
		for i, v := range n.Out {
			if v != nil {
				local[v], m[v] = first.Out[i], first.Out[i]
			}
		}
	}
	g.Nodes = kept
}

func mergeable(first, n *graph.Node, isOut map[*graph.Value]bool) bool {
	for i, v := range n.Out {
		if v != nil && (isOut[v] || !first.Wants(i)) {
			return false
		}
	}
	return true
}

func cseKey(n *graph.Node, ids map[*graph.Value]int) (string, bool) {
	if n.Op.Random || n.HasSubgraphs() {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s/%d/%d", n.Op, n.Overload, len(n.Out), len(n.In))
	for _, v := range n.In {
		id := -1
		if v != nil {
			var ok bool
			if id, ok = ids[v]; !ok {
				id = len(ids)
				ids[v] = id
			}
		}
		fmt.Fprintf(&b, ",%d", id)
	}
	for _, a := range n.Attrs {
		switch v := a.Value.(type) {
		case *tensor.Tensor:
			if v.Len() > cseElems || v.DType() == tensor.String {
				return "", false
			}
			fmt.Fprintf(&b, ";%s=%s%x", a.Name, v, v.Bytes())
		case []*tensor.Tensor, graph.Type, []graph.Type:
			return "", false
		case []int64:
			if len(v) > cseElems {
				return "", false
			}
			fmt.Fprintf(&b, ";%s=%d", a.Name, v)
		case []float32:
			if len(v) > cseElems {
				return "", false
			}
			fmt.Fprintf(&b, ";%s=%x", a.Name, v)
		case []string:
			if len(v) > cseElems {
				return "", false
			}
			fmt.Fprintf(&b, ";%s=%q", a.Name, v)
		default:
			fmt.Fprintf(&b, ";%s=%T%q", a.Name, v, fmt.Sprint(v))
		}
	}
	return b.String(), true
}
