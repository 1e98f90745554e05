package tensor

import (
	"fmt"
	"iter"
	"slices"
	"unsafe"
)

// As are the elements of t, which alias it, in row-major order. Unlike [Data] it fails when t has another element type: an int32 is not seen as
// a float32. T is float16.Float16 for Float16, and uint16 for the bits of BFloat16.
func As[T Elem](t *Tensor) ([]T, error) {
	if t == nil {
		return nil, fmt.Errorf("no tensor: %w", ErrType)
	}
	if d := GoType[T](); d != t.dtype && !(d == Uint16 && t.dtype == BFloat16) {
		return nil, fmt.Errorf("%s has no elements of type %s: %w", t, d, ErrType)
	}
	return Data[T](t), nil
}

// At is the element at an index, one number per axis; a negative one counts from the end of its axis.
func At[T Elem](t *Tensor, index ...int) (T, error) {
	var zero T
	data, k, err := place[T](t, index)
	if err != nil {
		return zero, err
	}
	return data[k], nil
}

// SetAt writes the element at an index, one number per axis; a negative one counts from the end of its axis.
func SetAt[T Elem](t *Tensor, v T, index ...int) error {
	data, k, err := place[T](t, index)
	if err == nil {
		data[k] = v
	}
	return err
}

func place[T Elem](t *Tensor, index []int) ([]T, int, error) {
	data, err := As[T](t)
	if err != nil {
		return nil, 0, err
	}
	if len(index) != len(t.shape) {
		return nil, 0, fmt.Errorf("index %v into %s: want %d numbers: %w", slices.Clone(index), t, len(t.shape), ErrShape)
	}
	k := 0
	for axis, i := range index {
		n := t.shape[axis]
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return nil, 0, fmt.Errorf("index %v into %s: axis %d has %d elements: %w", slices.Clone(index), t, axis, n, ErrShape)
		}
		k = k*n + i
	}
	return data, k, nil
}

// Rows are the slices of t along its first axis, in order: row i is what t[i] holds, in row-major order, and aliases t. There are none when t has no
// axes or other elements than T; check with [As] first where that can happen.
func Rows[T Elem](t *Tensor) iter.Seq2[int, []T] {
	return func(yield func(int, []T) bool) {
		data, err := As[T](t)
		if err != nil || len(t.shape) == 0 || t.shape[0] == 0 {
			return
		}
		size := len(data) / t.shape[0]
		for i := range t.shape[0] {
			if !yield(i, data[i*size:(i+1)*size:(i+1)*size]) {
				return
			}
		}
	}
}

// Indexed are the elements of t with their indices, in row-major order. The index is the same slice each time. There are none when t has other
// elements than T.
func Indexed[T Elem](t *Tensor) iter.Seq2[[]int, T] {
	return func(yield func([]int, T) bool) {
		data, err := As[T](t)
		if err != nil {
			return
		}
		index := make([]int, len(t.shape))
		for _, v := range data {
			if !yield(index, v) {
				return
			}
			for axis := len(index) - 1; axis >= 0; axis-- {
				if index[axis]++; index[axis] < t.shape[axis] {
					break
				}
				index[axis] = 0
			}
		}
	}
}

// Data are the elements of t as a slice of T, which aliases t: as they are when T is the type of the elements, else their bits. It is nil when T
// has another size than they do, and for packed types seen as anything but bytes. [As] is the same with an error, and for the right type alone.
func Data[T Elem](t *Tensor) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	if size != t.dtype.Size() && size != 1 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.data))), len(t.data)/size)
}
