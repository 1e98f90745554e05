package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// BatchNormC16 is BatchNormalization of blocked activations X [N, ⌈channels/16⌉, H, W, 16], to which R of the same shape is added before an activation that bounds: none, Relu, or Clip
// between alpha and beta. own_mean and own_inv are mean and 1/√(variance + epsilon) by which it normalized, of ⌈channels/16⌉·16 lanes, 0 beyond the channels.
var batchNormC16 = family(&graph.Op{
	Domain: private, Name: "BatchNormC16", Since: 1,
	Sig: `(X:T, scale:T, B:T, input_mean:T, input_var:T, R?:T) -> (Y:T, running_mean?:T, running_var?:T, own_mean?:U, own_inv?:U)
		T = f32; U = f64
		channels int!; epsilon float = 1e-5; momentum float = 0.9; training_mode int = 0; ` + activationSig,
	Infer: inferBatchNormC16, Run: runBatchNormC16, Expand: expandBatchNormC16,
})

func inferBatchNormC16(c *graph.Infer) error {
	channels := c.Node.Int("channels")
	if channels < 1 || channels > maxChannels {
		return graph.Invalidf("%d channels", channels)
	}
	if x, ok := c.Shape(0); ok {
		if err := isC16(x, channels); err != nil {
			return err
		}
		if r, ok := c.Shape(5); ok && len(r) != 5 {
			return graph.Shapef("%s is added to %s", c.Type(5), c.Type(0))
		}
	}
	for i := 1; i < 5; i++ {
		if s, ok := c.Shape(i); ok && (len(s) != 1 || s[0].IsInt() && !s[0].Is(channels)) {
			return graph.Shapef("input %d is %s for %d channels", i, c.Type(i), channels)
		}
	}
	act, err := activationOf(c.Node)
	if err != nil {
		return err
	}
	if _, _, left := clampOf(act); left.Kind != kernel.ActNone {
		return graph.Invalidf("activation %q is no bound", c.Node.Str("activation"))
	}
	c.Set(0, c.Type(0))
	c.Set(1, c.Type(3))
	c.Set(2, c.Type(4))
	for i := 3; i < 5; i++ {
		c.SetTensor(i, tensor.Float64, laneBlocks(graph.Size(channels)).Mul(graph.Size(16)))
	}
	return nil
}

// expandBatchNormC16 computes the statistics again, in float64.
func expandBatchNormC16(b *graph.Builder, n *graph.Node) []*graph.Value {
	channels := n.Int("channels")
	unblock := func(v *graph.Value) *graph.Value {
		return b.Op(private+"::UnblockC16", v, graph.Int("channels", channels))
	}
	x := unblock(n.In[0])
	args := []graph.Arg{x, n.In[1], n.In[2], n.In[3], n.In[4], graph.Float("epsilon", n.Float("epsilon"))}
	var out []*graph.Value
	const double = 11
	wide := func(v *graph.Value) *graph.Value { return b.Op("Cast", v, graph.Int("to", double)) }
	mean, variance := n.In[3], n.In[4]
	if n.Bool("training_mode") {
		out = b.OpN(3, "BatchNormalization", append(args, graph.Float("momentum", n.Float("momentum")), graph.Int("training_mode", 1))...)
		axes := b.Ints(0, 2, 3)
		mean = b.Op("ReduceMean", wide(x), axes, graph.Int("keepdims", 0))
		d := b.Op("Sub", wide(x), b.Op("ReduceMean", wide(x), axes))
		variance = b.Op("ReduceMean", b.Op("Mul", d, d), axes, graph.Int("keepdims", 0))
	} else {
		out = []*graph.Value{b.Op("BatchNormalization", args...), mean, variance}
	}
	y := out[0]
	if n.Has(5) {
		y = b.Op("Add", y, unblock(n.In[5]))
	}
	out[0] = b.Op(private+"::BlockC16", expandActivation(b, n, y))
	inv := b.Op("Reciprocal", b.Op("Sqrt", b.Op("Add", wide(variance), b.Scalar(tensor.Float64, float64(n.Float("epsilon"))))))
	lanes := b.Ints(0, (channels+15)/16*16-channels)
	return append(out, b.Op("Pad", wide(mean), lanes), b.Op("Pad", inv, lanes))
}

// laneStats works on the planes [N, block] of blocked activations, whose statistics it combines in order: results do not depend on who computed which.
type laneStats struct {
	x                   []float32
	batch, blocks, size int // images, blocks of 16 channels, elements of a plane
	channels            int
	parts               [][2][16]float64     // sums of the planes [N, block]
	factors             []kernel.LaneFactors // by block
}

func newLaneStats(c *graph.Ctx) (s laneStats, err error) {
	d := c.In[0].Shape()
	s = laneStats{x: tensor.Data[float32](c.In[0]), batch: d[0], blocks: d[1], size: d[2] * d[3] * 16, channels: c.Node.Int("channels")}
	parts, err := graph.Scratch[float64](c, s.batch*s.blocks*32)
	if err != nil {
		return s, err
	}
	s.parts = asArrays[[2][16]float64](parts, 32)
	factors, err := graph.Scratch[float32](c, s.blocks*64)
	s.factors = asArrays[kernel.LaneFactors](factors, 64)
	return s, err
}

// plane is where plane p of a tensor like X begins and ends.
func (s *laneStats) plane(p int) (lo, hi int) { return p * s.size, (p + 1) * s.size }

// grain is how many planes are a piece of work.
func (s *laneStats) grain() int { return 1 + 1<<14/max(1, s.size) }

// count is how many elements a channel has.
func (s *laneStats) count() float64 { return float64(s.batch * s.size / 16) }

type batchNormC16Args struct {
	laneStats
	y, r      []float32
	node      *graph.Node
	training  bool
	in        []*tensor.Tensor // scale, B, mean, variance
	run       [2][]float32     // the running ones that follow, or nil
	mean, inv []float64        // of the lanes, or nil
	lo, hi    float32
}

// Do normalizes planes.
func (a *batchNormC16Args) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := a.plane(p)
		var r []float32
		if a.r != nil {
			r = a.r[from:to]
		}
		kernel.LaneNorm(a.y[from:to], a.x[from:to], r, &a.factors[p%a.blocks], a.lo, a.hi)
	}
}

// laneMoments computes the means of planes, and the sums of squares of the distances from them.
type laneMoments struct{ batchNormC16Args }

func (a *laneMoments) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		from, to := a.plane(p)
		m := &a.parts[p]
		*m = [2][16]float64{}
		kernel.LaneSums(&m[0], a.x[from:to])
		for l := range m[0] {
			m[0][l] /= float64(a.size / 16)
		}
		kernel.LaneDeviations(&m[1], a.x[from:to], &m[0])
	}
}

// laneTotals settles blocks.
type laneTotals struct{ batchNormC16Args }

func (a *laneTotals) Do(_, lo, hi int) {
	epsilon, momentum := float64(a.node.Float("epsilon")), float64(a.node.Float("momentum"))
	for b := lo; b < hi; b++ {
		f := &a.factors[b]
		*f = kernel.LaneFactors{}
		for l := range 16 {
			k := 16*b + l
			if k >= a.channels {
				if a.mean != nil {
					a.mean[k] = 0
				}
				if a.inv != nil {
					a.inv[k] = 0
				}
				continue
			}
			mean, variance := a.in[2].Float(k), a.in[3].Float(k)
			if a.training {
				mean, variance = a.moments(b, l)
			}
			inv := 1 / math.Sqrt(variance+epsilon)
			f[0][l], f[1][l], f[2][l] = float32(mean), float32(a.in[0].Float(k)*inv), float32(a.in[1].Float(k))
			if a.mean != nil {
				a.mean[k] = mean
			}
			if a.inv != nil {
				a.inv[k] = inv
			}
			for i, v := range [2]float64{mean, variance} {
				if a.run[i] == nil {
					continue
				}
				old := a.in[2+i].Float(k)
				if a.training {
					old = old*momentum + v*(1-momentum)
				}
				a.run[i][k] = float32(old)
			}
		}
	}
}

// moments are mean and variance of a lane of a block.
func (s *laneStats) moments(block, l int) (mean, variance float64) {
	for p := block; p < len(s.parts); p += s.blocks {
		mean += s.parts[p][0][l]
	}
	mean /= float64(s.batch)
	for p := block; p < len(s.parts); p += s.blocks {
		d := s.parts[p][0][l] - mean
		variance += s.parts[p][1][l] + d*d*float64(s.size/16)
	}
	return mean, variance / s.count()
}

func runBatchNormC16(c *graph.Ctx) error {
	s, err := newLaneStats(c)
	if err != nil {
		return err
	}
	act, err := activationOf(c.Node)
	if err != nil {
		return err
	}
	a := batchNormC16Args{laneStats: s, node: c.Node, training: c.Node.Bool("training_mode"), in: c.In[1:5]}
	a.lo, a.hi, _ = clampOf(act)
	for i := range 2 {
		if c.Wants(1 + i) {
			a.run[i] = tensor.Data[float32](c.Out[1+i])
		}
	}
	if c.Wants(3) {
		a.mean = tensor.Data[float64](c.Out[3])
	}
	if c.Wants(4) {
		a.inv = tensor.Data[float64](c.Out[4])
	}
	if a.training {
		graph.Parallel(c, len(a.parts), a.grain(), laneMoments{a})
	}
	graph.Parallel(c, a.blocks, 4, laneTotals{a})
	if !c.Wants(0) {
		return nil
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	a.y = tensor.Data[float32](y)
	if c.Has(5) {
		if !c.In[5].Shape().Equal(c.In[0].Shape()) {
			return graph.Shapef("%s is added to %s", c.In[5], c.In[0])
		}
		a.r = tensor.Data[float32](c.In[5])
	}
	graph.Parallel(c, len(a.parts), a.grain(), a)
	return nil
}
