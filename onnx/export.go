package onnx

import (
	"maps"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// exporter turns a graph into messages. Each of its methods gives the very message that an entity was imported from when
// it would say the same; so an unchanged part of a graph costs nothing, and a comparison of pointers tells about the whole.
type exporter struct {
	names map[*graph.Value]string // where it is not that of the value
	place placement
	// The elements of the external tensors that were written, by message.
	external map[*pb.TensorProto][]byte
	moved    int64 // bytes in the file of placement so far
}

func newExporter(p placement) *exporter {
	return &exporter{names: map[*graph.Value]string{}, place: p, external: map[*pb.TensorProto][]byte{}}
}

func (e *exporter) name(v *graph.Value) string {
	if s, ok := e.names[v]; ok {
		return s
	}
	return v.Name
}

func (e *exporter) nameOrNone(v *graph.Value) string {
	if v == nil {
		return ""
	}
	return e.name(v)
}

func (e *exporter) model(g *graph.Graph) (*pb.ModelProto, error) {
	o, _ := g.Origin.(*graphOrigin)
	if o == nil || o.model == nil {
		o = &graphOrigin{model: newModel()}
	}
	base := o.model
	if err := nameValues(e.names, g); err != nil {
		return nil, in("graph", err)
	}
	gp, err := e.graph(g)
	if err != nil {
		return nil, in("graph", err)
	}
	functions := make([]*pb.FunctionProto, len(g.Functions))
	for i, f := range g.Functions {
		if functions[i], err = e.function(f); err != nil {
			return nil, at("functions", i, err)
		}
	}
	training, err := e.training(base.TrainingInfo, o.src)
	if err != nil {
		return nil, in("training_info", err)
	}
	imports := exportOpsets(base.OpsetImport, base.GetIrVersion(), g.Opsets)
	ir := base.GetIrVersion()
	if !slices.Equal(imports, base.OpsetImport) || ir < 4 && gp != base.Graph {
		ir = max(ir, irVersion(g))
	}
	if gp == base.Graph && ir == base.GetIrVersion() && slices.Equal(functions, base.Functions) &&
		slices.Equal(training, base.TrainingInfo) && slices.Equal(imports, base.OpsetImport) {
		return base, nil
	}
	m := *base
	m.Graph, m.Functions, m.TrainingInfo, m.OpsetImport, m.IrVersion = gp, functions, training, imports, &ir
	return &m, nil
}

func newModel() *pb.ModelProto {
	ir, producer := int64(3), "onnxrun"
	return &pb.ModelProto{IrVersion: &ir, ProducerName: &producer}
}

// irVersions are the opsets of the default domain that came with a new version of the file format, from 4 on.
var irVersions = []int{9, 10, 11, 12, 15, 19, 21, 23, 24, 25, 28}

// irVersion is the oldest version of the format that may hold g; initializers need not be inputs from 4 on.
func irVersion(g *graph.Graph) int64 {
	ir := int64(4)
	for i, first := range irVersions {
		if g.Opsets[""] >= first {
			ir = int64(4 + i)
		}
	}
	if len(g.Functions) > 0 {
		ir = max(ir, 8)
	}
	for _, f := range g.Functions {
		if f.Overload != "" {
			ir = max(ir, 10)
		}
	}
	return ir
}

// exportOpsets keeps the list of the file, with its spelling and duplicates, when it says the same as want.
func exportOpsets(base []*pb.OperatorSetIdProto, ir int64, want map[string]int) []*pb.OperatorSetIdProto {
	canonical := make(map[string]int, len(want))
	for d, v := range want {
		canonical[graph.CanonicalDomain(d)] = v
	}
	if had, err := opsets(base, ir); err == nil && maps.Equal(had, canonical) {
		return base
	}
	var out []*pb.OperatorSetIdProto
	add := func(domain string, p *pb.OperatorSetIdProto) {
		v := int64(canonical[graph.CanonicalDomain(domain)])
		delete(canonical, graph.CanonicalDomain(domain))
		if p != nil && p.Version != nil && *p.Version == v {
			out = append(out, p)
		} else {
			out = append(out, &pb.OperatorSetIdProto{Domain: &domain, Version: &v})
		}
	}
	for _, p := range base {
		if _, ok := canonical[graph.CanonicalDomain(p.GetDomain())]; ok {
			add(p.GetDomain(), p)
		}
	}
	for _, d := range slices.Sorted(maps.Keys(canonical)) {
		add(d, nil)
	}
	return out
}

func (e *exporter) graph(g *graph.Graph) (*pb.GraphProto, error) {
	o, _ := g.Origin.(*graphOrigin)
	if o == nil || o.proto == nil {
		name := g.Name
		if name == "" {
			name = "graph"
		}
		o = &graphOrigin{proto: &pb.GraphProto{Name: &name}}
	}
	base := o.proto
	p := *base
	var err error
	if p.Node, err = e.nodes(g, o, base.Node); err != nil {
		return nil, err
	}
	if p.Initializer, p.SparseInitializer, err = e.constants(g.Consts); err != nil {
		return nil, err
	}
	about := describedBy(g)
	p.Input = e.inputs(g, base, about)
	p.Output = e.outputs(g, o)
	p.ValueInfo = e.hints(o, base.ValueInfo, about)
	if g.Name != base.GetName() && g.Name != "" {
		p.Name = &g.Name
	}
	if p.Name == base.Name && slices.Equal(p.Node, base.Node) && slices.Equal(p.Initializer, base.Initializer) &&
		slices.Equal(p.SparseInitializer, base.SparseInitializer) && slices.Equal(p.Input, base.Input) &&
		slices.Equal(p.Output, base.Output) && slices.Equal(p.ValueInfo, base.ValueInfo) {
		return base, nil
	}
	return &p, nil
}

// describedBy finds the values of g, those of graphs around and inside it aside, by the messages about them.
func describedBy(g *graph.Graph) map[*pb.ValueInfoProto]*graph.Value {
	m := map[*pb.ValueInfoProto]*graph.Value{}
	add := func(vs []*graph.Value) {
		for _, v := range vs {
			if v == nil {
				continue
			}
			if o := originOf(v); o != nil {
				for _, p := range o.infos {
					m[p] = v
				}
			}
		}
	}
	add(g.Inputs)
	add(g.Consts)
	for _, n := range g.Nodes {
		add(n.Out)
	}
	return m
}

// info tells about v, in the words of p if there is one.
func (e *exporter) info(v *graph.Value, p *pb.ValueInfoProto) *pb.ValueInfoProto {
	name := e.name(v)
	if p == nil {
		return &pb.ValueInfoProto{Name: &name, Type: exportType(v.Type)}
	}
	o := originOf(v)
	changed := o != nil && v.Type.DType != tensor.Invalid && !sameType(v.Type, o.typ)
	if name == p.GetName() && !changed {
		return p
	}
	c := *p
	c.Name = &name
	if changed {
		c.Type = exportType(v.Type)
	}
	return &c
}

// inputs follows the order of the file, in which constants may stand among the inputs.
func (e *exporter) inputs(g *graph.Graph, base *pb.GraphProto, about map[*pb.ValueInfoProto]*graph.Value) []*pb.ValueInfoProto {
	out := make([]*pb.ValueInfoProto, 0, len(base.Input))
	rest := g.Inputs
	for _, p := range base.Input {
		switch v := about[p]; {
		case v == nil:
		case len(rest) > 0 && rest[0] == v:
			out = append(out, e.info(v, p))
			rest = rest[1:]
		case v.Const != nil && originOf(v).value != nil:
			out = append(out, e.info(v, p))
		}
	}
	for _, v := range rest {
		out = append(out, e.info(v, messageAmong(v, base.Input)))
	}
	return out
}

func messageAmong(v *graph.Value, ps []*pb.ValueInfoProto) *pb.ValueInfoProto {
	if o := originOf(v); o != nil {
		for _, p := range o.infos {
			if slices.Contains(ps, p) {
				return p
			}
		}
	}
	return nil
}

func (e *exporter) outputs(g *graph.Graph, o *graphOrigin) []*pb.ValueInfoProto {
	out := make([]*pb.ValueInfoProto, len(g.Outputs))
	for i, v := range g.Outputs {
		if i < len(o.proto.Output) {
			p := o.proto.Output[i]
			if originOf(v).describes(p) || o.stray[p] && p.GetName() == e.name(v) {
				if out[i] = p; !o.stray[p] {
					out[i] = e.info(v, p)
				}
				continue
			}
		}
		out[i] = e.info(v, messageAmong(v, o.proto.Output))
	}
	return out
}

// hints keeps what the file says about values that are still there.
func (e *exporter) hints(o *graphOrigin, base []*pb.ValueInfoProto, about map[*pb.ValueInfoProto]*graph.Value) []*pb.ValueInfoProto {
	out := make([]*pb.ValueInfoProto, 0, len(base))
	for _, p := range base {
		if v := about[p]; v != nil {
			out = append(out, e.info(v, p))
		} else if o.stray[p] {
			out = append(out, p)
		}
	}
	return out
}

// nameList are the names of vs: base itself when they are the same.
func (e *exporter) nameList(vs []*graph.Value, base []string) []string {
	same := len(vs) == len(base)
	for i := 0; same && i < len(vs); i++ {
		same = e.nameOrNone(vs[i]) == base[i]
	}
	if same {
		return base
	}
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = e.nameOrNone(v)
	}
	return out
}

// str is s as an optional field: base when that says the same, absent when s is empty.
func str(s string, base *string) *string {
	switch {
	case base != nil && *base == s:
		return base
	case s == "":
		return nil
	}
	return &s
}
