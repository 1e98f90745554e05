package data

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Array is a tensor whose first axis counts samples, under the name of a field.
type Array struct {
	Name   string
	Tensor *tensor.Tensor
}

type arrays struct {
	fields []Field
	data   [][]byte
	size   []int // bytes of a sample
	n      int
}

// Arrays are the samples along the first axis of tensors, which all have the same number of them. Nothing is copied.
func Arrays(list ...Array) (Dataset, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("data without arrays: %w", tensor.ErrShape)
	}
	a := &arrays{}
	for i, x := range list {
		t := x.Tensor
		switch {
		case t == nil || t.DType().Size() == 0:
			return nil, fmt.Errorf("field %q of %v cannot be batched: %w", x.Name, t, tensor.ErrType)
		case t.Rank() == 0:
			return nil, fmt.Errorf("field %q of %v has no axis of samples: %w", x.Name, t, tensor.ErrShape)
		case i > 0 && t.Dim(0) != a.n:
			return nil, fmt.Errorf("field %q of %v, but %q of %v: the number of samples differs: %w", x.Name, t, list[0].Name, list[0].Tensor, tensor.ErrShape)
		}
		for _, f := range a.fields {
			if f.Name == x.Name {
				return nil, fmt.Errorf("two fields are called %q", x.Name)
			}
		}
		a.n = t.Dim(0)
		a.fields = append(a.fields, Field{x.Name, t.DType(), t.Shape()[1:].Clone()})
		a.data = append(a.data, t.Bytes())
		a.size = append(a.size, len(t.Bytes())/max(a.n, 1))
	}
	return a, nil
}

func (a *arrays) Len() int        { return a.n }
func (a *arrays) Fields() []Field { return a.fields }

func (a *arrays) Read(i int, _ uint64, dst []*tensor.Tensor) error {
	for k, t := range dst {
		if t != nil {
			copy(t.Bytes(), a.data[k][i*a.size[k]:(i+1)*a.size[k]])
		}
	}
	return nil
}
