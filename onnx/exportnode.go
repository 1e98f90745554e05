package onnx

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// nodes exports the nodes of g, in the order of the file, which base has, when they are the same.
func (e *exporter) nodes(g *graph.Graph, o *graphOrigin, base []*pb.NodeProto) ([]*pb.NodeProto, error) {
	out := make([]*pb.NodeProto, len(g.Nodes))
	for i, n := range g.Nodes {
		var err error
		if out[i], err = e.node(n); err != nil {
			return nil, at("node", i, err)
		}
	}
	if slices.Equal(out, o.nodes) {
		return base, nil
	}
	return out, nil
}

func (e *exporter) node(n *graph.Node) (*pb.NodeProto, error) {
	base, _ := n.Origin.(*pb.NodeProto)
	if base == nil {
		base = &pb.NodeProto{}
	}
	p := *base
	p.Input, p.Output = e.nameList(n.In, base.Input), e.nameList(n.Out, base.Output)
	p.Attribute = make([]*pb.AttributeProto, len(n.Attrs))
	for i, a := range n.Attrs {
		var err error
		if p.Attribute[i], err = e.attr(a); err != nil {
			return nil, at("attribute", i, err)
		}
	}
	sameOp := n.Op.Name == base.GetOpType() && n.Overload == base.GetOverload() &&
		graph.CanonicalDomain(n.Op.Domain) == graph.CanonicalDomain(base.GetDomain())
	if sameOp && n.Name == base.GetName() && sameNames(p.Input, base.Input) && sameNames(p.Output, base.Output) &&
		slices.Equal(p.Attribute, base.Attribute) {
		return base, nil
	}
	if !sameOp {
		p.OpType, p.Domain, p.Overload = &n.Op.Name, str(n.Op.Domain, nil), str(n.Overload, nil)
	}
	p.Name = str(n.Name, base.Name)
	return &p, nil
}

// sameNames reports whether a is the very list b, as nameList gives it for equal names.
func sameNames(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (e *exporter) attr(a graph.Attr) (*pb.AttributeProto, error) {
	o, _ := a.Origin.(*attrOrigin)
	if o == nil {
		o = &attrOrigin{proto: &pb.AttributeProto{}}
	}
	base := o.proto
	p := &pb.AttributeProto{Name: &a.Name, DocString: base.DocString, XXX_unrecognized: base.XXX_unrecognized}
	same := a.Name == base.GetName() && a.Ref == base.GetRefAttrName()
	if a.Ref != "" {
		if same {
			return base, nil
		}
		p.RefAttrName, p.Type = &a.Ref, base.Type
		return p, nil
	}
	changed, err := e.attrValue(p, a.Value, o)
	if err != nil {
		return nil, err
	}
	if same && !changed {
		return base, nil
	}
	return p, nil
}

// attrValue puts v into p and reports whether it is something else than what the origin says.
func (e *exporter) attrValue(p *pb.AttributeProto, v any, o *attrOrigin) (changed bool, err error) {
	set := func(t pb.AttributeProto_AttributeType) { p.Type = &t }
	switch v := v.(type) {
	case int64:
		set(pb.AttributeProto_INT)
		p.I = &v
		was, ok := o.value.(int64)
		return !ok || was != v, nil
	case float32:
		set(pb.AttributeProto_FLOAT)
		p.F = &v
		was, ok := o.value.(float32)
		return !ok || math.Float32bits(was) != math.Float32bits(v), nil
	case string:
		set(pb.AttributeProto_STRING)
		p.S = []byte(v)
		was, ok := o.value.(string)
		return !ok || was != v, nil
	case []int64:
		set(pb.AttributeProto_INTS)
		p.Ints = v
		was, ok := o.value.([]int64)
		return !ok || !slices.Equal(was, v), nil
	case []float32:
		set(pb.AttributeProto_FLOATS)
		p.Floats = v
		was, ok := o.value.([]float32)
		return !ok || !slices.EqualFunc(was, v, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }), nil
	case []string:
		set(pb.AttributeProto_STRINGS)
		for _, s := range v {
			p.Strings = append(p.Strings, []byte(s))
		}
		was, ok := o.value.([]string)
		return !ok || !slices.Equal(was, v), nil
	case graph.Type:
		set(pb.AttributeProto_TYPE_PROTO)
		p.Tp = typeMessage(v)
		was, ok := o.value.(graph.Type)
		return !ok || !sameType(was, v), nil
	case []graph.Type:
		set(pb.AttributeProto_TYPE_PROTOS)
		for _, t := range v {
			p.TypeProtos = append(p.TypeProtos, typeMessage(t))
		}
		was, ok := o.value.([]graph.Type)
		return !ok || !slices.EqualFunc(was, v, sameType), nil
	case *graph.Graph:
		set(pb.AttributeProto_GRAPH)
		p.G, err = e.graph(v)
		return p.G != o.proto.G, in("g", err)
	case []*graph.Graph:
		set(pb.AttributeProto_GRAPHS)
		for i, g := range v {
			gp, err := e.graph(g)
			if err != nil {
				return false, at("graphs", i, err)
			}
			p.Graphs = append(p.Graphs, gp)
		}
		return !slices.Equal(p.Graphs, o.proto.Graphs), nil
	case *tensor.Tensor:
		return e.attrTensor(p, v, o)
	case []*tensor.Tensor:
		return e.attrTensors(p, v, o)
	case nil:
		return false, graph.Invalidf("attribute %q without a value", p.GetName())
	}
	return false, graph.Invalidf("attribute %q of Go type %T", p.GetName(), v)
}

func (e *exporter) attrTensor(p *pb.AttributeProto, t *tensor.Tensor, o *attrOrigin) (bool, error) {
	if was, ok := o.value.(*tensor.Tensor); ok && was == t && t != nil {
		typ := attrType(o.proto)
		p.Type = &typ
		if typ == pb.AttributeProto_SPARSE_TENSOR {
			var err error
			p.SparseTensor, err = e.keepSparse(o.proto.SparseTensor, o.src)
			return p.SparseTensor != o.proto.SparseTensor, in("sparse_tensor", err)
		}
		var err error
		p.T, err = e.keep(o.proto.T, o.src)
		return p.T != o.proto.T, in("t", err)
	}
	typ := pb.AttributeProto_TENSOR
	p.Type = &typ
	var err error
	p.T, err = exportTensor("", t)
	return true, in("t", err)
}

func (e *exporter) attrTensors(p *pb.AttributeProto, ts []*tensor.Tensor, o *attrOrigin) (bool, error) {
	was, ok := o.value.([]*tensor.Tensor)
	if ok && slices.Equal(was, ts) {
		typ := attrType(o.proto)
		p.Type = &typ
		for i, t := range o.proto.Tensors {
			k, err := e.keep(t, o.src)
			if err != nil {
				return false, at("tensors", i, err)
			}
			p.Tensors = append(p.Tensors, k)
		}
		for i, t := range o.proto.SparseTensors {
			k, err := e.keepSparse(t, o.src)
			if err != nil {
				return false, at("sparse_tensors", i, err)
			}
			p.SparseTensors = append(p.SparseTensors, k)
		}
		return !slices.Equal(p.Tensors, o.proto.Tensors) || !slices.Equal(p.SparseTensors, o.proto.SparseTensors), nil
	}
	typ := pb.AttributeProto_TENSORS
	p.Type = &typ
	for i, t := range ts {
		k, err := exportTensor("", t)
		if err != nil {
			return false, at("tensors", i, err)
		}
		p.Tensors = append(p.Tensors, k)
	}
	return true, nil
}
