package ops

import (
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestDepthToSpaceC16(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := &optest.Interp{Reg: Registry()}
	var cases []optest.Case
	for _, c := range [][5]int{{2, 16, 2, 3, 5}, {1, 48, 2, 1, 1}, {1, 32, 3, 4, 2}, {1, 16, 1, 3, 3}, {0, 16, 2, 2, 2}, {1, 16, 2, 0, 3}} {
		in := randomTensor(r, c[0], c[2]*c[2]*c[1]/16, c[3], c[4], 16)
		attrs := []graph.Attr{graph.Int("channels", c[1]), graph.Int("blocksize", c[2])}
		want, err := x.ExpandNode(convNode("DepthToSpaceC16", []*tensor.Tensor{in}, attrs), []*tensor.Tensor{in})
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, optest.Case{In: []*tensor.Tensor{in}, Attrs: attrs, Want: want})
	}
	in := randomTensor(r, 1, 4, 2, 2, 16)
	for _, attrs := range [][2]int{{16, 3}, {8, 2}, {24, 2}, {1 << 20, 1 << 20}} {
		cases = append(cases, optest.Case{In: []*tensor.Tensor{in}, Attrs: []graph.Attr{graph.Int("channels", attrs[0]), graph.Int("blocksize", attrs[1])}, Text: " "})
	}
	optest.Run(t, Registry(), private+"::DepthToSpaceC16", cases)
}
