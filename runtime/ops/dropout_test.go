package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestDropout has the draws of the standard's reference for seed 7: of six elements it keeps all but the first and third.
func TestDropout(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	all := tensor.Must(tensor.Of([]bool{true, true, true, true, true, true}, 2, 3))
	kept := tensor.Must(tensor.Of([]bool{false, true, false, true, true, true}, 2, 3))
	half, train, seed := tensor.Scalar[float32](.5), tensor.Scalar(true), []graph.Attr{graph.Int("seed", 7)}
	small := castBits(tensor.Float8E4M3FN, 6, 0x38, 0x38, 0x38, 0x38, 0x38, 0x7e) // five ones and 448, the largest number
	optest.Run(t, Registry(), "Dropout", []optest.Case{
		{Name: "inference", In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{x, all}},
		{Name: "ratio 0", In: []*tensor.Tensor{x, tensor.Scalar[float32](0), train}, Want: []*tensor.Tensor{x, all}},
		{Name: "training", In: []*tensor.Tensor{x, half, train}, Attrs: seed, Want: []*tensor.Tensor{f32([]float32{0, 4, 0, 8, 10, 12}, 2, 3), kept}},
		{Name: "no mask", In: []*tensor.Tensor{x, nil, train}, Attrs: seed, Want: []*tensor.Tensor{f32([]float32{0, 4, 0, 8, 10, 12}, 2, 3)}},
		{Name: "f16", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{1, 2, 3, 4, 5, 6}, 6), half, train}, Attrs: seed, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{0, 4, 0, 8, 10, 12}, 6)}},
		{Name: "f8", In: []*tensor.Tensor{small, half, train}, Attrs: seed, Want: []*tensor.Tensor{castBits(tensor.Float8E4M3FN, 6, 0, 0x40, 0, 0x40, 0x40, 0x7e)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0), half, train}, Want: []*tensor.Tensor{f32(nil, 0), vec[bool]()}},
		{Name: "ratio", In: []*tensor.Tensor{x, tensor.Scalar[float32](1), train}, Err: graph.ErrInvalid, Text: "ratio 1"},
		{Name: "two ratios", In: []*tensor.Tensor{x, vec[float32](0, 1), train}, Err: graph.ErrShape},
		{Name: "of 10", Since: 10, In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{x, all}},
		{Name: "of 7", Since: 7, In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{x, f32([]float32{1, 1, 1, 1, 1, 1}, 2, 3)}},
		{Name: "of 1", Since: 1, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Float("ratio", .9)}, Want: []*tensor.Tensor{x}},
	})
}

// TestDropoutShare holds that without a seed about the asked share of many elements goes, the same whatever the number of workers.
func TestDropoutShare(t *testing.T) {
	x := tensor.Must(tensor.Full(tensor.Float32, 1, 100000))
	n := &graph.Node{Op: Registry().Lookup("", "Dropout", 0), In: []*graph.Value{{}, {}, {}}, Out: []*graph.Value{{Name: "y"}}}
	in := []*tensor.Tensor{x, tensor.Scalar[float32](.25), tensor.Scalar(true)}
	one, err := (&optest.Interp{Reg: Registry(), Threads: 1}).RunNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	three, err := (&optest.Interp{Reg: Registry(), Threads: 3}).RunNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	if d := optest.Diff(three[0], one[0], 0, 0); d != "" {
		t.Error(d)
	}
	zeros := 0
	for _, v := range tensor.Data[float32](one[0]) {
		if v == 0 {
			zeros++
		} else if v != float32(1/.75) {
			t.Fatalf("an element is %v", v)
		}
	}
	if zeros < 24000 || zeros > 26000 { // seven standard deviations
		t.Errorf("%d of 100000 elements went, want about 25000", zeros)
	}
}
