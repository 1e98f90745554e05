package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// BitCast sees the bits of each element as those of another type of the same width. A byte that becomes a bool is true unless it is 0.
var bitCast = family(&graph.Op{
	Name: "BitCast", Since: 26,
	Sig: `(input:T1) -> (output:T2)
		T1 = num bool c64 c128 f8 u4 i4 f4e2m1 f8e8m0 u2 i2; T2 = num bool c64 c128 f8 u4 i4 f4e2m1 f8e8m0 u2 i2
		to int!`,
	Infer: inferBitCast, Run: runBitCast,
})

func inferBitCast(c *graph.Infer) error {
	to := c.Node.Int("to")
	if to <= 0 || to > int(tensor.Int2) || tensor.DType(to) == tensor.String {
		return graph.Typef("cast of bits to type %d", to)
	}
	d, t := tensor.DType(to), c.Type(0)
	if t.DType != tensor.Invalid && t.DType.Bits() != d.Bits() {
		return graph.Typef("cast of the bits of %s to %s", t, d)
	}
	t.DType = d
	c.Set(0, t)
	return nil
}

func runBitCast(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if y.DType() == tensor.Bool {
		to := tensor.Data[bool](y)
		for i, b := range x.Bytes() {
			to[i] = b != 0
		}
		return nil
	}
	copy(y.Bytes(), x.Bytes())
	return nil
}
