package loss

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// YOLO is the loss of one detection scale, an output [N, A·(5 + K), H, W] whose channels are, for each of A anchors, the raw box (x, y, w, h), objectness and K classes. Targets
// [N, A, H, W, 5 + K] hold boxes as center and size in cells, 1 where there is an object, and its classes. It is
//
//	box·Σ (1 − CIoU)/P + objectness·BCE + classes·Σ BCE/P
//
// with sums over the P ≥ 1 cells that hold an object. A raw box means the center (2σ(x) − ½, 2σ(y) − ½) from the corner of its cell, and the size of the anchor times
// (2σ(w))², (2σ(h))².
type YOLO struct {
	Anchors    [][]float64 `json:"anchors"` // width and height in cells
	Box        float64     `json:"box"`     // weights of the terms
	Objectness float64     `json:"objectness"`
	Classes    float64     `json:"classes"`
}

// NewYOLO has weights of 1.
func NewYOLO(anchors ...[]float64) *YOLO {
	return &YOLO{Anchors: anchors, Box: 1, Objectness: 1, Classes: 1}
}

func (l *YOLO) Targets(out []graph.Type) []Target {
	t := typeAt(out, 0)
	a := len(l.Anchors)
	if len(t.Shape) != 4 || a == 0 {
		return []Target{{"y", graph.Unranked(t.DType)}}
	}
	s := t.Shape
	return []Target{{"y", graph.TensorType(t.DType, s[0], graph.Size(a), s[2], s[3], s[1].Div(graph.Size(a)))}}
}

func (l *YOLO) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "detection loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	channels := 0
	if c.rank(x) == 4 {
		channels, _ = x.Type.Shape[1].Int()
	}
	a := len(l.Anchors)
	if a == 0 || channels%a != 0 || channels/a < 5 {
		b.Fail(graph.Shapef("output %s of %d anchors, want [N, A·(5 + classes), H, W]", x.Type, a))
		return nil
	}
	size := channels / a
	split := b.Op("Concat", b.Ints(0, a, size), b.Op("Shape", x, graph.Int("start", 2)), graph.Int("axis", 0))
	o := b.Op("Transpose", b.Op("Reshape", x, split), graph.Ints("perm", 0, 1, 3, 4, 2)) // [N, A, H, W, 5 + K]
	c.alike(o, y)
	part := func(v *graph.Value, from, to int) *graph.Value {
		return b.Op("Slice", v, b.Ints(from), b.Ints(to), b.Ints(-1))
	}
	object := part(y, 4, 5)
	cells := c.Op("Max", c.sum(object), c.num(1))
	perCell := func(v *graph.Value) *graph.Value { return c.div(c.sum(c.mul(v, object)), cells) }

	loss := c.scale(perCell(c.ciou(l.boxes(c, x, part(o, 0, 4)), part(y, 0, 4))), l.Box)
	loss = c.add(loss, c.scale(c.meanAll(c.bceLogits(part(o, 4, 5), object, nil)), l.Objectness))
	if size > 5 {
		bce := c.bceLogits(part(o, 5, size), part(y, 5, size), nil)
		loss = c.add(loss, c.scale(perCell(c.Op("ReduceMean", bce, c.Ints(-1), graph.Int("keepdims", 1))), l.Classes))
	}
	return loss
}

// boxes are the boxes [N, A, H, W, 4] that raw ones of an output [N, …, H, W] mean.
func (l *YOLO) boxes(c calc, x, raw *graph.Value) *graph.Value {
	var sizes []float64
	for _, a := range l.Anchors {
		if len(a) != 2 {
			c.Fail(graph.Shapef("anchor %v, want a width and a height", a))
			return nil
		}
		sizes = append(sizes, a...)
	}
	t := c.scale(c.Op("Sigmoid", raw), 2)
	part := func(from, to int) *graph.Value {
		return c.Op("Slice", t, c.Ints(from), c.Ints(to), c.Ints(-1))
	}
	center := c.sub(part(0, 2), c.num(0.5))
	anchors := &Array{[]int{len(l.Anchors), 1, 1, 2}, sizes}
	return c.Op("Concat", c.add(center, c.corners(x)), c.mul(c.square(part(2, 4)), anchors.value(c)), graph.Int("axis", -1))
}

// corners are the places (column, row) [H, W, 2] of the cells of x [N, C, H, W].
func (c calc) corners(x *graph.Value) *graph.Value {
	count := func(axis int) *graph.Value {
		n := c.Op("Squeeze", c.Op("Shape", x, graph.Int("start", axis), graph.Int("end", axis+1)))
		return c.Op("Cast", c.Op("Range", c.Scalar(tensor.Int64, 0), n, c.Scalar(tensor.Int64, 1)), graph.Int("to", int(c.dtype)))
	}
	full := c.Op("Concat", c.Op("Shape", x, graph.Int("start", 2)), c.Ints(1), graph.Int("axis", 0))
	columns := c.Op("Expand", c.Op("Unsqueeze", count(3), c.Ints(1)), full)
	rows := c.Op("Expand", c.Op("Unsqueeze", count(2), c.Ints(1, 2)), full)
	return c.Op("Concat", columns, rows, graph.Int("axis", -1))
}

// ciou is 1 − CIoU of boxes (center, size) [..., 4], with the last axis of extent 1 in the result: the intersection over union, less the squared distance of the centers relative to
// the diagonal of the box around both, less α·v for proportions that differ by v (Zheng et al. 2020, "Distance-IoU loss"). α is a constant to the gradient.
func (c calc) ciou(p, q *graph.Value) *graph.Value {
	const eps = 1e-7
	part := func(v *graph.Value, from, to int) *graph.Value {
		return c.Op("Slice", v, c.Ints(from), c.Ints(to), c.Ints(-1))
	}
	prod := func(v *graph.Value) *graph.Value { return c.mul(part(v, 0, 1), part(v, 1, 2)) }
	pc, qc, ps, qs := part(p, 0, 2), part(q, 0, 2), part(p, 2, 4), part(q, 2, 4)
	low := func(center, size *graph.Value) *graph.Value { return c.sub(center, c.scale(size, 0.5)) }
	high := func(center, size *graph.Value) *graph.Value { return c.add(center, c.scale(size, 0.5)) }
	pl, ql, ph, qh := low(pc, ps), low(qc, qs), high(pc, ps), high(qc, qs)

	inter := prod(c.relu(c.sub(c.Op("Min", ph, qh), c.Op("Max", pl, ql))))
	union := c.add(c.sub(c.add(prod(ps), prod(qs)), inter), c.num(eps))
	iou := c.div(inter, union)
	around := c.sub(c.Op("Max", ph, qh), c.Op("Min", pl, ql))
	distance := c.div(c.sumKept(c.square(c.sub(pc, qc)), -1), c.add(c.sumKept(c.square(around), -1), c.num(eps)))

	angle := func(s *graph.Value) *graph.Value {
		return c.Op("Atan", c.div(part(s, 0, 1), c.add(part(s, 1, 2), c.num(eps))))
	}
	v := c.scale(c.square(c.sub(angle(qs), angle(ps))), 4/(math.Pi*math.Pi))
	alpha := c.stop(c.div(v, c.add(c.sub(v, iou), c.num(1+eps))))
	return c.add(c.sub(c.num(1), iou), c.add(distance, c.mul(alpha, v)))
}
