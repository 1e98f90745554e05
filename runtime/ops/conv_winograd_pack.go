package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// PackConvWinograd transforms weights W [M, C, 3, 3] for ConvWinograd to U [(tile + 2)², C, 16·⌈M/16⌉] in panels of output channels, whose size
// depends on the instruction set: [panel, position of the patch, C, channel of the panel]. tile is 4 or 2.
var packConvWinograd = family(&graph.Op{
	Domain: private, Name: "PackConvWinograd", Since: 1,
	Sig:   "(W:T) -> (P:T); T = f32; group int = 1; tile int = 4",
	Infer: inferPackWinograd, Run: runPackWinograd,
})

// UnpackConvWinograd finds weights whose transform comes closest to the packed ones: those that were packed, within the rounding of float32.
var unpackConvWinograd = family(&graph.Op{
	Domain: private, Name: "UnpackConvWinograd", Since: 1,
	Sig:   "(P:T) -> (W:T); T = f32; in_channels int!; channels int!; group int = 1; kernel_shape ints!",
	Infer: inferUnpackWinograd, Run: runUnpackWinograd,
})

func inferPackWinograd(c *graph.Infer) error {
	s, ok := c.Shape(0)
	tile := c.Node.Int("tile")
	if tile != 2 && tile != 4 {
		return graph.Invalidf("tile is %d", tile)
	}
	positions := graph.Size((tile + 2) * (tile + 2))
	if !ok {
		c.SetTensor(0, c.DType(0), positions, graph.Unknown(), graph.Unknown())
		return nil
	}
	g, err := packedConv(c.Node, s)
	if err != nil {
		return err
	}
	if g.group != 1 || g.Kernel != [3]int{1, 3, 3} {
		return graph.Shapef("weights %s in %d groups", graph.ShapeString(s), g.group)
	}
	c.SetTensor(0, c.DType(0), positions, graph.Size(g.in), graph.Size((g.out+15)/16*16))
	return nil
}

func inferUnpackWinograd(c *graph.Infer) error {
	g, err := readConvC16(c.Node)
	if err != nil {
		return err
	}
	if _, err := packedTile(c.Type(0)); err != nil {
		return err
	}
	p := c.Type(0).Shape
	if p[1].IsInt() && !p[1].Is(g.in) || p[2].IsInt() && !p[2].Is((g.out+15)/16*16) || g.Kernel != [3]int{1, 3, 3} || g.group != 1 {
		return graph.Shapef("packed weights of %s for %d channels in and %d out", c.Type(0), g.in, g.out)
	}
	c.SetTensor(0, c.DType(0), graph.Dims(g.out, g.in, 3, 3)...)
	return nil
}

func runPackWinograd(c *graph.Ctx) error {
	s := c.In[0].Shape()
	k := kernel.WinogradKernels{W: tensor.Data[float32](c.In[0]), Tile: c.Node.Int("tile"), Out: s[0], In: s[1], Rows: s[1]}
	graph.Parallel(c, packPieces(&k), 1, packWinogradArgs{k, tensor.Data[float32](c.Out[0])})
	return nil
}

// winogradPackChannels is how many input channels of a panel are packed in one go.
const winogradPackChannels = 128

// packPieces is the number of pieces in which kernels are packed: panels, and of each of them some input channels at a time.
func packPieces(k *kernel.WinogradKernels) int {
	return kernel.WinogradPanels(k.Out) * ((k.In + winogradPackChannels - 1) / winogradPackChannels)
}

// packWinogradArgs packs all kernels to u.
type packWinogradArgs struct {
	kernel.WinogradKernels
	u []float32
}

func (a *packWinogradArgs) Do(_, lo, hi int) {
	panels := kernel.WinogradPanels(a.Out)
	for i := lo; i < hi; i++ {
		j, c := i%panels, i/panels*winogradPackChannels
		a.Pack(a.Panel(a.u, j), j, c, min(c+winogradPackChannels, a.In))
	}
}

func runUnpackWinograd(c *graph.Ctx) error {
	tile, err := packedTile(graph.TypeOf(c.In[0]))
	if err != nil {
		return err
	}
	kernel.UnpackWinograd(tensor.Data[float32](c.Out[0]), tensor.Data[float32](c.In[0]), tile, c.Node.Int("channels"), c.Node.Int("in_channels"))
	return nil
}
