package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// BlockC16 brings X [N, C, H, W] or [N, C, W] into the layout of convolutions, [N, ⌈C/16⌉, H, W, 16] with H = 1 for the latter: channel c lies in
// lane c%16 of block c/16. Lanes beyond C are 0 here; other operators of this layout may leave any finite number there.
var blockC16 = family(&graph.Op{
	Domain: private, Name: "BlockC16", Since: 1,
	Sig: "(X:T) -> (Y:T); T = f32", Infer: inferBlockC16, Run: runBlockC16, Expand: expandBlockC16,
})

// UnblockC16 is the inverse of BlockC16: X [N, ⌈channels/16⌉, H, W, 16] becomes [N, channels, H, W], or [N, channels, W] where spatial is 1 and H too.
var unblockC16 = family(&graph.Op{
	Domain: private, Name: "UnblockC16", Since: 1,
	Sig:   "(X:T) -> (Y:T); T = f32; channels int!; spatial int = 2",
	Infer: inferUnblockC16, Run: runUnblockC16, Expand: expandUnblockC16,
})

// laneBlocks is the number of blocks that hold d channels.
func laneBlocks(d graph.Dim) graph.Dim { return d.Add(graph.Size(15)).Div(graph.Size(16)) }

func inferBlockC16(c *graph.Infer) error {
	x, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, c.DType(0), graph.Unknown(), graph.Unknown(), graph.Unknown(), graph.Unknown(), graph.Size(16))
		return nil
	}
	h := graph.Size(1)
	switch len(x) {
	case 4:
		h = x[2]
	case 3:
	default:
		return graph.Shapef("blocks of %s, want 3 or 4 axes", c.Type(0))
	}
	c.SetTensor(0, c.DType(0), x[0], laneBlocks(x[1]), h, x[len(x)-1], graph.Size(16))
	return nil
}

func inferUnblockC16(c *graph.Infer) error {
	channels, spatial := c.Node.Int("channels"), c.Node.Int("spatial")
	if channels < 1 || spatial < 1 || spatial > 2 {
		return graph.Invalidf("channels is %d, spatial %d", channels, spatial)
	}
	x, ok := c.Shape(0)
	if !ok {
		x = []graph.Dim{graph.Unknown(), laneBlocks(graph.Size(channels)), graph.Unknown(), graph.Unknown(), graph.Size(16)}
	}
	if err := isC16(x, channels); err != nil {
		return err
	}
	out := []graph.Dim{x[0], graph.Size(channels), x[2], x[3]}
	if spatial == 1 {
		if x[2].IsInt() && !x[2].Is(1) {
			return graph.Shapef("blocks of %s with one spatial axis", c.Type(0))
		}
		out = append(out[:2], x[3])
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

// isC16 reports a shape that cannot be blocks of so many channels.
func isC16(x []graph.Dim, channels int) error {
	if len(x) != 5 || x[4].IsInt() && !x[4].Is(16) || x[1].IsInt() && !x[1].Equal(laneBlocks(graph.Size(channels))) {
		return graph.Shapef("%s are no blocks of %d channels", graph.ShapeString(x), channels)
	}
	return nil
}

// blockPixels is how many pixels of one block a piece of work has: the 16 source rows and the result stay in the first cache level.
const blockPixels = 256

type blockArgs struct {
	plain, blocked   []float32
	channels, blocks int
	plane, chunks    int // pixels of an image, pieces of work per block
	back             bool
}

func (a *blockArgs) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		at, block := i%a.chunks*blockPixels, i/a.chunks
		n, c := min(blockPixels, a.plane-at), min(16, a.channels-block%a.blocks*16)
		plain := a.plain[(block/a.blocks*a.channels+block%a.blocks*16)*a.plane+at:]
		blocked := a.blocked[(block*a.plane+at)*16:]
		if a.back {
			kernel.Unblock16(plain, blocked, c, a.plane, n)
		} else {
			kernel.Block16(blocked, plain, c, a.plane, n)
		}
	}
}

func (a blockArgs) run(c *graph.Ctx, batch int) {
	a.blocks = (a.channels + 15) / 16
	a.chunks = (a.plane + blockPixels - 1) / blockPixels
	graph.Parallel(c, batch*a.blocks*a.chunks, 16, a)
}

func runBlockC16(c *graph.Ctx) error {
	x := c.In[0]
	s := x.Shape()
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	blockArgs{plain: tensor.Data[float32](x), blocked: tensor.Data[float32](y), channels: s[1], plane: s[2:].Elems()}.run(c, s[0])
	return nil
}

func runUnblockC16(c *graph.Ctx) error {
	x := c.In[0]
	s := x.Shape()
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	blockArgs{plain: tensor.Data[float32](y), blocked: tensor.Data[float32](x), channels: c.Node.Int("channels"), plane: s[2] * s[3], back: true}.run(c, s[0])
	return nil
}

// expandBlockC16 pads the channels, splits their axis and moves the lanes to the end.
func expandBlockC16(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.In[0]
	if x.Type.Rank() == 3 {
		x = b.Op("Unsqueeze", x, b.Ints(2))
	}
	channels, ok := 0, false
	if x.Type.Ranked {
		channels, ok = x.Type.Shape[1].Int()
	}
	if !ok {
		b.Fail(graph.Unsupportedf("blocks of an unknown number of channels"))
		return nil
	}
	blocks := (channels + 15) / 16
	if rest := blocks*16 - channels; rest > 0 {
		x = b.Op("Pad", x, b.Ints(0, 0, 0, 0, 0, rest, 0, 0))
	}
	shape := b.Op("Concat", b.Op("Shape", x, graph.Int("end", 1)), b.Ints(blocks, 16), b.Op("Shape", x, graph.Int("start", 2)), graph.Int("axis", 0))
	return []*graph.Value{b.Op("Transpose", b.Op("Reshape", x, shape), graph.Ints("perm", 0, 1, 3, 4, 2))}
}

func expandUnblockC16(b *graph.Builder, n *graph.Node) []*graph.Value {
	channels := n.Int("channels")
	x := b.Op("Transpose", n.In[0], graph.Ints("perm", 0, 1, 4, 2, 3))
	shape := b.Op("Concat", b.Op("Shape", n.In[0], graph.Int("end", 1)), b.Ints((channels+15)/16*16), b.Op("Shape", n.In[0], graph.Int("start", 2), graph.Int("end", 4)), graph.Int("axis", 0))
	x = b.Op("Reshape", x, shape)
	x = b.Op("Slice", x, b.Ints(0), b.Ints(channels), b.Ints(1))
	if n.Int("spatial") == 1 {
		x = b.Op("Squeeze", x, b.Ints(2))
	}
	return []*graph.Value{x}
}
