package optest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Grad holds an operator's gradients to central differences: of Σ c·y over all floating-point outputs y, with fixed numbers c, by every element of every
// floating-point input. The inputs of a case are best float64 and must stay away from kinks; Want and Tol are not read.
func Grad(t *testing.T, reg *graph.Registry, op string, cases []Case) {
	t.Helper()
	for i, c := range cases {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run("grad "+name, func(t *testing.T) {
			domain, short := "", op
			if d, n, ok := strings.Cut(op, "::"); ok {
				domain, short = d, n
			}
			if err := gradCase(reg, reg.Lookup(domain, short, c.Since), c); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func gradCase(reg *graph.Registry, o *graph.Op, c Case) error {
	if o == nil {
		return fmt.Errorf("operator is not in the registry")
	}
	b := graph.NewBuilder(reg, nil)
	n := &graph.Node{Op: o, Attrs: c.Attrs, In: make([]*graph.Value, len(c.In))}
	var feeds []*tensor.Tensor
	var wrt []*graph.Value
	var by []int // the feed of each of wrt
	for i, x := range c.In {
		if x == nil {
			continue
		}
		n.In[i] = b.Input(fmt.Sprintf("x%d", i), graph.TypeOf(x))
		if x.DType() == tensor.Float64 || x.DType() == tensor.Float32 {
			wrt, by = append(wrt, n.In[i]), append(by, len(feeds))
		}
		feeds = append(feeds, x)
	}
	outs := make([]*graph.Value, max(1, len(c.Want)))
	for i := range outs {
		if len(c.Want) == 0 || c.Want[i] != nil {
			outs[i] = &graph.Value{Name: fmt.Sprintf("y%d", i)}
		}
	}
	b.Append(n, slices.Clone(outs)...)
	if b.Err() != nil {
		return b.Err()
	}
	outs = slices.DeleteFunc(outs, func(v *graph.Value) bool { return v == nil || !v.Type.DType.IsFloat() })
	forward := b.Graph
	forward.Outputs = outs
	y, err := (&Interp{Reg: reg}).RunGraph(forward, feeds)
	if err != nil {
		return err
	}
	var cots []*graph.Value
	var weights [][]float64
	all := slices.Clone(feeds)
	for k, v := range y {
		w := make([]float64, v.Len())
		for i := range w {
			w[i] = math.Sin(float64(3*i + 7*k + 1))
		}
		x, err := tensor.FromFloats(v.DType(), w, v.Shape()...)
		if err != nil {
			return err
		}
		weights, all = append(weights, w), append(all, x)
		cots = append(cots, b.Input(fmt.Sprintf("c%d", k), graph.TypeOf(x)))
	}
	loss := func() (float64, error) {
		g, inputs := forward, forward.Inputs
		g.Inputs, g.Outputs = inputs[:len(feeds)], outs
		y, err := (&Interp{Reg: reg}).RunGraph(g, feeds)
		g.Inputs = inputs
		sum := 0.0
		for k := range y {
			for i, w := range weights[k] {
				sum += w * y[k].Float(i)
			}
		}
		return sum, err
	}
	numeric := make([][]float64, len(wrt))
	for k, at := range by {
		if numeric[k], err = differences(feeds[at], loss); err != nil {
			return err
		}
	}
	grads, err := autodiff.VJP(reg, b.Graph, outs, cots, wrt)
	if err != nil {
		return err
	}
	for k, v := range grads {
		var got *tensor.Tensor
		if v != nil {
			b.Graph.Outputs = []*graph.Value{v}
			res, err := (&Interp{Reg: reg}).RunGraph(b.Graph, all)
			if err != nil {
				return err
			}
			if got = res[0]; !got.Shape().Equal(feeds[by[k]].Shape()) {
				return fmt.Errorf("the gradient of %s is %s", wrt[k].Name, got)
			}
		}
		top, tol := 1.0, 1e-6
		if feeds[by[k]].DType() == tensor.Float32 {
			tol = 2e-3
		}
		for _, x := range numeric[k] {
			top = max(top, math.Abs(x))
		}
		for i, want := range numeric[k] {
			x := 0.0
			if got != nil {
				x = got.Float(i)
			}
			if !(math.Abs(x-want) <= tol*top) {
				return fmt.Errorf("the gradient of %s[%d] is %v, central differences say %v", wrt[k].Name, i, x, want)
			}
		}
	}
	return nil
}

// differences are the central differences of f by the elements of x.
func differences(x *tensor.Tensor, f func() (float64, error)) ([]float64, error) {
	d := make([]float64, x.Len())
	for i := range d {
		old := x.Float(i)
		step := 1e-5 * max(1, math.Abs(old))
		set := func(v float64) { tensor.Data[float64](x)[i] = v }
		if x.DType() == tensor.Float32 {
			step = 1.0 / 64
			set = func(v float64) { tensor.Data[float32](x)[i] = float32(v) }
		}
		set(old + step)
		hi, err := f()
		if err != nil {
			return nil, err
		}
		set(old - step)
		lo, err := f()
		if err != nil {
			return nil, err
		}
		set(old)
		d[i] = (hi - lo) / (2 * step)
	}
	return d, nil
}
