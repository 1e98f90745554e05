package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// PackConvDirect brings weights W [M, C/group, kH, kW] into the order in which ConvDirect reads them: [⌈M/16⌉, K, 16], where K counts, for each block of input channels, the
// kernel's rows and columns and the channels of the block. Where channels of several groups share an output block, it reads the blocks of all
// their inputs, and K goes over all lanes of these, with zeros for the channels of other groups. With transposed, W are the weights of a transposed convolution in one
// group, and what is packed are those that PhaseWeights takes from it by first, taps and stride.
var packConvDirect = family(&graph.Op{
	Domain: private, Name: "PackConvDirect", Since: 1,
	Sig:   "(W:T) -> (P:T); T = f32; group int = 1; transposed int = 0; first ints; taps ints; stride int = 1",
	Infer: inferPackDirect, Run: runPackDirect,
})

// UnpackConvDirect is the inverse of PackConvDirect.
var unpackConvDirect = family(&graph.Op{
	Domain: private, Name: "UnpackConvDirect", Since: 1,
	Sig:   "(P:T) -> (W:T); T = f32; in_channels int!; channels int!; group int = 1; kernel_shape ints!",
	Infer: inferUnpackDirect, Run: runUnpackDirect,
})

// directWeights is the layout of the weights of a ConvDirect.
type directWeights struct {
	outBlocks int
	span      int // input blocks that an output block reads
	lanes     int // channels of those
	k         int // products of an output element: lanes · taps
	groupIn   int // channels of a group
	groupOut  int
	lastFirst int // the largest first block
}

func directWeightsOf(g *convC16) directWeights {
	w := directWeights{outBlocks: (g.out + 15) / 16, groupIn: g.in / g.group, groupOut: g.out / g.group}
	blocks := (g.in + 15) / 16
	if g.group == 1 || w.groupIn%16 == 0 && w.groupOut%16 == 0 {
		w.lanes = w.groupIn
		w.span = (w.lanes + 15) / 16
	} else {
		for b := range w.outBlocks {
			lo, hi := w.reads(b, g.out)
			w.span = max(w.span, (hi+15)/16-lo/16)
		}
		w.lanes = w.span * 16
	}
	w.lastFirst = blocks - w.span
	w.k = w.lanes * g.KernelSize()
	return w
}

// reads are the input channels lo to hi-1 that output block b depends on, of out output channels.
func (w *directWeights) reads(b, out int) (lo, hi int) {
	last := min(16*b+15, out-1)
	return 16 * b / w.groupOut * w.groupIn, (last/w.groupOut + 1) * w.groupIn
}

// first is the first of the input blocks that output block b reads.
func (w *directWeights) first(b int) int { return min(16*b/w.groupOut*w.groupIn/16, w.lastFirst) }

func (w *directWeights) shape() []int { return []int{w.outBlocks, w.k, 16} }

// each calls f for every weight of the output channels lo to hi-1: its place in W [M, C/group, taps] and in the packed weights.
func (w *directWeights) each(lo, hi, taps int, f func(plain, packed int)) {
	for o := lo; o < hi; o++ {
		first := w.first(o/16) * 16
		for i := range w.groupIn {
			l := o/w.groupOut*w.groupIn + i - first // lane among all that the block reads
			width := min(16, w.lanes-l/16*16)
			at := (o/16*w.k+l/16*16*taps+l%16)*16 + o%16
			for t := range taps {
				f((o*w.groupIn+i)*taps+t, at+t*width*16)
			}
		}
	}
}

func inferPackDirect(c *graph.Infer) error {
	w, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, c.DType(0), graph.Unknown(), graph.Unknown(), graph.Size(16))
		return nil
	}
	if c.Node.Bool("transposed") {
		if c.Node.Int("group") != 1 {
			return graph.Unsupportedf("transposed weights %s in %d groups", c.Type(0), c.Node.Int("group"))
		}
		var err error
		if w, err = phaseShape(c.Node, w); err != nil {
			return err
		}
	}
	g, err := packedConv(c.Node, w)
	if err != nil {
		return err
	}
	p := directWeightsOf(&g)
	c.SetTensor(0, c.DType(0), graph.Dims(p.shape()...)...)
	return nil
}

// packedConv is what the weights [M, C/group, kH, kW] of a convolution say of it.
func packedConv(n *graph.Node, shape []graph.Dim) (g convC16, err error) {
	var d [4]int
	ok := len(shape) == 4
	for i := 0; ok && i < 4; i++ {
		d[i], ok = shape[i].Int()
		ok = ok && d[i] > 0 && d[i] <= maxKernel
	}
	g.group = n.Int("group")
	if !ok || g.group < 1 || g.group > d[0] || d[0]%g.group != 0 || g.group > maxChannels/d[1] {
		return g, graph.Shapef("weights %s in %d groups", graph.ShapeString(shape), g.group)
	}
	g.in, g.out = d[1]*g.group, d[0]
	g.Kernel = [3]int{1, d[2], d[3]}
	return g, nil
}

func inferUnpackDirect(c *graph.Infer) error {
	g, err := readConvC16(c.Node)
	if err != nil {
		return err
	}
	w := directWeightsOf(&g)
	if s, ok := c.Shape(0); ok {
		want := w.shape()
		if len(s) != 3 || s[0].IsInt() && !s[0].Is(want[0]) || s[1].IsInt() && !s[1].Is(want[1]) || s[2].IsInt() && !s[2].Is(16) {
			return graph.Shapef("packed weights of %s, want %v", c.Type(0), tensor.Shape(want))
		}
	}
	c.SetTensor(0, c.DType(0), graph.Dims(g.out, w.groupIn, g.Kernel[1], g.Kernel[2])...)
	return nil
}

func runPackDirect(c *graph.Ctx) (err error) {
	shape := graph.Dims(c.In[0].Shape()...)
	transposed := c.Node.Bool("transposed")
	if transposed {
		if shape, err = phaseShape(c.Node, shape); err != nil {
			return err
		}
	}
	g, err := packedConv(c.Node, shape)
	if err != nil {
		return err
	}
	a := packDirectArgs{directWeights: directWeightsOf(&g), src: tensor.Data[float32](c.In[0]), dst: tensor.Data[float32](c.Out[0]), out: g.out, taps: g.KernelSize()}
	workers := c.Exec().Workers()
	grain := max(1, min(1<<15/a.k, (a.outBlocks+workers-1)/workers))
	switch {
	case transposed:
		k := c.In[0].Shape()[2:]
		a.near = 16 * k[0] * k[1]
		if a.scratch, err = graph.Scratch[float32](c, workers*a.near); err == nil {
			first := c.Node.Ints("first")
			graph.Parallel(c, a.outBlocks, grain, packTransposedArgs{a, [2]int{k[0], k[1]}, [2]int{g.Kernel[1], g.Kernel[2]}, [2]int{int(first[0]), int(first[1])}, c.Node.Int("stride")})
		}
	case a.lanes == a.groupIn: // an output block reads just what its channels do
		a.near = 16 * 16 * a.taps
		if a.scratch, err = graph.Scratch[float32](c, workers*a.near); err == nil {
			graph.Parallel(c, a.outBlocks, grain, a)
		}
	default:
		graph.Parallel(c, a.outBlocks, grain, packGroupsArgs{a})
	}
	return err
}

// packDirectArgs packs the weights of output blocks that read the inputs of one group.
type packDirectArgs struct {
	directWeights
	src, dst, scratch []float32
	out, taps         int
	near              int // elements of scratch memory for each worker
}

func (a *packDirectArgs) Do(worker, lo, hi int) {
	near := a.scratch[worker*a.near:][:a.near] // [input channel][tap][16]
	for o := lo; o < hi; o++ {
		src, dst := a.src[16*o*a.k:], a.dst[16*o*a.k:][:16*a.k]
		for i := 0; i < a.lanes; i += 16 {
			width := min(16, a.lanes-i)
			kernel.Block16(near, src[i*a.taps:], min(16, a.out-16*o), a.k, width*a.taps)
			for t := range a.taps {
				for l := range width {
					copy(dst[(t*width+l)*16:][:16], near[(l*a.taps+t)*16:][:16])
				}
			}
			dst = dst[16*width*a.taps:]
		}
	}
}

// packGroupsArgs packs the weights of output blocks that read the inputs of several groups.
type packGroupsArgs struct{ packDirectArgs }

func (a *packGroupsArgs) Do(_, lo, hi int) {
	clear(a.dst[16*lo*a.k : 16*hi*a.k])
	a.each(16*lo, min(16*hi, a.out), a.taps, func(plain, packed int) { a.dst[packed] = a.src[plain] })
}

// packTransposedArgs packs a phase of the weights [input channel][output channel][row][column] of a transposed convolution.
type packTransposedArgs struct {
	packDirectArgs
	kernel, phase, first [2]int // extents of the kernel and of the phase, and its first tap
	stride               int
}

// Do takes output blocks: all of them for one input channel after the other, as they lie in W.
func (a *packTransposedArgs) Do(worker, lo, hi int) {
	near := a.scratch[worker*a.near:][:a.near] // [row][column][16]
	size := a.near / 16
	for i := range a.lanes {
		step := 16 * min(16, a.lanes-i/16*16) // from tap to tap
		at := (i/16*16*a.taps + i%16) * 16
		for o := lo; o < hi; o++ {
			dst := a.dst[16*o*a.k+at:]
			if size == 1 { // in order already
				n := copy(dst[:16], a.src[i*a.out+16*o:][:min(16, a.out-16*o)])
				clear(dst[n:16])
				continue
			}
			kernel.Block16(near, a.src[(i*a.out+16*o)*size:], min(16, a.out-16*o), size, size)
			for y := a.phase[0] - 1; y >= 0; y-- {
				from := (a.first[0]+y*a.stride)*a.kernel[1] + a.first[1]
				for x := a.phase[1] - 1; x >= 0; x-- {
					*(*[16]float32)(dst) = *(*[16]float32)(near[16*(from+x*a.stride):])
					if y+x > 0 {
						dst = dst[step:]
					}
				}
			}
		}
	}
}

func runUnpackDirect(c *graph.Ctx) error {
	g, err := readConvC16(c.Node)
	if err != nil {
		return err
	}
	w, src, dst := directWeightsOf(&g), tensor.Data[float32](c.In[0]), tensor.Data[float32](c.Out[0])
	w.each(0, g.out, g.KernelSize(), func(plain, packed int) { dst[plain] = src[packed] })
	return nil
}
