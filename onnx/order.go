package onnx

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// The standard wants nodes sorted, but tools that convert models to float16 append nodes at the end, and other runtimes accept that.
// So does this one; Save writes an unchanged graph in the order of the file.

// ordered gives the nodes such that each comes after those whose values it reads, otherwise in the order of the file.
// Names that no node defines do not matter here.
func ordered(ps []*pb.NodeProto) ([]*pb.NodeProto, error) {
	maker := make(map[string]int, len(ps))
	for i, p := range ps {
		for _, name := range p.Output {
			if name != "" {
				maker[name] = i
			}
		}
	}
	sorted := true
	for i, p := range ps {
		eachRead(p, func(name string) {
			if m, ok := maker[name]; ok && m >= i {
				sorted = false
			}
		})
	}
	if sorted {
		return ps, nil
	}
	return sortNodes(ps, maker)
}

// sortNodes visits what each node needs before the node itself, with a stack of its own: chains can be as long as the file.
func sortNodes(ps []*pb.NodeProto, maker map[string]int) ([]*pb.NodeProto, error) {
	const open, done = 1, 2
	state := make([]byte, len(ps))
	out := make([]*pb.NodeProto, 0, len(ps))
	type visit struct {
		node  int
		needs []int
	}
	var stack []visit
	enter := func(i int) {
		v := visit{node: i}
		eachRead(ps[i], func(name string) {
			if m, ok := maker[name]; ok {
				v.needs = append(v.needs, m)
			}
		})
		state[i] = open
		stack = append(stack, v)
	}
	for i := range ps {
		if state[i] == 0 {
			enter(i)
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.needs) == 0 {
				state[top.node] = done
				out = append(out, ps[top.node])
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.needs[0]
			top.needs = top.needs[1:]
			switch state[next] {
			case 0:
				enter(next)
			case open:
				return nil, at("", next, graph.Invalidf("node %q needs its own output, in a circle", ps[next].GetName()))
			}
		}
	}
	return out, nil
}

// eachRead calls f with every name that p reads from the graph it is in: its inputs, and what the graphs inside it read
// and do not define.
func eachRead(p *pb.NodeProto, f func(name string)) {
	for _, name := range p.Input {
		if name != "" {
			f(name)
		}
	}
	for _, a := range p.Attribute {
		if a.G != nil {
			eachCapture(a.G, f)
		}
		for _, g := range a.Graphs {
			eachCapture(g, f)
		}
	}
}

func eachCapture(g *pb.GraphProto, f func(name string)) {
	own := map[string]bool{}
	for _, v := range g.Input {
		own[v.GetName()] = true
	}
	for _, t := range g.Initializer {
		own[t.GetName()] = true
	}
	for _, t := range g.SparseInitializer {
		own[t.GetValues().GetName()] = true
	}
	for _, n := range g.Node {
		for _, name := range n.Output {
			own[name] = true
		}
	}
	read := func(name string) {
		if !own[name] {
			f(name)
		}
	}
	for _, n := range g.Node {
		eachRead(n, read)
	}
	for _, v := range g.Output {
		read(v.GetName())
	}
}
