package onnx

import (
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// placement says where the elements of tensors go.
type placement struct {
	inline   bool   // all into the model
	location string // initializers of at least from bytes into this file beside it, all else into the model
	from     int
	noFiles  bool // nothing but the model is written
}

// pageSize is what offsets in data files are multiples of, so that tensors can be mapped one by one everywhere.
const pageSize = 4096

func (p placement) keepsExternal() bool { return !p.inline && p.location == "" }

// constants exports initializers: dense ones and sparse ones.
func (e *exporter) constants(vs []*graph.Value) (dense []*pb.TensorProto, sparse []*pb.SparseTensorProto, err error) {
	for i, v := range vs {
		if v.Const == nil {
			return nil, nil, at("initializer", i, graph.Invalidf("constant %q without its tensor", v.Name))
		}
		o := originOf(v)
		if o != nil && o.sparse != nil && o.value == v.Const {
			p, err := e.keepSparse(o.sparse, o.src)
			if err != nil {
				return nil, nil, at("sparse_initializer", i, err)
			}
			if name := e.name(v); name != p.GetValues().GetName() {
				c, vals := *p, *p.Values
				vals.Name, c.Values = &name, &vals
				p = &c
			}
			sparse = append(sparse, p)
			continue
		}
		p, err := e.initializer(v, o)
		if err != nil {
			return nil, nil, at("initializer", i, err)
		}
		dense = append(dense, p)
	}
	return dense, sparse, nil
}

func (e *exporter) initializer(v *graph.Value, o *valueOrigin) (*pb.TensorProto, error) {
	name := e.name(v)
	var p *pb.TensorProto
	var err error
	switch {
	case o != nil && o.tensor != nil && o.value == v.Const:
		p, err = e.keep(o.tensor, o.src)
	default:
		p, err = exportTensor(name, v.Const)
		if err == nil && o != nil && o.tensor != nil {
			p.DocString, p.MetadataProps = o.tensor.DocString, o.tensor.MetadataProps
		}
	}
	if err != nil {
		return nil, err
	}
	if name != p.GetName() {
		c := *p
		c.Name = &name
		if b, ok := e.external[p]; ok {
			e.external[&c] = b
			delete(e.external, p)
		}
		p = &c
	}
	return e.move(p, v.Const)
}

// move puts the elements of an initializer into the file of the placement, if it has one and they are many.
func (e *exporter) move(p *pb.TensorProto, t *tensor.Tensor) (*pb.TensorProto, error) {
	if e.place.location == "" || t.DType() == tensor.String {
		return p, nil
	}
	raw := p.RawBytes()
	if raw == nil {
		q, err := exportTensor("", t)
		if err != nil {
			return nil, err
		}
		raw = q.RawBytes()
	}
	if len(raw) == 0 || len(raw) < e.place.from {
		return p, nil
	}
	c := clearElements(p)
	where := pb.TensorProto_EXTERNAL
	c.DataLocation = &where
	entry := func(key, value string) {
		c.ExternalData = append(c.ExternalData, &pb.StringStringEntryProto{Key: &key, Value: &value})
	}
	offset := (e.moved + pageSize - 1) &^ (pageSize - 1)
	entry("location", e.place.location)
	entry("offset", strconv.FormatInt(offset, 10))
	entry("length", strconv.Itoa(len(raw)))
	e.moved = offset + int64(len(raw))
	e.external[c] = raw
	return c, nil
}

func clearElements(p *pb.TensorProto) *pb.TensorProto {
	c := *p
	c.RawData, c.ExternalData, c.DataLocation = nil, nil, nil
	c.FloatData, c.DoubleData, c.Int32Data, c.Int64Data, c.Uint64Data = nil, nil, nil, nil, nil
	return &c
}

// keep writes a message as it was read; external elements stay where they are or come into the model.
func (e *exporter) keep(p *pb.TensorProto, src *source) (*pb.TensorProto, error) {
	if p.GetDataLocation() != pb.TensorProto_EXTERNAL || e.place.noFiles && e.place.keepsExternal() {
		return p, nil
	}
	d, err := elemType(p.GetDataType())
	if err != nil {
		return nil, in("data_type", err)
	}
	_, n, err := dims(p.Dims)
	if err != nil {
		return nil, in("dims", err)
	}
	size, ok := rawSize(d, n)
	if !ok {
		return nil, in("dims", graph.Invalidf("size overflows"))
	}
	b, err := src.read(p, size)
	if err != nil {
		return nil, in("external_data", err)
	}
	if e.place.keepsExternal() {
		e.external[p] = b
		return p, nil
	}
	c := clearElements(p)
	c.SetRawBytes(b)
	return c, nil
}

func (e *exporter) keepSparse(p *pb.SparseTensorProto, src *source) (*pb.SparseTensorProto, error) {
	values, err := e.keep(p.Values, src)
	if err != nil {
		return nil, in("values", err)
	}
	indices := p.Indices
	if indices != nil {
		if indices, err = e.keep(indices, src); err != nil {
			return nil, in("indices", err)
		}
	}
	if values == p.Values && indices == p.Indices {
		return p, nil
	}
	c := *p
	c.Values, c.Indices = values, indices
	return &c, nil
}

// training keeps the training graphs, which are not imported. What their tensors have outside of the model goes along.
func (e *exporter) training(ps []*pb.TrainingInfoProto, src *source) ([]*pb.TrainingInfoProto, error) {
	out := make([]*pb.TrainingInfoProto, len(ps))
	for i, p := range ps {
		init, err := e.keepGraph(p.Initialization, src)
		if err != nil {
			return nil, at("", i, in("initialization", err))
		}
		algorithm, err := e.keepGraph(p.Algorithm, src)
		if err != nil {
			return nil, at("", i, in("algorithm", err))
		}
		if out[i] = p; init != p.Initialization || algorithm != p.Algorithm {
			c := *p
			c.Initialization, c.Algorithm = init, algorithm
			out[i] = &c
		}
	}
	return out, nil
}

// keepGraph is p, or a copy of it in which initializers have come into the model.
func (e *exporter) keepGraph(p *pb.GraphProto, src *source) (*pb.GraphProto, error) {
	if p == nil {
		return nil, nil
	}
	changed := false
	c := *p
	c.Initializer = make([]*pb.TensorProto, len(p.Initializer))
	for i, t := range p.Initializer {
		var err error
		if c.Initializer[i], err = e.keep(t, src); err != nil {
			return nil, at("initializer", i, err)
		}
		changed = changed || c.Initializer[i] != t
	}
	if !changed {
		return p, nil
	}
	return &c, nil
}
