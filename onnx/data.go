package onnx

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
	"github.com/onnxrun/onnxrun/onnx/internal/wire"
)

// What elem_type of a container says.
const (
	ofTensors   = 1
	ofSparse    = 2
	ofSequences = 3
	ofMaps      = 4
	ofOptionals = 5
)

// ReadTensor reads a file of test data (input_0.pb): a tensor, or a container when want is the type of one. The format does not
// say which it is: when nothing is known of want, what makes sense is taken, a tensor before a sequence before a map
// before an optional. The tensor may alias b. External data are refused.
func ReadTensor(b []byte, want graph.Type, opts ...Option) (name string, t *tensor.Tensor, err error) {
	r := &dataReader{config: configure(opts), want: want.DType}
	r.im = newImporter(r.limits, r.files(nil))
	switch want.DType {
	case tensor.Sequence:
		name, t, err = r.sequenceFile(b)
	case tensor.Map:
		name, t, err = r.mapFile(b)
	case tensor.Optional:
		name, t, err = r.optionalFile(b)
	default:
		name, t, err = r.tensorFile(b)
	}
	if err == nil || !want.IsZero() {
		return name, t, unreadable("", err)
	}
	for _, read := range []func([]byte) (string, *tensor.Tensor, error){r.sequenceFile, r.mapFile, r.optionalFile} {
		if name, t, e := read(b); e == nil {
			return name, t, nil
		}
	}
	return "", nil, unreadable("", err)
}

type dataReader struct {
	*config
	im   *importer
	want tensor.DType
}

func (r *dataReader) tensorFile(b []byte) (string, *tensor.Tensor, error) {
	p := &pb.TensorProto{}
	if err := r.decode(b, wire.Tensor, p); err != nil {
		return "", nil, err
	}
	if d := int32(tensor.BFloat16); r.want == tensor.BFloat16 && p.GetDataType() == int32(tensor.Uint16) {
		p.DataType = &d // older suites hold bfloat16 as the integers of its bits, because numpy has no such type
	}
	t, err := r.im.tensor(p)
	return p.GetName(), t, err
}

func (r *dataReader) sequenceFile(b []byte) (string, *tensor.Tensor, error) {
	p := &pb.SequenceProto{}
	if err := r.decode(b, wire.Sequence, p); err != nil {
		return "", nil, err
	}
	t, err := r.sequence(p)
	return p.GetName(), t, err
}

func (r *dataReader) mapFile(b []byte) (string, *tensor.Tensor, error) {
	p := &pb.MapProto{}
	if err := r.decode(b, wire.Map, p); err != nil {
		return "", nil, err
	}
	t, err := r.mapping(p)
	return p.GetName(), t, err
}

func (r *dataReader) optionalFile(b []byte) (string, *tensor.Tensor, error) {
	p := &pb.OptionalProto{}
	if err := r.decode(b, wire.Optional, p); err != nil {
		return "", nil, err
	}
	t, err := r.optional(p)
	return p.GetName(), t, err
}

func (r *dataReader) sequence(p *pb.SequenceProto) (*tensor.Tensor, error) {
	var elems []*tensor.Tensor
	var err error
	switch p.GetElemType() {
	case ofTensors:
		elems, err = readList("tensor_values", p.TensorValues, r.im.tensor)
	case ofSparse:
		elems, err = readList("sparse_tensor_values", p.SparseTensorValues, r.im.dense)
	case ofSequences:
		elems, err = readList("sequence_values", p.SequenceValues, r.sequence)
	case ofMaps:
		elems, err = readList("map_values", p.MapValues, r.mapping)
	case ofOptionals:
		elems, err = readList("optional_values", p.OptionalValues, r.optional)
	case 0:
		if len(p.TensorValues)+len(p.SparseTensorValues)+len(p.SequenceValues)+len(p.MapValues)+len(p.OptionalValues) > 0 {
			err = in("elem_type", graph.Invalidf("values of an undefined type"))
		}
	default:
		err = in("elem_type", graph.Invalidf("type %d of elements", p.GetElemType()))
	}
	if err != nil {
		return nil, err
	}
	return tensor.OfElems(tensor.Sequence, elems...)
}

func readList[P any](field string, ps []P, one func(P) (*tensor.Tensor, error)) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(ps))
	for i, p := range ps {
		var err error
		if out[i], err = one(p); err != nil {
			return nil, at(field, i, err)
		}
	}
	return out, nil
}

func (r *dataReader) optional(p *pb.OptionalProto) (t *tensor.Tensor, err error) {
	switch {
	case p.TensorValue != nil:
		t, err = r.im.tensor(p.TensorValue)
	case p.SparseTensorValue != nil:
		t, err = r.im.dense(p.SparseTensorValue)
	case p.SequenceValue != nil:
		t, err = r.sequence(p.SequenceValue)
	case p.MapValue != nil:
		t, err = r.mapping(p.MapValue)
	case p.OptionalValue != nil:
		t, err = r.optional(p.OptionalValue)
	default:
		return tensor.OfElems(tensor.Optional)
	}
	if err != nil {
		return nil, in("value", err)
	}
	return tensor.OfElems(tensor.Optional, t)
}

// mapping reads the keys as one tensor, and the values as one when all are scalars, else as a sequence.
func (r *dataReader) mapping(p *pb.MapProto) (*tensor.Tensor, error) {
	d, err := elemType(p.GetKeyType())
	if err != nil {
		return nil, in("key_type", err)
	}
	keys := &pb.TensorProto{DataType: p.KeyType, Dims: []int64{int64(len(p.Keys))}}
	switch {
	case d == tensor.String:
		keys.Dims[0], keys.StringData = int64(len(p.StringKeys)), p.StringKeys
	case d == tensor.Int64:
		keys.Int64Data = p.Keys
	case d.IsInt() && d.Size() > 0:
		keys.Int32Data, keys.Uint64Data = make([]int32, len(p.Keys)), make([]uint64, len(p.Keys))
		for i, k := range p.Keys {
			keys.Int32Data[i], keys.Uint64Data[i] = int32(k), uint64(k)
		}
	default:
		return nil, in("key_type", graph.Invalidf("keys of type %s", d))
	}
	k, err := r.im.tensor(keys)
	if err != nil {
		return nil, in("keys", err)
	}
	v, err := tensor.OfElems(tensor.Sequence)
	if p.Values != nil {
		v, err = r.sequence(p.Values)
	}
	if err != nil {
		return nil, in("values", err)
	}
	if v.Len() != k.Len() {
		return nil, in("values", graph.Invalidf("%d values for %d keys", v.Len(), k.Len()))
	}
	return tensor.OfElems(tensor.Map, k, stack(v))
}

// stack makes one tensor of a sequence of scalars of one type; anything else stays a sequence.
func stack(seq *tensor.Tensor) *tensor.Tensor {
	elems := seq.Elems()
	if len(elems) == 0 {
		return seq
	}
	d := elems[0].DType()
	var raw []byte
	var strs []string
	for _, e := range elems {
		if e.DType() != d || d.IsContainer() || d.Packed() || e.Len() != 1 || e.Rank() > 0 {
			return seq
		}
		raw = append(raw, e.Bytes()...)
		strs = append(strs, e.Strings()...)
	}
	if d == tensor.String {
		return tensor.Must(tensor.OfStrings(strs))
	}
	t := tensor.Must(tensor.New(d, len(elems)))
	copy(t.Bytes(), raw)
	return t
}

// WriteTensor is t as a file of test data.
func WriteTensor(name string, t *tensor.Tensor) ([]byte, error) {
	b, err := writeData(name, t)
	return b, located("", err)
}

func writeData(name string, t *tensor.Tensor) ([]byte, error) {
	if t == nil {
		return nil, graph.Invalidf("a tensor is missing")
	}
	var m interface{ Marshal() ([]byte, error) }
	var err error
	switch t.DType() {
	case tensor.Sequence:
		m, err = exportSequence(name, t)
	case tensor.Map:
		m, err = exportMap(name, t)
	case tensor.Optional:
		m, err = exportOptional(name, t)
	default:
		m, err = exportTensor(name, t)
	}
	if err != nil {
		return nil, err
	}
	return m.Marshal()
}

func exportSequence(name string, t *tensor.Tensor) (*pb.SequenceProto, error) {
	kind := int32(ofTensors)
	p := &pb.SequenceProto{Name: str(name, nil), ElemType: &kind}
	for i, e := range t.Elems() {
		var err error
		was := kind
		switch {
		case e == nil:
			err = graph.Invalidf("an element is missing")
		case e.DType() == tensor.Sequence:
			kind = ofSequences
			p.SequenceValues, err = appendTo(p.SequenceValues, e, exportSequence)
		case e.DType() == tensor.Map:
			kind = ofMaps
			p.MapValues, err = appendTo(p.MapValues, e, exportMap)
		case e.DType() == tensor.Optional:
			kind = ofOptionals
			p.OptionalValues, err = appendTo(p.OptionalValues, e, exportOptional)
		default:
			kind = ofTensors
			p.TensorValues, err = appendTo(p.TensorValues, e, exportTensor)
		}
		if err == nil && i > 0 && kind != was {
			err = graph.Invalidf("elements of different kinds")
		}
		if err != nil {
			return nil, at("elements", i, err)
		}
	}
	return p, nil
}

func appendTo[P any](list []P, t *tensor.Tensor, export func(string, *tensor.Tensor) (P, error)) ([]P, error) {
	p, err := export("", t)
	return append(list, p), err
}

func exportOptional(name string, t *tensor.Tensor) (p *pb.OptionalProto, err error) {
	kind := int32(0)
	p = &pb.OptionalProto{Name: str(name, nil), ElemType: &kind}
	if len(t.Elems()) == 0 || t.Elems()[0] == nil {
		return p, nil
	}
	switch e := t.Elems()[0]; e.DType() {
	case tensor.Sequence:
		kind = ofSequences
		p.SequenceValue, err = exportSequence("", e)
	case tensor.Map:
		kind = ofMaps
		p.MapValue, err = exportMap("", e)
	case tensor.Optional:
		kind = ofOptionals
		p.OptionalValue, err = exportOptional("", e)
	default:
		kind = ofTensors
		p.TensorValue, err = exportTensor("", e)
	}
	return p, err
}

func exportMap(name string, t *tensor.Tensor) (*pb.MapProto, error) {
	keys, values := t.Elems()[0], t.Elems()[1]
	if keys == nil || values == nil || keys.Len() != values.Len() {
		return nil, graph.Invalidf("a map of %s to %s", keys, values)
	}
	kind := int32(keys.DType())
	p := &pb.MapProto{Name: str(name, nil), KeyType: &kind}
	for i := range keys.Len() {
		switch {
		case keys.DType() == tensor.String:
			p.StringKeys = append(p.StringKeys, []byte(keys.Strings()[i]))
		case keys.DType() == tensor.Int64:
			p.Keys = append(p.Keys, tensor.Data[int64](keys)[i])
		case keys.DType() == tensor.Uint64:
			p.Keys = append(p.Keys, int64(tensor.Data[uint64](keys)[i]))
		case keys.DType().IsInt() && keys.DType().Size() > 0:
			p.Keys = append(p.Keys, int64(keys.Float(i))) // at most 32 bits: exact
		default:
			return nil, graph.Invalidf("keys of type %s", keys.DType())
		}
	}
	if values.DType() == tensor.Sequence {
		var err error
		p.Values, err = exportSequence("", values)
		return p, err
	}
	seq := int32(ofTensors)
	p.Values = &pb.SequenceProto{ElemType: &seq}
	for i := range values.Len() {
		e, err := scalarAt(values, i)
		if err != nil {
			return nil, err
		}
		q, err := exportTensor("", e)
		if err != nil {
			return nil, err
		}
		p.Values.TensorValues = append(p.Values.TensorValues, q)
	}
	return p, nil
}

// scalarAt is element i as a tensor of rank 0.
func scalarAt(t *tensor.Tensor, i int) (*tensor.Tensor, error) {
	d := t.DType()
	switch {
	case d == tensor.String:
		return tensor.OfStrings(t.Strings()[i:i+1], []int{}...)
	case d.IsContainer() || d.Size() == 0:
		return nil, graph.Invalidf("a map to %s", t)
	}
	return tensor.FromBytes(d, t.Bytes()[i*d.Size():][:d.Size()], []int{}...)
}
