package finetune

import (
	"github.com/onnxrun/onnxrun/onnx"
)

// Save writes the model as it is now to an .onnx file: weights under their old names, everything else as it was imported. Nothing of the
// training is in it.
func (m *Model) Save(path string, opts ...onnx.SaveOption) error {
	return onnx.Save(path, m.Graph, opts...)
}
