// Package loss holds loss functions, written as nodes of a graph. Names, parameters, defaults and formulas are PyTorch's where PyTorch has the loss. All are
// stable for logits of any size.
//
// A loss is a struct of its parameters. In Go it is made by its constructor, which fills in the defaults, and by name with [New]:
//
//	l := loss.NewCrossEntropy()
//	l.LabelSmoothing = 0.1
//	y := l.Of(b, []*graph.Value{logits}, []*graph.Value{labels})
package loss

import (
	"encoding/json"
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Loss is a loss function.
type Loss interface {
	// Targets are what the loss reads beside outputs of the types out, in the order in which Of takes them. Types that the outputs do not tell are unknown.
	Targets(out []graph.Type) []Target
	// Of appends the loss of outputs against targets. It is one element, or one for each item where the reduction is None. Errors are the builder's. More
	// outputs than the loss reads are ignored. Targets of another number type are cast.
	Of(b *graph.Builder, out, target []*graph.Value) *graph.Value
}

// Target is a tensor that a loss compares outputs with.
type Target struct {
	Name string // "y", unless the loss has several
	Type graph.Type
}

// Reduction is how the losses of all items become one.
type Reduction string

const (
	Mean      Reduction = "mean"
	Sum       Reduction = "sum"
	BatchMean Reduction = "batchmean" // the sum divided by the extent of the first axis
	None      Reduction = "none"
)

// UnmarshalJSON refuses what is no reduction.
func (r *Reduction) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	switch Reduction(s) {
	case Mean, Sum, BatchMean, None:
		*r = Reduction(s)
		return nil
	}
	return fmt.Errorf("reduction %q; there are mean, sum, batchmean and none", s)
}

// calc is a builder at work on one loss: formulas in the element type of its first output read as arithmetic does.
type calc struct {
	*graph.Builder
	dtype tensor.DType
}

// begin checks that there are enough values. After it, out and target may be read.
func begin(b *graph.Builder, what string, out, target []*graph.Value, outs, targets int) (calc, bool) {
	c := calc{Builder: b}
	if b.Err() != nil {
		return c, false
	}
	if len(out) < outs || len(target) < targets {
		b.Fail(graph.Invalidf("%s of %d outputs and %d targets, want %d and %d", what, len(out), len(target), outs, targets))
		return c, false
	}
	for _, v := range append(append([]*graph.Value{}, out[:outs]...), target[:targets]...) {
		if v == nil {
			b.Fail(graph.Invalidf("%s of a missing value", what))
			return c, false
		}
	}
	if outs > 0 {
		if c.dtype = out[0].Type.DType; !c.dtype.IsFloat() {
			b.Fail(graph.Typef("%s of %s, want floating-point numbers", what, out[0].Type))
			return c, false
		}
	}
	return c, true
}

func (c calc) add(a, b *graph.Value) *graph.Value { return c.Op("Add", a, b) }
func (c calc) sub(a, b *graph.Value) *graph.Value { return c.Op("Sub", a, b) }
func (c calc) mul(a, b *graph.Value) *graph.Value { return c.Op("Mul", a, b) }
func (c calc) div(a, b *graph.Value) *graph.Value { return c.Op("Div", a, b) }
func (c calc) neg(a *graph.Value) *graph.Value    { return c.Op("Neg", a) }
func (c calc) square(a *graph.Value) *graph.Value { return c.mul(a, a) }
func (c calc) num(v float64) *graph.Value         { return c.Scalar(c.dtype, v) }

// scale is a·v; without a node for 1.
func (c calc) scale(v *graph.Value, a float64) *graph.Value {
	if a == 1 {
		return v
	}
	return c.mul(v, c.num(a))
}

// relu is max(0, v), whose derivative at 0 is 0.
func (c calc) relu(v *graph.Value) *graph.Value { return c.Op("Relu", v) }

// where is a where the condition holds, else b.
func (c calc) where(cond, a, b *graph.Value) *graph.Value { return c.Op("Where", cond, a, b) }

// stop is v as a constant for gradients.
func (c calc) stop(v *graph.Value) *graph.Value { return c.Op("ai.onnxrun::StopGradient", v) }

// cast is v as numbers of the loss.
func (c calc) cast(v *graph.Value) *graph.Value {
	if c.Err() != nil || v.Type.DType == c.dtype {
		return v
	}
	return c.Op("Cast", v, graph.Int("to", int(c.dtype)))
}

// sum is the sum over the given axes, which disappear; over all without any.
func (c calc) sum(v *graph.Value, axes ...int) *graph.Value {
	if len(axes) == 0 {
		return c.Op("ReduceSum", v, graph.Int("keepdims", 0))
	}
	return c.Op("ReduceSum", v, c.Ints(axes...), graph.Int("keepdims", 0))
}

// sumKept is the sum over an axis, whose extent becomes 1.
func (c calc) sumKept(v *graph.Value, axis int) *graph.Value {
	return c.Op("ReduceSum", v, c.Ints(axis), graph.Int("keepdims", 1))
}

// meanAll is the mean of all elements, NaN of none.
func (c calc) meanAll(v *graph.Value) *graph.Value {
	return c.Op("ReduceMean", v, graph.Int("keepdims", 0))
}

// extent is the extent of an axis as a number.
func (c calc) extent(v *graph.Value, axis int) *graph.Value {
	if c.Err() != nil {
		return nil
	}
	if v.Type.Ranked && axis < len(v.Type.Shape) {
		if n, ok := v.Type.Shape[axis].Int(); ok {
			return c.num(float64(n))
		}
	}
	n := c.Op("Shape", v, graph.Int("start", axis), graph.Int("end", axis+1))
	return c.Op("Cast", c.Op("Squeeze", n), graph.Int("to", int(c.dtype)))
}

// reduce makes one loss of many.
func (c calc) reduce(v *graph.Value, r Reduction) *graph.Value {
	switch r {
	case Mean, "":
		return c.meanAll(v)
	case Sum:
		return c.sum(v)
	case BatchMean:
		if c.rank(v) == 0 {
			return v
		}
		return c.div(c.sum(v), c.extent(v, 0))
	case None:
		return v
	}
	c.Fail(graph.Invalidf("reduction %q", r))
	return nil
}

// rank is the rank of v, which must be known.
func (c calc) rank(v *graph.Value) int {
	if c.Err() != nil {
		return 0
	}
	if !v.Type.Ranked {
		c.Fail(graph.Unsupportedf("the rank of %q is not known", v.Name))
		return 0
	}
	return len(v.Type.Shape)
}

// alike fails unless v may have the shape of x. Losses do not broadcast: [N, 1] against [N] would compare all with all.
func (c calc) alike(x, v *graph.Value) {
	if c.Err() == nil && !fits(x.Type, v.Type) {
		c.Fail(graph.Shapef("target %s for output %s", v.Type, x.Type))
	}
}

func fits(a, b graph.Type) bool {
	if !a.Ranked || !b.Ranked {
		return true
	}
	if len(a.Shape) != len(b.Shape) {
		return false
	}
	for i, d := range a.Shape {
		if d.IsInt() && b.Shape[i].IsInt() && !d.Equal(b.Shape[i]) {
			return false
		}
	}
	return true
}

// like is the target that has the type of the first output.
func like(out []graph.Type) []Target { return []Target{{"y", typeAt(out, 0)}} }

func typeAt(out []graph.Type, i int) graph.Type {
	if i < len(out) {
		return out[i]
	}
	return graph.Type{}
}

// without is t as int64 without one axis: labels of classes.
func without(t graph.Type, axis int) graph.Type {
	if !t.Ranked || len(t.Shape) == 0 {
		return graph.Unranked(tensor.Int64)
	}
	if axis < 0 {
		axis += len(t.Shape)
	}
	axis = min(axis, len(t.Shape)-1)
	shape := append(append([]graph.Dim{}, t.Shape[:axis]...), t.Shape[axis+1:]...)
	return graph.TensorType(tensor.Int64, shape...)
}
