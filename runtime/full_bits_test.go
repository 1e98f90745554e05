package runtime_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestFullModelsSameBits runs the models in the folder ONNXRUN_FULL with 1, 2 and 3 threads, twice each.
func TestFullModelsSameBits(t *testing.T) {
	eachFullModel(t, func(t *testing.T, path string) {
		sets, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "test_data_set_*"))
		g := fullModel(t, path)
		var want [][]*tensor.Tensor
		for threads := 1; threads <= 3; threads++ {
			s := compile(t, g, runtime.WithThreads(threads))
			for i, set := range sets {
				in := fullInputs(t, s, set)
				for range 2 {
					got := make([]*tensor.Tensor, len(s.Outputs()))
					if err := s.RunInto(context.Background(), in, got); err != nil {
						t.Fatal(err)
					}
					if len(want) == i {
						want = append(want, got)
					} else if err := sameOutputs(got, want[i]); err != nil {
						t.Errorf("%d threads, %s: %v", threads, filepath.Base(set), err)
					}
				}
			}
		}
	})
}

// TestFullModelsBatchNeighbours: what a model computes of one element of a batch has the same bits alone. Models for one element are tried
// with more of them where they still make sense.
func TestFullModelsBatchNeighbours(t *testing.T) {
	eachFullModel(t, func(t *testing.T, path string) {
		set := filepath.Join(filepath.Dir(path), "test_data_set_0")
		g := fullModel(t, path)
		in := fullInputs(t, compile(t, g), set)
		batch := 3
		for i, v := range g.Inputs {
			if in[i].Rank() == 0 || in[i].Dim(0) == 0 || in[i].DType() == tensor.String {
				t.Skipf("input %q, %s, is no batch", v.Name, in[i])
			}
			switch n := in[i].Dim(0); {
			case n > 1 && !v.Type.Shape[0].IsInt(): // a batch as it is
				batch = n
			case n > 1:
				t.Skipf("input %q, %s, is no batch", v.Name, in[i])
			}
		}
		for i, x := range in {
			if x.Dim(0) < batch {
				in[i] = repeat(t, x, batch)
			}
		}
		s, err := runtime.Compile(anyBatch(g))
		if err != nil {
			t.Skip(err)
		}
		all := make([]*tensor.Tensor, len(s.Outputs()))
		if err := s.RunInto(context.Background(), in, all); err != nil {
			t.Skip(err)
		}
		compared := 0
		for _, k := range []int{0, batch / 2, batch - 1} {
			one := make([]*tensor.Tensor, len(in))
			for i, x := range in {
				one[i] = element(t, x, k, batch)
			}
			got := make([]*tensor.Tensor, len(all))
			if err := s.RunInto(context.Background(), one, got); err != nil {
				t.Fatal(err)
			}
			for i, y := range all {
				if y.Rank() == 0 || y.Dim(0) != batch || y.DType() == tensor.String {
					continue
				}
				compared++
				if d := sameBits(got[i], element(t, y, k, batch)); d != "" {
					t.Errorf("output %q of element %d of %d: %s", s.Outputs()[i].Name, k, batch, d)
				}
			}
		}
		if compared == 0 {
			t.Skip("no output has the batch in front")
		}
	})
}

// anyBatch is g with a first extent of all inputs that is open, and no types that follow from it. What is given a constant shape takes its first
// extent from its size.
func anyBatch(g *graph.Graph) *graph.Graph {
	g = g.Clone()
	b := graph.NewBuilder(ops.Registry(), g)
	b.Reserve()
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Name == "Reshape" && n.In[1] != nil {
			if shape := slices.Clone(constInts(n.In[1])); len(shape) > 0 {
				switch {
				case !slices.Contains(shape, -1):
					shape[0] = -1
				case shape[0] == 1:
					shape[0] = 0 // as it is
					n.Attrs = slices.DeleteFunc(n.Attrs, func(a graph.Attr) bool { return a.Name == "allowzero" })
				}
				n.In[1] = b.Ints(shape...)
			}
		}
		for _, v := range n.Out {
			if v != nil && !strings.HasPrefix(n.Op.Domain, "ai.onnx.ml") {
				v.Type = graph.Type{}
			}
		}
		return true
	})
	for _, v := range g.Inputs {
		v.Type.Shape = slices.Clone(v.Type.Shape)
		v.Type.Shape[0] = graph.Sym("batch")
	}
	return g
}

// constInts are the elements of a constant, or nil.
func constInts(v *graph.Value) (ints []int) {
	t := v.Const
	if t == nil && v.Def != nil && v.Def.Op.Name == "Constant" {
		t = v.Def.Tensor("value")
	}
	if t != nil && t.DType() == tensor.Int64 {
		for _, x := range tensor.Data[int64](t) {
			ints = append(ints, int(x))
		}
	}
	return ints
}

// repeat is a batch of n made of x, the one element of another; the others are x with its elements in other orders.
func repeat(t *testing.T, x *tensor.Tensor, n int) *tensor.Tensor {
	t.Helper()
	size := x.DType().Size()
	b := slices.Clone(x.Bytes())
	all := slices.Clone(b)
	for k := 1; k < n; k++ {
		shift := size * ((len(b)/size*k)/n + 1) % max(len(b), 1)
		all = append(append(all, b[shift:]...), b[:shift]...)
	}
	return fromBytes(t, x, all, n)
}

// element is element k of a batch of n, as a batch of one.
func element(t *testing.T, x *tensor.Tensor, k, n int) *tensor.Tensor {
	t.Helper()
	size := len(x.Bytes()) / n
	return fromBytes(t, x, slices.Clone(x.Bytes()[k*size:][:size]), 1)
}

// fromBytes is a batch of n elements like those of x.
func fromBytes(t *testing.T, x *tensor.Tensor, b []byte, n int) *tensor.Tensor {
	t.Helper()
	y, err := tensor.FromBytes(x.DType(), b, append([]int{n}, x.Shape()[1:]...)...)
	if err != nil {
		t.Fatal(err)
	}
	return y
}
