package ops

import (
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Dropout passes its input on. In training mode it sets a share of ratio of the elements to 0, multiplies the others by
// 1 / (1 − ratio), and tells in mask which it kept (https://jmlr.org/papers/v15/srivastava14a.html).
var dropout = family(
	&graph.Op{
		Name: "Dropout", Since: 22,
		Sig: `(data:T, ratio?:T1, training_mode?:T2) -> (output:T, mask?:T2)
			T = float f8; T1 = float f8; T2 = bool
			seed int`,
		Infer: inferDropout, Run: runDropout, Random: true, InPlace: true, Grad: by1(dropoutGrad),
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
	y, mask := out[0], out[1]
	if n.Op.Since < 10 {
		mask = b.Op("Cast", mask, graph.Int("to", int(n.In[0].Type.DType)))
	}
	return []*graph.Value{y, mask}
}

// dropoutGrad is g·mask/(1 − ratio) in training mode, else g.
func dropoutGrad(r rule) *graph.Value {
	training := r.input(2)
	if training == nil {
		return r.g(0)
	}
	scale := r.num(2)
	if ratio := r.input(1); ratio != nil {
		one := r.Scalar(ratio.Type.DType, 1)
		scale = r.Op("Cast", r.div(one, r.sub(one, ratio)), graph.Int("to", int(r.x(0).Type.DType)))
	}
	return r.when(r.want(1), r.mul(r.g(0), r.where(training, scale, r.num(1))))
}

func inferDropout(c *graph.Infer) error {
	t := c.Type(0)
	if t.DType != tensor.Invalid && !t.DType.IsFloat() {
		return graph.Typef("data is %s", t)
	}
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
	if mask == nil {
		var err error
		if mask, err = graph.Scratch[bool](c, x.Len()); err != nil {
			return err
		}
	}
	if c.Node.HasAttr("seed") {
		var rng kernel.MT19937 // as the standard's reference draws
		rng.Seed(uint32(c.Node.Int("seed")))
		for i := range mask {
			mask[i] = rng.Float64() >= ratio
		}
	} else {
		graph.Parallel(c, (len(mask)+dropBlock-1)/dropBlock, 4, drawArgs{mask, ratio, c.Exec().Seed()})
	}
	switch {
	case x.DType() == tensor.Float64:
		graph.Parallel(c, x.Len(), 1<<14, dropArgs[float64]{tensor.Data[float64](y), tensor.Data[float64](x), mask, 1 / (1 - ratio)})
	case x.DType() == tensor.Float32:
		graph.Parallel(c, x.Len(), 1<<14, dropArgs[float32]{tensor.Data[float32](y), tensor.Data[float32](x), mask, float32(1 / (1 - ratio))})
	default: // types that are rounded: one element at a time
		for i, keep := range mask {
			v := 0.0
			if keep {
				v = x.Float(i) / (1 - ratio)
			}
			if x.DType().IsHalf() {
				kernel.Narrow(tensor.Data[uint16](y)[i:i+1], []float32{kernel.ToOdd(v)}, x.DType() == tensor.BFloat16)
			} else {
				y.Bytes()[i] = tensor.SmallEncode(x.DType(), v, true)
			}
		}
	}
	return nil
}

// dropBlock is the elements that one generator draws, so that results do not depend on how the work is split.
const dropBlock = 1024

type drawArgs struct {
	mask  []bool
	ratio float64
	seed  uint64
}

func (a *drawArgs) Do(_, lo, hi int) {
	for b := lo; b < hi; b++ {
		rng := rand.NewPCG(a.seed, uint64(b))
		part := a.mask[b*dropBlock : min(len(a.mask), (b+1)*dropBlock)]
		for i := range part {
			part[i] = float64(rng.Uint64()>>11)/(1<<53) >= a.ratio
		}
	}
}

type dropArgs[T float32 | float64] struct {
	y, x  []T
	mask  []bool
	scale T
}

func (a *dropArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		v := a.x[i] * a.scale // y may be x
		if !a.mask[i] {
			v = 0
		}
		a.y[i] = v
	}
}
