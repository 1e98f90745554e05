package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvDirect is a convolution of blocked activations (see convC16Sig) that multiplies the input where it lies, by weights of PackConvDirect. X may also be
// [N, in_channels, H, W]: blocks would be mostly empty where a network begins with one to three channels.
var convDirect = family(&graph.Op{
	Domain: private, Name: "ConvDirect", Since: 1, Sig: convC16Sig,
	Infer: inferConvDirect, Run: runConvDirect,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		return expandConvC16(b, n, unpackedConv(b, n, "UnpackConvDirect"))
	},
})

func inferConvDirect(c *graph.Infer) error {
	g, err := inferConvC16(c, true)
	if err != nil {
		return err
	}
	if x, ok := c.Shape(0); ok && len(x) == 4 && g.group > 1 {
		return graph.Unsupportedf("%d groups of an input that is not blocked", g.group)
	}
	w := directWeightsOf(&g)
	return checkPacked(c, w.shape()...)
}

// directPlan is what a ConvDirect derives from the shapes. Its output is rows × width pixels: a convolution that looks at one pixel at a
// time, without a border, has all pixels of an image in one stream, which is cut to rows of equal length.
type directPlan struct {
	convC16
	directWeights
	parts          []directPart
	batch          int
	plain, padded  bool // X is not blocked; its padding is copied to scratch memory
	rows, width    int
	pixels         int // of an image; the last row may be shorter
	pixelStep      int // elements of the input from a pixel to the next
	rowStep        int // and from a row to the next
	slab           int // elements of a copy, for one piece of work
	slabRow        int // elements of a row in it
	rowChunk       int // output rows in a piece of work
	panelChunk     int // panels of output blocks in a piece of work
	chunks, panels int // pieces of work along the rows and along the panels
	list           []directPanel
	clips          []clipTap // in place of parts
}

// directPart is a part of the products of an output, at most directDepth of them or the lanes of one tap. Its sum begins at zero, and the sums are added in order: rounding
// errors grow with the length of a sum.
type directPart struct {
	taps         []kernel.ConvTap
	first, count int // of the products
	reach        int
}

const directDepth = 128

// partsOf cuts the taps to parts of nearly equal numbers of products.
func partsOf(taps []kernel.ConvTap, products int) (parts []directPart) {
	depth := directDepth
	if n := (products + depth - 1) / depth; n > 0 {
		depth = min(depth, (products/n+15)&^15)
	}
	for k, done := 0, 0; done < len(taps); {
		p := directPart{first: k}
		n := done
		for ; n < len(taps) && (n == done || p.count+taps[n].Lanes <= depth); n++ {
			p.count += taps[n].Lanes
		}
		p.taps = taps[done:n]
		p.reach = kernel.Reach(p.taps)
		parts = append(parts, p)
		k, done = k+p.count, n
	}
	return parts
}

// directPanel is one or two blocks of output channels that are computed at once, from the same input blocks.
type directPanel struct{ block, blocks int }

type directArgs struct {
	*directPlan
	x, w, bias, y, r []float32
	scratch          []float32
	lo, hi           float32
	act              kernel.Activation
}

func runConvDirect(c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	p, _ := c.Memo.(*directPlan)
	if p == nil {
		if p, err = planDirect(c); err != nil {
			return err
		}
		c.Memo = p
	}
	act, err := activationOf(c.Node)
	if err != nil {
		return err
	}
	a := directArgs{directPlan: p, x: tensor.Data[float32](c.In[0]), w: tensor.Data[float32](c.In[1]), y: tensor.Data[float32](y)}
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
	graph.Parallel(c, p.batch*p.chunks*p.panels, 1, a)
	return nil
}

// The cache that a thread has to itself holds a piece of the input and the weights of a panel, which are read over and over.
const (
	slabBytes    = 384 << 10
	weightsBytes = 384 << 10
	streamPixels = 112
)

func planDirect(c *graph.Ctx) (*directPlan, error) {
	g, err := readConvC16(c.Node)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape()
	if err := g.bind(s[:4]); err != nil {
		return nil, err
	}
	p := &directPlan{convC16: g, directWeights: directWeightsOf(&g), batch: s[0], plain: len(s) == 4}
	lanes := 16
	if p.plain {
		lanes = 1
	}
	h, w, outH, outW := g.In[1], g.In[2], g.Out[1], g.Out[2]
	p.padded = g.Head[1]+g.Head[2]+g.Tail[1]+g.Tail[2] > 0
	p.rows, p.width = outH, outW
	border := g.top + g.left + g.bottom + g.right
	if g.KernelSize() == 1 && g.Stride[1] == 1 && g.Stride[2] == 1 && !p.padded && border == 0 {
		p.rows, p.width = 1, outH*outW
		if n := (p.width + streamPixels - 1) / streamPixels; n > 1 {
			p.width = ((p.width+n-1)/n + 13) / 14 * 14
			p.rows = (outH*outW + p.width - 1) / p.width
		}
	}
	p.pixels = outH * outW
	p.pixelStep = g.Stride[2] * lanes
	rowsIn := func(rows int) int { return (rows-1)*g.Stride[1] + (g.Kernel[1]-1)*g.Dilation[1] + 1 }
	colsIn := (p.width-1)*g.Stride[2] + (g.Kernel[2]-1)*g.Dilation[2] + 1

	planes := p.span // input planes that one output block reads: blocks, or channels when X is not blocked
	if p.plain {
		planes = g.in
	}
	p.rowChunk = max(1, min(p.rows, slabBytes/4/max(1, planes*colsIn*lanes*g.Stride[1])))
	if p.padded {
		p.clips = p.clipped()
	}
	if p.clips != nil {
		p.padded, p.rowChunk = false, p.rows
	}
	for b := 0; b < p.outBlocks; {
		n := 1
		if b+1 < p.outBlocks && p.first(b) == p.first(b+1) {
			n = 2
		}
		p.list = append(p.list, directPanel{b, n})
		b += n
	}
	p.share(c.Exec().Workers())

	row, plane := w*lanes, h*w*lanes
	p.rowStep = g.Stride[1] * row
	if p.rows != outH || p.width != outW { // a stream
		p.rowStep = p.width * lanes
	}
	if p.padded {
		p.slabRow = colsIn * lanes
		row, plane = p.slabRow, rowsIn(p.rowChunk)*p.slabRow
		p.rowStep = g.Stride[1] * row
		p.slab = p.slabPlanes() * plane
	}
	p.parts = partsOf(p.tapsAt(row, plane), p.k)
	return p, nil
}

// share cuts the work to pieces: rows first, for pieces that read all weights need no second look at the input, and panels where the weights
// do not stay in the cache or where there are not rows enough to keep every thread busy.
func (p *directPlan) share(workers int) {
	p.chunks = (p.rows + p.rowChunk - 1) / p.rowChunk
	if n := p.chunks * p.batch; n%workers != 0 && p.rows >= workers {
		p.chunks = (p.chunks + workers - 1) / workers * workers
	}
	p.rowChunk = (p.rows + p.chunks - 1) / p.chunks
	p.chunks = (p.rows + p.rowChunk - 1) / p.rowChunk
	p.panelChunk = len(p.list)
	if total := 4 * p.k * 16 * p.outBlocks; total > weightsBytes && p.chunks*p.batch < 4*workers {
		pieces := min(len(p.list), max((total+weightsBytes-1)/weightsBytes, (4*workers+p.chunks*p.batch-1)/(p.chunks*p.batch)))
		pieces = min(len(p.list), (pieces+workers-1)/workers*workers)
		p.panelChunk = (len(p.list) + pieces - 1) / pieces
	}
	p.panels = (len(p.list) + p.panelChunk - 1) / p.panelChunk
}

// slabPlanes is how many input planes a piece of work can need at most.
func (p *directPlan) slabPlanes() int {
	if p.plain {
		return p.in
	}
	most := 0
	for i := 0; i < len(p.list); i += p.panelChunk {
		lo, hi := p.inputs(i)
		most = max(most, hi-lo)
	}
	return most
}

// inputs are the input blocks lo to hi-1 that the piece of work that begins with panel i reads.
func (p *directPlan) inputs(i int) (lo, hi int) {
	last := p.list[min(i+p.panelChunk, len(p.list))-1]
	return p.first(p.list[i].block), p.first(last.block) + p.span
}

// tapsAt are the products in the order of the packed weights, for an input whose rows and planes are so many elements apart.
func (p *directPlan) tapsAt(row, plane int) []kernel.ConvTap {
	var taps []kernel.ConvTap
	for b := range p.span {
		lanes := min(16, p.lanes-16*b)
		for ky := range p.Kernel[1] {
			for kx := range p.Kernel[2] {
				at := ky*p.Dilation[1]*row + kx*p.Dilation[2]*p.pixelStep/p.Stride[2]
				if !p.plain {
					taps = append(taps, kernel.ConvTap{Off: at + b*plane, Lanes: lanes})
					continue
				}
				for l := range lanes {
					taps = append(taps, kernel.ConvTap{Off: at + (16*b+l)*plane, Lanes: 1})
				}
			}
		}
	}
	return taps
}

func (a *directArgs) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		chunk, panel, image := i%a.chunks, i/a.chunks%a.panels*a.panelChunk, i/a.chunks/a.panels
		a.piece(worker, image, chunk*a.rowChunk, min(a.rows, (chunk+1)*a.rowChunk), panel, min(len(a.list), panel+a.panelChunk))
	}
}

// piece computes the rows r0 to r1-1 of an image, for panels p0 to p1-1.
func (a *directArgs) piece(worker, image, r0, r1, p0, p1 int) {
	lanes := 16
	planes, planeSize := (a.in+15)/16, a.In[1]*a.In[2]*16
	if a.plain {
		lanes, planes, planeSize = 1, a.in, a.In[1]*a.In[2]
	}
	x := a.x[image*planes*planeSize:][:planes*planeSize]
	base, origin := 0, r0*a.rowStep // of the first input block, of the first row
	if a.clips != nil {
		origin = 0
	}
	if a.padded {
		lo, hi := 0, planes
		if !a.plain {
			lo, hi = a.inputs(p0)
		}
		slab := a.scratch[worker*a.slab:][:a.slab]
		rows := (r1-r0-1)*a.Stride[1] + (a.Kernel[1]-1)*a.Dilation[1] + 1
		plane := len(slab) / a.slabPlanes()
		for b := lo; b < hi; b++ {
			padRows(slab[(b-lo)*plane:], x[b*planeSize:][:planeSize], r0*a.Stride[1]-a.Head[1], rows, a.In[1], -a.Head[2]*lanes, a.slabRow, a.In[2]*lanes)
		}
		x, base, origin, planeSize = slab, lo, 0, plane
	}
	outRow := (a.left + a.Out[2] + a.right) * 16
	outPlane := (a.top + a.Out[1] + a.bottom) * outRow
	s := kernel.ConvSpan{Step: a.pixelStep, WNext: a.k * 16, YNext: outPlane, RNext: a.pixels * 16, Lo: a.lo, Hi: a.hi}
	stream := a.rows != a.Out[1] || a.width != a.Out[2]
	for _, panel := range a.list[p0:p1] {
		s.Blocks = panel.blocks
		weights := a.w[panel.block*a.k*16:]
		s.Bias = a.bias[panel.block*16:]
		y := a.y[(image*a.outBlocks+panel.block)*outPlane:]
		in := x[origin:]
		if !a.plain {
			in = x[(a.first(panel.block)-base)*planeSize+origin:]
		}
		if a.clips != nil {
			var residual []float32
			if a.r != nil {
				residual = a.r[(image*a.outBlocks+panel.block)*a.pixels*16:]
			}
			a.clip(s, in, weights, y[a.top*outRow+a.left*16:], residual, outRow, r0, r1)
		}
		for r := r0; r < r1 && a.clips == nil; r++ {
			at, n := r*a.width, min(a.width, a.pixels-r*a.width)
			s.X = in[(r-r0)*a.rowStep:]
			if stream {
				s.Y = y[at*16:]
			} else {
				s.Y = y[(a.top+r)*outRow+a.left*16:]
			}
			if a.r != nil {
				s.R = a.r[((image*a.outBlocks+panel.block)*a.pixels+at)*16:]
			}
			for i := range a.parts {
				p := &a.parts[i]
				s.Taps, s.W, s.Count, s.Reach = p.taps, weights[p.first*16:], p.count, p.reach
				s.More, s.Last = i > 0, i == len(a.parts)-1
				s.Run(n)
			}
			if a.act.Kind != kernel.ActNone {
				kernel.ActivateRows(s.Y, panel.blocks, n*16, outPlane, a.act)
			}
		}
		if outPlane > a.pixels*16 {
			for b := range panel.blocks {
				a.clearBorder(y[b*outPlane:][:outPlane], r0, r1)
			}
		}
	}
}

// padRows copies rows of a plane with zeros around it: dst gets n rows of width elements, the first of which is row y of src, an image of h rows of w elements,
// from element x on. Rows and elements outside of the image are zeros.
func padRows(dst, src []float32, y, n, h, x, width, w int) {
	lo, hi := min(max(0, -x), width), min(width, w-x)
	from := min(max(0, -y), n)
	to := min(n, h-y)
	if lo >= hi || from >= to {
		clear(dst[:n*width])
		return
	}
	clear(dst[:from*width+lo])
	for i := from + 1; i < to; i++ { // the end of a row and the beginning of the next
		clear(dst[(i-1)*width+hi : i*width+lo])
	}
	clear(dst[(to-1)*width+hi : n*width])
	kernel.CopyRows(dst[from*width+lo:], src[(y+from)*w+x+lo:], to-from, hi-lo, width, w)
}
