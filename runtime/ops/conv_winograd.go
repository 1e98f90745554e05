package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvWinograd is a 3 × 3 convolution of blocked activations (see convC16Sig), of stride 1, without dilation and in one group, by Winograd's minimal
// filtering: a quarter (tiles of 4) or less than half (tiles of 2) of the multiplications. Weights come from PackConvWinograd, whose shape tells the size of the tiles.
// Those that vary are W [M, C, 3, 3] as in Conv, with tile: they are packed piece by piece, and multiplied while the cache holds them. With transposed, they are
// W [C, M, 3, 3] of the transposed convolution.
//
// An error is relative to the largest values of the patch that a result comes from, not to those below its own kernel. So where a patch
// holds an infinity or NaN, or magnitudes near the largest float32, all results of its tile may become NaN.
var convWinograd = family(&graph.Op{
	Domain: private, Name: "ConvWinograd", Since: 1, Sig: convC16Sig + "; tile int = 0; transposed int = 0",
	Infer: inferConvWinograd, Run: runConvWinograd,
	Expand: expandConvWinograd,
})

func inferConvWinograd(c *graph.Infer) error {
	g, err := inferConvC16(c, false)
	if err != nil {
		return err
	}
	if g.group != 1 || g.Kernel != [3]int{1, 3, 3} || g.Stride != [3]int{1, 1, 1} || g.Dilation != [3]int{1, 1, 1} {
		return graph.Unsupportedf("kernel %v, strides %v, dilations %v in %d groups by minimal filtering", g.Kernel[1:], g.Stride[1:], g.Dilation[1:], g.group)
	}
	tile, varies, err := winogradTile(c.Node, c.Type(1))
	switch {
	case err != nil:
		return err
	case !varies:
		return checkPacked(c, (tile+2)*(tile+2), g.in, (g.out+15)/16*16)
	case c.Node.Bool("transposed"):
		return checkPacked(c, g.in, g.out, 3, 3)
	}
	return checkPacked(c, g.out, g.in, 3, 3)
}

// winogradTile is the size of the tiles of a ConvWinograd with weights of type w, and whether these vary.
func winogradTile(n *graph.Node, w graph.Type) (tile int, varies bool, err error) {
	switch tile = n.Int("tile"); tile {
	case 0:
		tile, err = packedTile(w)
		return tile, false, err
	case 2, 4:
		return tile, true, nil
	}
	return 0, false, graph.Invalidf("tile is %d", tile)
}

// packedTile is the size of the tiles that packed weights are for.
func packedTile(t graph.Type) (int, error) {
	switch {
	case t.Rank() == 3 && t.Shape[0].Is(36):
		return 4, nil
	case t.Rank() == 3 && t.Shape[0].Is(16):
		return 2, nil
	}
	return 0, graph.Shapef("%s are no packed weights for minimal filtering", t)
}

func expandConvWinograd(b *graph.Builder, n *graph.Node) []*graph.Value {
	if n.Int("tile") == 0 {
		return expandConvC16(b, n, unpackedConv(b, n, "UnpackConvWinograd"))
	}
	w := n.In[1]
	if n.Bool("transposed") {
		w = b.Op(private+"::PhaseWeights", w, graph.Ints("first", 0, 0), graph.Ints("taps", 3, 3))
	}
	return expandConvC16(b, n, w)
}

// winogradPlan is what a ConvWinograd derives from the shapes. A piece of work is a block of tiles, from the input to the output, so that what is between
// stays in the second-level cache. Where there are too few tiles for that, all of them are transformed first, and a piece of what follows is
// a panel of output channels: each thread reads only its part of the weights. That is also done where weights vary and are larger than the patches, for each
// panel can then be packed by the thread that multiplies with it.
type winogradPlan struct {
	kernel.Winograd
	convC16
	kernels     kernel.WinogradKernels // those that vary
	varies, own bool                   // own: panels are packed by the pieces that need them
	block       int                    // tiles of a block
	shared      bool                   // there is but one block
	part        int                    // tiles of a piece of its products
	groups      int                    // of input blocks, pieces of its transform
	sizeV       int                    // of a block
	sizeM       int                    // of a piece
	panels      int
}

func planWinograd(c *graph.Ctx) (*winogradPlan, error) {
	g, err := readConvC16(c.Node)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape()
	if err := g.bind(s[:4]); err != nil {
		return nil, err
	}
	tile, varies, err := winogradTile(c.Node, graph.TypeOf(c.In[1]))
	if err != nil {
		return nil, err
	}
	p := &winogradPlan{convC16: g, varies: varies}
	p.kernels = kernel.WinogradKernels{Tile: tile, Out: g.out, In: g.in, Rows: g.in, Transposed: c.Node.Bool("transposed")}
	if varies {
		p.kernels.Rows = g.in | 1
	}
	p.Rows = p.kernels.Rows
	if p.Act, err = activationOf(c.Node); err != nil {
		return nil, err
	}
	p.Tile, p.Batch, p.Winograd.In, p.Winograd.Out = tile, s[0], g.in, g.out
	p.H, p.W, p.Top, p.Left, p.OutH, p.OutW = s[2], s[3], g.Head[1], g.Head[2], g.slide.Out[1], g.slide.Out[2]
	p.YH, p.YW, p.YTop, p.YLeft = g.top+p.OutH+g.bottom, g.left+p.OutW+g.right, g.top, g.left
	p.Plan()
	p.panels = kernel.WinogradPanels(g.out)
	p.share(c.Exec().Workers())
	return p, nil
}

// winogradRows is how many tiles a thread should have at least to multiply with all weights.
const winogradRows = 16

// share decides how the work is cut. Results do not depend on it.
func (p *winogradPlan) share(workers int) {
	tiles := p.Tiles()
	p.shared = tiles <= winogradRows*workers
	if all, _ := p.Sizes(tiles); p.varies && all <= kernel.WinogradLen(p.Tile, p.convC16.out, p.kernels.Rows) {
		p.shared = true // patches are read for each panel, but weights for one only
	}
	if p.shared {
		p.block = tiles
	} else {
		blocks := (tiles + p.Block() - 1) / p.Block()
		if blocks < 4*workers {
			blocks = (blocks + workers - 1) / workers * workers
		}
		p.block = (tiles + blocks - 1) / blocks
	}
	p.part = max(p.block, 1)
	if n := p.panels; p.shared && n < workers { // not a panel for everybody
		p.part = max(1, (tiles*n+workers-1)/workers)
	}
	p.own = p.varies && p.shared && p.part == p.block
	p.sizeV, _ = p.Sizes(p.block)
	_, p.sizeM = p.Sizes(p.part)
	p.groups = min((p.Winograd.In+15)/16, 2*workers)
}

type winogradArgs struct {
	*winogradPlan
	v, m, u []float32 // u: the packed weights, or a panel of them for each worker
}

func runConvWinograd(c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	p, _ := c.Memo.(*winogradPlan)
	if p == nil {
		if p, err = planWinograd(c); err != nil {
			return err
		}
		c.Memo = p
	}
	workers := c.Exec().Workers()
	if p.Bias, err = laneBias(c, p.convC16.out); err != nil {
		return err
	}
	a := winogradArgs{winogradPlan: p}
	blocks := workers
	if p.shared {
		blocks = 1
	}
	if a.v, err = graph.Scratch[float32](c, blocks*p.sizeV); err != nil {
		return err
	}
	if a.m, err = graph.Scratch[float32](c, workers*p.sizeM); err != nil {
		return err
	}
	if a.u, err = p.packed(c); err != nil {
		return err
	}
	p.X, p.Y, p.Residual = tensor.Data[float32](c.In[0]), tensor.Data[float32](y), nil
	if c.Has(3) {
		p.Residual = tensor.Data[float32](c.In[3])
	}
	if plane := p.YH * p.YW * 16; plane > p.OutH*p.OutW*16 {
		graph.Parallel(c, y.Len()/plane, 4, winogradBorder{a})
	}
	if p.shared {
		graph.Parallel(c, p.groups, 1, winogradInputs{a})
		graph.Parallel(c, (p.block+p.part-1)/p.part*p.panels, 1, winogradPanels{a})
	} else {
		graph.Parallel(c, (p.Tiles()+p.block-1)/p.block, 1, winogradBlocks{a})
	}
	p.X, p.Y, p.Residual, p.Bias, p.kernels.W = nil, nil, nil, nil, nil
	return nil
}

// packed are the packed weights, or memory for a panel of them for each worker.
func (p *winogradPlan) packed(c *graph.Ctx) ([]float32, error) {
	w := tensor.Data[float32](c.In[1])
	if !p.varies {
		return w, nil
	}
	p.kernels.W = w
	if p.own {
		return graph.Scratch[float32](c, c.Exec().Workers()*p.panelLen())
	}
	u, err := graph.Scratch[float32](c, kernel.WinogradLen(p.Tile, p.convC16.out, p.kernels.Rows))
	if err != nil {
		return nil, err
	}
	graph.Parallel(c, packPieces(&p.kernels), 1, packWinogradArgs{p.kernels, u})
	return u, nil
}

// panelLen is the most elements of a panel of packed weights.
func (p *winogradPlan) panelLen() int {
	return kernel.WinogradLen(p.Tile, kernel.WinogradWidth(p.convC16.out), p.kernels.Rows)
}

// memory is the M of a worker.
func (a *winogradArgs) memory(worker int) []float32 { return a.m[worker*a.sizeM:][:a.sizeM] }

// winogradBlocks computes blocks of tiles.
type winogradBlocks struct{ winogradArgs }

func (a *winogradBlocks) Do(worker, lo, hi int) {
	v := a.v[worker*a.sizeV:][:a.sizeV]
	for i := lo; i < hi; i++ {
		first := i * a.block
		n := min(a.block, a.Tiles()-first)
		a.Transform(v, first, n, first, first+n, 0, (a.Winograd.In+15)/16)
		for j := range a.panels {
			a.Multiply(v, a.memory(worker), a.kernels.Panel(a.u, j), first, n, first, first+n, j)
		}
	}
}

// winogradInputs transforms groups of input blocks.
type winogradInputs struct{ winogradArgs }

func (a *winogradInputs) Do(_, lo, hi int) {
	blocks := (a.Winograd.In + 15) / 16
	a.Transform(a.v, 0, a.block, 0, a.block, lo*blocks/a.groups, hi*blocks/a.groups)
}

// winogradPanels computes panels of output channels.
type winogradPanels struct{ winogradArgs }

func (a *winogradPanels) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t0, j := i/a.panels*a.part, i%a.panels
		u := a.u
		if a.own {
			u = u[worker*a.panelLen():][:a.panelLen()]
			a.kernels.Pack(u, j, 0, a.convC16.in)
		} else {
			u = a.kernels.Panel(u, j)
		}
		a.Multiply(a.v, a.memory(worker), u, 0, a.block, t0, min(t0+a.part, a.block), j)
	}
}

// winogradBorder writes the zeros around the results.
type winogradBorder struct{ winogradArgs }

func (a *winogradBorder) Do(_, lo, hi int) {
	plane := a.YH * a.YW * 16
	for i := lo; i < hi; i++ {
		a.clearBorder(a.Y[i*plane:][:plane], 0, a.OutH)
	}
}
