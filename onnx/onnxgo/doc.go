// Package onnxgo lets programs written for github.com/owulveryck/onnx-go run on this runtime: a [Graph] is one of its backends.
//
//	backend := onnxgo.NewGraph()
//	model := onnx.NewModel(backend)
//	err := model.UnmarshalBinary(b)
//	...
//	model.SetInput(0, input)
//	err = backend.Run()
//	output, err := model.GetOutputTensors()
//
// onnx-go tells a backend neither the operator set of the model nor the domain of an operator, and it knows no graphs inside of nodes, so a
// Graph has to guess (see [NewGraph]); it also trusts what it reads: sizes that do not fit make it panic, and large ones allocate. [Load]
// reads the model with this module's own reader instead and gives the same *onnx.Model: prefer it.
package onnxgo
