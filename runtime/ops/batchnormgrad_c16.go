package ops

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// BatchNormGradC16 is BatchNormGrad of blocked activations (see BatchNormC16). mean and inv are what BatchNormC16 normalized X by. With Y, the gradient is that of BoundGrad(Y, dY).
var batchNormGradC16 = family(&graph.Op{
	Domain: private, Name: "BatchNormGradC16", Since: 1,
	Sig: `(X:T, scale:T, dY:T, mean:U, inv:U, Y?:T) -> (dX?:T, dScale?:T, dB?:T)
		T = f32; U = f64
		channels int!; epsilon float = 1e-5; lo float = 0; hi float`,
	Infer: func(c *graph.Infer) error {
		channels := c.Node.Int("channels")
		if channels < 1 || channels > maxChannels {
			return graph.Invalidf("%d channels", channels)
		}
		for _, i := range []int{0, 2, 5} {
			if s, ok := c.Shape(i); ok {
				if err := isC16(s, channels); err != nil {
					return err
				}
			}
		}
		for i, n := range map[int]int{1: channels, 3: (channels + 15) / 16 * 16, 4: (channels + 15) / 16 * 16} {
			if s, ok := c.Shape(i); ok && (len(s) != 1 || s[0].IsInt() && !s[0].Is(n)) {
				return graph.Shapef("input %d is %s for %d channels", i, c.Type(i), channels)
			}
		}
		c.Set(0, c.Type(0))
		c.Set(1, c.Type(1))
		c.Set(2, c.Type(1))
		return nil
	},
	Run: runBatchNormGradC16,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		channels := graph.Int("channels", n.Int("channels"))
		g := n.In[2]
		if n.Has(5) {
			g = expandGate(b, n, n.In[5], g)
		}
		out := b.OpN(3, private+"::BatchNormGrad", b.Op(private+"::UnblockC16", n.In[0], channels), n.In[1], b.Op(private+"::UnblockC16", g, channels), graph.Float("epsilon", n.Float("epsilon")))
		out[0] = b.Op(private+"::BlockC16", out[0])
		return out
	},
})

// asArrays is x as arrays of n numbers each; A must be one.
func asArrays[A any, T float32 | float64](x []T, n int) []A {
	if len(x) < n {
		return nil
	}
	return unsafe.Slice((*A)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/n)
}

type batchNormGradC16Args struct {
	laneStats
	g, dx         []float32
	gate          kernel.Gate
	scale         []float32
	mean, inv     []float64
	dScale, dBias []float32 // or nil
}

// gateOn is the gate of a part of the elements.
func (a *batchNormGradC16Args) gateOn(lo, hi int) kernel.Gate {
	gate := a.gate
	if gate.Y != nil {
		gate.Y = gate.Y[lo:hi]
	}
	return gate
}

// Do writes planes of dX.
func (a *batchNormGradC16Args) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := a.plane(p)
		kernel.LaneNormGrad(a.dx[from:to], a.g[from:to], a.x[from:to], &a.factors[p%a.blocks], a.gateOn(from, to))
	}
}

// laneGrads sums up the gradients of planes, and their products with what was normalized.
type laneGrads struct{ batchNormGradC16Args }

func (a *laneGrads) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := a.plane(p)
		a.parts[p] = [2][16]float64{}
		mean := (*[16]float64)(a.mean[p%a.blocks*16:])
		kernel.LaneCovariance(&a.parts[p], a.g[from:to], a.x[from:to], mean, a.gateOn(from, to))
	}
}

// laneSlopes settles blocks.
type laneSlopes struct{ batchNormGradC16Args }

func (a *laneSlopes) Do(_, lo, hi int) {
	for b := lo; b < hi; b++ {
		f := &a.factors[b]
		*f = kernel.LaneFactors{}
		for l := range min(16, a.channels-16*b) {
			var grad, cov float64
			for p := b; p < len(a.parts); p += a.blocks {
				grad += a.parts[p][0][l]
				cov += a.parts[p][1][l]
			}
			k := 16*b + l
			inv := a.inv[k]
			if a.dScale != nil {
				a.dScale[k] = float32(cov * inv)
			}
			if a.dBias != nil {
				a.dBias[k] = float32(grad)
			}
			scale := float64(a.scale[k]) * inv
			f[0][l], f[1][l], f[2][l], f[3][l] = float32(a.mean[k]), float32(scale), float32(-scale*inv*inv*cov/a.count()), float32(-scale*grad/a.count())
		}
	}
}

func runBatchNormGradC16(c *graph.Ctx) error {
	s, err := newLaneStats(c)
	if err != nil {
		return err
	}
	a := batchNormGradC16Args{laneStats: s, g: tensor.Data[float32](c.In[2]), scale: tensor.Data[float32](c.In[1]), gate: gateOf(c.Node, c.Input(5)),
		mean: tensor.Data[float64](c.In[3]), inv: tensor.Data[float64](c.In[4])}
	if !c.In[2].Shape().Equal(c.In[0].Shape()) || c.Has(5) && !c.In[5].Shape().Equal(c.In[0].Shape()) {
		return graph.Shapef("gradient %s of the normalization of %s", c.In[2], c.In[0])
	}
	if c.Wants(0) {
		a.dx = tensor.Data[float32](c.Out[0])
	}
	if c.Wants(1) {
		a.dScale = tensor.Data[float32](c.Out[1])
	}
	if c.Wants(2) {
		a.dBias = tensor.Data[float32](c.Out[2])
	}
	graph.Parallel(c, len(a.parts), a.grain(), laneGrads{a})
	graph.Parallel(c, a.blocks, 4, laneSlopes{a})
	if a.dx != nil {
		graph.Parallel(c, len(a.parts), a.grain(), a)
	}
	return nil
}
