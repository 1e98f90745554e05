package ops

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// rankScratch is scratch memory for n places.
func rankScratch(c *graph.Ctx, n int) ([]kernel.Ranked, error) {
	b, err := graph.Scratch[complex128](c, n) // as large as a place, or larger
	if err != nil || n == 0 {
		return nil, err
	}
	return unsafe.Slice((*kernel.Ranked)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// orderable reports whether orderKeys knows the type: real numbers and truth values.
func orderable(d tensor.DType) bool {
	return d == tensor.Float32 || d == tensor.Float64 || d.IsHalf() || d == tensor.Bool || d.IsInt() && !d.Packed()
}

// orderKeys writes integers that compare as the elements of t from at on, stride apart, do; see kernel.FloatKeys.
func orderKeys(keys []uint64, t *tensor.Tensor, at, stride int) {
	switch t.DType() {
	case tensor.Float32:
		kernel.FloatKeys(keys, tensor.Data[uint32](t), at, stride, 0x7f800000)
	case tensor.Float64:
		kernel.FloatKeys(keys, tensor.Data[uint64](t), at, stride, 0x7ff0000000000000)
	case tensor.Float16:
		kernel.FloatKeys(keys, tensor.Data[uint16](t), at, stride, 0x7c00)
	case tensor.BFloat16:
		kernel.FloatKeys(keys, tensor.Data[uint16](t), at, stride, 0x7f80)
	case tensor.Int8:
		kernel.IntKeys(keys, tensor.Data[int8](t), at, stride)
	case tensor.Int16:
		kernel.IntKeys(keys, tensor.Data[int16](t), at, stride)
	case tensor.Int32:
		kernel.IntKeys(keys, tensor.Data[int32](t), at, stride)
	case tensor.Int64:
		kernel.IntKeys(keys, tensor.Data[int64](t), at, stride)
	case tensor.Uint8, tensor.Bool:
		kernel.UintKeys(keys, t.Bytes(), at, stride)
	case tensor.Uint16:
		kernel.UintKeys(keys, tensor.Data[uint16](t), at, stride)
	case tensor.Uint32:
		kernel.UintKeys(keys, tensor.Data[uint32](t), at, stride)
	case tensor.Uint64:
		kernel.UintKeys(keys, tensor.Data[uint64](t), at, stride)
	}
}
