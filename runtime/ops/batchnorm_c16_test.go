package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestBatchNormC16 holds the normalization of blocks and its gradient against their expansions, on one thread and on three, whose results must be the same bits.
func TestBatchNormC16(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	interp := &optest.Interp{Reg: Registry()}
	for _, c := range []struct {
		batch, channels, h, w int
		attrs                 []graph.Attr
		gate                  []graph.Attr
	}{
		{4, 40, 5, 7, []graph.Attr{graph.Int("training_mode", 1)}, nil},
		{3, 16, 1, 1, []graph.Attr{graph.Int("training_mode", 1), graph.Float("epsilon", 1e-3), graph.Float("momentum", 0.6), graph.Str("activation", "Relu")}, []graph.Attr{graph.Float("lo", 0)}},
		{2, 17, 40, 31, []graph.Attr{graph.Int("training_mode", 1), graph.Str("activation", "Clip"), graph.Float("alpha", -0.5), graph.Float("beta", 0.75)}, []graph.Attr{graph.Float("lo", -0.5), graph.Float("hi", 0.75)}},
		{2, 20, 3, 4, []graph.Attr{graph.Str("activation", "Relu")}, nil},
	} {
		for _, residual := range []bool{false, true} {
			t.Run(fmt.Sprint(c.channels, residual), func(t *testing.T) {
				block := func() *tensor.Tensor {
					return interpOne(t, interp, "BlockC16", []*tensor.Tensor{randomTensor(r, c.batch, c.channels, c.h, c.w)})
				}
				plus := func(v float32) *tensor.Tensor {
					x := randomTensor(r, c.channels)
					for i, d := 0, tensor.Data[float32](x); i < len(d); i++ {
						d[i] = v + d[i]*d[i]
					}
					return x
				}
				channels := graph.Int("channels", c.channels)
				in := []*tensor.Tensor{block(), plus(0.5), randomTensor(r, c.channels), randomTensor(r, c.channels), plus(0.3)}
				if residual {
					in = append(in, block())
				}
				out := checkBlocked(t, "BatchNormC16", 5, in, append(c.attrs, channels))
				in = []*tensor.Tensor{in[0], in[1], block(), out[3], out[4]}
				if c.gate != nil {
					in = append(in, out[0])
				}
				n := convNode("BatchNormC16", nil, append(c.attrs, channels))
				if n.Bool("training_mode") { // the expansion takes the statistics of the batch
					checkBlocked(t, "BatchNormGradC16", 3, in, append(c.gate, channels, graph.Float("epsilon", n.Float("epsilon"))))
				}
			})
		}
	}
}

// checkBlocked runs a node with so many outputs, of which the first is in blocks, and its expansion.
func checkBlocked(t *testing.T, op string, outputs int, in []*tensor.Tensor, attrs []graph.Attr) []*tensor.Tensor {
	t.Helper()
	x := &optest.Interp{Reg: Registry()}
	n := convNode(op, in, attrs)
	for i := 1; i < outputs; i++ {
		n.Out = append(n.Out, &graph.Value{Name: fmt.Sprint("y", i), Def: n})
	}
	want, err := x.ExpandNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	var first []*tensor.Tensor
	for _, threads := range []int{1, 3} {
		got, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			g, w := got[i], want[i]
			if i == 0 {
				channels := graph.Int("channels", n.Int("channels"))
				g, w = interpOne(t, x, "UnblockC16", []*tensor.Tensor{g}, channels), interpOne(t, x, "UnblockC16", []*tensor.Tensor{w}, channels)
			}
			if d := optest.Diff(g, w, 1e-5, 1e-5); d != "" {
				t.Errorf("%s: output %d on %d threads: %s", op, i, threads, d)
			}
			if first != nil {
				if d := optest.Diff(got[i], first[i], 0, 0); d != "" {
					t.Errorf("%s: output %d on %d threads against one: %s", op, i, threads, d)
				}
			}
		}
		if first == nil {
			first = got
		}
	}
	return first
}

func TestBoundGrad(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, attrs := range [][]graph.Attr{nil, {graph.Float("lo", -0.25), graph.Float("hi", 0.5)}} {
		in := []*tensor.Tensor{randomTensor(r, 3, 5, 71), randomTensor(r, 3, 5, 71)}
		n := convNode("BoundGrad", in, attrs)
		x := &optest.Interp{Reg: Registry(), Threads: 2}
		want, err := x.ExpandNode(n, in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.RunNode(n, in)
		if err != nil {
			t.Fatal(err)
		}
		if d := optest.Diff(got[0], want[0], 0, 0); d != "" {
			t.Error(d)
		}
	}
}
