package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestActivation holds every activation of a fused operator, with its default parameters and with others, to the operators it expands into.
func TestActivation(t *testing.T) {
	x := []float32{-200, -9, -3, -1, -0.3, float32(math.Copysign(0, -1)), 0, 0.3, 1, 3, 9, 200, float32(math.NaN())}
	for _, name := range []string{"", "Relu", "Clip", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "HardSwish", "Elu", "Selu", "Celu", "Sigmoid", "Swish", "Silu", "QuickGelu",
		"Tanh", "Gelu", "GeluTanh", "Softplus", "Softsign", "Mish", "Exp", "Log", "Erf", "Sqrt", "Reciprocal", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos"} {
		for _, attrs := range [][]graph.Attr{nil, {graph.Float("alpha", 0.7)}, {graph.Float("alpha", -0.5), graph.Float("beta", 2)}} {
			n := &graph.Node{Op: &graph.Op{Name: "Fused", Sig: "(X:f32) -> (Y:f32);" + activationSig}, Attrs: append(attrs, graph.Str("activation", name))}
			a, err := activationOf(n)
			if err != nil {
				t.Fatal(err)
			}
			got := f32(make([]float32, len(x)), len(x))
			kernel.Activate(tensor.Data[float32](got), x, a)

			b := graph.NewBuilder(Registry(), nil)
			in := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(len(x))))
			out := expandActivation(b, n, in)
			b.Output(out)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			want, err := (&optest.Interp{Reg: Registry()}).RunGraph(b.Graph, []*tensor.Tensor{f32(x, len(x))})
			if err != nil {
				t.Fatal(err)
			}
			if d := optest.Diff(got, want[0], 1e-6, 1e-6); d != "" {
				t.Errorf("%s %v: %s", name, attrs, d)
			}
		}
	}
	bad := &graph.Node{Op: &graph.Op{Name: "Fused", Sig: "(X:f32) -> (Y:f32);" + activationSig}, Attrs: []graph.Attr{graph.Str("activation", "relu6")}}
	if _, err := activationOf(bad); err == nil {
		t.Error("relu6 is no activation")
	}
}
