package data

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Step changes the samples of one field. A step is used by several goroutines at once and draws from r alone.
type Step interface {
	// Out is the field that it makes of one like in, or why it cannot.
	Out(in Field) (Field, error)
	// Apply writes dst, of the type and shape that Out told, from src.
	Apply(dst, src *tensor.Tensor, r *Rand) error
}

type transformed struct {
	Dataset
	at      int
	steps   []Step
	fields  []Field
	scratch scratch // what goes into each step
}

// Transform applies steps to a field of ds, one after the other. Steps see pictures as their last two axes, height and width; axes before them are channels.
func Transform(ds Dataset, field string, steps ...Step) (Dataset, error) {
	at, err := fieldAt(ds, field)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return ds, nil
	}
	t := &transformed{Dataset: ds, at: at, steps: steps, fields: slices.Clone(ds.Fields())}
	f := ds.Fields()[at]
	for _, s := range steps {
		t.scratch.fields = append(t.scratch.fields, f)
		if f, err = s.Out(f); err != nil {
			return nil, fmt.Errorf("%T of field %s: %w", s, t.scratch.fields[len(t.scratch.fields)-1], err)
		}
		f.Name = field
	}
	t.fields[at] = f
	return t, nil
}

func (t *transformed) Fields() []Field { return t.fields }

func (t *transformed) Read(i int, draw uint64, dst []*tensor.Tensor) error {
	inner := mix(draw, 3)
	last := dst[t.at]
	if last == nil {
		return t.Dataset.Read(i, inner, dst)
	}
	src, err := t.scratch.get()
	if err != nil {
		return err
	}
	defer t.scratch.put(src)
	dst[t.at] = src[0]
	err = t.Dataset.Read(i, inner, dst)
	dst[t.at] = last
	if err != nil {
		return err
	}
	for k, s := range t.steps {
		next := last
		if k+1 < len(src) {
			next = src[k+1]
		}
		r := NewRand(mix(draw, 4, uint64(k)))
		if err := s.Apply(next, src[k], &r); err != nil {
			return fmt.Errorf("field %s: %w", t.fields[t.at].Name, err)
		}
	}
	return nil
}

// Normalize makes float32 numbers of any others: (x·Scale − Mean[c]) / Std[c], c counting the first axis. What has less than three axes has one channel.
type Normalize struct {
	Scale     float64   // 0 means 1/255 for uint8 and 1 for other types
	Mean, Std []float64 // none, one for all channels, or one each
}

func (n Normalize) Out(in Field) (Field, error) {
	if in.DType.IsComplex() {
		return in, tensor.ErrType
	}
	c := channels(in.Shape)
	for _, v := range [][]float64{n.Mean, n.Std} {
		if len(v) > 1 && len(v) != c {
			return in, fmt.Errorf("%d numbers for %d channels: %w", len(v), c, tensor.ErrShape)
		}
	}
	if slices.Contains(n.Std, 0) {
		return in, fmt.Errorf("a standard deviation of 0")
	}
	in.DType = tensor.Float32
	return in, nil
}

func channels(s tensor.Shape) int {
	if len(s) < 3 {
		return 1
	}
	return s[0]
}

func (n Normalize) Apply(dst, src *tensor.Tensor, _ *Rand) error {
	out := tensor.Data[float32](dst)
	c := channels(src.Shape())
	if len(out) == 0 {
		return nil
	}
	size := len(out) / c
	for k := range c {
		mean, std, scale := pick(n.Mean, k, 0), pick(n.Std, k, 1), n.Scale
		if scale == 0 {
			scale = 1
			if src.DType() == tensor.Uint8 {
				scale = 1.0 / 255
			}
		}
		a, b := scale/std, -mean/std
		part := out[k*size : (k+1)*size]
		switch src.DType() {
		case tensor.Uint8:
			for i, x := range src.Bytes()[k*size : (k+1)*size] {
				part[i] = float32(float64(x)*a + b)
			}
		case tensor.Float32:
			for i, x := range tensor.Data[float32](src)[k*size : (k+1)*size] {
				part[i] = float32(float64(x)*a + b)
			}
		default:
			for i := range part {
				part[i] = float32(src.Float(k*size+i)*a + b)
			}
		}
	}
	return nil
}

func pick(v []float64, k int, none float64) float64 {
	if len(v) == 0 {
		return none
	}
	return v[min(k, len(v)-1)]
}

// Cast converts numbers to another type; class numbers to int64, for example. What is no whole number cannot become one.
type Cast struct{ To tensor.DType }

func (c Cast) Out(in Field) (Field, error) {
	if !(c.To.IsFloat() || c.To.IsInt()) || c.To.Size() == 0 || in.DType.IsComplex() {
		return in, fmt.Errorf("to %s: %w", c.To, tensor.ErrType)
	}
	in.DType = c.To
	return in, nil
}

func (c Cast) Apply(dst, src *tensor.Tensor, _ *Rand) error {
	if c.To.IsInt() && src.DType().IsFloat() {
		for i := range src.Len() {
			if x := src.Float(i); x != math.Trunc(x) || math.Abs(x) > 1<<53 {
				return fmt.Errorf("%v is no whole number, which %s wants: %w", x, c.To, tensor.ErrType)
			}
		}
	}
	switch c.To {
	case tensor.Float32:
		each(tensor.Data[float32](dst), src)
	case tensor.Float64:
		each(tensor.Data[float64](dst), src)
	case tensor.Int64:
		each(tensor.Data[int64](dst), src)
	case tensor.Int32:
		each(tensor.Data[int32](dst), src)
	default:
		for i := range src.Len() {
			x, err := tensor.Full(c.To, src.Float(i))
			if err != nil {
				return err
			}
			copy(dst.Bytes()[i*c.To.Size():], x.Bytes())
		}
	}
	return nil
}

func each[T float32 | float64 | int32 | int64](dst []T, src *tensor.Tensor) {
	for i := range dst {
		dst[i] = T(src.Float(i))
	}
}

// Reshape gives samples another shape with as many elements: a picture as one row, or with an axis for its one channel.
type Reshape struct{ Shape []int }

func (s Reshape) Out(in Field) (Field, error) {
	if n, ok := tensor.Shape(s.Shape).Size(); !ok || n != in.Shape.Elems() {
		return in, fmt.Errorf("seen as %v: %w", tensor.Shape(s.Shape), tensor.ErrShape)
	}
	in.Shape = tensor.Shape(s.Shape).Clone()
	return in, nil
}

func (s Reshape) Apply(dst, src *tensor.Tensor, _ *Rand) error {
	copy(dst.Bytes(), src.Bytes())
	return nil
}
