package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvDepthwise is a convolution of blocked activations (see convC16Sig) in which every channel is a group of its own, by weights of PackConvDepthwise.
var convDepthwise = family(&graph.Op{
	Domain: private, Name: "ConvDepthwise", Since: 1, Sig: convC16Sig,
	Infer: inferConvDepthwise, Run: runConvDepthwise,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		return expandConvC16(b, n, unpackedConv(b, n, "UnpackConvDepthwise"))
	},
})

// PackConvDepthwise brings weights W [C, 1, kH, kW] into the order in which ConvDepthwise reads them: [⌈C/16⌉, kH·kW, 16], with zeros beyond the channels.
var packConvDepthwise = family(&graph.Op{
	Domain: private, Name: "PackConvDepthwise", Since: 1,
	Sig:   "(W:T) -> (P:T); T = f32; group int = 1",
	Infer: inferPackDepthwise, Run: runPackDepthwise,
})

// UnpackConvDepthwise is the inverse of PackConvDepthwise.
var unpackConvDepthwise = family(&graph.Op{
	Domain: private, Name: "UnpackConvDepthwise", Since: 1,
	Sig:   "(P:T) -> (W:T); T = f32; in_channels int!; channels int!; group int = 1; kernel_shape ints!",
	Infer: inferUnpackDepthwise, Run: runUnpackDepthwise,
})

// depthwiseOnly refuses convolutions that are none of single channels.
func depthwiseOnly(g *convC16) error {
	if g.group != g.in || g.out != g.in {
		return graph.Unsupportedf("depthwise convolution of %d channels in %d groups to %d channels", g.in, g.group, g.out)
	}
	return nil
}

func inferPackDepthwise(c *graph.Infer) error {
	w, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, c.DType(0), graph.Unknown(), graph.Unknown(), graph.Size(16))
		return nil
	}
	g, err := packedConv(c.Node, w)
	if err == nil {
		err = depthwiseOnly(&g)
	}
	if err != nil {
		return err
	}
	c.SetTensor(0, c.DType(0), graph.Dims((g.out+15)/16, g.KernelSize(), 16)...)
	return nil
}

func runPackDepthwise(c *graph.Ctx) error {
	channels := c.In[0].Dim(0)
	src, dst := tensor.Data[float32](c.In[0]), tensor.Data[float32](c.Out[0])
	taps := len(src) / channels
	for b := 0; b < channels; b += 16 {
		kernel.Block16(dst[b*taps:], src[b*taps:], min(16, channels-b), taps, taps)
	}
	return nil
}

func inferUnpackDepthwise(c *graph.Infer) error {
	g, err := readConvC16(c.Node)
	if err == nil {
		err = depthwiseOnly(&g)
	}
	if err != nil {
		return err
	}
	if err := checkPackedAt(c, 0, (g.out+15)/16, g.KernelSize(), 16); err != nil {
		return err
	}
	c.SetTensor(0, c.DType(0), graph.Dims(g.out, 1, g.Kernel[1], g.Kernel[2])...)
	return nil
}

func runUnpackDepthwise(c *graph.Ctx) error {
	channels := c.Out[0].Dim(0)
	src, dst := tensor.Data[float32](c.In[0]), tensor.Data[float32](c.Out[0])
	taps := len(dst) / channels
	for b := 0; b < channels; b += 16 {
		kernel.Unblock16(dst[b*taps:], src[b*taps:], min(16, channels-b), taps, taps)
	}
	return nil
}

func inferConvDepthwise(c *graph.Infer) error {
	g, err := inferConvC16(c, false)
	if err == nil {
		err = depthwiseOnly(&g)
	}
	if err != nil {
		return err
	}
	return checkPacked(c, (g.out+15)/16, g.KernelSize(), 16)
}

// depthwisePlan is what a ConvDepthwise derives from the shapes.
type depthwisePlan struct {
	convC16
	images, blocks int  // images is N · blocks
	skip           bool // the kernel leaves out padding; else
	padded, cut    bool // padding is copied, or windows are cut at the edges
	chunk, chunks  int  // output rows in a piece of work, and pieces in an image
	slab, slabRow  int  // elements of the copy of a piece of a padded image, and of its rows
	grain          int
}

type depthwiseArgs struct {
	*depthwisePlan
	x, w, bias, y, r []float32
	scratch          []float32
	lo, hi           float32
	act              kernel.Activation
}

// Pieces of work have about so many products of vectors, and the padded copies of one are in the cache that a thread has to itself.
const (
	depthwiseWork = 1 << 14
	depthwiseSlab = 128 << 10
)

func planDepthwise(c *graph.Ctx) (*depthwisePlan, error) {
	g, err := readConvC16(c.Node)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape()
	if err := g.bind(s[:4]); err != nil {
		return nil, err
	}
	p := &depthwisePlan{convC16: g, images: s[0] * s[1], blocks: s[1]}
	if g.Head[1]+g.Head[2]+g.Tail[1]+g.Tail[2] > 0 {
		k := kernel.Depthwise{Kernel: [2]int(g.Kernel[1:]), Stride: [2]int(g.Stride[1:]), Dilation: [2]int(g.Dilation[1:])}
		p.skip = k.CanPad(g.Head[2], g.Tail[2]) && g.In[1] > 0 && g.In[2] > 0
		p.cut = !p.skip && cutsWindows(&g.Window)
		p.padded = !p.skip && !p.cut
	}
	work := max(1, min(depthwiseWork, g.Out[2]*min(depthwiseWork, g.KernelSize())))
	p.chunk = min(g.Out[1], (depthwiseWork/work+1)&^1)
	span := (g.Kernel[1]-1)*g.Dilation[1] + 1
	if p.padded {
		p.slabRow = ((g.Out[2]-1)*g.Stride[2] + (g.Kernel[2]-1)*g.Dilation[2] + 1) * 16
		if p.slabRow > 1<<40/span {
			return nil, graph.Limitf("depthwise convolution with padded rows of %d", p.slabRow/16)
		}
		p.chunk = max(1, min(p.chunk, (depthwiseSlab/4/p.slabRow-span)/g.Stride[1]+1))
		p.slab = ((p.chunk-1)*g.Stride[1] + span) * p.slabRow
	}
	p.chunks = (g.Out[1] + p.chunk - 1) / p.chunk
	p.grain = 1
	if p.chunks == 1 {
		p.grain = max(1, depthwiseWork/(work*g.Out[1]))
	}
	return p, nil
}

// cutsWindows reports whether it takes less to look after cut windows, of which every one sees an input, than to copy the image with its padding.
func cutsWindows(w *kernel.Window) bool {
	whole, copied := 1, 1 // outputs that see no padding, pixels of the copy
	for i := 1; i < 3; i++ {
		if w.Dilation[i] > 1 || max(w.Head[i], w.Tail[i]) >= w.Kernel[i] {
			return false
		}
		last := w.In[i] + w.Head[i] - w.Kernel[i]
		if last < 0 {
			return false
		}
		whole *= max(0, min(w.Out[i], last/w.Stride[i]+1)-(w.Head[i]+w.Stride[i]-1)/w.Stride[i])
		copied *= w.In[i] + w.Head[i] + w.Tail[i]
	}
	return (w.OutSize()-whole)*(2*w.KernelSize()+10) < 3*copied // in cycles
}

func runConvDepthwise(c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	p, _ := c.Memo.(*depthwisePlan)
	if p == nil {
		if p, err = planDepthwise(c); err != nil {
			return err
		}
		c.Memo = p
	}
	act, err := activationOf(c.Node)
	if err != nil {
		return err
	}
	a := depthwiseArgs{depthwisePlan: p, x: tensor.Data[float32](c.In[0]), w: tensor.Data[float32](c.In[1]), y: tensor.Data[float32](y)}
	a.lo, a.hi, a.act = clampOf(act)
	if c.Has(3) {
		a.r = tensor.Data[float32](c.In[3])
	}
	if a.bias, err = laneBias(c, p.out); err != nil {
		return err
	}
	if p.padded {
		if a.scratch, err = graph.Scratch[float32](c, p.slab*c.Exec().Workers()); err != nil {
			return err
		}
	}
	graph.Parallel(c, p.images*p.chunks, p.grain, a)
	return nil
}

func (a *depthwiseArgs) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		row := i % a.chunks * a.chunk
		a.piece(worker, i/a.chunks, row, min(a.Out[1], row+a.chunk))
	}
}

// piece computes the rows r0 to r1-1 of an image of 16 channels.
func (a *depthwiseArgs) piece(worker, image, r0, r1 int) {
	taps, block := a.KernelSize(), image%a.blocks
	yRow := (a.left + a.Out[2] + a.right) * 16
	yPlane := (a.top + a.Out[1] + a.bottom) * yRow
	y := a.y[image*yPlane:][:yPlane]
	at := (a.top+r0)*yRow + a.left*16
	d := kernel.Depthwise{
		W: a.w[block*taps*16:][:taps*16], Bias: a.bias[block*16:][:16], Y: y[at:], Rows: r1 - r0, Cols: a.Out[2], Lo: a.lo, Hi: a.hi,
		Kernel: [2]int(a.Kernel[1:]), Stride: [2]int(a.Stride[1:]), Dilation: [2]int(a.Dilation[1:]),
		XRow: a.In[2] * 16, YRow: yRow, RRow: a.Out[2] * 16,
	}
	x := a.x[image*a.In[1]*d.XRow:][:a.In[1]*d.XRow]
	switch {
	case a.skip:
		d.X, d.In, d.Head = x, [2]int(a.In[1:]), [2]int{a.Head[1] - r0*a.Stride[1], a.Head[2]}
	case a.padded:
		slab := a.scratch[worker*a.slab:][:a.slab]
		rows := (r1-r0-1)*a.Stride[1] + (a.Kernel[1]-1)*a.Dilation[1] + 1
		padRows(slab, x, r0*a.Stride[1]-a.Head[1], rows, a.In[1], -a.Head[2]*16, a.slabRow, d.XRow)
		d.X, d.XRow = slab, a.slabRow
	case !a.cut:
		d.X = x[r0*a.Stride[1]*d.XRow:]
	}
	if a.r != nil {
		d.R = a.r[(image*a.Out[1]+r0)*d.RRow:]
	}
	if a.cut {
		a.runCut(&d, x, r0, r1)
	} else {
		d.Run()
	}
	if a.act.Kind != kernel.ActNone {
		kernel.ActivateRows(y[at:], r1-r0, a.Out[2]*16, yRow, a.act)
	}
	if yPlane > a.Out[1]*a.Out[2]*16 {
		a.clearBorder(y, r0, r1)
	}
}

// runCut computes the rows r0 to r1-1 of which d says all but X, by windows of the image x that are cut alike.
func (a *depthwiseArgs) runCut(d *kernel.Depthwise, x []float32, r0, r1 int) {
	row := a.Kernel[2] * 16
	for r := r0; r < r1; {
		down, rEnd := alike(&a.Window, 1, r, r1, false)
		for c := 0; c < a.Out[2]; {
			along, cEnd := alike(&a.Window, 2, c, a.Out[2], false)
			e := *d
			e.X, e.W, e.WRow = x[down.at*d.XRow+along.at*16:], d.W[down.lo*row+along.lo*16:], row
			e.Kernel = [2]int{down.hi - down.lo, along.hi - along.lo}
			e.Rows, e.Cols = rEnd-r, cEnd-c
			e.Y = d.Y[(r-r0)*d.YRow+c*16:]
			if d.R != nil {
				e.R = d.R[(r-r0)*d.RRow+c*16:]
			}
			e.Run()
			c = cEnd
		}
		r = rEnd
	}
}
