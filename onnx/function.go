package onnx

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// functionBody imports a function. Its body sees no values but its inputs.
func (im *importer) functionBody(p *pb.FunctionProto) (*graph.Function, error) {
	if p.GetName() == "" {
		return nil, in("name", graph.Invalidf("a function without a name"))
	}
	o := &graphOrigin{}
	body := &graph.Graph{Name: p.GetName(), Origin: o}
	f := &graph.Function{Domain: p.GetDomain(), Name: p.GetName(), Overload: p.GetOverload(), Body: body, Origin: p}
	var err error
	if body.Opsets, err = opsets(p.OpsetImport, newestIR); err != nil {
		return nil, in("opset_import", err)
	}
	for _, name := range p.Attribute {
		f.Attrs = append(f.Attrs, graph.Attr{Name: name})
	}
	for i, a := range p.AttributeProto {
		attr, err := im.attr(a, nil)
		if err != nil {
			return nil, at("attribute_proto", i, err)
		}
		f.Attrs = append(f.Attrs, attr)
	}
	s := &scope{values: map[string]*graph.Value{}}
	for i, name := range p.Input {
		v, err := s.define(name)
		if err != nil {
			return nil, at("input", i, err)
		}
		body.Inputs = append(body.Inputs, v)
	}
	if err := im.body(body, p.Node, s); err != nil {
		return nil, err
	}
	for i, info := range p.ValueInfo {
		if err := o.hint(s, info); err != nil {
			return nil, at("value_info", i, err)
		}
	}
	for i, name := range p.Output {
		v := s.values[name]
		if v == nil {
			return nil, at("output", i, graph.Invalidf("value %q is not defined", name))
		}
		body.Outputs = append(body.Outputs, v)
	}
	return f, nil
}

// function exports a function. Its body's values have names of their own.
func (e *exporter) function(f *graph.Function) (*pb.FunctionProto, error) {
	base, _ := f.Origin.(*pb.FunctionProto)
	if base == nil {
		base = &pb.FunctionProto{}
	}
	if f.Body == nil {
		return nil, graph.Invalidf("function %q without a body", f.Name)
	}
	if err := nameValues(e.names, f.Body); err != nil {
		return nil, err
	}
	o, _ := f.Body.Origin.(*graphOrigin)
	if o == nil {
		o = &graphOrigin{}
	}
	p := *base
	var err error
	if p.Node, err = e.nodes(f.Body, o, base.Node); err != nil {
		return nil, err
	}
	consts, err := e.constantNodes(f.Body.Consts)
	if err != nil {
		return nil, err
	}
	if len(consts) > 0 {
		p.Node = append(consts, p.Node...)
	}
	p.Input, p.Output = e.nameList(f.Body.Inputs, base.Input), e.nameList(f.Body.Outputs, base.Output)
	p.ValueInfo = e.hints(o, base.ValueInfo, describedBy(f.Body))
	p.OpsetImport = exportOpsets(base.OpsetImport, newestIR, f.Body.Opsets)
	p.Attribute, p.AttributeProto = nil, nil
	for i, a := range f.Attrs {
		if a.Value == nil && a.Ref == "" {
			p.Attribute = append(p.Attribute, a.Name)
			continue
		}
		ap, err := e.attr(a)
		if err != nil {
			return nil, at("attribute_proto", i, err)
		}
		p.AttributeProto = append(p.AttributeProto, ap)
	}
	if f.Name == base.GetName() && f.Domain == base.GetDomain() && f.Overload == base.GetOverload() &&
		slices.Equal(p.Node, base.Node) && slices.Equal(p.Input, base.Input) && slices.Equal(p.Output, base.Output) &&
		slices.Equal(p.ValueInfo, base.ValueInfo) && slices.Equal(p.OpsetImport, base.OpsetImport) &&
		slices.Equal(p.Attribute, base.Attribute) && slices.Equal(p.AttributeProto, base.AttributeProto) {
		return base, nil
	}
	p.Name, p.Domain, p.Overload = str(f.Name, base.Name), str(f.Domain, base.Domain), str(f.Overload, base.Overload)
	return &p, nil
}

// constantNodes stand for the constants of a function, which has no initializers.
func (e *exporter) constantNodes(vs []*graph.Value) ([]*pb.NodeProto, error) {
	var out []*pb.NodeProto
	for _, v := range vs {
		t, err := exportTensor("", v.Const)
		if err != nil {
			return nil, err
		}
		op, attr, typ := "Constant", "value", pb.AttributeProto_TENSOR
		out = append(out, &pb.NodeProto{OpType: &op, Output: []string{e.name(v)},
			Attribute: []*pb.AttributeProto{{Name: &attr, Type: &typ, T: t}}})
	}
	return out, nil
}
