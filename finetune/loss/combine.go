package loss

import "github.com/onnxrun/onnxrun/graph"

// On takes a loss of outputs from Output on, instead of from the first, and calls its first target Target.
type On struct {
	Loss   Loss
	Output int
	Target string // "" keeps the name
}

func (l *On) Targets(out []graph.Type) []Target {
	list := l.Loss.Targets(out[min(max(l.Output, 0), len(out)):])
	if l.Target != "" && len(list) > 0 {
		list[0].Name = l.Target
	}
	return list
}

func (l *On) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	if l.Output < 0 || l.Output >= len(out) {
		b.Fail(graph.Invalidf("loss of output %d of %d", l.Output, len(out)))
		return nil
	}
	return l.Loss.Of(b, out[l.Output:], target)
}

// Weighted is the sum of several losses, each times its weight. Targets of one name are one target.
type Weighted []Term

// Term is a part of a sum.
type Term struct {
	Weight float64
	Loss   Loss
}

func (l Weighted) Targets(out []graph.Type) []Target {
	var list []Target
	for _, t := range l {
		for _, w := range t.Loss.Targets(out) {
			if indexOf(list, w.Name) < 0 {
				list = append(list, w)
			}
		}
	}
	return list
}

func indexOf(list []Target, name string) int {
	for i, t := range list {
		if t.Name == name {
			return i
		}
	}
	return -1
}

func (l Weighted) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	types := make([]graph.Type, len(out))
	for i, v := range out {
		if v != nil {
			types[i] = v.Type
		}
	}
	all := l.Targets(types)
	if len(l) == 0 || len(target) < len(all) {
		b.Fail(graph.Invalidf("a sum of %d losses with %d targets, want %d", len(l), len(target), len(all)))
		return nil
	}
	var sum *graph.Value
	for _, t := range l {
		var own []*graph.Value
		for _, w := range t.Loss.Targets(types) {
			own = append(own, target[indexOf(all, w.Name)])
		}
		y := t.Loss.Of(b, out, own)
		if b.Err() != nil {
			return nil
		}
		c := calc{b, y.Type.DType}
		if y = c.scale(y, t.Weight); sum == nil {
			sum = y
		} else {
			sum = c.add(sum, y)
		}
	}
	return sum
}
