package autodiff

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// backLoop is the Scan that computes the gradients of a loop, while it is built.
type backLoop struct {
	loop
	b *graph.Builder // of the graph around both
	r *replay        // its body

	states, starts         []*graph.Value // what it carries: inputs of its body, and of the node
	slices, from           []*graph.Value // what it scans
	axes, directions       []int64
	outAxes, outDirections []int64
}

// input is a new input of the body that is of the type of v.
func (d *backLoop) input(v *graph.Value) *graph.Value {
	in := d.r.b.Name(nil)
	in.Type = v.Type
	return in
}

// carry is a value like v that starts as start and goes from one iteration to the next.
func (d *backLoop) carry(v, start *graph.Value) *graph.Value {
	in := d.input(v)
	d.states, d.starts = append(d.states, in), append(d.starts, start)
	return in
}

// slice is a value like v that is taken from a value along an axis.
func (d *backLoop) slice(v, from *graph.Value, axis, direction int64) *graph.Value {
	in := d.input(v)
	d.scan(in, from, axis, direction)
	return in
}

func (d *backLoop) scan(in, from *graph.Value, axis, direction int64) {
	d.slices, d.from = append(d.slices, in), append(d.from, from)
	d.axes, d.directions = append(d.axes, axis), append(d.directions, direction)
}

// last is the gradient of what the carried value i is in the end.
func (d *backLoop) last(i int, out []*graph.Value) *graph.Value {
	if i < len(out) && out[i] != nil {
		return out[i]
	}
	d.complete(i + 1)
	return d.b.ZerosLike(d.node.Out[i])
}

// complete gives the loop all of its first n outputs.
func (d *backLoop) complete(n int) {
	if missing := n - len(d.node.Out); missing > 0 {
		d.node.Out = append(d.node.Out, make([]*graph.Value, missing)...)
	}
	changed := false
	for i, v := range d.node.Out[:n] {
		if v == nil {
			d.node.Out[i] = d.b.Name(d.node)
			changed = true
		}
	}
	if changed {
		d.b.Reinfer(d.node)
	}
}

// collect makes the loop give the values that v, of its body, has in all iterations, along a new first axis.
func (d *backLoop) collect(v *graph.Value) *graph.Value {
	inner := d.b.Sub(d.body)
	kept := inner.Op("Identity", v)
	if err := inner.Err(); err != nil {
		d.b.Fail(err)
		return nil
	}
	d.body.Outputs = append(d.body.Outputs, kept)
	for i, a := range d.node.Attrs {
		if a.Name == "scan_output_axes" || a.Name == "scan_output_directions" {
			list, _ := a.Value.([]int64)
			d.node.Attrs[i].Value = append(slices.Clone(list), 0)
		}
	}
	n := len(d.outputs())
	d.complete(n)
	return d.node.Out[n-1]
}

// onlyShapes are the nodes that read v, when all want no more than its shape; else nil.
func onlyShapes(g *graph.Graph, v *graph.Value) []*graph.Node {
	var shapes []*graph.Node
	for _, n := range g.Nodes {
		switch {
		case !slices.Contains(reads(n), v):
		case n.Op.Domain == "" && n.Op.Name == "Shape":
			shapes = append(shapes, n)
		default:
			return nil
		}
	}
	return shapes
}

// collectShapes makes the loop give the shapes that v has in all iterations, in place of nodes that ask for them. Values that grow cannot be collected
// themselves, and shapes take less memory.
func (d *backLoop) collectShapes(v *graph.Value, nodes []*graph.Node) {
	g, inner := d.r.b.Graph, d.b.Sub(d.body)
	for _, n := range nodes {
		args := []graph.Arg{v}
		for _, a := range n.Attrs {
			args = append(args, a)
		}
		shape := inner.Op("Shape", args...)
		if err := inner.Err(); err != nil {
			d.b.Fail(err)
			return
		}
		g.Nodes = slices.DeleteFunc(g.Nodes, func(k *graph.Node) bool { return k == n })
		n.Out[0].Def = nil
		d.scan(n.Out[0], d.collect(shape), 0, 1)
	}
}

// finish appends the Scan whose body gives results, and returns its outputs.
func (d *backLoop) finish(results []*graph.Value) []*graph.Value {
	back := d.r.b
	for i, v := range results {
		results[i] = back.Op("Identity", v) // never a value around the body, and none twice
	}
	for _, s := range d.r.finish(results) {
		if i := slices.Index(d.inputs(), s.value); i >= d.carried {
			d.scan(s.in, d.outer(i), d.axis(i), 1-d.direction(i))
			continue
		}
		if s.value.Type.DType.IsContainer() {
			d.b.Fail(graph.Unsupportedf("the gradient of a loop that needs its %q, %s, of every iteration", s.value.Name, s.value.Type))
			return make([]*graph.Value, len(results))
		}
		if shapes := onlyShapes(back.Graph, s.in); shapes != nil {
			d.collectShapes(s.value, shapes)
			continue
		}
		d.scan(s.in, d.collect(s.value), 0, 1)
	}
	if len(d.slices) == 0 { // nothing is needed, but the number of iterations
		v := d.body.Inputs[len(d.body.Inputs)-1]
		if d.scans > 0 {
			d.slice(v, d.outer(d.carried+d.scans-1), d.axis(d.carried+d.scans-1), 0)
		} else {
			v = d.body.Inputs[0]
			d.slice(v, d.collect(v), 0, 1)
		}
	}
	if err := back.Err(); err != nil {
		d.b.Fail(err)
	}
	back.Graph.Inputs = slices.Concat(d.states, d.slices)
	args := make([]graph.Arg, 0, len(d.starts)+len(d.from)+6)
	for _, v := range slices.Concat(d.starts, d.from) {
		args = append(args, v)
	}
	args = append(args, graph.GraphAttr("body", back.Graph), graph.Int("num_scan_inputs", len(d.slices)),
		graph.Ints("scan_input_axes", d.axes...), graph.Ints("scan_input_directions", d.directions...))
	if len(d.outAxes) > 0 {
		args = append(args, graph.Ints("scan_output_axes", d.outAxes...), graph.Ints("scan_output_directions", d.outDirections...))
	}
	return d.b.OpN(len(results), "Scan", args...)
}
