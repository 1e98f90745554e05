package optest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Case is one row of an operator's test.
type Case struct {
	Name  string
	Since int              // version of the operator, 0 for the newest
	In    []*tensor.Tensor // nil where an optional input is absent
	Attrs []graph.Attr
	Want  []*tensor.Tensor // nil where the output is not wanted; its origin is stated beside the row
	Tol   float64          // |got - want| <= Tol + Tol·|want|; 0 asks for the same value
	Err   error            // the kind of error that must come instead
	Text  string           // what the error must say
	Grad  []int            // inputs whose gradients must agree with central differences
	Step  float64          // of these differences, relative to the element whatever its size; 0: 1e-5 of the element or of 1, whichever is larger
}

// Run holds an operator ("Softmax", "com.microsoft::Gelu") to its rows: the kernel against Want, the types that Infer gave against the
// results, Expand against Want where there is both, with one worker and with three; and gradients against central differences.
func Run(t *testing.T, reg *graph.Registry, op string, cases []Case) {
	t.Helper()
	for i, c := range cases {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run(name, func(t *testing.T) {
			o := lookup(reg, op, c.Since)
			if o == nil {
				t.Fatalf("operator %s is not in the registry", op)
			}
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
			type way struct {
				name string
				f    func(*Interp) ([]*tensor.Tensor, error)
			}
			var ways []way
			if o.Run != nil {
				ways = append(ways, way{"Run", func(x *Interp) ([]*tensor.Tensor, error) { return x.RunNode(n, c.In) }})
			}
			if o.Expand != nil {
				ways = append(ways, way{"Expand", func(x *Interp) ([]*tensor.Tensor, error) { return x.ExpandNode(n, c.In) }})
			}
			if len(c.Grad) > 0 {
				if err := checkGrad(reg, o, c); err != nil {
					t.Error(err)
				}
			}
			for _, w := range ways {
				for _, threads := range []int{1, 3} {
					got, err := w.f(&Interp{Reg: reg, Threads: threads})
					if c.Err != nil || c.Text != "" {
						if err == nil || c.Err != nil && !errors.Is(err, c.Err) || !strings.Contains(fmt.Sprint(err), c.Text) {
							t.Fatalf("%s: error %v, want kind %v with %q", w.name, err, c.Err, c.Text)
						}
						continue
					}
					if err != nil {
						t.Fatalf("%s: %v", w.name, err)
					}
					for i, want := range c.Want {
						if want == nil {
							continue
						}
						if d := Diff(got[i], want, c.Tol, c.Tol); d != "" {
							t.Errorf("%s: output %d: %s", w.name, i, d)
						}
					}
				}
			}
		})
	}
}

// Diff tells how got differs from want by more than atol + rtol·|want|, or returns "". Types and shapes must be equal, and NaN meets NaN.
func Diff(got, want *tensor.Tensor, rtol, atol float64) string {
	if got == nil || want == nil {
		if got == want {
			return ""
		}
		return fmt.Sprintf("is %s, want %s", got, want)
	}
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) || got.Len() != want.Len() {
		return fmt.Sprintf("is %s, want %s", got, want)
	}
	if got.DType().IsContainer() {
		for i, w := range want.Elems() {
			if d := Diff(got.Elems()[i], w, rtol, atol); d != "" {
				return fmt.Sprintf("element %d: %s", i, d)
			}
		}
		return ""
	}
	if got.DType() == tensor.String {
		for i, w := range want.Strings() {
			if g := got.Strings()[i]; g != w {
				return fmt.Sprintf("[%d] is %q, want %q", i, g, w)
			}
		}
		return ""
	}
	bad, first, worst := 0, -1, 0.0
	for i := range want.Len() {
		gr, gi := at(got, i)
		wr, wi := at(want, i)
		ok := close(gr, wr, rtol, atol) && close(gi, wi, rtol, atol)
		if !ok {
			bad++
			if first < 0 {
				first = i
			}
			worst = max(worst, math.Abs(gr-wr), math.Abs(gi-wi))
		}
	}
	if bad == 0 {
		return ""
	}
	g, _ := at(got, first)
	w, _ := at(want, first)
	return fmt.Sprintf("%d of %d elements of %s differ, by %.3g at most; [%d] is %v, want %v", bad, want.Len(), want, worst, first, g, w)
}

func close(g, w, rtol, atol float64) bool {
	if g == w || math.IsNaN(g) && math.IsNaN(w) {
		return true
	}
	if math.IsInf(w, 0) || math.IsInf(g, 0) {
		return false
	}
	return math.Abs(g-w) <= atol+rtol*math.Abs(w)
}

// at is element i as a complex number of float64; 64-bit integers beyond 2^53 are compared by tests of their own.
func at(t *tensor.Tensor, i int) (re, im float64) {
	switch t.DType() {
	case tensor.Complex64:
		v := tensor.Data[complex64](t)[i]
		return float64(real(v)), float64(imag(v))
	case tensor.Complex128:
		v := tensor.Data[complex128](t)[i]
		return real(v), imag(v)
	}
	return t.Float(i), 0
}
