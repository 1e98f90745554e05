package ops

import (
	"github.com/onnxrun/onnxrun/graph"
)

// DepthToSpace moves blocks of channels into the plane: [N, C, H, W] becomes [N, C/b², H·b, W·b]. The channels count first the row and
// column in the block (DCR) or first the channels of the output (CRD).
var depthToSpace = family(
	&graph.Op{
		Name: "DepthToSpace", Since: 28,
		Sig: `(input:T) -> (output:T)
			T = tensor
			blocksize int!
			mode string = DCR`,
		Infer: inferDepthToSpace, Run: runDepthToSpace,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 13},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
	&graph.Op{Since: 1, Sig: "-mode"},
)

// SpaceToDepth is the inverse of DepthToSpace: [N, C, H, W] becomes [N, C·b², H/b, W/b].
var spaceToDepth = family(
	&graph.Op{
		Name: "SpaceToDepth", Since: 28,
		Sig: `(input:T) -> (output:T)
			T = tensor
			blocksize int!
			mode string = DCR`,
		Infer: inferSpaceToDepth, Run: runSpaceToDepth,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 13, Sig: "-mode"},
	&graph.Op{Since: 1, Sig: "T = " + movable(1)},
)

// blockSize is the attribute blocksize, and whether the mode is CRD.
func blockSize(n *graph.Node) (b int, crd bool, err error) {
	b = n.Int("blocksize")
	if b < 1 || b > 1<<30 {
		return 0, false, graph.Shapef("blocksize %d", b)
	}
	switch mode := n.Str("mode"); mode {
	case "", "DCR":
	case "CRD":
		crd = true
	default:
		return 0, false, graph.Invalidf("mode %q", mode)
	}
	return b, crd, nil
}

// blockShape is the shape of the input of both operators, of four axes, nil when its rank is unknown.
func blockShape(c *graph.Infer) ([]graph.Dim, error) {
	if err := needTensor(c, 0); err != nil {
		return nil, err
	}
	s, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, c.DType(0), unknowns(4)...)
		return nil, nil
	}
	if len(s) != 4 {
		return nil, graph.Shapef("input of %d axes, want 4", len(s))
	}
	return s, nil
}

func divided(d graph.Dim, by int) (graph.Dim, error) {
	if n, ok := d.Int(); ok && n%by != 0 {
		return d, graph.Shapef("extent %d cannot be divided by %d", n, by)
	}
	return d.Div(graph.Size(by)), nil
}

func inferDepthToSpace(c *graph.Infer) error {
	b, _, err := blockSize(c.Node)
	if err != nil {
		return err
	}
	s, err := blockShape(c)
	if s == nil || err != nil {
		return err
	}
	depth, err := divided(s[1], b*b)
	if err != nil {
		return err
	}
	h, w := s[2].Mul(graph.Size(b)), s[3].Mul(graph.Size(b))
	c.SetTensor(0, c.DType(0), s[0], depth, h, w)
	if err := fits(h, s[2]); err != nil {
		return err
	}
	return fits(w, s[3])
}

func runDepthToSpace(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	b, crd, err := blockSize(c.Node)
	if err != nil {
		return err
	}
	if y.Len() != x.Len() || x.Rank() != 4 {
		return graph.Shapef("%s as %s", x, y)
	}
	if x.Len() == 0 {
		return nil
	}
	n, depth, h, w := x.Dim(0), y.Dim(1), x.Dim(2), x.Dim(3)
	plane := h * w
	channel, row, col := plane, b*depth*plane, depth*plane
	if crd {
		channel, row, col = b*b*plane, b*plane, plane
	}
	wide := w * b
	m := memo[strideMemo](c)
	m.Reset(0, 0)
	m.Axis(n, y.Len()/n, x.Len()/n)
	m.Axis(depth, b*b*plane, channel)
	m.Axis(h, b*wide, w)
	m.Axis(b, wide, row)
	m.Axis(w, b, 1)
	m.Axis(b, 1, col)
	return move(c, y, x, &m.Strided)
}

func inferSpaceToDepth(c *graph.Infer) error {
	b, _, err := blockSize(c.Node)
	if err != nil {
		return err
	}
	s, err := blockShape(c)
	if s == nil || err != nil {
		return err
	}
	h, err := divided(s[2], b)
	if err != nil {
		return err
	}
	w, err := divided(s[3], b)
	if err != nil {
		return err
	}
	depth := s[1].Mul(graph.Size(b * b))
	c.SetTensor(0, c.DType(0), s[0], depth, h, w)
	return fits(depth, s[1])
}

func runSpaceToDepth(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	b, crd, err := blockSize(c.Node)
	if err != nil {
		return err
	}
	if y.Len() != x.Len() || x.Rank() != 4 {
		return graph.Shapef("%s as %s", x, y)
	}
	if x.Len() == 0 {
		return nil
	}
	n, depth, h, w := x.Dim(0), x.Dim(1), y.Dim(2), y.Dim(3)
	plane := h * w
	channel, row, col := plane, b*depth*plane, depth*plane
	if crd {
		channel, row, col = b*b*plane, b*plane, plane
	}
	wide := x.Dim(3)
	m := memo[strideMemo](c)
	m.Reset(0, 0)
	m.Axis(n, y.Len()/n, x.Len()/n)
	m.Axis(depth, channel, x.Dim(2)*wide)
	m.Axis(b, row, wide)
	m.Axis(b, col, 1)
	m.Axis(h, w, b*wide)
	m.Axis(w, 1, b)
	return move(c, y, x, &m.Strided)
}
