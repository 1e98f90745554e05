package ops

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestConvWinograd has cases of all ways to cut the work, see winogradPlan.
func TestConvWinograd(t *testing.T) {
	k := func(v ...int64) []int64 { return v }
	var cases []convC16Case
	for _, tile := range []int{4, 2} {
		of := []graph.Attr{graph.Int("tile", tile)}
		name := map[int]string{4: "F4_", 2: "F2_"}[tile]
		cases = append(cases, []convC16Case{
			{name: name + "same", batch: 2, in: 40, out: 33, h: 17, w: 15, pads: k(1, 1, 1, 1), bias: true, activation: "Clip", alpha: -2, beta: 6},
			{name: name + "blocks", batch: 1, in: 16, out: 16, h: 90, w: 80, pads: k(1, 1, 1, 1), bias: true, activation: "Relu"},
			{name: name + "panels", batch: 1, in: 96, out: 72, h: 9, w: 10, pads: k(1, 1, 1, 1), residual: true, activation: "Relu"},
			{name: name + "few_panels", batch: 1, in: 20, out: 20, h: 14, w: 14, pads: k(1, 1, 1, 1), residual: true},
			{name: name + "batch", batch: 40, in: 200, out: 96, h: 14, w: 14, pads: k(1, 1, 1, 1)},
			{name: name + "valid", batch: 1, in: 16, out: 32, h: 6, w: 33},
			{name: name + "asymmetric", batch: 2, in: 3, out: 16, h: 8, w: 9, pads: k(0, 3, 2, 1), bias: true, activation: "HardSwish"},
			{name: name + "border", batch: 2, in: 16, out: 40, h: 7, w: 8, pads: k(1, 1, 1, 1), border: k(1, 2, 3, 0), bias: true, residual: true, activation: "Sigmoid"},
			{name: name + "point", batch: 1, in: 5, out: 7, h: 1, w: 1, pads: k(1, 1, 1, 1)},
			{name: name + "line", batch: 1, in: 16, out: 16, h: 1, w: 200, pads: k(1, 0, 1, 2)},
			{name: name + "empty", batch: 0, in: 16, out: 16, h: 5, w: 5},
		}...)
		for i := len(cases) - 11; i < len(cases); i++ {
			c := &cases[i]
			c.group, c.kernel, c.packing = 1, k(3, 3), of
		}
		for i, c := range cases[len(cases)-11:] {
			c.name, c.varies, c.transposed = c.name+"_varies", true, i%2 == 0
			cases = append(cases, c)
		}
		for _, turned := range []bool{false, true} { // larger than their patches, and not; an odd number of channels
			cases = append(cases,
				convC16Case{name: fmt.Sprint(name, "large_weights", turned), batch: 3, in: 257, out: 100, h: 4, w: 4, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1), packing: of, varies: true, transposed: turned},
				convC16Case{name: fmt.Sprint(name, "large_images", turned), batch: 4, in: 130, out: 48, h: 40, w: 23, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true, packing: of, varies: true, transposed: turned})
		}
	}
	testConvC16(t, "ConvWinograd", cases, 1e-3)
}

// TestConvWinogradBatch: an image has the same result, bit for bit, alone and among others, and whether weights were packed before or are in the run.
func TestConvWinogradBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x := &optest.Interp{Reg: Registry(), Threads: 2}
	for _, tile := range []int{2, 4} {
		w := randomTensor(r, 48, 32, 3, 3)
		attrs := []graph.Attr{graph.Int("tile", tile), graph.Int("in_channels", 32), graph.Int("channels", 48), graph.Ints("kernel_shape", 3, 3), graph.Ints("pads", 1, 1, 1, 1)}
		all := randomTensor(r, 5, 2, 11, 9, 16)
		y := tensor.Data[float32](interpOne(t, x, "ConvWinograd", []*tensor.Tensor{all, w}, attrs...))
		packed := interpOne(t, x, "PackConvWinograd", []*tensor.Tensor{w}, attrs[0])
		for k, v := range tensor.Data[float32](interpOne(t, x, "ConvWinograd", []*tensor.Tensor{all, packed}, attrs[1:]...)) {
			if v != y[k] {
				t.Fatalf("tile %d, element %d: %v with packed weights, %v where they are packed in the run", tile, k, v, y[k])
			}
		}
		for i := range 5 {
			n := all.Len() / 5
			one := tensor.Must(tensor.Of(tensor.Data[float32](all)[i*n:(i+1)*n], 1, 2, 11, 9, 16))
			for k, v := range tensor.Data[float32](interpOne(t, x, "ConvWinograd", []*tensor.Tensor{one, w}, attrs...)) {
				if v != y[i*len(y)/5+k] {
					t.Fatalf("tile %d, image %d, element %d: %v alone, %v among others", tile, i, k, v, y[i*len(y)/5+k])
				}
			}
		}
	}
}

// TestPackConvWinograd: the weights come back within a few roundings.
func TestPackConvWinograd(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	x := &optest.Interp{Reg: Registry()}
	w := randomTensor(r, 37, 21, 3, 3)
	for _, tile := range []int{2, 4} {
		p := interpOne(t, x, "PackConvWinograd", []*tensor.Tensor{w}, graph.Int("tile", tile))
		back := interpOne(t, x, "UnpackConvWinograd", []*tensor.Tensor{p}, graph.Int("in_channels", 21), graph.Int("channels", 37), graph.Ints("kernel_shape", 3, 3))
		if d := optest.Diff(back, w, 1e-6, 1e-6); d != "" {
			t.Errorf("tile %d: %s", tile, d)
		}
	}
}

// TestConvWinogradErrors: what the operator cannot compute is an error of inference.
func TestConvWinogradErrors(t *testing.T) {
	x := &optest.Interp{Reg: Registry()}
	r := rand.New(rand.NewPCG(11, 12))
	p := interpOne(t, x, "PackConvWinograd", []*tensor.Tensor{randomTensor(r, 8, 16, 3, 3)})
	in := randomTensor(r, 1, 1, 5, 5, 16)
	base := []graph.Attr{graph.Int("in_channels", 16), graph.Int("channels", 8)}
	for name, c := range map[string]struct {
		w     *tensor.Tensor
		attrs []graph.Attr
		kind  error
	}{
		"stride":   {p, []graph.Attr{graph.Ints("kernel_shape", 3, 3), graph.Ints("strides", 2, 1)}, graph.ErrUnsupported},
		"dilation": {p, []graph.Attr{graph.Ints("kernel_shape", 3, 3), graph.Ints("dilations", 1, 2)}, graph.ErrUnsupported},
		"kernel":   {p, []graph.Attr{graph.Ints("kernel_shape", 3, 1)}, graph.ErrUnsupported},
		"tile":     {randomTensor(r, 8, 16, 3, 3), []graph.Attr{graph.Ints("kernel_shape", 3, 3), graph.Int("tile", 3)}, graph.ErrInvalid},
		"order":    {randomTensor(r, 8, 16, 3, 3), []graph.Attr{graph.Ints("kernel_shape", 3, 3), graph.Int("tile", 4), graph.Int("transposed", 1)}, graph.ErrShape},
		"packed":   {p, []graph.Attr{graph.Ints("kernel_shape", 3, 3), graph.Int("tile", 4)}, graph.ErrShape},
		"weights":  {randomTensor(r, 8, 16, 3, 3), []graph.Attr{graph.Ints("kernel_shape", 3, 3)}, graph.ErrShape},
		"channels": {interpOne(t, x, "PackConvWinograd", []*tensor.Tensor{randomTensor(r, 8, 13, 3, 3)}), []graph.Attr{graph.Ints("kernel_shape", 3, 3)}, graph.ErrShape},
	} {
		n := convNode("ConvWinograd", []*tensor.Tensor{in, c.w}, append(c.attrs, base...))
		if _, err := x.RunNode(n, []*tensor.Tensor{in, c.w}); !errors.Is(err, c.kind) {
			t.Errorf("%s: error %v, want %v", name, err, c.kind)
		}
	}
	for _, in := range []*tensor.Tensor{randomTensor(r, 8, 16, 3, 5), randomTensor(r, 8, 16, 3)} {
		if _, err := x.RunNode(convNode("PackConvWinograd", []*tensor.Tensor{in}, nil), []*tensor.Tensor{in}); !errors.Is(err, graph.ErrShape) {
			t.Errorf("packing %s: error %v", in, err)
		}
	}
}
