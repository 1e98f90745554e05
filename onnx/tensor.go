package onnx

import (
	"encoding/binary"
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// maxRank bounds the axes of a tensor or type. No operator comes near; code that is quadratic in the rank stays fast.
const maxRank = 64

// elemType is the element type that a number in a file stands for.
func elemType(n int32) (tensor.DType, error) {
	if n < 0 || n > 63 || !tensor.DType(n).Valid() {
		return tensor.Invalid, graph.Invalidf("element type %d", n)
	}
	return tensor.DType(n), nil
}

// dims checks extents and gives the shape and the number of elements. Nothing is allocated for the elements yet.
func dims(p []int64) (tensor.Shape, int, error) {
	if len(p) > maxRank {
		return nil, 0, graph.Limitf("%d axes, more than %d", len(p), maxRank)
	}
	shape := make(tensor.Shape, len(p))
	for i, d := range p {
		if d < 0 || int64(int(d)) != d {
			return nil, 0, graph.Invalidf("extent %d of axis %d", d, i)
		}
		shape[i] = int(d)
	}
	n, ok := shape.Size()
	if !ok {
		return nil, 0, graph.Invalidf("size of shape %v overflows", shape)
	}
	return shape, n, nil
}

// tensor imports a dense tensor. The elements alias the message, and through it the file, where their form and
// alignment allow it.
func (im *importer) tensor(p *pb.TensorProto) (*tensor.Tensor, error) {
	d, err := elemType(p.GetDataType())
	if err != nil {
		return nil, in("data_type", err)
	}
	shape, n, err := dims(p.Dims)
	if err != nil {
		return nil, in("dims", err)
	}
	if p.Segment != nil {
		return nil, in("segment", graph.Invalidf("a tensor in segments"))
	}
	if p.GetDataLocation() == pb.TensorProto_EXTERNAL {
		if d == tensor.String {
			return nil, in("data_location", graph.Invalidf("external strings"))
		}
		want, ok := rawSize(d, n)
		if !ok {
			return nil, in("dims", graph.Invalidf("size of %s%v overflows", d.Short(), shape))
		}
		if int64(want) > im.limits.MaxTensorBytes {
			return nil, in("dims", graph.Limitf("%s%v takes %d bytes, more than %d", d.Short(), shape, want, im.limits.MaxTensorBytes))
		}
		raw, err := im.src.read(p, want)
		if err != nil {
			return nil, in("external_data", err)
		}
		t, err := fromRaw(d, raw, shape, n)
		return t, in("external_data", err)
	}
	if raw := p.RawBytes(); len(raw) > 0 {
		t, err := fromRaw(d, raw, shape, n)
		return t, in("raw_data", err)
	}
	return fromTyped(d, p, shape, n)
}

// rawSize is the size of n elements in raw_data and external data, where float6 types are packed
// four to three bytes; in memory they take a byte each.
func rawSize(d tensor.DType, n int) (int, bool) {
	if isFloat6(d) {
		return n/4*3 + (n%4*3+3)/4, true
	}
	return d.Bytes(n)
}

func isFloat6(d tensor.DType) bool { return d == tensor.Float6E2M3 || d == tensor.Float6E3M2 }

func fromRaw(d tensor.DType, raw []byte, shape tensor.Shape, n int) (*tensor.Tensor, error) {
	if d == tensor.String || d == tensor.Invalid {
		return nil, graph.Invalidf("raw bytes as %s", d)
	}
	if want, ok := rawSize(d, n); !ok || len(raw) != want {
		return nil, graph.Invalidf("%d bytes for %s%v", len(raw), d.Short(), shape)
	}
	switch {
	case isFloat6(d):
		raw = unpack6(raw, n)
	case d == tensor.Bool && !allBools(raw):
		raw = append([]byte(nil), raw...)
		for i, b := range raw {
			raw[i] = min(b, 1)
		}
	case !tensor.Aligned(d, raw):
		a := tensor.Align(len(raw))
		copy(a, raw)
		raw = a
	}
	t, err := tensor.FromBytes(d, raw, shape...)
	return t, invalid(err)
}

// allBools reports whether every byte is 0 or 1, as Go's bool must be.
func allBools(b []byte) bool {
	for _, x := range b {
		if x > 1 {
			return false
		}
	}
	return true
}

func unpack6(raw []byte, n int) []byte {
	out := tensor.Align(n)
	for i := range out {
		bit := i * 6
		w := uint(raw[bit/8])
		if bit/8+1 < len(raw) {
			w |= uint(raw[bit/8+1]) << 8
		}
		out[i] = byte(w>>(bit%8)) & 63
	}
	return out
}

func pack6(elems []byte) []byte {
	size, _ := rawSize(tensor.Float6E2M3, len(elems))
	out := make([]byte, size)
	for i, e := range elems {
		bit, w := i*6, uint(e&63)<<(i*6%8)
		out[bit/8] |= byte(w)
		if w>>8 != 0 {
			out[bit/8+1] |= byte(w >> 8)
		}
	}
	return out
}

// fromTyped imports from the field that the standard gives each element type.
func fromTyped(d tensor.DType, p *pb.TensorProto, shape tensor.Shape, n int) (*tensor.Tensor, error) {
	switch d {
	case tensor.Float32:
		return over("float_data", d, p.FloatData, shape, n)
	case tensor.Complex64:
		return over("float_data", d, p.FloatData, shape, 2*n)
	case tensor.Float64:
		return over("double_data", d, p.DoubleData, shape, n)
	case tensor.Complex128:
		return over("double_data", d, p.DoubleData, shape, 2*n)
	case tensor.Int64:
		return over("int64_data", d, p.Int64Data, shape, n)
	case tensor.Uint64:
		return over("uint64_data", d, p.Uint64Data, shape, n)
	case tensor.Int32:
		return over("int32_data", d, p.Int32Data, shape, n)
	case tensor.Uint32:
		if err := count("uint64_data", len(p.Uint64Data), n, d, shape); err != nil {
			return nil, err
		}
		return narrow(d, p.Uint64Data, shape)
	case tensor.String:
		if err := count("string_data", len(p.StringData), n, d, shape); err != nil {
			return nil, err
		}
		s := make([]string, n)
		for i, b := range p.StringData {
			s[i] = unsafe.String(unsafe.SliceData(b), len(b))
		}
		t, err := tensor.OfStrings(s, shape...)
		return t, invalid(err)
	case tensor.Invalid:
		return nil, in("data_type", graph.Invalidf("a tensor without an element type"))
	}
	entries := n
	if d.Packed() { // an entry is a byte, with two or four elements
		entries, _ = d.Bytes(n)
	}
	if err := count("int32_data", len(p.Int32Data), entries, d, shape); err != nil {
		return nil, err
	}
	return narrow(d, p.Int32Data, shape)
}

func count(field string, got, want int, d tensor.DType, shape tensor.Shape) error {
	if got == want {
		return nil
	}
	return in(field, graph.Invalidf("%d elements for %s%v", got, d.Short(), shape))
}

// over is a tensor on the memory of a decoded field.
func over[T float32 | float64 | int32 | int64 | uint64](field string, d tensor.DType, data []T, shape tensor.Shape, n int) (*tensor.Tensor, error) {
	if n < 0 {
		return nil, in("dims", graph.Invalidf("size of %s%v overflows", d.Short(), shape))
	}
	if err := count(field, len(data), n, d, shape); err != nil {
		return nil, err
	}
	var z T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(z)))
	t, err := tensor.FromBytes(d, b, shape...)
	return t, invalid(err)
}

// narrow takes the low bytes of every entry, as many as an element has.
func narrow[T int32 | uint64](d tensor.DType, data []T, shape tensor.Shape) (*tensor.Tensor, error) {
	t, err := tensor.New(d, shape...)
	if err != nil {
		return nil, invalid(err)
	}
	b := t.Bytes()
	switch {
	case d == tensor.Bool:
		for i, v := range data {
			if v != 0 {
				b[i] = 1
			}
		}
	case isFloat6(d):
		for i, v := range data {
			b[i] = byte(v) & 63
		}
	case d.Size() == 2:
		for i, v := range data {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
		}
	case d.Size() == 4:
		for i, v := range data {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
		}
	default:
		for i, v := range data {
			b[i] = byte(v)
		}
	}
	return t, nil
}

// exportTensor is a new message for t: raw bytes, or strings. It aliases t.
func exportTensor(name string, t *tensor.Tensor) (*pb.TensorProto, error) {
	if t == nil {
		return nil, graph.Invalidf("a tensor is missing")
	}
	d := int32(t.DType())
	p := &pb.TensorProto{DataType: &d}
	if name != "" {
		p.Name = &name
	}
	for _, n := range t.Shape() {
		p.Dims = append(p.Dims, int64(n))
	}
	switch {
	case t.DType().IsContainer():
		return nil, graph.Invalidf("a %s where a tensor is wanted", t.DType())
	case t.DType() == tensor.String:
		p.StringData = make([][]byte, 0, t.Len())
		for _, s := range t.Strings() {
			p.StringData = append(p.StringData, []byte(s))
		}
	case isFloat6(t.DType()):
		p.SetRawBytes(pack6(t.Bytes()))
	default:
		p.SetRawBytes(t.Bytes())
	}
	return p, nil
}
