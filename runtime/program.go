package runtime

import (
	"github.com/onnxrun/onnxrun/graph"
)

// program is a graph made ready to be planned: its values have numbers, its nodes know them.
type program struct {
	g      *graph.Graph
	reg    *graph.Registry
	values []*graph.Value
	in     []int // formal inputs, then captured values of outer graphs
	formal int   // how many of in are formal inputs
	out    []int
	carry  []int // per value: the input that it feeds on the next run, -1 for none
	steps  []step
	last   []int // step that reads a value last, len(steps) for outputs, -1 for never
}

// step is a node with the numbers of its values, -1 where there is none.
type step struct {
	n    *graph.Node
	in   []int
	out  []int
	subs []subgraph
}

// subgraph is a graph inside a node, with the numbers of the values it captures.
type subgraph struct {
	g    *graph.Graph
	p    *program
	caps []int
}

func newProgram(reg *graph.Registry, g *graph.Graph, captures []*graph.Value) *program {
	p := &program{g: g, reg: reg, formal: len(g.Inputs)}
	number := map[*graph.Value]int{}
	add := func(v *graph.Value) int {
		if v == nil {
			return -1
		}
		k, ok := number[v]
		if !ok {
			k = len(p.values)
			number[v] = k
			p.values = append(p.values, v)
		}
		return k
	}
	for _, v := range g.Inputs {
		p.in = append(p.in, add(v))
	}
	for _, v := range captures {
		p.in = append(p.in, add(v))
	}
	for _, n := range g.Nodes {
		s := step{n: n}
		for _, v := range n.In {
			s.in = append(s.in, add(v))
		}
		n.Subgraphs(func(sub *graph.Graph) {
			var free []*graph.Value
			var caps []int
			for _, v := range sub.Captures() {
				if v.Const == nil {
					free = append(free, v)
					caps = append(caps, add(v))
				}
			}
			s.subs = append(s.subs, subgraph{sub, newProgram(reg, sub, free), caps})
		})
		for _, v := range n.Out {
			s.out = append(s.out, add(v))
		}
		p.steps = append(p.steps, s)
	}
	for _, v := range g.Outputs {
		p.out = append(p.out, add(v))
	}
	p.carry = make([]int, len(p.values))
	for i := range p.carry {
		p.carry[i] = -1
	}
	for _, c := range g.Carry {
		if out, ok := number[c.Out]; ok {
			p.carry[out] = add(c.In)
		}
	}
	p.last = make([]int, len(p.values))
	for i := range p.last {
		p.last[i] = -1
	}
	for i, s := range p.steps {
		p.eachRead(&s, func(v int) { p.last[v] = i })
	}
	for _, v := range p.out {
		p.last[v] = len(p.steps)
	}
	return p
}

func (p *program) eachRead(s *step, f func(v int)) {
	for _, v := range s.in {
		if v >= 0 {
			f(v)
		}
	}
	for _, sub := range s.subs {
		for _, v := range sub.caps {
			f(v)
		}
	}
}
