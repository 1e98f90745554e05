package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestLanePools holds pools of 16 lanes in float32 against the same in float64, which take the way of all others.
func TestLanePools(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 200 {
		k := func(n int) int64 { return int64(1 + r.IntN(n)) }
		k0, k1, d0, d1 := k(5), k(5), k(2), k(2)
		pads := []int64{r.Int64N(k0 + 1), r.Int64N(k1 + 1), 0, r.Int64N(k0 + 1), r.Int64N(k1 + 1), 0}
		h, w := 1+r.IntN(12)+int((k0-1)*d0), 1+r.IntN(20)+int((k1-1)*d1)
		attrs := []graph.Attr{
			graph.Ints("kernel_shape", k0, k1, 1), graph.Ints("strides", k(3), k(3), 1), graph.Ints("dilations", d0, d1, 1), graph.Ints("pads", pads...),
			graph.Int("ceil_mode", r.IntN(2)),
		}
		x := randomTensor(r, 1+r.IntN(2), 1+r.IntN(2), h, w, 16)
		if i%5 == 0 {
			x = randomTensor(r, 1, 1, h, w, 16)
			tensor.Data[float32](x)[r.IntN(x.Len())] *= float32(1e30)
		}
		wide := make([]float64, x.Len())
		for i, v := range tensor.Data[float32](x) {
			wide[i] = float64(v)
		}
		for _, name := range []string{"MaxPool", "AveragePool"} {
			more := attrs
			if name == "AveragePool" {
				more = append(more[:len(more):len(more)], graph.Int("count_include_pad", r.IntN(2)))
			}
			n := &graph.Node{Op: Registry().Lookup("", name, 0), Attrs: more, In: []*graph.Value{{Name: "x"}}, Out: []*graph.Value{{Name: "y"}}}
			want, err := (&optest.Interp{Reg: Registry()}).RunNode(n, []*tensor.Tensor{tensor.Must(tensor.Of(wide, x.Shape()...))})
			if err != nil {
				t.Fatal(err)
			}
			narrow := make([]float32, want[0].Len())
			for i, v := range tensor.Data[float64](want[0]) {
				narrow[i] = float32(v)
			}
			var first *tensor.Tensor
			for _, threads := range []int{1, 3} {
				got, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, []*tensor.Tensor{x})
				if err != nil {
					t.Fatal(err)
				}
				label := fmt.Sprint(name, " of ", x, " with ", more)
				if d := optest.Diff(got[0], tensor.Must(tensor.Of(narrow, want[0].Shape()...)), 1e-6, 1e-6); d != "" {
					t.Fatalf("%s: %s", label, d)
				}
				if first == nil {
					first = got[0]
				} else if d := optest.Diff(got[0], first, 0, 0); d != "" {
					t.Fatalf("%s on %d threads: %s", label, threads, d)
				}
			}
		}
	}
}

// TestMaxPoolGradLanes holds the gradient over lanes against that in float64, one element after another.
func TestMaxPoolGradLanes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, attrs := range [][]graph.Attr{
		{graph.Ints("kernel_shape", 3, 3, 1), graph.Ints("strides", 2, 2, 1), graph.Ints("pads", 1, 1, 0, 1, 1, 0)},
		{graph.Ints("kernel_shape", 2, 2, 1), graph.Ints("strides", 2, 2, 1)},
		{graph.Ints("kernel_shape", 4, 2, 1), graph.Ints("pads", 3, 0, 0, 2, 1, 0), graph.Ints("dilations", 1, 2, 1), graph.Int("ceil_mode", 1)},
	} {
		x := randomTensor(r, 3, 2, 11, 9, 16)
		for i, d := 0, tensor.Data[float32](x); i < len(d); i++ {
			d[i] = float32(int(3 * d[i])) // some elements are equal
		}
		one := &optest.Interp{Reg: Registry()}
		pool := convNode("BlockC16", []*tensor.Tensor{x}, attrs)
		pool.Op = Registry().Lookup("", "MaxPool", 0)
		y, err := one.RunNode(pool, []*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		in := []*tensor.Tensor{x, y[0], randomTensor(r, y[0].Shape()...)}
		for i, d := 0, tensor.Data[float32](in[2]); i < len(d); i++ {
			d[i] = float32(int(8 * d[i])) // sums are exact
		}
		wide := []*tensor.Tensor{doubled(in[0]), doubled(in[1]), doubled(in[2])}
		want := interpOne(t, one, "MaxPoolGrad", wide, attrs...)
		got := interpOne(t, &optest.Interp{Reg: Registry(), Threads: 2}, "MaxPoolGrad", in, attrs...)
		if d := optest.Diff(doubled(got), want, 0, 0); d != "" {
			t.Error(attrs, d)
		}
	}
}
