package runtime_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestSubPixel holds transposed convolutions as they run, mostly as convolutions, against the operator itself.
func TestSubPixel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func(shape ...int) *tensor.Tensor {
		x := make([]float32, tensor.Shape(shape).Elems())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return tensor.Must(tensor.Of(x, shape...))
	}
	k := func(v ...int64) []int64 { return v }
	for _, c := range []struct {
		in, out, group        int
		kernel, strides, pads []int64
		extra, dilations      []int64
		bias, rewritten       bool
		fixed                 bool // the height is known
	}{
		{32, 16, 1, k(2, 2), k(2, 2), nil, nil, nil, true, true, false},
		{17, 20, 1, k(2, 2), k(2, 2), nil, nil, nil, true, true, false},
		{32, 32, 1, k(4, 4), k(2, 2), k(1, 1, 1, 1), nil, nil, false, true, false},
		{16, 48, 1, k(3, 3), k(2, 2), k(1, 1, 1, 1), k(1, 1), nil, true, true, false},
		{16, 16, 1, k(3, 3), k(2, 2), k(1, 1, 1, 1), nil, nil, true, false, false}, // an odd number of rows
		{16, 3, 1, k(4, 4), k(4, 4), nil, nil, nil, true, true, false},
		{16, 16, 1, k(6, 5), k(3, 3), k(1, 1, 2, 1), nil, nil, false, true, false},
		{16, 32, 1, k(3, 3), k(1, 1), k(1, 1, 1, 1), nil, nil, true, true, false},
		{16, 32, 1, k(3, 5), k(1, 1), nil, nil, nil, true, true, false},
		{32, 32, 32, k(4, 4), k(2, 2), k(1, 1, 1, 1), nil, nil, true, true, false},
		{32, 48, 4, k(2, 2), k(2, 2), nil, nil, nil, true, true, false},
		{16, 16, 1, k(2, 2), k(2, 2), k(1, 1, 1, 1), nil, nil, true, false, false}, // would crop the input
		{16, 16, 1, k(1, 1), k(2, 2), nil, k(1, 1), nil, true, false, false},       // results without a weight
		{16, 16, 1, k(2, 4), k(1, 2), k(0, 1, 0, 1), nil, nil, true, false, false},
		{16, 16, 1, k(2, 2), k(2, 2), nil, k(1, 1), k(2, 2), true, false, false},
		{in: 32, out: 20, group: 1, kernel: k(1, 1), strides: k(2, 2), extra: k(1, 1), rewritten: true, fixed: true},
		{in: 16, out: 16, group: 1, kernel: k(1, 1), strides: k(2, 2), rewritten: true, fixed: true},
		{in: 32, out: 32, group: 2, kernel: k(1, 1), strides: k(1, 3), extra: k(0, 1), rewritten: true, fixed: true},
		{in: 16, out: 16, group: 1, kernel: k(1, 1), strides: k(2, 2), bias: true, fixed: true}, // all results have it
		{in: 16, out: 16, group: 1, kernel: k(1, 1), strides: k(2, 2), pads: k(1, 0, 0, 0), fixed: true},
		{in: 16, out: 16, group: 1, kernel: k(1, 1), strides: k(2, 2)},
	} {
		t.Run(fmt.Sprintf("%d_%d_k%v_s%v_p%v_g%d", c.in, c.out, c.kernel, c.strides, c.pads, c.group), func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			h, shapes := graph.Sym("h"), [][]int{{2, c.in, 5, 7}, {1, c.in, 1, 7}, {0, c.in, 3, 7}}
			if c.fixed {
				h, shapes = graph.Size(5), [][]int{{2, c.in, 5, 7}, {0, c.in, 5, 7}}
			}
			x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(c.in), h, graph.Size(7)))
			args := []graph.Arg{x, b.Const(random(c.in, c.out/c.group, int(c.kernel[0]), int(c.kernel[1])))}
			if c.bias {
				args = append(args, b.Const(random(c.out)))
			}
			args = append(args, graph.Int("group", c.group))
			for name, v := range map[string][]int64{"strides": c.strides, "pads": c.pads, "output_padding": c.extra, "dilations": c.dilations} {
				if v != nil {
					args = append(args, graph.Ints(name, v...))
				}
			}
			b.Output(b.Op("Relu", b.Op("ConvTranspose", args...)))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			for _, shape := range shapes {
				in := []*tensor.Tensor{random(shape...)}
				var res [2]*tensor.Tensor
				for i, passes := range [][]pass.Pass{pass.Inference, pass.Execution(pass.Target{Vector: true, Exact: false})} {
					s, err := runtime.Compile(b.Graph, runtime.WithPasses(passes...))
					if err != nil {
						t.Fatal(err)
					}
					out := make([]*tensor.Tensor, 1)
					if err := s.RunInto(context.Background(), in, out); err != nil {
						t.Fatal(err)
					}
					res[i] = out[0]
					kept := false
					s.Graph().Walk(func(_ *graph.Graph, n *graph.Node) bool {
						kept = kept || n.Op.Name == "ConvTranspose"
						return true
					})
					if kept != (i == 0 || !c.rewritten) {
						t.Errorf("ConvTranspose is kept: %v", kept)
					}
				}
				if d := optest.Diff(res[1], res[0], 1e-4, 1e-4); d != "" {
					t.Errorf("%v: %s", shape, d)
				}
			}
		})
	}
}
