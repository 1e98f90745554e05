package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Transpose permutes the axes: axis i of the output is axis perm[i] of the input. Without perm their order is reversed.
var transpose = family(
	&graph.Op{
		Name: "Transpose", Since: 25,
		Sig: `(data:T) -> (transposed:T)
			T = ` + movable(25) + `
			perm ints`,
		Infer: inferTranspose, Run: unpacked(runTranspose),
		Grad: by1(transposeGrad),
	},
	movableOps("T", 24, 23, 21, 13, 1)...,
)

// permutation is the attribute perm for a tensor of the given rank, appended to buf.
func permutation(buf []int, n *graph.Node, rank int) ([]int, error) {
	if !n.HasAttr("perm") {
		for i := rank - 1; i >= 0; i-- {
			buf = append(buf, i)
		}
		return buf, nil
	}
	perm := n.Ints("perm")
	if len(perm) != rank {
		return nil, graph.Shapef("permutation %v of %d axes", perm, rank)
	}
	for i, p := range perm {
		a, err := graph.Axis(int(p), rank)
		if err != nil {
			return nil, err
		}
		for _, q := range buf[len(buf)-i:] {
			if q == a {
				return nil, graph.Shapef("permutation %v names axis %d twice", perm, a)
			}
		}
		buf = append(buf, a)
	}
	return buf, nil
}

func inferTranspose(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	s, ok := c.Shape(0)
	if !ok {
		if c.Node.HasAttr("perm") {
			c.SetTensor(0, c.DType(0), unknowns(len(c.Node.Ints("perm")))...)
			return nil
		}
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	perm, err := permutation(nil, c.Node, len(s))
	if err != nil {
		return err
	}
	out := make([]graph.Dim, len(s))
	for i, p := range perm {
		out[i] = s[p]
	}
	c.SetTensor(0, c.DType(0), out...)
	if v, ok := vector(c, 0); ok {
		setVector(c, len(s), c.DType(0), v)
	}
	return nil
}

// strideMemo is what operators that copy by strides keep from run to run.
type strideMemo struct {
	kernel.Strided
	perm, strides []int
	a, b, c, d    []int
}

// denseStrides are the strides of a dense tensor of shape s, in buf.
func denseStrides(buf []int, s tensor.Shape) []int {
	buf = append(buf[:0], s...)
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		buf[i] = n
		n *= s[i]
	}
	return buf
}

func runTranspose(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	m := memo[strideMemo](c)
	var err error
	if m.perm, err = permutation(m.perm[:0], c.Node, x.Rank()); err != nil {
		return err
	}
	m.strides = denseStrides(m.strides, x.Shape())
	m.Reset(0, 0)
	to := y.Len()
	for _, p := range m.perm {
		n := x.Dim(p)
		to /= max(n, 1)
		m.Axis(n, to, m.strides[p])
	}
	return move(c, y, x, &m.Strided)
}
