package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// MatMulInteger is the matrix product (A - zeroA)·(B - zeroB) of bytes in int32, which wraps around. The zero point of A is a scalar or has one
// element for each row, that of B one for each column; for stacks of matrices it may also have their shape with 1 for the inner extent.
var matMulInteger = family(&graph.Op{
	Name: "MatMulInteger", Since: 10,
	Sig: `(A:T1, B:T2, a_zero_point?:T1, b_zero_point?:T2) -> (Y:T3)
		T1 = i8 u8; T2 = i8 u8; T3 = i32`,
	Infer: inferMatMulInteger, Run: runMatMulInteger,
})

func inferMatMulInteger(c *graph.Infer) error {
	shape, ranked, err := matMulShape(c)
	if err != nil {
		return err
	}
	for i := range 2 {
		s, ok := c.Shape(i)
		z, given := c.Shape(2 + i)
		axis := len(s) - 2 + i
		if len(s) < 2 { // a vector is one row or one column
			axis = -1
		}
		if ok && given && !zeroPointFits(s, z, axis) {
			return graph.Shapef("zero point %s for %s", c.Type(2+i), c.Type(i))
		}
	}
	if !ranked {
		c.Set(0, graph.Unranked(tensor.Int32))
		return nil
	}
	c.SetTensor(0, tensor.Int32, shape...)
	return nil
}

// zeroPointFits reports whether z may be the shape of a zero point of matrices of shape s: one element, as many as there are along axis,
// or s with 1 for the other axis of the matrix.
func zeroPointFits(s, z []graph.Dim, axis int) bool {
	same := func(a, b graph.Dim) bool { return !a.IsInt() || !b.IsInt() || a.Equal(b) }
	switch {
	case len(z) == 0 || len(z) == 1 && z[0].Is(1):
		return true
	case len(z) == 1:
		return axis >= 0 && axis < len(s) && same(z[0], s[axis])
	case len(z) != len(s):
		return false
	}
	for i, d := range z {
		if inner := i >= len(s)-2 && i != axis; inner && !d.Is(1) && d.IsInt() || !inner && !same(d, s[i]) {
			return false
		}
	}
	return true
}

func runMatMulInteger(c *graph.Ctx) error {
	a, err := offsetOperand(c, 0)
	if err != nil {
		return err
	}
	b, err := offsetOperand(c, 1)
	if err != nil {
		return err
	}
	return matMulOf(c, a, b, kernel.GemmOf[int32])
}

// offsetOperand is input i less its zero point, which is input i+2, in scratch memory.
func offsetOperand(c *graph.Ctx, i int) ([]int32, error) {
	y, err := graph.Scratch[int32](c, c.In[i].Len())
	if err != nil {
		return nil, err
	}
	switch c.In[i].DType() {
	case tensor.Int8:
		offsetBytes[int8](y, c.In[i], c.Input(i+2), i)
	case tensor.Uint8:
		offsetBytes[uint8](y, c.In[i], c.Input(i+2), i)
	default:
		return nil, graph.Typef("integer matrix product of %s", c.In[i])
	}
	return y, nil
}

func offsetBytes[T int8 | uint8](y []int32, x, zero *tensor.Tensor, side int) {
	data, s := tensor.Data[T](x), x.Shape()
	if zero == nil || len(data) == 0 {
		for i, v := range data {
			y[i] = int32(v)
		}
		return
	}
	z, cols := tensor.Data[T](zero), s[len(s)-1]
	if len(z) == 1 || side == 0 { // a row of A at a time
		kernel.Offset(y, data, z, cols)
		return
	}
	if len(z) == cols { // the same columns in every matrix of B
		kernel.Offset(y, data, z, 1)
		return
	}
	size := cols * s[len(s)-2]
	for k := 0; k < len(data)/size; k++ {
		kernel.Offset(y[k*size:][:size], data[k*size:][:size], z[k*cols:][:cols], 1)
	}
}
