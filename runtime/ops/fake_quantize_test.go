package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestFakeQuantize has numbers that follow from the formula by hand: ties go to even, and what is out of range to its ends.
func TestFakeQuantize(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	signed := []graph.Attr{graph.Float("lo", -127), graph.Float("hi", 127)}
	unsigned := []graph.Attr{graph.Float("lo", 0), graph.Float("hi", 255), graph.Float("zero_point", 128)}
	half := tensor.Scalar[float32](.5)
	optest.Run(t, Registry(), "ai.onnxrun::FakeQuantize", []optest.Case{
		{Name: "ties", In: []*tensor.Tensor{f32([]float32{0.25, 0.75, -0.25, 1.1}, 4), half}, Attrs: signed, Want: []*tensor.Tensor{f32([]float32{0, 1, 0, 1}, 4)}},
		{Name: "ends", In: []*tensor.Tensor{f32([]float32{1000, -1000, inf, -inf, nan}, 5), half}, Attrs: unsigned, Want: []*tensor.Tensor{f32([]float32{63.5, -64, 63.5, -64, nan}, 5)}},
		{Name: "own scale", In: []*tensor.Tensor{f32([]float32{12.7, -0.06, 0.04}, 3)}, Attrs: signed, Want: []*tensor.Tensor{f32([]float32{12.7, -0.1, 0}, 3)}},
		{Name: "zeros", In: []*tensor.Tensor{f32([]float32{0, 0}, 2)}, Attrs: signed, Want: []*tensor.Tensor{f32([]float32{0, 0}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0), half}, Attrs: signed, Want: []*tensor.Tensor{f32(nil, 0)}},
	})
}
