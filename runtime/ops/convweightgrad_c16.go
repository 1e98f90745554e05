package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvWeightGradC16 is ConvWeightGrad of blocked activations: X [N, ⌈in_channels/16⌉, H, W, 16], or [N, in_channels, H, W] for a convolution of one group that reads such an
// input, and dY [N, ⌈channels/16⌉, H', W', 16] give dW [channels, in_channels/group, kH, kW], or with spatial 1 and kH 1 without that axis.
var convWeightGradC16 = family(&graph.Op{
	Domain: private, Name: "ConvWeightGradC16", Since: 1,
	Sig: `(X:T, dY:T) -> (dW:T)
		T = f32
		in_channels int!; channels int!; group int = 1; kernel_shape ints!; strides ints; pads ints; dilations ints; spatial int = 2`,
	Infer: inferConvWeightGradC16, Run: runConvWeightGradC16,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x := n.In[0]
		if x.Type.Rank() == 5 {
			x = b.Op(private+"::UnblockC16", x, graph.Int("channels", n.Int("in_channels")))
		}
		g := b.Op(private+"::UnblockC16", n.In[1], graph.Int("channels", n.Int("channels")))
		shape := n.Ints("kernel_shape")
		if len(shape) != 2 {
			b.Fail(graph.Shapef("kernel_shape is %v", shape))
			return nil
		}
		m, in := n.Int("channels"), n.Int("in_channels")/max(1, n.Int("group"))
		args := []graph.Arg{x, g, b.Ints(m, in, int(shape[0]), int(shape[1])), graph.Int("group", n.Int("group"))}
		for _, name := range []string{"strides", "pads", "dilations"} {
			if n.HasAttr(name) {
				args = append(args, graph.Ints(name, n.Ints(name)...))
			}
		}
		w := b.Op(private+"::ConvWeightGrad", args...)
		if n.Int("spatial") == 1 {
			w = b.Op("Squeeze", w, b.Ints(2))
		}
		return []*graph.Value{w}
	},
})

func inferConvWeightGradC16(c *graph.Infer) error {
	if err := sameTypes(c, 1); err != nil {
		return err
	}
	g, err := readConvC16(c.Node)
	if err != nil {
		return err
	}
	x, ok := c.Shape(0)
	if !ok {
		x = []graph.Dim{graph.Unknown(), laneBlocks(graph.Size(g.in)), graph.Unknown(), graph.Unknown(), graph.Size(16)}
	}
	if len(x) == 4 && g.group == 1 {
		if x[1].IsInt() && !x[1].Is(g.in) {
			return graph.Shapef("%s for %d channels", graph.ShapeString(x), g.in)
		}
	} else if err := isC16(x, g.in); err != nil {
		return err
	}
	out, err := g.outDims(x[:4])
	if err != nil {
		return err
	}
	if y, ok := c.Shape(1); ok {
		if err := isC16(y, g.out); err != nil {
			return err
		}
		for i, d := range []graph.Dim{x[0], out[0], out[1]} {
			if at := []int{0, 2, 3}[i]; d.IsInt() && y[at].IsInt() && !d.Equal(y[at]) {
				return graph.Shapef("gradient %s of a convolution of %s", graph.ShapeString(y), graph.ShapeString(x))
			}
		}
	}
	w := graph.Dims(g.out, g.in/g.group, g.Kernel[1], g.Kernel[2])
	switch spatial := c.Node.Int("spatial"); {
	case spatial == 1 && g.Kernel[1] == 1:
		w = append(w[:2], w[3])
	case spatial != 2:
		return graph.Invalidf("spatial is %d for a kernel of %d by %d", spatial, g.Kernel[1], g.Kernel[2])
	}
	c.SetTensor(0, c.DType(0), w...)
	return checkSize(w)
}

// weightPlan is what a ConvWeightGradC16 derives from the shapes. Sums of products are made of chunks of positions, in order: the sum of a chunk begins at zero, for
// rounding errors grow with the length of a sum, and what a chunk reads stays in the first-level cache while all weights of a piece of work use it.
type weightPlan struct {
	convC16
	batch              int
	form               weightForm
	runs               []tapRun
	images, rows, cols int // of a chunk, at most
	pieces             []weightPiece
	sums               int // elements that the largest piece needs
}

// weightForm is how products are arranged.
type weightForm int

const (
	weightsDense weightForm = iota // 16 output channels, each with 16 lanes of X
	weightsPlain                   // the taps of a line of the kernel in a plane of X, each with 16 lanes of dY
	weightsDepth                   // those in 16 lanes of X, each with its lane of dY
)

// tapRun are the taps k0 to k1-1 of a line of the kernel, which all see the input from the output columns lo to hi-1.
type tapRun struct{ k0, k1, lo, hi int }

// weightPiece is a piece of work: blocks m0 to m1-1 of output channels, and blocks of input channels, or planes of X, c0 to c1-1.
type weightPiece struct{ m0, m1, c0, c1 int }

const (
	weightPositions = 256           // of a chunk
	weightSums      = 256 << 10 / 4 // elements of sums that stay in the second-level cache
)

func planWeights(c *graph.Ctx) (*weightPlan, error) {
	g, err := readConvC16(c.Node)
	if err != nil {
		return nil, err
	}
	s, y := c.In[0].Shape(), c.In[1].Shape()
	if err := g.bind(s[:4]); err != nil {
		return nil, err
	}
	if !y.Equal(tensor.Shape{s[0], (g.out + 15) / 16, g.Out[1], g.Out[2], 16}) {
		return nil, graph.Shapef("gradient %v of a convolution of %v", y, s)
	}
	p := &weightPlan{convC16: g, batch: s[0]}
	switch {
	case len(s) == 4:
		p.form = weightsPlain
	case g.group == g.in && g.in == g.out:
		p.form = weightsDepth
	}
	if g.KernelSize() == 1 && g.Stride[1] == 1 && g.Stride[2] == 1 && g.Head == [3]int{} && g.Tail == [3]int{} { // an image is one line
		n := p.OutSize()
		p.In, p.Out = [3]int{1, 1, n}, [3]int{1, 1, n}
	}
	p.cols = evenly(p.Out[2], weightPositions)
	p.rows = evenly(p.Out[1], weightPositions/p.cols)
	p.images = evenly(p.batch, weightPositions/p.OutSize())
	p.findRuns()
	p.cut(c.Exec().Workers())
	return p, nil
}

// evenly is how long parts of n are that are of nearly the same length and have about most, at least 1.
func evenly(n, most int) int {
	parts := max(1, (n+max(1, most)-1)/max(1, most))
	return max(1, (n+parts-1)/parts)
}

// findRuns cuts a line of the kernel into taps that a kernel can compute at once: those next to one another in X, where they see the same columns.
func (p *weightPlan) findRuns() {
	add := func(r tapRun) {
		for ; r.k0 < r.k1; r.k0 += 16 {
			p.runs = append(p.runs, tapRun{r.k0, min(r.k1, r.k0+16), r.lo, r.hi})
		}
	}
	if p.form == weightsDense || p.Dilation[2] != 1 {
		for k := range p.Kernel[2] {
			if lo, hi := p.Outputs(2, k); lo < hi {
				add(tapRun{k, k + 1, lo, hi})
			}
		}
		return
	}
	var r tapRun
	for o := range p.Out[2] {
		if _, k0, k1 := p.Taps(2, o); k0 != r.k0 || k1 != r.k1 {
			add(r)
			r = tapRun{k0, k1, o, o}
		}
		r.hi = o + 1
	}
	add(r)
}

// cut makes pieces, small enough for their sums and enough for all threads. Results do not depend on it.
func (p *weightPlan) cut(workers int) {
	blocks, taps := (p.out+15)/16, p.KernelSize()
	switch p.form {
	case weightsDepth:
		p.sums = 16 * taps
		for m := range blocks {
			p.pieces = append(p.pieces, weightPiece{m, m + 1, m, m + 1})
		}
		return
	case weightsPlain:
		p.sums = 16 * taps
		for i := range blocks * p.in {
			p.pieces = append(p.pieces, weightPiece{i / p.in, i/p.in + 1, i % p.in, i%p.in + 1})
		}
		return
	}
	wide, side := (p.in+15)/16, 4
	for side > 1 && (side*side*256*taps > weightSums || p.group == 1 && ((blocks+side-1)/side)*((wide+side-1)/side) < 2*workers) {
		side /= 2
	}
	rows := side
	if p.group > 1 {
		rows = 1
	}
	for m := 0; m < blocks; m += rows {
		last := min(p.out, (m+rows)*16) - 1
		per, perOut := p.in/p.group, p.out/p.group
		lo, hi := m*16/perOut*per/16, (last/perOut*per+per+15)/16
		for c := lo; c < hi; c += side {
			p.pieces = append(p.pieces, weightPiece{m, min(blocks, m+rows), c, min(hi, c+side)})
		}
	}
	p.sums = 256 * taps * rows * side
}

type weightArgs struct {
	*weightPlan
	x, g, w, scratch []float32
}

func runConvWeightGradC16(c *graph.Ctx) error {
	w, err := outOf(c, 0)
	if err != nil {
		return err
	}
	if c.In[0].Len() == 0 || c.In[1].Len() == 0 {
		clear(w.Bytes())
		return nil
	}
	p, _ := c.Memo.(*weightPlan)
	if p == nil {
		if p, err = planWeights(c); err != nil {
			return err
		}
		c.Memo = p
	}
	a := weightArgs{weightPlan: p, x: tensor.Data[float32](c.In[0]), g: tensor.Data[float32](c.In[1]), w: tensor.Data[float32](w)}
	if a.scratch, err = graph.Scratch[float32](c, p.sums*c.Exec().Workers()); err != nil {
		return err
	}
	graph.Parallel(c, len(p.pieces), 1, a)
	return nil
}

// Do takes pieces.
func (a *weightArgs) Do(worker, lo, hi int) {
	for _, p := range a.pieces[lo:hi] {
		sums := a.scratch[worker*a.sums:][:a.sums]
		clear(sums)
		for n := 0; n < a.batch; n += a.images {
			for r := 0; r < a.Out[1]; r += a.rows {
				for o := 0; o < a.Out[2]; o += a.cols {
					for m := p.m0; m < p.m1; m++ {
						for ch := p.c0; ch < p.c1; ch++ {
							a.chunk(sums[a.block(p, m, ch):], m, ch, n, r, o)
						}
					}
				}
			}
		}
		for m := p.m0; m < p.m1; m++ {
			for ch := p.c0; ch < p.c1; ch++ {
				a.store(sums[a.block(p, m, ch):], m, ch)
			}
		}
	}
}

// block is where the sums of a block of output channels and a block, or a plane, of input channels are in those of a piece.
func (a *weightArgs) block(p weightPiece, m, ch int) int {
	if a.form != weightsDense {
		return 0
	}
	return ((m-p.m0)*(p.c1-p.c0) + ch - p.c0) * 256 * a.KernelSize()
}

// chunk adds the products of the positions from image n, row r and column o on.
func (a *weightArgs) chunk(sums []float32, m, ch, n, r, o int) {
	in, out := a.InSize(), a.OutSize()
	lanes, planes := 16, (a.in+15)/16
	if a.form == weightsPlain {
		lanes, planes = 1, a.in
	}
	g := a.g[(n*((a.out+15)/16)+m)*out*16:]
	x := a.x[(n*planes+ch)*in*lanes:]
	gImage, gLine := ((a.out+15)/16)*out*16, a.Out[2]*16
	xImage, xLine, xCol := planes*in*lanes, a.Stride[1]*a.In[2]*lanes, a.Stride[2]*lanes
	s := kernel.WeightSum{Images: min(a.images, a.batch-n), Rows: 16, Next: a.KernelSize() * 16}
	if a.form == weightsDense {
		s.SImage, s.SLine, s.SCol, s.VImage, s.VLine, s.VCol = gImage, gLine, 16, xImage, xLine, xCol
	} else {
		s.Next = 16
		s.SImage, s.SLine, s.SCol, s.VImage, s.VLine, s.VCol = xImage, xLine, xCol, gImage, gLine, 16
	}
	for ky := range a.Kernel[1] {
		lo, hi := a.Outputs(1, ky)
		lo, hi = max(lo, r), min(hi, r+a.rows)
		if s.Lines = hi - lo; s.Lines < 1 {
			continue
		}
		row := lo*a.Stride[1] - a.Head[1] + ky*a.Dilation[1]
		for _, t := range a.runs {
			first := max(t.lo, o)
			if s.Cols = min(t.hi, o+a.cols) - first; s.Cols < 1 {
				continue
			}
			col := first*a.Stride[2] - a.Head[2] + t.k0*a.Dilation[2]
			seen, grad := x[(row*a.In[2]+col)*lanes:], g[(lo*a.Out[2]+first)*16:]
			s.Sums = sums[(ky*a.Kernel[2]+t.k0)*16:]
			switch a.form {
			case weightsDense:
				s.S, s.V = grad, seen
				s.Run()
			case weightsPlain:
				s.S, s.V, s.Rows = seen, grad, t.k1-t.k0
				s.Run()
			default:
				s.S, s.V, s.Rows = seen, grad, t.k1-t.k0
				s.RunLanes()
			}
		}
	}
}

// store writes the weights of a block of output channels and a block, or a plane, of input channels.
func (a *weightArgs) store(sums []float32, m, ch int) {
	taps, per, perOut := a.KernelSize(), a.in/a.group, a.out/a.group
	first, n := m*16, min(16, a.out-m*16)
	if a.form != weightsDense { // sums are [taps, 16 output channels]
		plane := ch
		if a.form == weightsDepth {
			plane = 0
		}
		kernel.Transpose32(a.w[(first*per+plane)*taps:], sums, n, taps, per*taps, 16)
		return
	}
	for i := range n { // they are [output channels, taps, 16 input channels]
		group := (first + i) / perOut
		lo, hi := max(ch*16, group*per), min(ch*16+16, group*per+per)
		if lo >= hi {
			continue
		}
		to, from := a.w[((first+i)*per+lo-group*per)*taps:], sums[i*taps*16+lo-ch*16:]
		if taps == 1 {
			copy(to[:hi-lo], from)
		} else {
			kernel.Transpose32(to, from, hi-lo, taps, taps, 16)
		}
	}
}
