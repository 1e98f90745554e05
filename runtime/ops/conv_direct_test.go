package ops

import (
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// convC16Case is a convolution of blocked activations to hold against its expansion.
type convC16Case struct {
	name                  string
	batch, in, out, h, w  int
	group                 int
	kernel, strides, pads []int64
	dilations, border     []int64
	bias, residual, plain bool
	activation            string
	alpha, beta           float32
	packing               []graph.Attr // of the operator that packs the weights
	varies, transposed    bool         // the convolution packs the weights itself; they are of a transposed one
}

func randomTensor(r *rand.Rand, shape ...int) *tensor.Tensor {
	x := make([]float32, tensor.Shape(shape).Elems())
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return tensor.Must(tensor.Of(x, shape...))
}

func interpOne(t *testing.T, x *optest.Interp, name string, in []*tensor.Tensor, attrs ...graph.Attr) *tensor.Tensor {
	t.Helper()
	n := convNode(name, in, attrs)
	out, err := x.RunNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func convNode(name string, in []*tensor.Tensor, attrs []graph.Attr) *graph.Node {
	n := &graph.Node{Op: Registry().Lookup(private, name, 0), Attrs: attrs, Out: []*graph.Value{{Name: "y"}}}
	n.Out[0].Def = n
	for _, v := range in {
		var value *graph.Value
		if v != nil {
			value = &graph.Value{Name: "x", Type: graph.TypeOf(v)}
		}
		n.In = append(n.In, value)
	}
	return n
}

// testConvC16 holds the operator against its expansion, which is built from the standard's Conv, on the channels that there are: lanes beyond them
// may differ. With one worker and with three the results must be the same bits.
func testConvC16(t *testing.T, op string, cases []convC16Case, tol float64) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x := &optest.Interp{Reg: Registry()}
			w := randomTensor(r, c.out, c.in/c.group, int(c.kernel[0]), int(c.kernel[1]))
			in := []*tensor.Tensor{randomTensor(r, c.batch, c.in, c.h, c.w), nil, nil, nil}
			if !c.plain {
				in[0] = interpOne(t, x, "BlockC16", in[:1])
			}
			if c.varies {
				in[1] = w
				if c.transposed {
					in[1] = randomTensor(r, c.in, c.out, 3, 3)
				}
			} else {
				in[1] = interpOne(t, x, "Pack"+op, []*tensor.Tensor{w}, append(c.packing, graph.Int("group", c.group))...)
			}
			if c.bias {
				in[2] = randomTensor(r, c.out)
			}
			attrs := []graph.Attr{
				graph.Int("in_channels", c.in), graph.Int("channels", c.out), graph.Int("group", c.group), graph.Ints("kernel_shape", c.kernel...),
				graph.Str("activation", c.activation),
			}
			for name, v := range map[string][]int64{"strides": c.strides, "pads": c.pads, "dilations": c.dilations, "out_pads": c.border} {
				if v != nil {
					attrs = append(attrs, graph.Ints(name, v...))
				}
			}
			if c.varies {
				attrs = append(attrs, c.packing...)
			}
			if c.transposed {
				attrs = append(attrs, graph.Int("transposed", 1))
			}
			if c.alpha != 0 || c.beta != 0 {
				attrs = append(attrs, graph.Float("alpha", c.alpha), graph.Float("beta", c.beta))
			}
			if c.residual {
				n := convNode(op, in, attrs)
				infos := []graph.Info{{Type: graph.TypeOf(in[0])}, {Type: graph.TypeOf(in[1])}, {}, {}}
				out, err := graph.InferOutputs(Registry(), n, infos, nil)
				if err != nil {
					t.Fatal(err)
				}
				s, _ := out[0].Type.Static()
				if c.border != nil {
					s[2] -= int(c.border[0] + c.border[2])
					s[3] -= int(c.border[1] + c.border[3])
				}
				in[3] = randomTensor(r, s...)
			}
			n := convNode(op, in, attrs)
			want, err := x.ExpandNode(n, in)
			if err != nil {
				t.Fatal(err)
			}
			channels := graph.Int("channels", c.out)
			var first *tensor.Tensor
			for _, threads := range []int{1, 3} {
				got, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, in)
				if err != nil {
					t.Fatal(err)
				}
				g := interpOne(t, x, "UnblockC16", got, channels)
				if d := optest.Diff(g, interpOne(t, x, "UnblockC16", want, channels), tol, tol); d != "" {
					t.Errorf("%d threads: %s", threads, d)
				}
				if first == nil {
					first = g
				} else if d := optest.Diff(g, first, 0, 0); d != "" {
					t.Errorf("%d threads against one: %s", threads, d)
				}
			}
		})
	}
}

func TestConvDirect(t *testing.T) {
	k := func(v ...int64) []int64 { return v }
	testConvC16(t, "ConvDirect", []convC16Case{
		{name: "point", batch: 2, in: 32, out: 48, h: 5, w: 7, group: 1, kernel: k(1, 1), bias: true},
		{name: "point_stream", batch: 1, in: 24, out: 20, h: 30, w: 31, group: 1, kernel: k(1, 1), bias: true, residual: true, activation: "Relu"},
		{name: "point_stride", batch: 1, in: 16, out: 16, h: 9, w: 10, group: 1, kernel: k(1, 1), strides: k(2, 2)},
		{name: "same", batch: 1, in: 40, out: 33, h: 17, w: 15, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true, activation: "Clip", alpha: -2, beta: 6},
		{name: "valid", batch: 1, in: 16, out: 32, h: 6, w: 33, group: 1, kernel: k(3, 3)},
		{name: "asymmetric", batch: 2, in: 18, out: 16, h: 8, w: 9, group: 1, kernel: k(2, 4), pads: k(0, 3, 2, 1), strides: k(2, 1), bias: true},
		{name: "dilated", batch: 1, in: 32, out: 64, h: 12, w: 13, group: 1, kernel: k(3, 3), pads: k(2, 3, 2, 3), dilations: k(2, 3), residual: true},
		{name: "border", batch: 2, in: 16, out: 40, h: 7, w: 8, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1), border: k(1, 2, 3, 0), bias: true, residual: true},
		{name: "point_border", batch: 1, in: 16, out: 16, h: 7, w: 8, group: 1, kernel: k(1, 1), border: k(1, 1, 1, 1), activation: "Relu"},
		{name: "first", batch: 2, in: 3, out: 64, h: 33, w: 35, group: 1, kernel: k(7, 7), strides: k(2, 2), pads: k(3, 3, 3, 3), bias: true, plain: true, activation: "Relu"},
		{name: "first_point", batch: 1, in: 1, out: 16, h: 4, w: 300, group: 1, kernel: k(1, 1), plain: true},
		{name: "first_valid", batch: 1, in: 4, out: 32, h: 10, w: 12, group: 1, kernel: k(3, 5), plain: true, activation: "Sigmoid"},
		{name: "groups", batch: 1, in: 64, out: 96, h: 9, w: 9, group: 2, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true},
		{name: "small_groups", batch: 1, in: 48, out: 96, h: 9, w: 9, group: 12, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true, activation: "LeakyRelu", alpha: 0.1},
		{name: "odd_groups", batch: 2, in: 72, out: 36, h: 5, w: 6, group: 3, kernel: k(3, 1), pads: k(1, 0, 1, 0)},
		{name: "depthwise", batch: 1, in: 20, out: 20, h: 6, w: 6, group: 20, kernel: k(3, 3), pads: k(1, 1, 1, 1)},
		{name: "one_row", batch: 1, in: 32, out: 32, h: 1, w: 200, group: 1, kernel: k(1, 9), pads: k(0, 4, 0, 4), strides: k(1, 2)},
		{name: "many_rows", batch: 1, in: 64, out: 16, h: 120, w: 30, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1)},
		{name: "deep", batch: 1, in: 512, out: 96, h: 7, w: 7, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1), residual: true, activation: "HardSwish"},
		{name: "far", batch: 2, in: 40, out: 48, h: 10, w: 11, group: 1, kernel: k(3, 3), pads: k(6, 7, 6, 7), dilations: k(6, 7), bias: true, residual: true, activation: "Clip", alpha: -2, beta: 6},
		{name: "far_outside", batch: 1, in: 32, out: 20, h: 9, w: 8, group: 1, kernel: k(3, 3), pads: k(12, 12, 12, 12), dilations: k(12, 12), border: k(1, 2, 0, 3), bias: true, residual: true, activation: "HardSwish"},
		{name: "far_stride", batch: 1, in: 33, out: 16, h: 16, w: 17, group: 1, kernel: k(3, 3), pads: k(10, 8, 10, 8), dilations: k(10, 8), strides: k(2, 2)},
		{name: "far_groups", batch: 1, in: 64, out: 96, h: 8, w: 9, group: 2, kernel: k(3, 3), pads: k(5, 5, 5, 5), dilations: k(5, 5), bias: true},
		{name: "far_uneven", batch: 1, in: 32, out: 16, h: 9, w: 12, group: 1, kernel: k(2, 3), pads: k(0, 9, 8, 9), dilations: k(8, 9)},
		{name: "empty", batch: 0, in: 16, out: 16, h: 5, w: 5, group: 1, kernel: k(1, 1)},
	}, 2e-4)
}
