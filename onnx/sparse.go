package onnx

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// dense imports a sparse tensor as a dense one, which may be much larger than the file: every such tensor, and all
// of a model together, stay within Limits.MaxTensorBytes.
func (im *importer) dense(p *pb.SparseTensorProto) (*tensor.Tensor, error) {
	if p.Values == nil {
		return nil, in("values", graph.Invalidf("a sparse tensor without values"))
	}
	vals, err := im.tensor(p.Values)
	if err != nil {
		return nil, in("values", err)
	}
	shape, n, err := dims(p.Dims)
	if err != nil {
		return nil, in("dims", err)
	}
	d := vals.DType()
	size, ok := d.Bytes(n)
	if d == tensor.String {
		size, ok = 16*n, n <= math.MaxInt/16
	}
	if !ok || int64(size) > im.maxDense-im.densified {
		return nil, in("dims", graph.Limitf("sparse %s%v is larger than %d bytes when dense", d.Short(), shape, im.maxDense))
	}
	im.densified += int64(size)
	index, err := im.indices(p, vals.Len(), shape, n)
	if err != nil {
		return nil, in("indices", err)
	}
	t, err := tensor.New(d, shape...)
	if err != nil {
		return nil, invalid(err)
	}
	dst, src := t.Bytes(), vals.Bytes()
	for i, at := range index {
		switch bits := d.Bits(); {
		case d == tensor.String:
			t.Strings()[at] = vals.Strings()[i]
		case bits < 8:
			per := 8 / bits
			dst[int(at)/per] |= vals.SmallBits(i) << (int(at) % per * bits)
		default:
			copy(dst[int(at)*bits/8:][:bits/8], src[i*bits/8:])
		}
	}
	return t, nil
}

// indices are the positions of the values in the dense tensor, strictly ascending as the standard asks.
func (im *importer) indices(p *pb.SparseTensorProto, nnz int, shape tensor.Shape, n int) ([]int64, error) {
	if p.Indices == nil {
		if nnz == 0 {
			return nil, nil
		}
		return nil, graph.Invalidf("%d values without indices", nnz)
	}
	idx, err := im.tensor(p.Indices)
	if err != nil {
		return nil, err
	}
	if idx.DType() != tensor.Int64 {
		return nil, graph.Invalidf("indices of type %s", idx.DType())
	}
	flat := tensor.Data[int64](idx)
	switch {
	case idx.Shape().Equal([]int{nnz}):
	case idx.Shape().Equal([]int{nnz, len(shape)}):
		all := flat
		flat = make([]int64, nnz)
		for i := range flat {
			for k, extent := range shape {
				x := all[i*len(shape)+k]
				if x < 0 || x >= int64(extent) {
					return nil, graph.Invalidf("index %d on axis %d of extent %d", x, k, extent)
				}
				flat[i] = flat[i]*int64(extent) + x
			}
		}
	default:
		return nil, graph.Invalidf("indices of shape %v for %d values of a tensor %v", idx.Shape(), nnz, shape)
	}
	last := int64(-1)
	for _, x := range flat {
		if x <= last || x >= int64(n) {
			return nil, graph.Invalidf("index %d after %d in a tensor of %d elements", x, last, n)
		}
		last = x
	}
	return flat, nil
}
