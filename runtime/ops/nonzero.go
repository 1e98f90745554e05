package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// NonZero is the coordinates of the elements that differ from zero, one column for each; a scalar has none, so that the result is 0 × count.
var nonZero = family(
	&graph.Op{
		Name: "NonZero", Since: 13,
		Sig: `(X:T) -> (Y:i64)
			T = tensor`,
		Infer: inferNonZero, Run: runNonZero,
	},
	movableOps("T", 9)...,
)

func inferNonZero(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	if x, ok := c.Shape(0); ok {
		c.SetTensor(0, tensor.Int64, graph.Size(len(x)), graph.Unknown())
	} else {
		c.SetTensor(0, tensor.Int64, graph.Unknown(), graph.Unknown())
	}
	return nil
}

func runNonZero(c *graph.Ctx) error {
	x := c.In[0]
	switch d := x.DType(); {
	case d == tensor.Float32:
		return nonZeroOf(c, tensor.Data[float32](x))
	case d == tensor.Float64:
		return nonZeroOf(c, tensor.Data[float64](x))
	case d == tensor.Complex64:
		return nonZeroOf(c, tensor.Data[complex64](x))
	case d == tensor.Complex128:
		return nonZeroOf(c, tensor.Data[complex128](x))
	case d == tensor.String:
		return nonZeroOf(c, x.Strings())
	case d.IsHalf():
		return nonZeroHalf(c, tensor.Data[uint16](x))
	case d.Size() == 1:
		return nonZeroOf(c, x.Bytes())
	case d.Size() == 2:
		return nonZeroOf(c, tensor.Data[uint16](x))
	case d.Size() == 4:
		return nonZeroOf(c, tensor.Data[uint32](x))
	case d.Size() == 8:
		return nonZeroOf(c, tensor.Data[uint64](x))
	}
	return graph.Typef("non-zero elements of %s", x)
}

func nonZeroOf[T comparable](c *graph.Ctx, x []T) error {
	n := kernel.CountNonZero(x)
	dims := c.In[0].Shape()
	y, err := c.Alloc(0, tensor.Int64, len(dims), n)
	if err != nil || y == nil {
		return err
	}
	at, err := graph.Scratch[int64](c, len(dims))
	if err != nil {
		return err
	}
	kernel.NonZero(tensor.Data[int64](y), x, dims, at, n)
	return nil
}

// nonZeroHalf drops the signs of the bits of half numbers, so that -0 is zero.
func nonZeroHalf(c *graph.Ctx, x []uint16) error {
	m, err := graph.Scratch[uint16](c, len(x))
	if err != nil {
		return err
	}
	for i, b := range x {
		m[i] = b << 1
	}
	return nonZeroOf(c, m)
}
