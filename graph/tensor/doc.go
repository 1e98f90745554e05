// Package tensor holds the data that goes into models and comes out of them: dense arrays of numbers or strings in row-major order.
//
// # Making one
//
// [Of] puts a shape on a slice that you have. Nothing is copied, and a shape that does not hold the slice is an error:
//
//	x, err := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
//
// The slice's type is the element type: float32 is Float32, int64 is Int64, float16.Float16 of github.com/x448/float16 is Float16. [OfStrings] does
// the same for strings, [Scalar] makes a tensor of no axes, [New] one of zeros, [Full] one of a constant. [FromFloats] rounds float64
// numbers to any element type, those without a Go type (BFloat16, the floats of 8 and 4 bits, the integers of 4 and 2 bits) among them.
//
// # Looking at it
//
// [Tensor.DType] and [Tensor.Shape] say what there is. [As] are the elements as a slice of their type, which is where loops belong: no interface, no
// reflection, and an error when the type is another one. [At] and [SetAt] are for single elements, [Rows] goes along the first axis
// and [Indexed] over all elements with their indices. [Tensor.Float] reads any numeric element as a float64.
//
// # Sharing
//
// A tensor's shape and type never change. [Tensor.Reshape] is another view of the same elements, [Tensor.Clone] a copy. Whoever has been given a tensor
// and does not own it must not write its elements.
//
// # To and from other libraries
//
// Package tensor/gorgonia hands tensors to and from gorgonia.org/tensor, package tensor/gonum matrices and vectors of gonum, package tensor/imaging
// pictures, package tensor/audio sound, and package tensor/npy the .npy and .npz files of NumPy.
//
// # Containers
//
// ONNX has sequences, optionals and maps. A tensor whose type is Sequence, Optional or Map stands for one: [OfElems] makes it, [Tensor.Elems] takes it apart.
//
// The package is a leaf: it knows nothing of graphs or operators.
package tensor
