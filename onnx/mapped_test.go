package onnx

import (
	"bytes"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// TestForget: tensors in a mapped file, and those in memory, have the same elements after they were forgotten.
func TestForget(t *testing.T) {
	values := make([]float32, 1<<19)
	for i := range values {
		values[i] = float32(i)
	}
	m := modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("x"), Initializer: []*pb.TensorProto{
		floats("odd", 7), {Name: ptr("large"), DataType: ptr(int32(1)), Dims: []int64{1 << 19}}}})
	m.Graph.Initializer[1].SetRawBytes(le(values...))
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Load(write(t, t.TempDir(), "model.onnx", b))
	if err != nil {
		t.Fatal(err)
	}
	mapped := g.Consts[1].Const
	for _, x := range []*tensor.Tensor{mapped, mapped.Clone(), tensor.Scalar[float32](2)} {
		before := bytes.Clone(x.Bytes())
		x.Forget()
		if !bytes.Equal(before, x.Bytes()) {
			t.Errorf("%s has other elements", x)
		}
	}
}
