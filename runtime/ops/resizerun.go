package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

func runResize(c *graph.Ctx) error {
	if c.Node.Str("mode") != "nearest" {
		return resizeWeighted(c)
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	m, err := readResize(c, c.In[0].Shape(), y.Shape())
	if err != nil {
		return err
	}
	if c.In[0].Len() == 0 && y.Len() > 0 {
		return graph.Shapef("resize of %s to %s", c.In[0], y)
	}
	x := c.In[0]
	if x.DType() == tensor.String {
		return resizeNearest(c, &m, x.Strings(), y.Strings(), "")
	}
	fill, _ := c.Memo.(*tensor.Tensor) // the extrapolation value
	if fill == nil {
		if fill, err = tensor.Full(x.DType(), float64(c.Node.Float("extrapolation_value"))); err != nil {
			return err
		}
		c.Memo = fill
	}
	switch x.DType().Size() {
	case 1:
		return resizeNearestOf[uint8](c, &m, x, y, fill)
	case 2:
		return resizeNearestOf[uint16](c, &m, x, y, fill)
	case 4:
		return resizeNearestOf[uint32](c, &m, x, y, fill)
	case 8:
		return resizeNearestOf[uint64](c, &m, x, y, fill)
	case 16:
		return resizeNearestOf[complex128](c, &m, x, y, fill)
	}
	return graph.Typef("resize of %s", x)
}

func resizeNearestOf[T tensor.Elem](c *graph.Ctx, m *resizeMap, x, y, fill *tensor.Tensor) error {
	return resizeNearest(c, m, tensor.Data[T](x), tensor.Data[T](y), tensor.Data[T](fill)[0])
}

// nearestArgs gathers [axes before last, last, inner] elements; index has, per axis and output, the input or -1.
type nearestArgs[T any] struct {
	x, y        []T
	fill        T
	last, inner int
	in, out     [16]int
	index       [16][]int32
}

// Do takes rows along the last axis that changes.
func (a *nearestArgs[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		base, step, rest := 0, 1, r
		for k := a.last - 1; k >= 0; k-- {
			i := int(a.index[k][rest%a.out[k]])
			if rest /= a.out[k]; i < 0 {
				base = -1
				break
			}
			base += i * step
			step *= a.in[k]
		}
		index := a.index[a.last]
		y := a.y[r*len(index)*a.inner:][:len(index)*a.inner]
		if base < 0 {
			for i := range y {
				y[i] = a.fill
			}
			continue
		}
		x := a.x[base*a.in[a.last]*a.inner:][:a.in[a.last]*a.inner]
		for o, i := range index {
			switch {
			case i < 0:
				for j := range a.inner {
					y[o*a.inner+j] = a.fill
				}
			case a.inner == 1:
				y[o] = x[i]
			default:
				copy(y[o*a.inner:][:a.inner], x[int(i)*a.inner:])
			}
		}
	}
}

func resizeNearest[T any](c *graph.Ctx, m *resizeMap, x, y []T, fill T) error {
	if len(y) == 0 {
		return nil
	}
	if m.rank == 0 {
		y[0] = x[0]
		return nil
	}
	a := nearestArgs[T]{x: x, y: y, fill: fill, inner: 1, last: m.rank - 1}
	for a.last > 0 && m.axis[a.last].still() {
		a.inner *= m.axis[a.last].in
		a.last--
	}
	for k := range a.last + 1 {
		r := &m.axis[k]
		a.in[k], a.out[k] = r.in, r.out
		var err error
		if a.index[k], err = nearestIndex(c, r); err != nil {
			return err
		}
	}
	row := a.out[a.last] * a.inner
	graph.Parallel(c, len(y)/row, 1+1<<15/row, a)
	return nil
}

// nearestIndex is the input for each output along an axis, or -1 for the extrapolation value.
func nearestIndex(c *graph.Ctx, r *resizeAxis) ([]int32, error) {
	how := c.Node.Str("nearest_mode")
	index, err := graph.Scratch[int32](c, r.out)
	if err != nil {
		return nil, err
	}
	for o := range index {
		p := r.position(o)
		if r.outside(p) {
			index[o] = -1
			continue
		}
		switch {
		case how == "floor" || how == "" && r.den >= r.num:
			p = math.Floor(p)
		case how == "ceil" || how == "":
			p = math.Ceil(p)
		case how == "round_prefer_ceil":
			p = math.Floor(p + .5)
		default:
			p = math.Ceil(p - .5)
		}
		index[o] = int32(min(max(p, 0), float64(r.in-1)))
	}
	return index, nil
}

var resizeWeighted = halves(func(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return resizeFloats[float32](c)
	case tensor.Float64:
		return resizeFloats[float64](c)
	case tensor.Int8:
		return resizeInts[int8](c)
	case tensor.Int16:
		return resizeInts[int16](c)
	case tensor.Int32:
		return resizeInts[int32](c)
	case tensor.Int64:
		return resizeInts[int64](c)
	case tensor.Uint8:
		return resizeInts[uint8](c)
	case tensor.Uint16:
		return resizeInts[uint16](c)
	case tensor.Uint32:
		return resizeInts[uint32](c)
	case tensor.Uint64:
		return resizeInts[uint64](c)
	}
	return graph.Typef("%s resize of %s", c.Node.Str("mode"), c.In[0])
})

func resizeFloats[T float32 | float64](c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	return resizePasses(c, y, tensor.Data[T](c.In[0]), tensor.Data[T](y))
}

// resizeInts computes in float64 and cuts off what is behind the point, as the standard's reference does, within the range of T.
func resizeInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	x := tensor.Data[T](c.In[0])
	wide, err := graph.Scratch[float64](c, len(x))
	if err != nil {
		return err
	}
	for i, v := range x {
		wide[i] = float64(v)
	}
	res, err := graph.Scratch[float64](c, y.Len())
	if err != nil {
		return err
	}
	if err := resizePasses(c, y, wide, res); err != nil {
		return err
	}
	for i, v := range res {
		tensor.Data[T](y)[i] = truncate[T](v)
	}
	return nil
}

type resizePass[T float32 | float64] struct {
	x, y           []T
	taps           kernel.Taps[T]
	in, out, inner int
	fill           T
}

func (a *resizePass[T]) Do(_, lo, hi int) {
	kernel.ResampleAxis(a.y, a.x, &a.taps, a.in, a.out, a.inner, lo, hi, a.fill)
}

// resizePasses resamples x to y one axis after the other, the last first: linear and cubic weights are products over the axes.
func resizePasses[T float32 | float64](c *graph.Ctx, out *tensor.Tensor, x, y []T) error {
	m, err := readResize(c, c.In[0].Shape(), out.Shape())
	if err != nil || len(y) == 0 {
		return err
	}
	if len(x) == 0 {
		return graph.Shapef("resize of %s to %s", c.In[0], out)
	}
	n := c.Node
	w := weightsOf(n)
	left := 0 // axes still to do
	for k := range m.rank {
		if !m.axis[k].still() {
			left++
		}
	}
	if left == 0 {
		copy(y, x)
		return nil
	}
	inner := 1
	for k := m.rank - 1; k >= 0; k-- {
		r := &m.axis[k]
		if !r.still() {
			a := resizePass[T]{x: x, y: y, in: r.in, out: r.out, inner: inner, fill: T(n.Float("extrapolation_value"))}
			rows := len(x) / inner / r.in * r.out
			if left--; left > 0 {
				if rows > 1<<44/inner {
					return graph.Limitf("resize of %s to %s", c.In[0], out)
				}
				if a.y, err = graph.Scratch[T](c, rows*inner); err != nil {
					return err
				}
			}
			if a.taps, err = resizeTaps[T](c, r, w); err != nil {
				return err
			}
			graph.Parallel(c, rows, 1+1<<15/(inner*a.taps.N), a)
			x = a.y
		}
		inner *= r.out
	}
	return nil
}
