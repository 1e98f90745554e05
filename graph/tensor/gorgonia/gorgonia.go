// Package gorgonia hands tensors to and from gorgonia.org/tensor, without a copy where the layouts agree.
//
// Both sides know float32, float64, the integers of 8 to 64 bits, bool, string, the complex numbers and float16.Float16. An int or uint of
// theirs is an int64 or uint64 here.
package gorgonia

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/x448/float16"
	theirs "gorgonia.org/tensor"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// From is the tensor d. It shares its memory with d when the elements of d lie in row-major order without gaps, as those of a fresh tensor do;
// views, transposes and column-major tensors are copied. Masked tensors are refused, for ours have no mask.
func From(d *theirs.Dense) (*tensor.Tensor, error) {
	if d == nil {
		return nil, fmt.Errorf("no tensor: %w", tensor.ErrType)
	}
	if d.IsMasked() {
		return nil, fmt.Errorf("a tensor with a mask: fill the masked elements first (Filled): %w", tensor.ErrType)
	}
	if !d.IsNativelyAccessible() {
		return nil, fmt.Errorf("a tensor outside of the memory of the program: %w", tensor.ErrType)
	}
	switch data := d.Data().(type) {
	case []float32:
		return from(d, data)
	case []float64:
		return from(d, data)
	case []int8:
		return from(d, data)
	case []int16:
		return from(d, data)
	case []int32:
		return from(d, data)
	case []int64:
		return from(d, data)
	case []int:
		return from(d, seen[int64](data))
	case []uint8:
		return from(d, data)
	case []uint16:
		return from(d, data)
	case []uint32:
		return from(d, data)
	case []uint64:
		return from(d, data)
	case []uint:
		return from(d, seen[uint64](data))
	case []bool:
		return from(d, data)
	case []complex64:
		return from(d, data)
	case []complex128:
		return from(d, data)
	case []float16.Float16:
		return from(d, data)
	case []string:
		flat, err := rowMajor(d, data)
		if err != nil {
			return nil, err
		}
		return tensor.OfStrings(flat, shapeOf(d)...)
	}
	return scalar(d)
}

// scalar is the tensor of one element of which d.Data gives the element itself.
func scalar(d *theirs.Dense) (*tensor.Tensor, error) {
	switch v := d.Data().(type) {
	case float32:
		return tensor.Of([]float32{v}, shapeOf(d)...)
	case float64:
		return tensor.Of([]float64{v}, shapeOf(d)...)
	case int8:
		return tensor.Of([]int8{v}, shapeOf(d)...)
	case int16:
		return tensor.Of([]int16{v}, shapeOf(d)...)
	case int32:
		return tensor.Of([]int32{v}, shapeOf(d)...)
	case int64:
		return tensor.Of([]int64{v}, shapeOf(d)...)
	case int:
		return tensor.Of([]int64{int64(v)}, shapeOf(d)...)
	case uint8:
		return tensor.Of([]uint8{v}, shapeOf(d)...)
	case uint16:
		return tensor.Of([]uint16{v}, shapeOf(d)...)
	case uint32:
		return tensor.Of([]uint32{v}, shapeOf(d)...)
	case uint64:
		return tensor.Of([]uint64{v}, shapeOf(d)...)
	case uint:
		return tensor.Of([]uint64{uint64(v)}, shapeOf(d)...)
	case bool:
		return tensor.Of([]bool{v}, shapeOf(d)...)
	case complex64:
		return tensor.Of([]complex64{v}, shapeOf(d)...)
	case complex128:
		return tensor.Of([]complex128{v}, shapeOf(d)...)
	case float16.Float16:
		return tensor.Of([]float16.Float16{v}, shapeOf(d)...)
	case string:
		return tensor.OfStrings([]string{v}, shapeOf(d)...)
	}
	return nil, fmt.Errorf("elements of type %s: %w", d.Dtype(), tensor.ErrType)
}

func from[T tensor.Elem](d *theirs.Dense, data []T) (*tensor.Tensor, error) {
	flat, err := rowMajor(d, data)
	if err != nil {
		return nil, err
	}
	return tensor.Of(flat, shapeOf(d)...)
}

// shapeOf is the shape of d, never nil.
func shapeOf(d *theirs.Dense) []int { return append([]int{}, d.Shape()...) }

// rowMajor is data, the memory of d, when its elements lie one after the other in row-major order; else a copy that does.
func rowMajor[T any](d *theirs.Dense, data []T) ([]T, error) {
	shape, strides := shapeOf(d), d.Strides()
	n := tensor.Shape(shape).Elems()
	if n == 0 {
		return data[:0], nil
	}
	if n == 1 { // strides may be missing
		return data[:1:1], nil
	}
	if len(strides) == 1 && len(shape) == 2 { // a column or row vector: one stride for both axes
		strides = []int{strides[0], strides[0]}
	}
	if len(strides) != len(shape) {
		return nil, fmt.Errorf("shape %v with strides %v: %w", shape, strides, tensor.ErrShape)
	}
	dense, step, last := true, 1, 0
	for i := len(shape) - 1; i >= 0; i-- {
		dense = dense && (shape[i] == 1 || strides[i] == step)
		step *= shape[i]
		if strides[i] < 0 {
			return nil, fmt.Errorf("shape %v with strides %v: %w", shape, strides, tensor.ErrShape)
		}
		last += (shape[i] - 1) * strides[i]
	}
	if last >= len(data) {
		return nil, fmt.Errorf("shape %v with strides %v reaches beyond %d elements: %w", shape, strides, len(data), tensor.ErrShape)
	}
	if dense {
		return data[:n:n], nil
	}
	out := make([]T, 0, n)
	at := make([]int, len(shape))
	for off := 0; len(out) < n; {
		out = append(out, data[off])
		for i := len(shape) - 1; i >= 0; i-- {
			at[i]++
			off += strides[i]
			if at[i] < shape[i] {
				break
			}
			off -= at[i] * strides[i]
			at[i] = 0
		}
	}
	return out, nil
}

// To is t as a tensor of gorgonia's, over the same memory: writing to one changes the other. A tensor of rank 0 is copied. It fails for element
// types that the other side does not have: bfloat16, the floats of 8 bits, packed integers, and containers.
func To(t *tensor.Tensor) (*theirs.Dense, error) {
	if t == nil {
		return nil, fmt.Errorf("no tensor: %w", tensor.ErrType)
	}
	var backing any
	switch t.DType() {
	case tensor.Float32:
		backing = tensor.Data[float32](t)
	case tensor.Float64:
		backing = tensor.Data[float64](t)
	case tensor.Int8:
		backing = tensor.Data[int8](t)
	case tensor.Int16:
		backing = tensor.Data[int16](t)
	case tensor.Int32:
		backing = tensor.Data[int32](t)
	case tensor.Int64:
		backing = tensor.Data[int64](t)
	case tensor.Uint8:
		backing = tensor.Data[uint8](t)
	case tensor.Uint16:
		backing = tensor.Data[uint16](t)
	case tensor.Uint32:
		backing = tensor.Data[uint32](t)
	case tensor.Uint64:
		backing = tensor.Data[uint64](t)
	case tensor.Bool:
		backing = tensor.Data[bool](t)
	case tensor.Complex64:
		backing = tensor.Data[complex64](t)
	case tensor.Complex128:
		backing = tensor.Data[complex128](t)
	case tensor.Float16:
		backing = tensor.Data[float16.Float16](t)
	case tensor.String:
		backing = t.Strings()
	default:
		return nil, fmt.Errorf("%s has no counterpart in gorgonia.org/tensor: %w", t, tensor.ErrType)
	}
	if t.Rank() == 0 {
		return theirs.New(theirs.FromScalar(reflect.ValueOf(backing).Index(0).Interface())), nil
	}
	if t.Len() == 0 {
		return nil, fmt.Errorf("%s is empty, which gorgonia.org/tensor cannot hold: %w", t, tensor.ErrShape)
	}
	return theirs.New(theirs.WithShape(t.Shape().Clone()...), theirs.WithBacking(backing)), nil
}

// seen is s as a slice of 64-bit integers, without a copy where an int has that size.
func seen[T int64 | uint64, S int | uint](s []S) []T {
	var z S
	if unsafe.Sizeof(z) == 8 {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
	}
	out := make([]T, len(s))
	for i, v := range s {
		out[i] = T(v)
	}
	return out
}
