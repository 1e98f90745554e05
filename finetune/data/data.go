package data

import (
	"errors"
	"fmt"
	"sync"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Field is what a data set has for each sample under one name.
type Field struct {
	Name  string
	DType tensor.DType
	Shape tensor.Shape // of one sample; empty for a number
}

// String describes the field as in "x f32[3,32,32]".
func (f Field) String() string { return f.Name + " " + f.DType.Short() + f.Shape.String() }

// Dataset is a finite number of samples that can be read in any order. Read is called by several goroutines at once.
type Dataset interface {
	Len() int
	// Fields are the same whenever they are asked for. The caller must not change them.
	Fields() []Field
	// Read writes sample i, 0 ≤ i < Len(), into dst, which has a tensor for each field with its type and shape; nil marks fields that are not wanted. What a
	// sample has of chance, such as augmentation, depends on i and draw alone: the loader draws a number for each epoch and sample.
	Read(i int, draw uint64, dst []*tensor.Tensor) error
}

// ErrLimit marks data that would take more memory than it was given.
var ErrLimit = errors.New("limit exceeded")

// DefaultLimit is how many bytes a data set may take in memory where no limit is given.
const DefaultLimit = 4 << 30

func limitOr(limit int) int {
	if limit > 0 {
		return limit
	}
	return DefaultLimit
}

// fieldAt is where a field of that name is.
func fieldAt(ds Dataset, name string) (int, error) {
	fields := ds.Fields()
	for i, f := range fields {
		if f.Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("data has no field %q; it has %v", name, fields)
}

// elements makes the tensors of n samples, first the whole ones, then a view of each sample. Fields of strings, containers and types that share bytes cannot be
// batched.
func elements(fields []Field, n int) (whole []*tensor.Tensor, each [][]*tensor.Tensor, err error) {
	each = make([][]*tensor.Tensor, n)
	for i := range each {
		each[i] = make([]*tensor.Tensor, len(fields))
	}
	for k, f := range fields {
		t, err := tensor.New(f.DType, append([]int{n}, f.Shape...)...)
		if err == nil && f.DType.Size() == 0 {
			err = fmt.Errorf("a batch of %s: %w", f.DType, tensor.ErrType)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("field %s: %w", f, err)
		}
		whole = append(whole, t)
		size := 0
		if n > 0 {
			size = len(t.Bytes()) / n
		}
		for i := range each {
			if each[i][k], err = tensor.FromBytes(f.DType, t.Bytes()[i*size:(i+1)*size:(i+1)*size], f.Shape...); err != nil {
				return nil, nil, fmt.Errorf("field %s: %w", f, err)
			}
		}
	}
	return whole, each, nil
}

// scratch lends tensors for one sample.
type scratch struct {
	fields []Field
	pool   sync.Pool
}

func (s *scratch) get() ([]*tensor.Tensor, error) {
	if x, ok := s.pool.Get().(*[]*tensor.Tensor); ok {
		return *x, nil
	}
	x := make([]*tensor.Tensor, len(s.fields))
	for i, f := range s.fields {
		var err error
		if x[i], err = tensor.New(f.DType, f.Shape...); err != nil {
			return nil, fmt.Errorf("field %s: %w", f, err)
		}
	}
	return x, nil
}

func (s *scratch) put(x []*tensor.Tensor) { s.pool.Put(&x) }

// Collect reads all samples once and keeps them in memory, at most limit bytes (0: [DefaultLimit]). What is dear to make, such as decoded pictures or the
// features of a frozen network, is then made once. Samples are read with draw 0.
func Collect(ds Dataset, limit int) (Dataset, error) {
	n, size := ds.Len(), 0
	for _, f := range ds.Fields() {
		per, ok := f.Shape.Size()
		bytes, fits := f.DType.Bytes(per)
		if !ok || !fits || n > 0 && bytes > (limitOr(limit)-size)/n {
			return nil, fmt.Errorf("%d samples of %v: %w, the limit is %d bytes", n, ds.Fields(), ErrLimit, limitOr(limit))
		}
		size += bytes * n
	}
	whole, each, err := elements(ds.Fields(), n)
	if err != nil {
		return nil, err
	}
	for i, dst := range each {
		if err := ds.Read(i, 0, dst); err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
	}
	arrays := make([]Array, len(whole))
	for k, f := range ds.Fields() {
		arrays[k] = Array{f.Name, whole[k]}
	}
	return Arrays(arrays...)
}
