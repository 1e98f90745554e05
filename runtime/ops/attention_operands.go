package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// operands makes the dense keys and values of the past and the present, in the outputs where they are wanted, and brings the mask to type T.
func (a *attn[T]) operands(c *graph.Ctx) error {
	var err error
	a.q, a.y = tensor.Data[T](c.In[attnQ]), tensor.Data[T](c.Out[attnY])
	if a.k, a.kAt, err = attnPresent[T](c, &a.attnDims, attnK, attnPastK, attnPresentK, a.size); err != nil {
		return err
	}
	if a.v, a.vAt, err = attnPresent[T](c, &a.attnDims, attnV, attnPastV, attnPresentV, a.sizeV); err != nil {
		return err
	}
	a.ldq, a.ldy = a.size, a.sizeV
	if a.flat {
		a.ldq, a.ldy = a.heads*a.size, a.heads*a.sizeV
	}
	if c.Wants(attnQK) {
		a.qk = tensor.Data[T](c.Out[attnQK])
	}
	if a.round != nil && len(a.k) > 0 { // Q and K are multiplied by the root of the scale before their product
		k, err := graph.Scratch[T](c, len(a.k))
		if err != nil {
			return err
		}
		f := a.rootScale()
		for i, v := range a.k {
			k[i] = v * f
		}
		a.round(k)
		a.k = k
	}
	m := c.Input(attnMask)
	if m == nil || m.Len() == 0 {
		return nil
	}
	if m.DType() == tensor.GoType[T]() {
		a.mask = tensor.Data[T](m)
		return nil
	}
	if a.mask, err = graph.Scratch[T](c, m.Len()); err != nil {
		return err
	}
	if m.DType() == tensor.Bool {
		for i, see := range tensor.Data[bool](m) {
			if a.mask[i] = 0; !see {
				a.mask[i] = T(math.Inf(-1))
			}
		}
		return nil
	}
	for i := range a.mask {
		a.mask[i] = T(m.Float(i))
	}
	return nil
}

func (a *attn[T]) rootScale() T {
	f := [1]T{T(math.Sqrt(float64(a.scale)))}
	if a.round != nil {
		f[0] = T(math.Sqrt(float64(a.scale)))
		a.round(f[:])
	}
	return f[0]
}

// attnSteps are the elements from one key, head and batch to the next.
type attnSteps struct{ key, head, batch int }

// attnPresent is the keys or values with those of the past before them. Without a past they stay where they are, unless the output is wanted.
func attnPresent[T float32 | float64](c *graph.Ctx, d *attnDims, in, past, out, size int) ([]T, attnSteps, error) {
	x, dense := c.In[in], attnSteps{size, d.total * size, d.kvHeads * d.total * size}
	data, err := attnFloats[T](c, x)
	if err != nil {
		return nil, dense, err
	}
	if !c.Has(past) && !c.Wants(out) {
		if d.flat {
			return data, attnSteps{d.kvHeads * size, size, d.kv * d.kvHeads * size}, nil
		}
		return data, dense, nil
	}
	var old []T
	if c.Has(past) {
		if old, err = attnFloats[T](c, c.In[past]); err != nil {
			return nil, dense, err
		}
	}
	var all []T
	direct := c.Wants(out) && c.Out[out].DType() == tensor.GoType[T]()
	if direct {
		all = tensor.Data[T](c.Out[out])
	} else if all, err = graph.Scratch[T](c, d.batch*d.kvHeads*d.total*size); err != nil {
		return nil, dense, err
	}
	for h := range d.batch * d.kvHeads {
		dst := all[h*d.total*size:][:d.total*size]
		dst = dst[copy(dst, old[h*d.past*size:][:d.past*size]):]
		if !d.flat {
			copy(dst, data[h*d.kv*size:])
			continue
		}
		for t := range d.kv {
			copy(dst[t*size:][:size], data[((h/d.kvHeads*d.kv+t)*d.kvHeads+h%d.kvHeads)*size:])
		}
	}
	if c.Wants(out) && !direct {
		attnNarrow(c.Out[out], all)
	}
	return all, dense, nil
}

// attnFloats is a float tensor as elements of type T, which needs a copy when it has the other type.
func attnFloats[T float32 | float64](c *graph.Ctx, t *tensor.Tensor) ([]T, error) {
	if t.DType() == tensor.GoType[T]() {
		return tensor.Data[T](t), nil
	}
	y, err := graph.Scratch[T](c, t.Len())
	for i := range y {
		y[i] = T(t.Float(i))
	}
	return y, err
}

// attnNarrow writes x, which came out of attnFloats, into a tensor of another float type than T.
func attnNarrow[T float32 | float64](t *tensor.Tensor, x []T) {
	switch t.DType() {
	case tensor.Float32:
		for i, y := 0, tensor.Data[float32](t); i < len(y); i++ {
			y[i] = float32(x[i])
		}
	case tensor.Float64:
		for i, y := 0, tensor.Data[float64](t); i < len(y); i++ {
			y[i] = float64(x[i])
		}
	default:
		for i, y := 0, tensor.Data[uint16](t); i < len(y); i++ {
			v := [1]float32{float32(x[i])}
			kernel.Narrow(y[i:i+1], v[:], t.DType() == tensor.BFloat16)
		}
	}
}
