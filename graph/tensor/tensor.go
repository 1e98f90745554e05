package tensor

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/x448/float16"
)

// ErrShape marks an extent, rank or size that does not fit.
var ErrShape = errors.New("shape error")

// ErrType marks an element type that does not fit.
var ErrType = errors.New("type error")

// Tensor is a dense row-major array, or a container (sequence, optional, map) of tensors.
// Its shape and type never change; whoever shares a tensor must not write its elements.
type Tensor struct {
	dtype DType
	shape Shape
	data  []byte    // elements as ONNX raw data: little endian, packed types lowest bits first
	strs  []string  // elements of a String tensor
	elems []*Tensor // see Elems
}

// New is a tensor of zeros (empty strings for String). It fails when the size does not fit an int.
// It does not bound memory: code that handles models or data from outside allocates through a budget.
func New(d DType, shape ...int) (*Tensor, error) { return newTensor(d, shape, Align) }

// NewSmallPages is New without huge pages. They take long where the system has to fetch them first: a virtual machine gives free ones back to its
// host. It is for what is written at once, and not read at the speed of memory.
func NewSmallPages(d DType, shape ...int) (*Tensor, error) {
	return newTensor(d, shape, alignPopulated)
}

func newTensor(d DType, shape []int, memory func(int) []byte) (*Tensor, error) {
	n, ok := Shape(shape).Size()
	if !ok {
		return nil, fmt.Errorf("size of %s%v: %w", d.Short(), Shape(shape), ErrShape)
	}
	if d == String {
		return &Tensor{dtype: d, shape: Shape(shape).Clone(), strs: make([]string, n)}, nil
	}
	size, ok := d.Bytes(n)
	if !ok || !d.Valid() || d.IsContainer() {
		return nil, fmt.Errorf("tensor of %s%v: %w", d.Short(), Shape(shape), ErrType)
	}
	return &Tensor{dtype: d, shape: Shape(shape).Clone(), data: memory(size)}, nil
}

// FromBytes is a tensor over data, which is not copied: little-endian elements in row-major order, packed types
// lowest bits first. It fails unless data has exactly the size that d and shape ask for and is aligned for d.
func FromBytes(d DType, data []byte, shape ...int) (*Tensor, error) {
	n, ok := Shape(shape).Size()
	if !ok {
		return nil, fmt.Errorf("size of %s%v: %w", d.Short(), Shape(shape), ErrShape)
	}
	size, ok := d.Bytes(n)
	if !ok || !d.Valid() || d == String || d.IsContainer() {
		return nil, fmt.Errorf("bytes as %s%v: %w", d.Short(), Shape(shape), ErrType)
	}
	if len(data) != size {
		return nil, fmt.Errorf("%d bytes for %s%v, want %d: %w", len(data), d.Short(), Shape(shape), size, ErrShape)
	}
	if !Aligned(d, data) {
		return nil, fmt.Errorf("bytes for %s%v are not aligned: %w", d.Short(), Shape(shape), ErrType)
	}
	return &Tensor{dtype: d, shape: Shape(shape).Clone(), data: data}, nil
}

// Aligned reports whether data starts where elements of type d may start: anywhere on processors that load and store
// at any address, so that weights can stay where they are in a mapped file.
func Aligned(d DType, data []byte) bool {
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		return true
	}
	align := min(d.Size(), 8)
	if d == Complex64 {
		align = 4
	}
	return align < 2 || len(data) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(data)))%uintptr(align) == 0
}

// Elem are the Go types that hold elements of tensors. Float16 is float16.Float16 of github.com/x448/float16, or its bits; bfloat16, the floats of 8
// bits and packed types are seen as their bits; bool as bool.
type Elem interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~bool | ~complex64 | ~complex128
}

// GoType is the element type that a slice of T becomes, as in [Of].
func GoType[T Elem | ~string]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	case float16.Float16:
		return Float16
	case string:
		return String
	}
	return Invalid
}

// Of is a tensor over data, which is not copied; without a shape it has rank 1.
// It fails when the shape does not hold len(data) elements.
func Of[T Elem](data []T, shape ...int) (*Tensor, error) {
	d := GoType[T]()
	if shape == nil {
		shape = []int{len(data)}
	}
	var z T
	size := int(unsafe.Sizeof(z))
	return FromBytes(d, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*size), shape...)
}

// Must is for tensors whose shape is known to fit, in tests and literals: it panics on an error.
func Must(t *Tensor, err error) *Tensor {
	if err != nil {
		panic(err)
	}
	return t
}

// Scalar is a tensor of rank 0.
func Scalar[T Elem](v T) *Tensor { return Must(Of([]T{v}, []int{}...)) }

// Ints is an int64 tensor of rank 1, the form of shapes, axes and pads.
func Ints(v ...int) *Tensor {
	d := make([]int64, len(v))
	for i, x := range v {
		d[i] = int64(x)
	}
	return Must(Of(d, len(d)))
}

// OfStrings is a String tensor over data, which is not copied.
func OfStrings(data []string, shape ...int) (*Tensor, error) {
	if shape == nil {
		shape = []int{len(data)}
	}
	if n, ok := Shape(shape).Size(); !ok || n != len(data) {
		return nil, fmt.Errorf("%d strings for shape %v: %w", len(data), Shape(shape), ErrShape)
	}
	return &Tensor{dtype: String, shape: Shape(shape).Clone(), strs: data}, nil
}

// OfElems is a container: a sequence of any length, an optional of zero or one element, or a map,
// whose two elements are its keys and its values in the same order.
func OfElems(d DType, elems ...*Tensor) (*Tensor, error) {
	if !d.IsContainer() || d == Optional && len(elems) > 1 || d == Map && len(elems) != 2 {
		return nil, fmt.Errorf("%s of %d elements: %w", d, len(elems), ErrType)
	}
	return &Tensor{dtype: d, elems: elems}, nil
}

// DType is the element type, or Sequence, Optional, Map.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is the extent of each axis. The caller must not change it.
func (t *Tensor) Shape() Shape { return t.shape }

// Dim is the extent of one axis.
func (t *Tensor) Dim(axis int) int { return t.shape[axis] }

// Rank is the number of axes.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len is the number of elements.
func (t *Tensor) Len() int {
	if t.dtype.IsContainer() {
		return len(t.elems)
	}
	return t.shape.Elems()
}

// Bytes are the stored elements, which alias t: nil for strings and containers.
func (t *Tensor) Bytes() []byte { return t.data }

// Strings are the elements of a String tensor, which alias t.
func (t *Tensor) Strings() []string { return t.strs }

// Elems are the tensors in a container: a sequence's elements, an optional's value if there is one, a map's keys and values.
func (t *Tensor) Elems() []*Tensor { return t.elems }

// MemBytes is the memory that the elements take.
func (t *Tensor) MemBytes() int {
	n := len(t.data)
	for _, s := range t.strs {
		n += 16 + len(s)
	}
	for _, e := range t.elems {
		n += 64
		if e != nil {
			n += e.MemBytes()
		}
	}
	return n
}

// Reshape is a view of t with another shape of the same number of elements.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	if n, ok := Shape(shape).Size(); !ok || n != t.Len() || t.dtype.IsContainer() {
		return nil, fmt.Errorf("%s seen as %v: %w", t, Shape(shape), ErrShape)
	}
	return t.reshaped(Shape(shape).Clone()), nil
}

func (t *Tensor) reshaped(s Shape) *Tensor {
	v := *t
	v.shape = s
	return &v
}

// Clone is a copy that shares nothing with t.
func (t *Tensor) Clone() *Tensor {
	v := *t
	v.shape = t.shape.Clone()
	if t.data != nil {
		v.data = Align(len(t.data))
		copy(v.data, t.data)
	}
	if t.strs != nil {
		v.strs = append([]string{}, t.strs...)
	}
	if t.elems != nil {
		v.elems = make([]*Tensor, len(t.elems))
		for i, e := range t.elems {
			if e != nil {
				v.elems[i] = e.Clone()
			}
		}
	}
	return &v
}

// String describes t without its elements: "f32[2,3]", "seq(3)".
func (t *Tensor) String() string {
	if t == nil {
		return "none"
	}
	if t.dtype.IsContainer() {
		return fmt.Sprintf("%s(%d)", t.dtype.Short(), len(t.elems))
	}
	return t.dtype.Short() + t.shape.String()
}
