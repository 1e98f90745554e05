package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// BatchNormalization is (X - mean)/sqrt(var + epsilon)·scale + B for each channel of X [N, C, spatial…]. In training mode mean and
// var are those of X, and the running ones are running·momentum + own·(1 - momentum).
var batchNormalization = family(
	&graph.Op{
		Name: "BatchNormalization", Since: 15,
		Sig: `(X:T, scale:T1, B:T1, input_mean:T2, input_var:T2) -> (Y:T, running_mean?:T2, running_var?:T2)
			T = float; T1 = float; T2 = float
			epsilon float = 1e-5; momentum float = 0.9; training_mode int = 0`,
		Infer: inferBatchNorm, Run: halves(runBatchNorm), InPlace: true,
		Grad: by(batchNormGrad),
	},
	&graph.Op{Since: 14, Sig: `(X:T, scale:T, B:T, input_mean:U, input_var:U) -> (Y:T, running_mean?:U, running_var?:U)
			U = float`},
	&graph.Op{Since: 9, Sig: `(X:T, scale:T, B:T, mean:T, var:T) -> (Y:T, mean?:T, var?:T, saved_mean?:T, saved_var?:T)
			T = f16 f32 f64; -training_mode`, Expand: expandBatchNorm},
	&graph.Op{Since: 7, Sig: "spatial int = 1", Expand: expandBatchNorm},
	&graph.Op{Since: 6, Sig: "is_test int = 0", Expand: expandBatchNorm},
	&graph.Op{Since: 1, Sig: "consumed_inputs ints!", Expand: expandBatchNorm},
)

func inferBatchNorm(c *graph.Infer) error {
	c.Set(0, c.Type(0))
	c.Set(1, c.Type(3))
	c.Set(2, c.Type(4))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if len(x) == 0 {
		return graph.Shapef("input is a scalar")
	}
	channels := graph.Size(1)
	if len(x) > 1 {
		channels = x[1]
	}
	for i := 1; i < 5; i++ {
		s, ok := c.Shape(i)
		if ok && (len(s) != 1 || s[0].IsInt() && channels.IsInt() && !s[0].Equal(channels)) {
			return graph.Shapef("input %d is %s for %s channels", i, c.Type(i), channels)
		}
	}
	return nil
}

// expandBatchNorm writes a version before 14, in which outputs beside Y ask for training mode (unless is_test says otherwise), and which
// with spatial 0 has a mean and a variance for each element of a sample instead of each channel.
func expandBatchNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	train := false
	for i := 1; i < 5; i++ {
		train = train || n.Wants(i)
	}
	train = train && !n.Bool("is_test")
	x, in := n.In[0], n.In
	flat := n.HasAttr("spatial") && !n.Bool("spatial")
	if flat {
		x = b.Op("Flatten", x, graph.Int("axis", 1))
		in = make([]*graph.Value, len(n.In))
		for i := 1; i < len(in); i++ {
			in[i] = b.Op("Reshape", n.In[i], b.Ints(-1))
		}
	}
	shaped := func(v, like *graph.Value) *graph.Value {
		if v == nil || !flat {
			return v
		}
		return b.Op("Reshape", v, b.Op("Shape", like), graph.Int("allowzero", 1))
	}
	mode := 0
	if train {
		mode = 1
	}
	args := []graph.Arg{x, in[1], in[2], in[3], in[4], graph.Float("epsilon", n.Float("epsilon")), graph.Float("momentum", n.Float("momentum")), graph.Int("training_mode", mode)}
	out := make([]*graph.Value, 5)
	if train {
		copy(out, b.OpN(3, "BatchNormalization", args...))
	} else {
		out[0], out[1], out[2], out[3], out[4] = b.Op("BatchNormalization", args...), in[3], in[4], in[3], in[4]
	}
	if train && (n.Wants(3) || n.Wants(4)) { // the moments of X: channels to the front, the rest in rows
		rank := x.Type.Rank()
		if rank < 1 {
			b.Fail(graph.Unsupportedf("saved statistics of an input of unknown rank"))
			return out
		}
		axes := []int{0}
		for i := 2; i < rank; i++ {
			axes = append(axes, i)
		}
		mean := b.Op("ReduceMean", x, b.Ints(axes...))
		d := b.Op("Sub", x, mean)
		variance := b.Op("ReduceMean", b.Op("Mul", d, d), b.Ints(axes...))
		out[3] = b.Op("Reshape", mean, b.Ints(-1))
		out[4] = b.Op("Reshape", variance, b.Ints(-1))
	}
	out[0] = shaped(out[0], n.In[0])
	for i := 1; i < 5; i++ {
		out[i] = shaped(out[i], n.In[3])
	}
	return out
}

func runBatchNorm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return batchNormOf[float32](c)
	case tensor.Float64:
		return batchNormOf[float64](c)
	}
	return graph.Typef("batch normalization of %s", c.In[0])
}

type batchNormArgs[T float32 | float64] struct {
	x, y                     []T
	channels, inner          int
	mean, variance           []float64
	scaleT, biasT, meanT, vT *tensor.Tensor
	epsilon                  float64
}

// Do takes planes [N, C].
func (a *batchNormArgs[T]) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		k := p % a.channels
		var mean, variance float64
		if a.mean != nil {
			mean, variance = a.mean[k], a.variance[k]
		} else {
			mean, variance = a.meanT.Float(k), a.vT.Float(k)
		}
		scale := a.scaleT.Float(k) / math.Sqrt(variance+a.epsilon)
		at := p * a.inner
		affine(a.y[at:at+a.inner], a.x[at:at+a.inner], T(mean), T(scale), T(a.biasT.Float(k)))
	}
}

// batchMoments computes the mean and the variance of channels.
type batchMoments[T float32 | float64] struct{ batchNormArgs[T] }

func (a *batchMoments[T]) Do(_, lo, hi int) {
	step := a.channels * a.inner
	for k := lo; k < hi; k++ {
		n := float64(len(a.x) / a.channels)
		var sum, dev float64
		for at := k * a.inner; at < len(a.x); at += step {
			sum += sumOf(a.x[at : at+a.inner])
		}
		mean := sum / n
		for at := k * a.inner; at < len(a.x); at += step {
			dev += deviation(a.x[at:at+a.inner], mean)
		}
		a.mean[k], a.variance[k] = mean, dev/n
	}
}

func batchNormOf[T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	a := batchNormArgs[T]{
		x: tensor.Data[T](c.In[0]), channels: 1, inner: 1, epsilon: float64(c.Node.Float("epsilon")),
		scaleT: c.In[1], biasT: c.In[2], meanT: c.In[3], vT: c.In[4],
	}
	if len(s) > 1 {
		a.channels = s[1]
		for _, d := range s[2:] {
			a.inner *= d
		}
	}
	training := c.Node.Bool("training_mode")
	if training {
		var err error
		if a.mean, err = graph.Scratch[float64](c, a.channels); err != nil {
			return err
		}
		if a.variance, err = graph.Scratch[float64](c, a.channels); err != nil {
			return err
		}
		graph.Parallel(c, a.channels, 1+1<<16/max(1, len(a.x)/max(1, a.channels)), batchMoments[T]{a})
	}
	for i, own := range [][]float64{1: a.mean, 2: a.variance} {
		if i == 0 || !c.Wants(i) {
			continue
		}
		run, err := outOf(c, i)
		if err != nil {
			return err
		}
		m := float64(c.Node.Float("momentum"))
		for k := range run.Len() {
			v := c.In[i+2].Float(k)
			if training {
				v = v*m + own[k]*(1-m)
			}
			setFloat(run, k, v)
		}
	}
	if len(a.x) == 0 || !c.Wants(0) {
		return nil
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	a.y = tensor.Data[T](y)
	graph.Parallel(c, len(a.x)/a.inner, 1+1<<15/max(1, a.inner), a)
	return nil
}

// setFloat stores v in element i of a float32, float64 or bfloat16 tensor, as statistics beside the main output are.
func setFloat(t *tensor.Tensor, i int, v float64) {
	switch t.DType() {
	case tensor.Float32:
		tensor.Data[float32](t)[i] = float32(v)
	case tensor.Float64:
		tensor.Data[float64](t)[i] = v
	case tensor.BFloat16:
		tensor.Data[uint16](t)[i] = tensor.BFloat16Bits(float32(v))
	}
}
