package optest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Grad holds an operator's gradients to central differences, as Run does for rows with Case.Grad: with respect to the inputs c.Grad, or to all floating-point
// inputs where it is nil. Want says only which outputs there are.
func Grad(t *testing.T, reg *graph.Registry, op string, cases []Case) {
	t.Helper()
	for i, c := range cases {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run(strings.ReplaceAll(op, "::", ".")+" grad "+name, func(t *testing.T) {
			o := lookup(reg, op, c.Since)
			if o == nil {
				t.Fatalf("operator %s is not in the registry", op)
			}
			if err := checkGrad(reg, o, c); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Kinds of rows that the gradients of an operator want.
const (
	Differences = "central differences" // of some version of the operator
	Empty       = "empty"               // an input has no elements
	Extreme     = "extreme"             // one to differentiate by has elements that are huge, tiny, infinite or NaN
)

// seen are the kinds of rows that the gradients of operators had, by domain, name and kind.
var seen sync.Map

// GradChecked reports whether the gradients of an operator had a row of that kind since the program started.
func GradChecked(domain, name, kind string) bool {
	_, ok := seen.Load([3]string{domain, name, kind})
	return ok
}

// note records which kinds of rows c is.
func note(o *graph.Op, c Case) {
	if slices.ContainsFunc(c.In, func(x *tensor.Tensor) bool { return x != nil && x.Len() == 0 }) {
		seen.Store([3]string{o.Domain, o.Name, Empty}, true)
	}
	for _, i := range c.Grad {
		x := c.In[i]
		for e := range x.Len() {
			if v := math.Abs(x.Float(e)); !(v > 1e-6 && v < 500 || v == 0) {
				seen.Store([3]string{o.Domain, o.Name, Extreme}, true)
				break
			}
		}
	}
}

// checkGrad compares the gradients of Σ weight·output, over all floating-point outputs and with fixed weights, to central differences; in float64 where the operator
// has it. The gradient's graph is built twice: where all shapes are known and the other inputs constants, and where only ranks are known. Of each row others are made,
// without elements and of huge and tiny numbers, where the operator takes them.
func checkGrad(reg *graph.Registry, o *graph.Op, c Case) error {
	seen.Store([3]string{o.Domain, o.Name, Differences}, true)
	c = widened(o, c)
	note(o, c)
	y, err := outputs(reg, o, c)
	if err != nil {
		return err
	}
	weights := make([]*tensor.Tensor, len(y))
	for k, v := range y {
		if v == nil || !v.DType().IsFloat() {
			continue
		}
		w := make([]float64, v.Len())
		for i := range w {
			w[i] = math.Sin(float64(3*i + 7*k + 1))
		}
		if weights[k], err = tensor.FromFloats(v.DType(), w, v.Shape()...); err != nil {
			return err
		}
	}
	numeric := make([][]difference, len(c.Grad))
	for k, i := range c.Grad {
		if numeric[k], err = differences(c.In[i], weights, c.Step, func() ([]*tensor.Tensor, error) { return outputs(reg, o, c) }); err != nil {
			return err
		}
	}
	for _, dynamic := range []bool{false, true} {
		grads, err := vjp(reg, o, c, weights, dynamic)
		if dynamic && errors.Is(err, graph.ErrUnsupported) { // a rule may ask for the extents
			continue
		}
		if err != nil {
			return fmt.Errorf("dynamic shapes %v: %w", dynamic, err)
		}
		for k, i := range c.Grad {
			for e, d := range numeric[k] {
				if x := grads[k].Float(e); !(math.Abs(x-d.value) <= d.tol) {
					return fmt.Errorf("dynamic shapes %v: the gradient of input %d at %d (%v) is %v, central differences say %v ± %.2g", dynamic, i, e, c.In[i].Float(e), x, d.value, d.tol)
				}
			}
		}
	}
	if err := emptied(reg, o, c); err != nil {
		return err
	}
	return scaledUp(reg, o, c, y, weights)
}

// Gradients computes an operator's gradients with respect to c.Grad, or to all floating-point inputs where it is nil, from those of its outputs; ones stand for cotangents that are nil.
func Gradients(reg *graph.Registry, op string, c Case, cotangents ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	o := lookup(reg, op, c.Since)
	if o == nil {
		return nil, fmt.Errorf("operator %s is not in the registry", op)
	}
	c = widened(o, c)
	note(o, c)
	y, err := outputs(reg, o, c)
	if err != nil {
		return nil, err
	}
	all := make([]*tensor.Tensor, len(y))
	for k, v := range y {
		if k < len(cotangents) && cotangents[k] != nil {
			all[k] = cotangents[k]
		} else if v != nil && v.DType().IsFloat() {
			if all[k], err = tensor.FromFloats(v.DType(), slices.Repeat([]float64{1}, v.Len()), v.Shape()...); err != nil {
				return nil, err
			}
		}
	}
	return vjp(reg, o, c, all, false)
}

// vjp builds and runs the gradient of one node. An input that the outputs do not depend on has the gradient zero.
func vjp(reg *graph.Registry, o *graph.Op, c Case, cotangents []*tensor.Tensor, dynamic bool) ([]*tensor.Tensor, error) {
	b := graph.NewBuilder(reg, nil)
	var feeds []*tensor.Tensor
	input := func(x *tensor.Tensor) *graph.Value {
		feeds = append(feeds, x)
		t := graph.TypeOf(x)
		for i := range t.Shape {
			if dynamic {
				t.Shape[i] = graph.Unknown()
			}
		}
		return b.Input("", t)
	}
	n := &graph.Node{Op: o, Attrs: c.Attrs, In: make([]*graph.Value, len(c.In))}
	for i, x := range c.In {
		switch {
		case x == nil:
		case slices.Contains(c.Grad, i) || dynamic && x.DType().IsFloat():
			n.In[i] = input(x)
		default:
			n.In[i] = b.Const(x)
		}
	}
	y := make([]*graph.Value, len(cotangents))
	var outs, cots, wrt []*graph.Value
	for k, w := range cotangents {
		if w != nil || len(c.Want) > k && c.Want[k] != nil {
			y[k] = &graph.Value{}
		}
		if w != nil {
			outs, cots = append(outs, y[k]), append(cots, input(w))
		}
	}
	b.Append(n, y...)
	if b.Err() != nil {
		return nil, b.Err()
	}
	for _, i := range c.Grad {
		wrt = append(wrt, n.In[i])
	}
	grads, err := autodiff.VJP(reg, b.Graph, outs, cots, wrt)
	if err != nil {
		return nil, err
	}
	at := make([]int, len(grads))
	for k, v := range grads {
		if at[k] = -1; v != nil {
			at[k] = len(b.Graph.Outputs)
			b.Graph.Outputs = append(b.Graph.Outputs, v)
		}
	}
	got, err := (&Interp{Reg: reg}).RunGraph(b.Graph, feeds)
	if err != nil {
		return nil, err
	}
	res := make([]*tensor.Tensor, len(grads))
	for k, i := range c.Grad {
		x := c.In[i]
		if at[k] < 0 {
			if res[k], err = tensor.FromFloats(x.DType(), make([]float64, x.Len()), x.Shape()...); err != nil {
				return nil, err
			}
			continue
		}
		if res[k] = got[at[k]]; res[k].DType() != x.DType() || !res[k].Shape().Equal(x.Shape()) {
			return nil, fmt.Errorf("the gradient of input %d is %s, want that of %s", i, res[k], x)
		}
	}
	return res, nil
}

// outputs computes the outputs of a row.
func outputs(reg *graph.Registry, o *graph.Op, c Case) ([]*tensor.Tensor, error) {
	n := &graph.Node{Op: o, Attrs: c.Attrs, In: make([]*graph.Value, len(c.In)), Out: make([]*graph.Value, max(1, len(c.Want)))}
	for i, x := range c.In {
		if x != nil {
			n.In[i] = &graph.Value{Name: fmt.Sprintf("x%d", i), Type: graph.TypeOf(x)}
		}
	}
	for i := range n.Out {
		if len(c.Want) == 0 || c.Want[i] != nil {
			n.Out[i] = &graph.Value{Name: fmt.Sprintf("y%d", i), Def: n}
		}
	}
	return (&Interp{Reg: reg}).RunNode(n, c.In)
}

// difference is a central difference and its error: what is left out of the series, and what rounding of the outputs makes of the quotient.
type difference struct{ value, tol float64 }

// differences are the central differences of Σ weight·f by the elements of x, with steps relative to an element, or to 1 for small ones unless the row says more.
func differences(x *tensor.Tensor, weights []*tensor.Tensor, step float64, f func() ([]*tensor.Tensor, error)) ([]difference, error) {
	small, rel, tol, ulp := 1.0, 1e-5, 1e-6, 0x1p-50
	set := func(i int, v float64) float64 { tensor.Data[float64](x)[i] = v; return v }
	if x.DType() == tensor.Float32 {
		rel, tol, ulp = 1.0/64, 2e-3, 0x1p-22
		set = func(i int, v float64) float64 { tensor.Data[float32](x)[i] = float32(v); return float64(float32(v)) }
	}
	if step > 0 {
		small, rel = 0, step
	}
	res := make([]difference, x.Len())
	for e := range res {
		old := x.Float(e)
		h := rel * max(small, math.Abs(old))
		b := set(e, old+h)
		up, err := f()
		if err != nil {
			return nil, err
		}
		a := set(e, old-h)
		down, err := f()
		if err != nil {
			return nil, err
		}
		set(e, old)
		d, noise := 0.0, 0.0
		for k, w := range weights {
			if w == nil {
				continue
			}
			for i := range w.Len() { // output by output, so that a large one does not hide what a small one does
				if hi, lo := up[k].Float(i), down[k].Float(i); hi != lo {
					d += w.Float(i) * (hi - lo)
					noise += math.Abs(w.Float(i)) * max(math.Abs(hi), math.Abs(lo))
				}
			}
		}
		d /= b - a
		res[e] = difference{d, tol*max(1, math.Abs(d)) + ulp*noise/(b-a)}
		if step > 0 {
			res[e].tol = tol*math.Abs(d) + ulp*noise/(b-a)
		}
	}
	return res, nil
}

// widened is the row with copies of its inputs, in float64 where the operator has that, and with the inputs to differentiate by named.
func widened(o *graph.Op, c Case) Case {
	named := c.Grad != nil
	in := slices.Clone(c.In)
	for i, x := range in {
		if x == nil || !x.DType().IsFloat() {
			continue
		}
		d := x.DType()
		if wide(o, i) {
			d = tensor.Float64
		}
		v := make([]float64, x.Len())
		for k := range v {
			v[k] = x.Float(k)
		}
		in[i] = tensor.Must(tensor.FromFloats(d, v, x.Shape()...))
		if !named {
			c.Grad = append(c.Grad, i)
		}
	}
	c.In = in
	return c
}

// wide reports whether input i may be float64.
func wide(o *graph.Op, i int) bool {
	sig := o.Signature()
	p := sig.In[min(i, len(sig.In)-1)]
	return slices.Contains(sig.Types[p.Type], graph.TypeSet{DType: tensor.Float64})
}

func lookup(reg *graph.Registry, op string, since int) *graph.Op {
	domain, short := "", op
	if d, n, ok := strings.Cut(op, "::"); ok {
		domain, short = d, n
	}
	return reg.Lookup(domain, short, since)
}
