package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// EyeLike is a matrix of the input's shape with ones on the k-th diagonal, of the type dtype or else the input's.
var eyeLike = family(
	&graph.Op{
		Name: "EyeLike", Since: 22,
		Sig: `(input:T1) -> (output:T2)
			T1 = num bool
			T2 = num bool
			dtype int
			k int = 0`,
		Infer: inferEyeLike, Run: runEyeLike,
	},
	&graph.Op{Since: 9, Sig: "T1 = int bool f16 f32 f64; T2 = int bool f16 f32 f64"},
)

func inferEyeLike(c *graph.Infer) error {
	d := c.DType(0)
	if c.Node.HasAttr("dtype") {
		n := c.Node.Int("dtype")
		if n <= 0 || n > 127 || !tensor.DType(n).Valid() {
			return graph.Typef("dtype %d", n)
		}
		d = tensor.DType(n)
	}
	s, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, d, unknowns(2)...)
		return nil
	}
	if len(s) != 2 {
		return graph.Shapef("input of %d axes, want 2", len(s))
	}
	c.SetTensor(0, d, s...)
	return nil
}

func runEyeLike(c *graph.Ctx) error {
	y := c.Out[0]
	m := memo[struct{ one *tensor.Tensor }](c)
	if m.one == nil {
		var err error
		if m.one, err = tensor.Full(y.DType(), 1); err != nil {
			return err
		}
	}
	one, b := m.one.Bytes(), y.Bytes()
	if err := fill(c, y, nil); err != nil {
		return err
	}
	rows, cols, k := y.Dim(0), y.Dim(1), c.Node.Int("k")
	if k <= -rows || k >= cols {
		return nil
	}
	for r := max(0, -k); r < rows && r+k < cols; r++ {
		copy(b[(r*cols+r+k)*len(one):], one)
	}
	return nil
}
