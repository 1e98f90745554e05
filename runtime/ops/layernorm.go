package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// LayerNormalization is (X - Mean)·InvStdDev·Scale + B with the mean and InvStdDev = 1/sqrt(variance + epsilon) taken over the
// axes from axis on. Mean and InvStdDev have those axes with extent 1 and the type that stash_type names. Sums are in float64.
var layerNormalization = family(
	&graph.Op{
		Name: "LayerNormalization", Since: 17,
		Sig: `(X:T, Scale:T, B?:T) -> (Y:T, Mean?:U, InvStdDev?:U)
			T = float; U = f32 bf16
			axis int = -1; epsilon float = 1e-5; stash_type int = 1`,
		Infer: inferLayerNorm, Run: halves(runLayerNorm), InPlace: true,
		Grad: by(layerNormGrad),
	},
)

func inferLayerNorm(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2); err != nil {
		return err
	}
	c.Set(0, c.Type(0))
	stash := tensor.DType(0)
	switch c.Node.Int("stash_type") {
	case int(tensor.Float32):
		stash = tensor.Float32
	case int(tensor.BFloat16):
		stash = tensor.BFloat16
	default:
		return graph.Typef("stash_type is %d, want 1 or 16", c.Node.Int("stash_type"))
	}
	c.Set(1, graph.Unranked(stash))
	c.Set(2, graph.Unranked(stash))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x))
	if err != nil {
		return err
	}
	for i := 1; i < 3; i++ {
		if err := spreads(c, i, x); err != nil {
			return err
		}
	}
	stat := make([]graph.Dim, len(x))
	copy(stat, x[:axis])
	for i := axis; i < len(stat); i++ {
		stat[i] = graph.Size(1)
	}
	c.SetTensor(1, stash, stat...)
	c.SetTensor(2, stash, stat...)
	return nil
}

// spreads reports an input i that does not broadcast to shape x.
func spreads(c *graph.Infer, i int, x []graph.Dim) error {
	s, ok := c.Shape(i)
	if !ok {
		return nil
	}
	bad := len(s) > len(x)
	for k := 0; k < len(s) && !bad; k++ {
		d, to := s[k], x[len(x)-len(s)+k]
		bad = d.IsInt() && !d.Is(1) && to.IsInt() && !d.Equal(to)
	}
	if bad {
		return graph.Shapef("input %d, %s, does not broadcast to %s", i, c.Type(i), graph.ShapeString(x))
	}
	return nil
}

// rowParam is a scale or bias for rows of n elements: row r uses data[r%period*n:][:n].
type rowParam[T any] struct {
	data   []T
	period int
}

func (p *rowParam[T]) row(r, n int) []T {
	if p.data == nil {
		return nil
	}
	return p.data[r%p.period*n:][:n]
}

// spread brings t, which broadcasts to shape, to rows along the axes from axis on. Parameters that have the shape of a row are used as they are.
func spread[T float32 | float64](c *graph.Ctx, t *tensor.Tensor, shape tensor.Shape, axis int) (p rowParam[T], err error) {
	if t == nil {
		return p, nil
	}
	data, s := tensor.Data[T](t), t.Shape()
	if len(s) > len(shape) {
		return p, graph.Shapef("%s does not broadcast to %v", t, shape)
	}
	lead := 0 // axes of the result that differ from row to row
	off := len(shape) - len(s)
	for k, d := range s {
		if d != 1 && d != shape[off+k] {
			return p, graph.Shapef("%s does not broadcast to %v", t, shape)
		}
		if d != 1 && off+k < axis {
			lead = axis
		}
	}
	n := shape[axis:].Elems()
	if lead == 0 && len(data) == n {
		return rowParam[T]{data, 1}, nil
	}
	p.period = shape[axis-lead : axis].Elems()
	if p.data, err = graph.Scratch[T](c, p.period*n); err != nil {
		return p, err
	}
	for i := range p.data {
		at, step, rest := 0, 1, i
		for k := len(s) - 1; k >= 0 && off+k >= axis-lead; k-- {
			d := shape[off+k]
			if s[k] != 1 {
				at += rest % d * step
				step *= d
			}
			rest /= d
		}
		p.data[i] = data[at]
	}
	return p, nil
}

func runLayerNorm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return layerNormOf[float32](c)
	case tensor.Float64:
		return layerNormOf[float64](c)
	}
	return graph.Typef("layer normalization of %s", c.In[0])
}

type layerNormArgs[T float32 | float64] struct {
	x, y        []T
	n           int
	scale, bias rowParam[T]
	epsilon     float64
	mean, inv   *tensor.Tensor
}

func (a *layerNormArgs[T]) Do(_, lo, hi int) {
	if r, ok := a.fast(); ok {
		r.Run(lo, hi)
		return
	}
	for r := lo; r < hi; r++ {
		mean, inv := kernel.LayerNorm(a.y[r*a.n:][:a.n], a.x[r*a.n:][:a.n], a.scale.row(r, a.n), a.bias.row(r, a.n), a.epsilon)
		if a.mean != nil {
			setFloat(a.mean, r, mean)
		}
		if a.inv != nil {
			setFloat(a.inv, r, inv)
		}
	}
}

// fast is the kernel for rows of float32 with one scale and one bias.
func (a *layerNormArgs[T]) fast() (r kernel.NormRows, ok bool) {
	x, ok := any(a.x).([]float32)
	if !ok || a.scale.period != 1 || a.bias.data != nil && a.bias.period != 1 {
		return r, false
	}
	r = kernel.NormRows{Y: any(a.y).([]float32), X: x, Scale: any(a.scale.data).([]float32), Bias: any(a.bias.data).([]float32), N: a.n, Epsilon: float32(a.epsilon)}
	for i, t := range []*tensor.Tensor{a.mean, a.inv} {
		if t == nil {
			continue
		}
		if t.DType() != tensor.Float32 {
			return r, false
		}
		if i == 0 {
			r.Mean = tensor.Data[float32](t)
		} else {
			r.Inv = tensor.Data[float32](t)
		}
	}
	return r, true
}

func layerNormOf[T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	axis, err := graph.Axis(c.Node.Int("axis"), len(s))
	if err != nil {
		return err
	}
	a := layerNormArgs[T]{x: tensor.Data[T](c.In[0]), n: s[axis:].Elems(), epsilon: float64(c.Node.Float("epsilon"))}
	if a.scale, err = spread[T](c, c.In[1], s, axis); err != nil {
		return err
	}
	if a.bias, err = spread[T](c, c.Input(2), s, axis); err != nil {
		return err
	}
	if c.Wants(0) {
		y, err := outOf(c, 0)
		if err != nil {
			return err
		}
		a.y = tensor.Data[T](y)
	} else if a.y, err = graph.Scratch[T](c, len(a.x)); err != nil {
		return err
	}
	for i := 1; i < 3; i++ {
		if !c.Wants(i) {
			continue
		}
		t, err := outOf(c, i)
		if err != nil {
			return err
		}
		if i == 1 {
			a.mean = t
		} else {
			a.inv = t
		}
	}
	graph.Parallel(c, s[:axis].Elems(), 1+1<<14/max(1, a.n), a)
	return nil
}
