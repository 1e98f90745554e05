package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DepthToSpaceC16 is DepthToSpace (DCR) of blocked activations whose result has a multiple of 16 channels: blocks move as a whole, X [N, b²·channels/16, H, W, 16]
// becomes [N, channels/16, H·b, W·b, 16].
var depthToSpaceC16 = family(&graph.Op{
	Domain: private, Name: "DepthToSpaceC16", Since: 1,
	Sig:   "(X:T) -> (Y:T); T = f32; channels int!; blocksize int!",
	Infer: inferDepthToSpaceC16, Run: runDepthToSpaceC16,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		size, channels := n.Int("blocksize"), n.Int("channels")
		x := b.Op(private+"::UnblockC16", n.In[0], graph.Int("channels", size*size*channels))
		return []*graph.Value{b.Op(private+"::BlockC16", b.Op("DepthToSpace", x, graph.Int("blocksize", size)))}
	},
})

func inferDepthToSpaceC16(c *graph.Infer) error {
	channels := c.Node.Int("channels")
	size, _, err := blockSize(c.Node)
	if err != nil {
		return err
	}
	if channels < 16 || channels%16 != 0 || channels > maxChannels || size > maxKernel || size*size*channels > maxChannels {
		return graph.Invalidf("channels is %d, blocksize %d", channels, size)
	}
	y := []graph.Dim{graph.Unknown(), graph.Size(channels / 16), graph.Unknown(), graph.Unknown(), graph.Size(16)}
	if x, ok := c.Shape(0); ok {
		if err := isC16(x, size*size*channels); err != nil {
			return err
		}
		y[0], y[2], y[3] = x[0], x[2].Mul(graph.Size(size)), x[3].Mul(graph.Size(size))
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

type depthToSpaceC16Args struct {
	x, y               []float32
	size, blocks, h, w int
}

func runDepthToSpaceC16(c *graph.Ctx) error {
	x := c.In[0]
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	s := x.Shape()
	size := c.Node.Int("blocksize")
	a := depthToSpaceC16Args{tensor.Data[float32](x), tensor.Data[float32](y), size, c.Node.Int("channels") / 16, s[2], s[3]}
	graph.Parallel(c, s[0]*a.blocks*a.h, max(1, 1<<11/max(1, a.w*size*size)), a)
	return nil
}

// Do moves rows of the input [N, blocks, H].
func (a *depthToSpaceC16Args) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		y, b, n := i%a.h, i/a.h%a.blocks, i/a.h/a.blocks
		for p := range a.size * a.size {
			from := a.x[(((n*a.size*a.size+p)*a.blocks+b)*a.h+y)*a.w*16:][:a.w*16]
			to := a.y[((((n*a.blocks+b)*a.h+y)*a.size+p/a.size)*a.w*a.size+p%a.size)*16:]
			kernel.Spread16(to, from, a.size)
		}
	}
}
