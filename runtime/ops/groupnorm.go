package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// InstanceNormalization is (x - mean)/sqrt(variance + epsilon)·scale + B for each plane of [N, C, spatial…] with its own mean and variance.
var instanceNormalization = family(
	&graph.Op{
		Name: "InstanceNormalization", Since: 22,
		Sig: `(input:T, scale:T, B:T) -> (output:T)
			T = float
			epsilon float = 1e-5`,
		Infer: inferGroupNorm, Run: halves(runGroupNorm), InPlace: true,
		Grad: by(groupNormGrad),
	},
	&graph.Op{Since: 6, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 1, Sig: "consumed_inputs ints"},
)

// GroupNormalization is InstanceNormalization with a mean and a variance for each of num_groups groups of neighbouring channels.
// Before version 21 scale and bias had an element for each group, not for each channel.
var groupNormalization = family(
	&graph.Op{
		Name: "GroupNormalization", Since: 21,
		Sig: `(X:T, scale:T, bias:T) -> (Y:T)
			T = float
			epsilon float = 1e-5; num_groups int!; stash_type int = 1`,
		Infer: inferGroupNorm, Run: halves(runGroupNorm), InPlace: true,
		Grad: by(groupNormGrad),
	},
	&graph.Op{Since: 18, Sig: "-stash_type", Infer: inferGroupNorm, Run: halves(runGroupNorm), InPlace: true, Grad: by(groupNormGrad)},
)

// normGroups is the number of groups that c channels are cut into, and how many channels share an element of scale and bias.
func normGroups(n *graph.Node, c int) (groups, share int, err error) {
	groups, share = c, 1
	if n.Op.Name == "GroupNormalization" {
		groups = n.Int("num_groups")
		if groups < 1 || c%groups != 0 {
			return 0, 0, graph.Shapef("%d groups of %d channels", groups, c)
		}
		if n.Op.Since < 21 {
			share = c / groups
		}
	}
	return groups, share, nil
}

func inferGroupNorm(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2); err != nil {
		return err
	}
	c.Set(0, c.Type(0))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if len(x) < 2 {
		return graph.Shapef("input of %d axes, want N, C and spatial ones", len(x))
	}
	channels, ok := x[1].Int()
	if !ok {
		return nil
	}
	_, share, err := normGroups(c.Node, channels)
	if err != nil {
		return err
	}
	for i := 1; i < 3; i++ {
		if s, ok := c.Shape(i); ok && (len(s) != 1 || s[0].IsInt() && !s[0].Is(channels/max(1, share))) {
			return graph.Shapef("input %d is %s for %d channels", i, c.Type(i), channels)
		}
	}
	return nil
}

func runGroupNorm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return groupNormOf[float32](c)
	case tensor.Float64:
		return groupNormOf[float64](c)
	}
	return graph.Typef("normalization of %s", c.In[0])
}

type groupNormArgs[T float32 | float64] struct {
	x, y, scale, bias    []T
	groups, chans, inner int // channels of a group, elements of a channel
	share                int
	epsilon              float64
}

// Do takes groups of samples.
func (a *groupNormArgs[T]) Do(_, lo, hi int) {
	n := a.chans * a.inner
	for g := lo; g < hi; g++ {
		x, y := a.x[g*n:][:n], a.y[g*n:][:n]
		mean, variance := moments(x)
		inv := 1 / math.Sqrt(variance+a.epsilon)
		for k := range a.chans {
			p := (g%a.groups*a.chans + k) / a.share
			affine(y[k*a.inner:][:a.inner], x[k*a.inner:][:a.inner], T(mean), T(inv*float64(a.scale[p])), a.bias[p])
		}
	}
}

// moments are the mean and the variance of x.
func moments[T float32 | float64](x []T) (mean, variance float64) {
	if x, ok := any(x).([]float32); ok {
		n := float64(len(x))
		mean := kernel.Sum32(x) / n
		return mean, kernel.Deviation32(x, mean) / n
	}
	return kernel.Moments(x)
}

// affine writes (x - mean)·scale + bias.
func affine[T float32 | float64](y, x []T, mean, scale, bias T) {
	if x, ok := any(x).([]float32); ok {
		kernel.Affine32(any(y).([]float32), x, float32(mean), float32(scale), float32(bias))
		return
	}
	kernel.Affine(y, x, mean, scale, bias)
}

func groupNormOf[T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	groups, share, err := normGroups(c.Node, s[1])
	if err != nil {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	a := groupNormArgs[T]{
		tensor.Data[T](c.In[0]), tensor.Data[T](y), tensor.Data[T](c.In[1]), tensor.Data[T](c.In[2]),
		groups, s[1] / groups, s[2:].Elems(), share, float64(c.Node.Float("epsilon")),
	}
	graph.Parallel(c, s[0]*groups, 1+1<<14/(a.chans*a.inner), a)
	return nil
}
