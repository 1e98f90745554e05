package optest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// gradStep is the step of central differences, relative to elements above 1. Their error is about its square.
const gradStep = 1e-5

// gradTol is the error allowed, relative to gradients above 1.
const gradTol = 1e-6

// checkGrad holds the gradients of Σ weight·output with respect to the inputs c.Grad, with random weights, to central differences, both in float64.
func checkGrad(t *testing.T, reg *graph.Registry, o *graph.Op, c Case) {
	t.Helper()
	in := make([]*tensor.Tensor, len(c.In))
	b := graph.NewBuilder(reg, nil)
	n := &graph.Node{Op: o, Attrs: c.Attrs, In: make([]*graph.Value, len(c.In))}
	var feeds []*tensor.Tensor
	for i, x := range c.In {
		if in[i] = x; x == nil {
			continue
		}
		if wide(o, i) && x.DType().IsFloat() {
			in[i] = double(x)
		}
		if slices.Contains(c.Grad, i) {
			n.In[i] = b.Input("", graph.TypeOf(in[i]))
			feeds = append(feeds, in[i])
		} else {
			n.In[i] = b.Const(in[i])
		}
	}
	y := make([]*graph.Value, max(1, len(c.Want)))
	for i := range y {
		if len(c.Want) == 0 || c.Want[i] != nil {
			y[i] = &graph.Value{}
		}
	}
	b.Append(n, y...)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	first, err := (&Interp{Reg: reg}).RunNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(uint64(len(c.In)), 1))
	weights := make([]*tensor.Tensor, len(y))
	var outs, cotangents []*graph.Value
	for i, v := range y {
		if v == nil || !first[i].DType().IsFloat() {
			continue
		}
		w := make([]float64, first[i].Len())
		for k := range w {
			w[k] = random.NormFloat64()
		}
		weights[i] = tensor.Must(tensor.Of(w, first[i].Shape()...))
		in := b.Input("", graph.TypeOf(weights[i]))
		feeds, outs, cotangents = append(feeds, weights[i]), append(outs, v), append(cotangents, in)
	}
	wrt := make([]*graph.Value, len(c.Grad))
	for k, i := range c.Grad {
		wrt[k] = n.In[i]
	}
	grads, err := autodiff.VJP(reg, b.Graph, outs, cotangents, wrt)
	if err != nil {
		t.Fatal(err)
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
		t.Fatal("gradient: ", err)
	}
	call := &graph.Node{Op: o, Attrs: c.Attrs, In: n.In, Out: y} // as it was before the rule asked for more outputs
	sum := func() float64 {
		out, err := (&Interp{Reg: reg}).RunNode(call, in)
		if err != nil {
			t.Fatal(err)
		}
		s := 0.0
		for i, w := range weights {
			if w != nil {
				for k, v := range tensor.Data[float64](w) {
					s += v * out[i].Float(k)
				}
			}
		}
		return s
	}
	for k, i := range c.Grad {
		x := tensor.Data[float64](in[i])
		var g []float64
		if at[k] >= 0 {
			r := got[at[k]]
			if r.DType() != tensor.Float64 || !r.Shape().Equal(in[i].Shape()) {
				t.Errorf("gradient of input %d is %s, want that of %s", i, r, in[i])
				continue
			}
			g = tensor.Data[float64](r)
		}
		for e, v := range x {
			h := gradStep * math.Max(1, math.Abs(v))
			x[e] = v + h
			up := sum()
			x[e] = v - h
			down := sum()
			x[e] = v
			want, have := (up-down)/(2*h), 0.0
			if g != nil {
				have = g[e]
			}
			if !(math.Abs(have-want) <= gradTol*math.Max(1, math.Abs(want))) {
				t.Errorf("gradient of input %d at %d is %v, central difference %v", i, e, have, want)
				break
			}
		}
	}
}

// wide reports whether input i may be float64.
func wide(o *graph.Op, i int) bool {
	sig := o.Signature()
	p := sig.In[min(i, len(sig.In)-1)]
	return slices.Contains(sig.Types[p.Type], graph.TypeSet{DType: tensor.Float64})
}

// double is x in float64, a copy.
func double(x *tensor.Tensor) *tensor.Tensor {
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = x.Float(i)
	}
	return tensor.Must(tensor.Of(v, x.Shape()...))
}
