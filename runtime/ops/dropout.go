package ops

import (
	"math"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Dropout passes its input on. In training mode it sets a share of ratio of the elements to 0, multiplies the others by
// 1 / (1 − ratio), and tells in mask which it kept (https://jmlr.org/papers/v15/srivastava14a.html).
var dropout = family(
	&graph.Op{
		Name: "Dropout", Since: 22,
		Sig: `(data:T, ratio?:T1, training_mode?:T2) -> (output:T, mask?:T2)
			T = float f8; T1 = float f8; T2 = bool
			seed int`,
		Infer: inferDropout, Run: runDropout, Random: true, InPlace: true,
	},
	&graph.Op{Since: 13, Sig: "T = float; T1 = f16 f32 f64"},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 10, Sig: "(data:T) -> (output:T, mask?:T1); T1 = bool; -seed; ratio float = 0.5", Expand: expandDropout},
	&graph.Op{Since: 7, Sig: "(data:T) -> (output:T, mask?:T)", Expand: expandDropout},
	&graph.Op{Since: 6, Sig: "is_test int = 0", Expand: expandDropout},
	&graph.Op{Since: 1, Sig: "consumed_inputs ints", Expand: expandDropout},
)

// expandDropout is for versions without a training mode, which pass everything on. Before opset 10 the mask had the type of the data.
func expandDropout(b *graph.Builder, n *graph.Node) []*graph.Value {
	if !n.Wants(1) {
		return []*graph.Value{b.Op("Identity", n.In[0])}
	}
	out := b.OpN(2, "Dropout", n.In[0])
	if n.Op.Since < 10 {
		out[1] = b.Op("Cast", out[1], graph.Int("to", int(n.In[0].Type.DType)))
	}
	return out
}

func inferDropout(c *graph.Infer) error {
	t := c.Type(0)
	c.Set(0, t)
	t.DType = tensor.Bool
	c.Set(1, t)
	return nil
}

func runDropout(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	ratio := 0.5
	if t := c.Input(1); t != nil {
		if t.Len() != 1 {
			return graph.Shapef("ratio is %s, want one number", t)
		}
		ratio = t.Float(0)
	}
	training := false
	if t := c.Input(2); t != nil {
		if t.Len() != 1 || t.DType() != tensor.Bool {
			return graph.Shapef("training_mode is %s, want one bool", t)
		}
		training = tensor.Data[bool](t)[0]
	}
	if training && !(ratio >= 0 && ratio < 1) {
		return graph.Invalidf("ratio %v is outside of 0 … 1", ratio)
	}
	var mask []bool
	if c.Wants(1) {
		mask = tensor.Data[bool](c.Out[1])
	}
	if !training || ratio == 0 {
		copy(y.Bytes(), x.Bytes())
		for i := range mask {
			mask[i] = true
		}
		return nil
	}
	seed := c.Exec().Seed()
	if c.Node.HasAttr("seed") {
		seed = uint64(c.Node.Int("seed"))
	}
	return halves(func(c *graph.Ctx) error { return drop(c, ratio, seed, mask) })(c)
}

func drop(c *graph.Ctx, ratio float64, seed uint64, mask []bool) error {
	limit := uint64(ratio * math.MaxUint32)
	switch c.In[0].DType() {
	case tensor.Float32:
		graph.Parallel(c, c.In[0].Len(), 1<<12, dropArgs[float32]{tensor.Data[float32](c.Out[0]), tensor.Data[float32](c.In[0]), mask, float32(1 / (1 - ratio)), limit, seed})
	case tensor.Float64:
		graph.Parallel(c, c.In[0].Len(), 1<<12, dropArgs[float64]{tensor.Data[float64](c.Out[0]), tensor.Data[float64](c.In[0]), mask, 1 / (1 - ratio), limit, seed})
	default:
		return graph.Typef("dropout in training of %s", c.In[0])
	}
	return nil
}

type dropArgs[T float32 | float64] struct {
	y, x  []T
	mask  []bool
	scale T
	limit uint64
	seed  uint64
}

// Do draws each block of 64 elements from a generator of its own, so that results do not depend on how the work is split.
func (a *dropArgs[T]) Do(_, lo, hi int) {
	const block = 64
	for b := lo / block; b*block < hi; b++ {
		rng := rand.NewPCG(a.seed, uint64(b))
		for i := b * block; i < min(len(a.x), (b+1)*block); i++ {
			keep := rng.Uint64()>>32 >= a.limit
			if i < lo || i >= hi {
				continue
			}
			v := a.x[i] * a.scale // y may be x
			if !keep {
				v = 0
			}
			a.y[i] = v
			if a.mask != nil {
				a.mask[i] = keep
			}
		}
	}
}
