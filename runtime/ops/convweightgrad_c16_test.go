package ops

import (
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestConvWeightGradC16 holds the gradient in blocks against that of plain tensors, on one thread and on three, whose results must be the same bits.
func TestConvWeightGradC16(t *testing.T) {
	ints := func(v ...int64) []int64 { return v }
	for _, c := range []struct {
		name                     string
		batch, in, out, h, w     int
		group                    int
		kernel                   []int64
		strides, pads, dilations []int64
		plain, line              bool
	}{
		{name: "small maps", batch: 5, in: 40, out: 70, h: 2, w: 2, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "many chunks", batch: 3, in: 20, out: 17, h: 30, w: 19, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "strides", batch: 2, in: 16, out: 33, h: 9, w: 11, kernel: ints(3, 2), strides: ints(2, 3), pads: ints(1, 0, 1, 1)},
		{name: "dilations", batch: 1, in: 18, out: 4, h: 12, w: 9, kernel: ints(2, 3), dilations: ints(3, 2), pads: ints(0, 2, 3, 2)},
		{name: "pixels", batch: 2, in: 100, out: 40, h: 17, w: 31, kernel: ints(1, 1)},
		{name: "pixels apart", batch: 2, in: 30, out: 40, h: 7, w: 6, kernel: ints(1, 1), strides: ints(2, 2)},
		{name: "outside", batch: 1, in: 5, out: 3, h: 1, w: 2, kernel: ints(3, 7), pads: ints(1, 3, 1, 3)},
		{name: "groups", batch: 2, in: 24, out: 36, h: 5, w: 6, group: 3, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "small groups", batch: 2, in: 64, out: 64, h: 5, w: 6, group: 16, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "more channels of a group", batch: 2, in: 20, out: 60, h: 4, w: 5, group: 20, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "depthwise", batch: 3, in: 35, out: 35, h: 13, w: 14, group: 35, kernel: ints(3, 5), strides: ints(1, 2), pads: ints(1, 2, 1, 2)},
		{name: "depthwise, many chunks", batch: 2, in: 16, out: 16, h: 33, w: 40, group: 16, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
		{name: "depthwise, dilations", batch: 1, in: 17, out: 17, h: 9, w: 10, group: 17, kernel: ints(3, 3), dilations: ints(2, 2), pads: ints(2, 2, 2, 2)},
		{name: "plain", batch: 2, in: 3, out: 40, h: 20, w: 23, kernel: ints(7, 7), strides: ints(2, 2), pads: ints(3, 3, 3, 3), plain: true},
		{name: "plain, many taps", batch: 2, in: 1, out: 20, h: 3, w: 60, kernel: ints(2, 40), pads: ints(0, 9, 1, 9), plain: true},
		{name: "plain, dilations", batch: 2, in: 4, out: 16, h: 9, w: 12, kernel: ints(3, 3), dilations: ints(1, 2), plain: true},
		{name: "a line", batch: 2, in: 20, out: 18, h: 1, w: 600, kernel: ints(1, 5), pads: ints(0, 2, 0, 2), line: true},
		{name: "no images", batch: 0, in: 16, out: 16, h: 3, w: 3, kernel: ints(3, 3), pads: ints(1, 1, 1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x := &optest.Interp{Reg: Registry()}
			group := max(1, c.group)
			w := randomTensor(r, c.out, c.in/group, int(c.kernel[0]), int(c.kernel[1]))
			in := randomTensor(r, c.batch, c.in, c.h, c.w)
			attrs := []graph.Attr{graph.Int("group", group)}
			for name, v := range map[string][]int64{"strides": c.strides, "pads": c.pads, "dilations": c.dilations} {
				if v != nil {
					attrs = append(attrs, graph.Ints(name, v...))
				}
			}
			y := convOf(t, x, in, w, attrs)
			g := randomTensor(r, y.Shape()...)
			if !c.plain {
				in = interpOne(t, x, "BlockC16", []*tensor.Tensor{in})
			}
			g = interpOne(t, x, "BlockC16", []*tensor.Tensor{g})
			spatial := 2
			if c.line {
				spatial = 1
			}
			n := convNode("ConvWeightGradC16", []*tensor.Tensor{in, g}, append(attrs, graph.Int("in_channels", c.in), graph.Int("channels", c.out), graph.Ints("kernel_shape", c.kernel...), graph.Int("spatial", spatial)))
			want, err := x.ExpandNode(n, []*tensor.Tensor{in, g})
			if err != nil {
				t.Fatal(err)
			}
			var first *tensor.Tensor
			for _, threads := range []int{1, 3} {
				got, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, []*tensor.Tensor{in, g})
				if err != nil {
					t.Fatal(err)
				}
				if d := optest.Diff(got[0], want[0], 1e-4, 1e-4); d != "" {
					t.Errorf("%d threads: %s", threads, d)
				}
				if first == nil {
					first = got[0]
				} else if d := optest.Diff(got[0], first, 0, 0); d != "" {
					t.Errorf("%d threads against one: %s", threads, d)
				}
			}
		})
	}
}

// convOf is the standard's convolution.
func convOf(t *testing.T, x *optest.Interp, in, w *tensor.Tensor, attrs []graph.Attr) *tensor.Tensor {
	t.Helper()
	n := convNode("BlockC16", []*tensor.Tensor{in, w}, attrs)
	n.Op = Registry().Lookup("", "Conv", 0)
	out, err := x.RunNode(n, []*tensor.Tensor{in, w})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}
