package onnx

import (
	"slices"
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// attr imports an attribute; s is what graphs in it may read.
func (im *importer) attr(p *pb.AttributeProto, s *scope) (graph.Attr, error) {
	a := graph.Attr{Name: p.GetName(), Ref: p.GetRefAttrName()}
	if a.Name == "" {
		return a, in("name", graph.Invalidf("an attribute without a name"))
	}
	if a.Ref != "" {
		if !im.function {
			return a, in("ref_attr_name", graph.Invalidf("a reference to attribute %q outside of a function", a.Ref))
		}
		a.Origin = &attrOrigin{proto: p, src: im.src}
		return a, nil
	}
	var err error
	if a.Value, err = im.attrValue(p, s); err != nil {
		return a, err
	}
	a.Origin = &attrOrigin{proto: p, value: keepList(a.Value), src: im.src}
	return a, nil
}

// keepList copies lists of tensors, in which a pass may exchange one.
func keepList(v any) any {
	if l, ok := v.([]*tensor.Tensor); ok {
		return slices.Clone(l)
	}
	return v
}

func (im *importer) attrValue(p *pb.AttributeProto, s *scope) (any, error) {
	switch typ := attrType(p); typ {
	case pb.AttributeProto_FLOAT:
		return p.GetF(), nil
	case pb.AttributeProto_INT:
		return p.GetI(), nil
	case pb.AttributeProto_STRING:
		return text(p.S), nil
	case pb.AttributeProto_FLOATS:
		return orEmpty(p.Floats), nil
	case pb.AttributeProto_INTS:
		return orEmpty(p.Ints), nil
	case pb.AttributeProto_STRINGS:
		out := make([]string, len(p.Strings))
		for i, b := range p.Strings {
			out[i] = text(b)
		}
		return out, nil
	case pb.AttributeProto_TENSOR:
		if p.T == nil {
			return nil, in("t", graph.Invalidf("a tensor attribute without its tensor"))
		}
		t, err := im.tensor(p.T)
		return t, in("t", err)
	case pb.AttributeProto_SPARSE_TENSOR:
		if p.SparseTensor == nil {
			return nil, in("sparse_tensor", graph.Invalidf("a sparse tensor attribute without its tensor"))
		}
		t, err := im.dense(p.SparseTensor)
		return t, in("sparse_tensor", err)
	case pb.AttributeProto_GRAPH:
		if p.G == nil {
			return nil, in("g", graph.Invalidf("a graph attribute without its graph"))
		}
		g, err := im.graph(p.G, s)
		return g, in("g", err)
	case pb.AttributeProto_TYPE_PROTO:
		t, err := importType(p.Tp)
		return t, in("tp", err)
	case pb.AttributeProto_TENSORS:
		return importList("tensors", p.Tensors, im.tensor)
	case pb.AttributeProto_SPARSE_TENSORS:
		return importList("sparse_tensors", p.SparseTensors, im.dense)
	case pb.AttributeProto_GRAPHS:
		return importList("graphs", p.Graphs, func(g *pb.GraphProto) (*graph.Graph, error) { return im.graph(g, s) })
	case pb.AttributeProto_TYPE_PROTOS:
		return importList("type_protos", p.TypeProtos, importType)
	default:
		return nil, in("type", graph.Invalidf("attribute type %d", typ))
	}
}

func importList[P, V any](field string, ps []P, one func(P) (V, error)) (any, error) {
	out := make([]V, len(ps))
	for i, p := range ps {
		var err error
		if out[i], err = one(p); err != nil {
			return nil, at(field, i, err)
		}
	}
	return out, nil
}

// attrType is the type that p says or, in files of the first format versions, shows by the field it fills.
func attrType(p *pb.AttributeProto) pb.AttributeProto_AttributeType {
	if typ := p.GetType(); typ != pb.AttributeProto_UNDEFINED {
		return typ
	}
	switch {
	case p.F != nil:
		return pb.AttributeProto_FLOAT
	case p.I != nil:
		return pb.AttributeProto_INT
	case p.S != nil:
		return pb.AttributeProto_STRING
	case p.T != nil:
		return pb.AttributeProto_TENSOR
	case p.G != nil:
		return pb.AttributeProto_GRAPH
	case p.SparseTensor != nil:
		return pb.AttributeProto_SPARSE_TENSOR
	case p.Tp != nil:
		return pb.AttributeProto_TYPE_PROTO
	case p.Floats != nil:
		return pb.AttributeProto_FLOATS
	case p.Ints != nil:
		return pb.AttributeProto_INTS
	case p.Strings != nil:
		return pb.AttributeProto_STRINGS
	case p.Tensors != nil:
		return pb.AttributeProto_TENSORS
	case p.Graphs != nil:
		return pb.AttributeProto_GRAPHS
	case p.SparseTensors != nil:
		return pb.AttributeProto_SPARSE_TENSORS
	case p.TypeProtos != nil:
		return pb.AttributeProto_TYPE_PROTOS
	}
	return pb.AttributeProto_UNDEFINED
}

// text is b as a string, on the same memory: decoded messages are never written.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
