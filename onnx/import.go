package onnx

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// newestIR is the newest version of the file format whose rules are known.
const newestIR = 14

// importer turns decoded messages into a graph.
type importer struct {
	limits    Limits
	src       *source
	ops       map[[2]string]*graph.Op // one for all nodes of a kind
	nodes     int64                   // so far
	densified int64                   // bytes of dense tensors made of sparse ones
	maxDense  int64                   // at most
	function  bool                    // inside a function's body, where attributes may refer to the call's
}

// scope holds the names that nodes of a graph may read: its own and those of the graphs around it.
type scope struct {
	outer  *scope
	values map[string]*graph.Value
}

func (s *scope) find(name string) *graph.Value {
	for ; s != nil; s = s.outer {
		if v := s.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// define adds a new value. Within one graph every name is defined once; hiding an outer name is allowed.
func (s *scope) define(name string) (*graph.Value, error) {
	if name == "" {
		return nil, graph.Invalidf("a value without a name")
	}
	if s.values[name] != nil {
		return nil, graph.Invalidf("value %q is defined twice", name)
	}
	v := &graph.Value{Name: name}
	s.values[name] = v
	return v, nil
}

func (im *importer) model(m *pb.ModelProto) (*graph.Graph, error) {
	if m.GetIrVersion() < 1 || m.GetIrVersion() > newestIR {
		return nil, in("ir_version", graph.Invalidf("version %d, not 1 to %d", m.GetIrVersion(), newestIR))
	}
	if m.Graph == nil {
		return nil, in("graph", graph.Invalidf("a model without a graph"))
	}
	g, err := im.graph(m.Graph, nil)
	if err != nil {
		return nil, in("graph", err)
	}
	o := g.Origin.(*graphOrigin)
	o.model, o.src = m, im.src
	if g.Opsets, err = opsets(m.OpsetImport, m.GetIrVersion()); err != nil {
		return nil, in("opset_import", err)
	}
	im.function = true
	seen := map[[3]string]bool{}
	for i, p := range m.Functions {
		f, err := im.functionBody(p)
		if err != nil {
			return nil, at("functions", i, err)
		}
		key := [3]string{graph.CanonicalDomain(f.Domain), f.Name, f.Overload}
		if seen[key] {
			return nil, at("functions", i, graph.Invalidf("function %s::%s is defined twice", f.Domain, f.Name))
		}
		seen[key] = true
		g.Functions = append(g.Functions, f)
	}
	return g, nil
}

// opsets are the versions of operator domains. Files of the first format versions need not say them; of a domain that
// is listed more than once the last version counts.
func opsets(ps []*pb.OperatorSetIdProto, ir int64) (map[string]int, error) {
	out := make(map[string]int, len(ps))
	for i, p := range ps {
		if v := p.GetVersion(); v < 0 || v > 1<<30 {
			return nil, at("", i, graph.Invalidf("version %d of domain %q", v, p.GetDomain()))
		}
		out[graph.CanonicalDomain(p.GetDomain())] = int(p.GetVersion())
	}
	if len(ps) == 0 && ir < 3 {
		out[""] = 1
	}
	return out, nil
}

func (im *importer) graph(p *pb.GraphProto, outer *scope) (*graph.Graph, error) {
	o := &graphOrigin{proto: p}
	g := &graph.Graph{Name: p.GetName(), Origin: o}
	s := &scope{outer, make(map[string]*graph.Value, len(p.Input)+len(p.Initializer)+len(p.Node))}
	inputs := make([]*graph.Value, 0, len(p.Input))
	for i, info := range p.Input {
		v, err := s.define(info.GetName())
		if err == nil {
			err = describe(v, info)
		}
		if err != nil {
			return nil, at("input", i, err)
		}
		inputs = append(inputs, v)
	}
	if err := im.constants(g, p, s); err != nil {
		return nil, err
	}
	for _, v := range inputs {
		if v.Const == nil {
			g.Inputs = append(g.Inputs, v)
		}
	}
	if err := im.body(g, p.Node, s); err != nil {
		return nil, err
	}
	for i, info := range p.ValueInfo {
		if err := o.hint(s, info); err != nil {
			return nil, at("value_info", i, err)
		}
	}
	for i, info := range p.Output {
		v := s.find(info.GetName())
		if v == nil {
			return nil, at("output", i, graph.Invalidf("value %q is not defined", info.GetName()))
		}
		if s.values[v.Name] == v {
			if err := describe(v, info); err != nil {
				return nil, at("output", i, err)
			}
		} else { // a value of an outer graph, about which the outer graph tells
			o.keep(info)
		}
		g.Outputs = append(g.Outputs, v)
	}
	return g, nil
}

// constants imports the initializers, dense ones first. One that is listed as an input too makes that input a constant.
func (im *importer) constants(g *graph.Graph, p *pb.GraphProto, s *scope) error {
	define := func(name string) (*graph.Value, error) {
		v := s.values[name]
		if v == nil {
			return s.define(name)
		}
		if v.Const != nil {
			return nil, graph.Invalidf("initializer %q is defined twice", name)
		}
		return v, nil
	}
	for i, t := range p.Initializer {
		v, err := define(t.GetName())
		if err == nil {
			v.Const, err = im.tensor(t)
		}
		if err != nil {
			return at("initializer", i, err)
		}
		o := newOrigin(v)
		o.tensor, o.value, o.src = t, v.Const, im.src
	}
	for i, t := range p.SparseInitializer {
		v, err := define(t.GetValues().GetName())
		if err == nil {
			v.Const, err = im.dense(t)
		}
		if err != nil {
			return at("sparse_initializer", i, err)
		}
		o := newOrigin(v)
		o.sparse, o.value, o.src = t, v.Const, im.src
	}
	g.Consts = make([]*graph.Value, 0, len(p.Initializer)+len(p.SparseInitializer))
	add := func(name string) {
		v := s.values[name]
		v.Type = graph.TypeOf(v.Const)
		originOf(v).typ = v.Type
		g.Consts = append(g.Consts, v)
	}
	for _, t := range p.Initializer {
		add(t.GetName())
	}
	for _, t := range p.SparseInitializer {
		add(t.GetValues().GetName())
	}
	return nil
}

// body imports nodes, see ordered.
func (im *importer) body(g *graph.Graph, ps []*pb.NodeProto, s *scope) error {
	if im.nodes += int64(len(ps)); im.nodes > im.limits.MaxNodes {
		return in("node", graph.Limitf("more than %d nodes", im.limits.MaxNodes))
	}
	file := ps
	ps, err := ordered(ps)
	if err != nil {
		return in("node", err)
	}
	g.Origin.(*graphOrigin).nodes = ps
	g.Nodes = make([]*graph.Node, 0, len(ps))
	for i, p := range ps {
		n, err := im.node(p, s)
		if err != nil {
			return at("node", placeOf(p, i, file), err)
		}
		g.Nodes = append(g.Nodes, n)
	}
	return nil
}

func (im *importer) node(p *pb.NodeProto, s *scope) (*graph.Node, error) {
	if p.GetOpType() == "" {
		return nil, in("op_type", graph.Invalidf("a node without an operator"))
	}
	n := &graph.Node{Name: p.GetName(), Op: im.op(p.GetDomain(), p.GetOpType()), Overload: p.GetOverload(), Origin: p}
	if len(p.Input) > 0 {
		n.In = make([]*graph.Value, len(p.Input))
	}
	for i, name := range p.Input {
		if name == "" {
			continue
		}
		if n.In[i] = s.find(name); n.In[i] == nil {
			return nil, at("input", i, graph.Invalidf("value %q is not defined", name))
		}
	}
	if len(p.Attribute) > 0 {
		n.Attrs = make([]graph.Attr, len(p.Attribute))
	}
	for i, a := range p.Attribute {
		var err error
		if n.Attrs[i], err = im.attr(a, s); err != nil {
			return nil, at("attribute", i, err)
		}
	}
	if len(p.Output) > 0 {
		n.Out = make([]*graph.Value, len(p.Output))
	}
	for i, name := range p.Output {
		if name == "" {
			continue
		}
		v, err := s.define(name)
		if err != nil {
			return nil, at("output", i, err)
		}
		v.Def, n.Out[i] = n, v
	}
	return n, nil
}

// op stands for an operator until the graph is resolved.
func (im *importer) op(domain, name string) *graph.Op {
	k := [2]string{graph.CanonicalDomain(domain), name}
	if im.ops[k] == nil {
		im.ops[k] = &graph.Op{Domain: k[0], Name: name}
	}
	return im.ops[k]
}

// placeOf is the index of p in the file, where it usually is i.
func placeOf(p *pb.NodeProto, i int, file []*pb.NodeProto) int {
	if file[i] == p {
		return i
	}
	return slices.Index(file, p)
}

func newOrigin(v *graph.Value) *valueOrigin {
	o := originOf(v)
	if o == nil {
		o = &valueOrigin{}
		v.Origin = o
	}
	return o
}

// describe takes the type of v from p, unless more is known already.
func describe(v *graph.Value, p *pb.ValueInfoProto) error {
	t, err := importType(p.Type)
	if err != nil {
		return in("type", err)
	}
	o := newOrigin(v)
	o.infos = append(o.infos, p)
	if v.Const == nil && (v.Type.IsZero() || v.Type.DType == t.DType && !v.Type.Ranked && t.Ranked) {
		v.Type = t
		o.typ = t
	}
	return nil
}

// hint takes a type from value_info.
func (o *graphOrigin) hint(s *scope, p *pb.ValueInfoProto) error {
	if v := s.values[p.GetName()]; v != nil {
		return describe(v, p)
	}
	o.keep(p)
	return nil
}

func (o *graphOrigin) keep(p *pb.ValueInfoProto) {
	if o.stray == nil {
		o.stray = map[*pb.ValueInfoProto]bool{}
	}
	o.stray[p] = true
}
