package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvWinograd is a 3 × 3 convolution of blocked activations (see convC16Sig), of stride 1, without dilation and in one group, by Winograd's minimal
// filtering: a quarter (tiles of 4) or less than half (tiles of 2) of the multiplications. Weights come from PackConvWinograd, whose shape tells the size of the tiles.
//
// An error is relative to the largest values of the patch that a result comes from, not to those below its own kernel. So where a patch
// holds an infinity or NaN, or magnitudes near the largest float32, all results of its tile may become NaN.
var convWinograd = family(&graph.Op{
	Domain: private, Name: "ConvWinograd", Since: 1, Sig: convC16Sig,
	Infer: inferConvWinograd, Run: runConvWinograd,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value { return expandConvC16(b, n, "UnpackConvWinograd") },
})

func inferConvWinograd(c *graph.Infer) error {
	g, err := inferConvC16(c, false)
	if err != nil {
		return err
	}
	if g.group != 1 || g.Kernel != [3]int{1, 3, 3} || g.Stride != [3]int{1, 1, 1} || g.Dilation != [3]int{1, 1, 1} {
		return graph.Unsupportedf("kernel %v, strides %v, dilations %v in %d groups by minimal filtering", g.Kernel[1:], g.Stride[1:], g.Dilation[1:], g.group)
	}
	tile, err := winogradTile(c.Type(1))
	if err != nil {
		return err
	}
	return checkPacked(c, (tile+2)*(tile+2), g.in, (g.out+15)/16*16)
}

// winogradTile is the size of the tiles that packed weights are for.
func winogradTile(t graph.Type) (int, error) {
	switch {
	case t.Rank() == 3 && t.Shape[0].Is(36):
		return 4, nil
	case t.Rank() == 3 && t.Shape[0].Is(16):
		return 2, nil
	}
	return 0, graph.Shapef("%s are no packed weights for minimal filtering", t)
}

// winogradPlan is what a ConvWinograd derives from the shapes. A piece of work is a block of tiles, from the input to the output, so that what is between
// stays in the second-level cache. Where there are too few tiles for that, all of them are transformed first, and a piece of what follows is
// a panel of output channels: each thread reads only its part of the weights.
type winogradPlan struct {
	kernel.Winograd
	convC16
	block  int  // tiles of a block
	shared bool // there is but one block
	part   int  // tiles of a piece of its products
	groups int  // of input blocks, pieces of its transform
	sizeV  int  // of a block
	sizeM  int  // of a piece
	panels int
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
	tile, err := winogradTile(graph.TypeOf(c.In[1]))
	if err != nil {
		return nil, err
	}
	p := &winogradPlan{convC16: g}
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
	if p.shared = tiles <= winogradRows*workers; p.shared {
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
	p.sizeV, _ = p.Sizes(p.block)
	_, p.sizeM = p.Sizes(p.part)
	p.groups = min((p.Winograd.In+15)/16, 2*workers)
}

type winogradArgs struct {
	*winogradPlan
	v, m []float32
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
	p.X, p.U, p.Y, p.Residual = tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), tensor.Data[float32](y), nil
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
	p.X, p.U, p.Y, p.Residual, p.Bias = nil, nil, nil, nil, nil
	return nil
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
			a.Multiply(v, a.memory(worker), first, n, first, first+n, j)
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
		a.Multiply(a.v, a.memory(worker), 0, a.block, t0, min(t0+a.part, a.block), j)
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
