package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

func le[T any](v ...T) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, v)
	return b
}

// TestStorage wants the same elements from the typed field and from raw_data, for every element type.
func TestStorage(t *testing.T) {
	ints := func(v ...int32) *pb.TensorProto { return &pb.TensorProto{Int32Data: v} }
	for _, c := range []struct {
		d     tensor.DType
		dims  []int64
		typed *pb.TensorProto
		raw   []byte
		want  []byte // in memory, raw when nil
	}{
		{tensor.Float32, []int64{2}, &pb.TensorProto{FloatData: []float32{1, float32(math.Copysign(0, -1))}}, le(float32(1), float32(math.Copysign(0, -1))), nil},
		{tensor.Float64, []int64{1, 2}, &pb.TensorProto{DoubleData: []float64{1, math.Inf(1)}}, le(1, math.Inf(1)), nil},
		{tensor.Complex64, []int64{1}, &pb.TensorProto{FloatData: []float32{1, 2}}, le(float32(1), float32(2)), nil},
		{tensor.Complex128, []int64{1}, &pb.TensorProto{DoubleData: []float64{1, 2}}, le(1.0, 2.0), nil},
		{tensor.Int64, nil, &pb.TensorProto{Int64Data: []int64{math.MinInt64}}, le(int64(math.MinInt64)), nil},
		{tensor.Uint64, []int64{1}, &pb.TensorProto{Uint64Data: []uint64{math.MaxUint64}}, le(uint64(math.MaxUint64)), nil},
		{tensor.Uint32, []int64{1}, &pb.TensorProto{Uint64Data: []uint64{math.MaxUint32}}, le(uint32(math.MaxUint32)), nil},
		{tensor.Int32, []int64{2}, ints(-1, 7), le(int32(-1), int32(7)), nil},
		{tensor.Int16, []int64{2}, ints(-2, 7), le(int16(-2), int16(7)), nil},
		{tensor.Uint16, []int64{1}, ints(65535), le(uint16(65535)), nil},
		{tensor.Float16, []int64{1}, ints(0xbc00), le(uint16(0xbc00)), nil},
		{tensor.BFloat16, []int64{1}, ints(0xbf80), le(uint16(0xbf80)), nil},
		{tensor.Int8, []int64{2}, ints(-128, 127), []byte{128, 127}, nil},
		{tensor.Uint8, []int64{2}, ints(0, 255), []byte{0, 255}, nil},
		{tensor.Bool, []int64{3}, ints(0, 1, 2), []byte{0, 1, 9}, []byte{0, 1, 1}},
		{tensor.Float8E4M3FN, []int64{1}, ints(0x7f), []byte{0x7f}, nil},
		{tensor.Float8E4M3FNUZ, []int64{1}, ints(0x80), []byte{0x80}, nil},
		{tensor.Float8E5M2, []int64{1}, ints(0x7c), []byte{0x7c}, nil},
		{tensor.Float8E5M2FNUZ, []int64{1}, ints(0x80), []byte{0x80}, nil},
		{tensor.Float8E8M0, []int64{1}, ints(255), []byte{255}, nil},
		{tensor.Int4, []int64{3}, ints(0xf1, 0x07), []byte{0xf1, 0x07}, nil},
		{tensor.Uint4, []int64{2, 2}, ints(0xf1, 0x27), []byte{0xf1, 0x27}, nil},
		{tensor.Float4E2M1, []int64{1}, ints(0x0f), []byte{0x0f}, nil},
		{tensor.Int2, []int64{5}, ints(0xe4, 0x03), []byte{0xe4, 0x03}, nil},
		{tensor.Uint2, []int64{4}, ints(0xe4), []byte{0xe4}, nil},
		{tensor.Float6E2M3, []int64{5}, ints(1, 63, 32, 7, 42), []byte{0xc1, 0x0f, 0x1e, 0x2a}, []byte{1, 63, 32, 7, 42}},
		{tensor.Float6E3M2, []int64{1}, ints(33), []byte{33}, nil},
	} {
		p := c.typed
		p.DataType, p.Dims = ptr(int32(c.d)), c.dims
		want := c.want
		if want == nil {
			want = c.raw
		}
		check := func(form string, p *pb.TensorProto) *tensor.Tensor {
			_, x, err := ReadTensor(encoded(t, p), graph.Unranked(c.d))
			if err != nil || x.DType() != c.d || !bytes.Equal(x.Bytes(), want) || x.Rank() != len(c.dims) {
				t.Errorf("%s %s: %v %v, want %v", c.d, form, x, err, want)
			}
			return x
		}
		x := check("typed", p)
		q := &pb.TensorProto{DataType: p.DataType, Dims: p.Dims}
		q.SetRawBytes(c.raw)
		check("raw", q)
		if x != nil {
			b, err := WriteTensor("n", x)
			name, y, err2 := ReadTensor(b, graph.Type{})
			if err != nil || err2 != nil || name != "n" || !sameTensor(x, y) {
				t.Errorf("%s written: %v %v %v", c.d, y, err, err2)
			}
		}
		q.SetRawBytes(append(c.raw, 0))
		_, _, err := ReadTensor(encoded(t, q), graph.Unranked(c.d))
		wantError(t, err, graph.ErrInvalid, "raw_data", "bytes for")
		q.RawData, q.Int32Data = nil, append(ints(1, 2, 3).Int32Data, make([]int32, 9)...)
		if _, _, err := ReadTensor(encoded(t, q), graph.Unranked(c.d)); err == nil {
			t.Errorf("%s: 12 elements for %v", c.d, c.dims)
		}
	}
}

func TestEmptyTensors(t *testing.T) {
	for d := tensor.Float32; d <= tensor.Float6E3M2; d++ {
		p := &pb.TensorProto{DataType: ptr(int32(d)), Dims: []int64{3, 0, 1 << 40}}
		if _, x, err := ReadTensor(encoded(t, p), graph.Unranked(d)); err != nil || x.Len() != 0 || x.Dim(2) != 1<<40 {
			t.Errorf("%s: %v %v", d, x, err)
		}
	}
}

func TestRawAliases(t *testing.T) {
	p := floats("w", 1)
	p.FloatData = nil
	p.SetRawBytes(le(float32(1)))
	m := modelOf(&pb.GraphProto{Initializer: []*pb.TensorProto{p}})
	aliased := 0
	for pad := range 4 { // the elements start at each address modulo 4
		m.ProducerName = ptr("producer"[:pad])
		b := encoded(t, m)
		g, err := LoadBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, le(float32(1)))
		if &g.Consts[0].Const.Bytes()[0] == &b[at] {
			aliased++
		}
	}
	want := 1
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" { // which load at any address
		want = 4
	}
	if aliased != want {
		t.Errorf("%d of 4 aliased, want %d", aliased, want)
	}
}

func TestSparse(t *testing.T) {
	index := func(dims []int64, v ...int64) *pb.TensorProto {
		return &pb.TensorProto{DataType: ptr(int32(7)), Dims: dims, Int64Data: v}
	}
	for _, c := range []struct {
		values, indices *pb.TensorProto
		dims            []int64
		want            []byte
		field, err      string
	}{
		{floats("s", 5, 6), index([]int64{2}, 1, 3), []int64{2, 2}, le[float32](0, 5, 0, 6), "", ""},
		{floats("s", 5, 6), index([]int64{2, 2}, 0, 1, 1, 0), []int64{2, 2}, le[float32](0, 5, 6, 0), "", ""},
		{&pb.TensorProto{Name: ptr("s"), DataType: ptr(int32(22)), Dims: []int64{3}, Int32Data: []int32{0x21, 0x0f}}, index([]int64{3}, 0, 2, 4), []int64{5}, []byte{0x01, 0x02, 0x0f}, "", ""},
		{floats("s"), nil, []int64{2}, le[float32](0, 0), "", ""},
		{floats("s", 5), nil, []int64{2}, nil, ".indices", "without indices"},
		{floats("s", 5, 6), index([]int64{2}, 3, 1), []int64{4}, nil, ".indices", "index 1 after 3"},
		{floats("s", 5, 6), index([]int64{2}, 1, 4), []int64{4}, nil, ".indices", "index 4"},
		{floats("s", 5), index([]int64{1}, -1), []int64{4}, nil, ".indices", "index -1"},
		{floats("s", 5), index([]int64{1, 2}, 0, 2), []int64{2, 2}, nil, ".indices", "index 2 on axis 1"},
		{floats("s", 5), index([]int64{2}, 0, 1), []int64{4}, nil, ".indices", "indices of shape [2] for 1 values"},
		{nil, nil, []int64{4}, nil, "", "without a name"},
	} {
		p := &pb.SparseTensorProto{Values: c.values, Indices: c.indices, Dims: c.dims}
		b := encoded(t, modelOf(&pb.GraphProto{SparseInitializer: []*pb.SparseTensorProto{p}, Output: infos("s")}))
		g, err := LoadBytes(b)
		if c.err != "" {
			wantError(t, err, graph.ErrInvalid, "graph.sparse_initializer[0]"+c.field, c.err)
			continue
		}
		if err != nil || !bytes.Equal(g.Consts[0].Const.Bytes(), c.want) {
			t.Errorf("%v: %v", c.want, err)
			continue
		}
		if back, err := Marshal(g); err != nil || !bytes.Equal(b, back) {
			t.Errorf("written as something else: %v", err)
		}
	}
	bomb := &pb.SparseTensorProto{Values: floats("s"), Dims: []int64{1 << 40}}
	_, err := LoadBytes(encoded(t, modelOf(&pb.GraphProto{SparseInitializer: []*pb.SparseTensorProto{bomb}})))
	wantError(t, err, graph.ErrLimit, "graph.sparse_initializer[0].dims", "when dense")
	small := &pb.SparseTensorProto{Values: floats("s"), Dims: []int64{600}}
	two := []*pb.AttributeProto{{Name: ptr("a"), Type: ptr(pb.AttributeProto_SPARSE_TENSORS), SparseTensors: []*pb.SparseTensorProto{small, small}}}
	_, err = LoadBytes(encoded(t, modelOf(&pb.GraphProto{Node: []*pb.NodeProto{node("y = C()", two...)}})), WithLimits(Limits{MaxTensorBytes: 4000}))
	wantError(t, err, graph.ErrLimit, "graph.node[0].attribute[0].sparse_tensors[1].dims", "when dense")
}

func TestContainers(t *testing.T) {
	must := tensor.Must
	seq := must(tensor.OfElems(tensor.Sequence, tensor.Ints(1, 2), tensor.Ints()))
	keys := must(tensor.OfStrings([]string{"a", "b"}))
	for _, x := range []*tensor.Tensor{
		seq,
		must(tensor.OfElems(tensor.Sequence)),
		must(tensor.OfElems(tensor.Sequence, seq, seq)),
		must(tensor.OfElems(tensor.Optional)),
		must(tensor.OfElems(tensor.Optional, keys)),
		must(tensor.OfElems(tensor.Optional, seq)),
		must(tensor.OfElems(tensor.Map, keys, must(tensor.Of([]float32{1, 2})))),
		must(tensor.OfElems(tensor.Map, tensor.Ints(-1, 5), must(tensor.OfStrings([]string{"x", ""})))),
		must(tensor.OfElems(tensor.Map, must(tensor.Of([]uint32{1, math.MaxUint32})), seq)),
		must(tensor.OfElems(tensor.Sequence, must(tensor.OfElems(tensor.Map, tensor.Ints(1), must(tensor.Of([]float32{2})))))),
		must(tensor.OfElems(tensor.Sequence, must(tensor.OfElems(tensor.Optional)))),
	} {
		b, err := WriteTensor("c", x)
		if err != nil {
			t.Errorf("%s: %v", x, err)
			continue
		}
		name, y, err := ReadTensor(b, graph.Type{DType: x.DType()})
		if err != nil || name != "c" || !sameTensor(x, y) {
			t.Errorf("%s: %s, %v", x, y, err)
		}
	}
	_, err := WriteTensor("", must(tensor.OfElems(tensor.Sequence, seq, keys)))
	wantError(t, err, graph.ErrInvalid, "elements[1]", "different kinds")
}
