// Package gonum hands matrices and vectors of gonum.org/v1/gonum/mat to models of float64, and their results back.
package gonum

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FromDense is the matrix m as a float64 tensor of shape [rows, columns]. It shares its memory with m when the rows of m lie one after the other;
// a part of a larger matrix is copied.
func FromDense(m *mat.Dense) (*tensor.Tensor, error) {
	if m == nil || m.IsEmpty() {
		return nil, fmt.Errorf("an empty matrix: %w", tensor.ErrShape)
	}
	raw := m.RawMatrix()
	if raw.Stride == raw.Cols {
		n := raw.Rows * raw.Cols
		return tensor.Of(raw.Data[:n:n], raw.Rows, raw.Cols)
	}
	return FromMatrix(m)
}

// FromMatrix is any matrix, transposed, triangular or symmetric ones too, copied as a float64 tensor of shape [rows, columns].
func FromMatrix(m mat.Matrix) (*tensor.Tensor, error) {
	if m == nil {
		return nil, fmt.Errorf("no matrix: %w", tensor.ErrShape)
	}
	rows, cols := m.Dims()
	data := make([]float64, 0, rows*cols)
	for i := range rows {
		for j := range cols {
			data = append(data, m.At(i, j))
		}
	}
	return tensor.Of(data, rows, cols)
}

// FromVector is the vector v as a float64 tensor of one axis. It shares its memory with v when the elements lie one after the other.
func FromVector(v mat.Vector) (*tensor.Tensor, error) {
	if v == nil {
		return nil, fmt.Errorf("no vector: %w", tensor.ErrShape)
	}
	if d, ok := v.(*mat.VecDense); ok && !d.IsEmpty() {
		if raw := d.RawVector(); raw.Inc == 1 {
			return tensor.Of(raw.Data[:raw.N:raw.N], raw.N)
		}
	}
	data := make([]float64, v.Len())
	for i := range data {
		data[i] = v.AtVec(i)
	}
	return tensor.Of(data, len(data))
}

// ToDense is a float64 tensor as a matrix over the same memory: of two axes as it is, of more with the axes before the last one as rows, of one axis as a
// single row. Gonum has no matrices without elements, so an empty tensor is an error.
func ToDense(t *tensor.Tensor) (*mat.Dense, error) {
	data, err := tensor.As[float64](t)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s as a matrix: it is empty: %w", t, tensor.ErrShape)
	}
	cols := 1
	if t.Rank() > 0 {
		cols = t.Dim(t.Rank() - 1)
	}
	return mat.NewDense(len(data)/cols, cols, data), nil
}

// ToVector is a float64 tensor with at most one axis of more than one element as a vector over the same memory.
func ToVector(t *tensor.Tensor) (*mat.VecDense, error) {
	data, err := tensor.As[float64](t)
	if err != nil {
		return nil, err
	}
	long := 0
	for _, n := range t.Shape() {
		if n != 1 {
			long++
		}
	}
	if long > 1 || len(data) == 0 {
		return nil, fmt.Errorf("%s as a vector: %w", t, tensor.ErrShape)
	}
	return mat.NewVecDense(len(data), data), nil
}
