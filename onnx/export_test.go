package onnx

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// rich is a model with something in every corner that a graph does not represent.
func rich() *pb.ModelProto {
	entry := func(k, v string) []*pb.StringStringEntryProto {
		return []*pb.StringStringEntryProto{{Key: &k, Value: &v}}
	}
	unknown := []byte{0xc2, 0x3e, 3, 'e', 'x', 't'} // field 1000
	w := floats("w", 1, 2)
	w.DocString, w.MetadataProps, w.XXX_unrecognized = ptr("weights"), entry("layer", "1"), unknown
	raw := &pb.TensorProto{Name: ptr("r"), DataType: ptr(int32(1)), Dims: []int64{2}}
	raw.SetRawBytes(le[float32](3, 4))
	sparse := &pb.SparseTensorProto{Values: floats("s", 5), Indices: &pb.TensorProto{DataType: ptr(int32(7)), Dims: []int64{1}, Int64Data: []int64{1}}, Dims: []int64{2}}
	branch := &pb.GraphProto{Name: ptr("branch"), DocString: ptr("taken"), Node: []*pb.NodeProto{node("t = Neg(w)")}, Output: infos("t"), XXX_unrecognized: unknown}
	add := node("a = Sum(x, w, , r, s)", intAttr("extra", 0))
	add.Name, add.DocString, add.Domain, add.MetadataProps, add.XXX_unrecognized = ptr("add"), ptr("adds"), ptr("ai.onnx"), entry("from", "torch"), unknown
	add.DeviceConfigurations = []*pb.NodeDeviceConfigurationProto{{ConfigurationId: ptr("c"), PipelineStage: ptr(int32(1)), ShardingSpec: []*pb.ShardingSpecProto{{
		TensorName: ptr("x"), Device: []int64{0, 1}, ShardedDim: []*pb.ShardedDimProto{{Axis: ptr(int64(0)), SimpleSharding: []*pb.SimpleShardedDimProto{{
			Dim: &pb.SimpleShardedDimProto_DimParam{DimParam: "n"}, NumShards: ptr(int64(2))}}}}}}}}
	add.Attribute[0].DocString, add.Attribute[0].XXX_unrecognized = ptr("why"), unknown
	old := intAttr("untyped", 3)
	old.Type = nil
	types := &pb.AttributeProto{Name: ptr("types"), Type: ptr(pb.AttributeProto_TYPE_PROTOS), TypeProtos: []*pb.TypeProto{infos("t")[0].Type, {}}}
	lists := &pb.AttributeProto{Name: ptr("tensors"), Type: ptr(pb.AttributeProto_TENSORS), Tensors: []*pb.TensorProto{floats("", 7), raw}}
	g := &pb.GraphProto{Name: ptr("main"), DocString: ptr("doc"), Input: infos("w", "x"), Output: infos("y", "x", "a"), Initializer: []*pb.TensorProto{raw, w},
		SparseInitializer: []*pb.SparseTensorProto{sparse}, ValueInfo: infos("a", "nobody", "a"), MetadataProps: entry("g", "m"), XXX_unrecognized: unknown,
		Node:                   []*pb.NodeProto{add, node("y = If(a, )", graphAttr("then_branch", branch), old, types, lists)},
		QuantizationAnnotation: []*pb.TensorAnnotation{{TensorName: ptr("w"), QuantParameterTensorNames: entry("SCALE_TENSOR", "r")}}}
	g.Input[1].DocString, g.Input[1].Type.Denotation = ptr("pictures"), ptr("IMAGE")
	m := modelOf(g)
	m.ProducerName, m.ProducerVersion, m.Domain, m.ModelVersion, m.DocString = ptr("p"), ptr("1.0"), ptr("org"), ptr(int64(7)), ptr("")
	m.OpsetImport = []*pb.OperatorSetIdProto{{Domain: ptr("ai.onnx"), Version: ptr(int64(20))}, {Version: ptr(int64(21))}, {Domain: ptr("my"), Version: ptr(int64(1)), XXX_unrecognized: unknown}}
	m.MetadataProps, m.XXX_unrecognized = entry("author", "a"), unknown
	m.TrainingInfo = []*pb.TrainingInfoProto{{Initialization: &pb.GraphProto{Name: ptr("init"), Initializer: []*pb.TensorProto{floats("lr", 1)}}, UpdateBinding: entry("w", "new_w")}}
	m.Configuration = []*pb.DeviceConfigurationProto{{Name: ptr("c"), NumDevices: ptr(int32(2)), Device: []string{"cpu", "gpu"}}}
	m.Functions = []*pb.FunctionProto{{Domain: ptr("my"), Name: ptr("F"), Input: []string{"x"}, Output: []string{"y"}, DocString: ptr("f"), Attribute: []string{"k"},
		Node: []*pb.NodeProto{node("y = Abs(x)")}, ValueInfo: infos("y", "void"), OpsetImport: []*pb.OperatorSetIdProto{{Version: ptr(int64(18))}}, MetadataProps: entry("f", "m"), XXX_unrecognized: unknown}}
	return m
}

func TestLossless(t *testing.T) {
	b := encoded(t, rich())
	g := load(t, rich())
	for what, g := range map[string]*graph.Graph{"loaded": g, "copied": g.Clone()} {
		if got, err := Marshal(g); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: other bytes, %v", what, err)
		}
	}
}

// TestEdits changes one thing, and wants that and nothing else to be different in the file.
func TestEdits(t *testing.T) {
	two := tensor.Must(tensor.Of([]float32{8, 9}))
	for name, c := range map[string]struct {
		edit func(g *graph.Graph)
		want func(m *pb.ModelProto)
	}{
		"rename a value": {func(g *graph.Graph) { g.Nodes[0].Out[0].Name = "b" }, func(m *pb.ModelProto) {
			g := m.Graph
			g.Node[0].Output[0], g.Node[1].Input[0] = "b", "b"
			g.ValueInfo[0].Name, g.ValueInfo[2].Name, g.Output[2].Name = ptr("b"), ptr("b"), ptr("b")
		}},
		"rename a node": {func(g *graph.Graph) { g.Nodes[0].Name = "" }, func(m *pb.ModelProto) { m.Graph.Node[0].Name = nil }},
		"rename a captured value": {func(g *graph.Graph) { g.Consts[1].Name = "W" }, func(m *pb.ModelProto) {
			g := m.Graph
			g.Node[0].Input[1], g.Initializer[1].Name, g.Input[0].Name, g.Node[1].Attribute[0].G.Node[0].Input[0] = "W", ptr("W"), ptr("W"), "W"
		}},
		"an attribute":        {func(g *graph.Graph) { g.Nodes[0].Attrs[0].Value = int64(5) }, func(m *pb.ModelProto) { m.Graph.Node[0].Attribute[0].I = ptr(int64(5)) }},
		"an untyped one":      {func(g *graph.Graph) { g.Nodes[1].Attrs[1].Value = int64(5) }, func(m *pb.ModelProto) { *m.Graph.Node[1].Attribute[1] = *intAttr("untyped", 5) }},
		"remove an attribute": {func(g *graph.Graph) { g.Nodes[0].Attrs = nil }, func(m *pb.ModelProto) { m.Graph.Node[0].Attribute = nil }},
		"a node in a branch": {func(g *graph.Graph) { g.Nodes[1].Graph("then_branch").Nodes[0].Op = &graph.Op{Name: "Abs"} },
			func(m *pb.ModelProto) { m.Graph.Node[1].Attribute[0].G.Node[0].OpType = ptr("Abs") }},
		"a constant": {func(g *graph.Graph) { g.Consts[1].Const = two }, func(m *pb.ModelProto) {
			p := m.Graph.Initializer[1]
			p.FloatData, p.XXX_unrecognized = nil, nil
			p.SetRawBytes(two.Bytes())
		}},
		"a size": {func(g *graph.Graph) { g.Inputs[0].Type = graph.TensorType(tensor.Float32, graph.Sym("n")) }, func(m *pb.ModelProto) {
			m.Graph.Input[1].Type, m.Graph.Output[1].Type = info("x", "n").Type, info("x", "n").Type
		}},
		"an input more": {func(g *graph.Graph) {
			v := &graph.Value{Name: "z", Type: graph.TensorType(tensor.Float32, graph.Size(3))}
			g.Inputs = append([]*graph.Value{v}, g.Inputs...)
		}, func(m *pb.ModelProto) {
			in := m.Graph.Input
			m.Graph.Input = []*pb.ValueInfoProto{in[0], info("z", 3), in[1]}
		}},
		"outputs in another order": {func(g *graph.Graph) { slices.Reverse(g.Outputs) }, func(m *pb.ModelProto) { slices.Reverse(m.Graph.Output) }},
		"no first node": {func(g *graph.Graph) { g.Nodes[1].In[0] = g.Inputs[0]; g.Nodes = g.Nodes[1:]; g.Outputs = g.Outputs[:2] }, func(m *pb.ModelProto) {
			m.Graph.Node = m.Graph.Node[1:]
			m.Graph.Node[0].Input[0] = "x"
			m.Graph.Output, m.Graph.ValueInfo = m.Graph.Output[:2], m.Graph.ValueInfo[1:2]
		}},
		"an opset": {func(g *graph.Graph) { g.Opsets = map[string]int{"": 22, "com": 1} }, func(m *pb.ModelProto) {
			m.OpsetImport = []*pb.OperatorSetIdProto{{Domain: ptr("ai.onnx"), Version: ptr(int64(22))}, {Domain: ptr("com"), Version: ptr(int64(1))}}
		}},
		"a newer opset": {func(g *graph.Graph) { g.Opsets = map[string]int{"": 23} }, func(m *pb.ModelProto) {
			m.OpsetImport, m.IrVersion = []*pb.OperatorSetIdProto{{Domain: ptr("ai.onnx"), Version: ptr(int64(23))}}, ptr(int64(11))
		}},
		"a function": {func(g *graph.Graph) { g.Functions[0].Body.Nodes[0].Out[0].Name = "q" }, func(m *pb.ModelProto) {
			f := m.Functions[0]
			f.Node[0].Output[0], f.Output[0], f.ValueInfo[0].Name = "q", "q", ptr("q")
		}},
		"no functions": {func(g *graph.Graph) { g.Functions = nil }, func(m *pb.ModelProto) { m.Functions = nil }},
	} {
		g, want := load(t, rich()), rich()
		c.edit(g)
		c.want(want)
		b, err := Marshal(g)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := &pb.ModelProto{}
		if err := got.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, encoded(t, want)) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
		if _, err := LoadBytes(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRebuild takes away what the import kept, and wants the same graph from what is then written.
func TestRebuild(t *testing.T) { rebuild(t, "rich", load(t, rich())) }

func TestSuitesRebuild(t *testing.T) {
	eachFile(t, ".onnx", func(t *testing.T, name string) {
		g, err := Load(name)
		if err != nil {
			t.Error(err)
			return
		}
		rebuild(t, name, g)
	})
}

func rebuild(t *testing.T, name string, g *graph.Graph) {
	bare := g.Clone()
	forget(bare)
	bare.Functions = nil
	for _, f := range g.Functions {
		c := *f
		c.Origin, c.Body = nil, f.Body.Clone()
		c.Attrs = slices.Clone(f.Attrs)
		for i := range c.Attrs {
			c.Attrs[i].Origin = nil
		}
		forget(c.Body)
		bare.Functions = append(bare.Functions, &c)
	}
	b, err := Marshal(bare)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	back, err := LoadBytes(b)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if d := difference(g, back, map[*graph.Value]*graph.Value{}); d != "" {
		t.Errorf("%s: %s", name, d)
	}
	for i, f := range g.Functions {
		if d := difference(f.Body, back.Functions[i].Body, map[*graph.Value]*graph.Value{}); d != "" {
			t.Errorf("%s: function %s: %s", name, f.Name, d)
		}
	}
}

func forget(g *graph.Graph) {
	g.Origin = nil
	eachValue(g, func(v *graph.Value) { v.Origin = nil })
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		n.Origin = nil
		for i := range n.Attrs {
			n.Attrs[i].Origin = nil
		}
		n.Subgraphs(func(s *graph.Graph) { s.Origin = nil })
		return true
	})
}

// difference tells the first one between two graphs, "" when there is none; m pairs their values.
func difference(a, b *graph.Graph, m map[*graph.Value]*graph.Value) string {
	pair := func(va, vb []*graph.Value, define bool) bool {
		if len(va) != len(vb) {
			return false
		}
		for i, v := range va {
			w := vb[i]
			if (v == nil) != (w == nil) {
				return false
			}
			if v == nil {
				continue
			}
			if define {
				m[v] = w
			}
			if m[v] != w || v.Name != w.Name || !sameTensor(v.Const, w.Const) {
				return false
			}
		}
		return true
	}
	if !pair(a.Inputs, b.Inputs, true) || !slices.EqualFunc(a.Inputs, b.Inputs, func(v, w *graph.Value) bool { return sameType(v.Type, w.Type) }) {
		return "inputs"
	}
	sort := func(vs []*graph.Value) []*graph.Value {
		return slices.SortedFunc(slices.Values(vs), func(v, w *graph.Value) int { return bytes.Compare([]byte(v.Name), []byte(w.Name)) })
	}
	if !pair(sort(a.Consts), sort(b.Consts), true) {
		return "constants"
	}
	if len(a.Nodes) != len(b.Nodes) || !reflect.DeepEqual(a.Opsets, b.Opsets) {
		return "nodes or opsets"
	}
	for i, n := range a.Nodes {
		k := b.Nodes[i]
		if n.Name != k.Name || n.Op.String() != k.Op.String() || n.Overload != k.Overload || !pair(n.In, k.In, false) || len(n.Attrs) != len(k.Attrs) {
			return fmt.Sprintf("node %d", i)
		}
		for j, x := range n.Attrs {
			if y := k.Attrs[j]; x.Name != y.Name || x.Ref != y.Ref || !sameAttr(x.Value, y.Value, m) {
				return fmt.Sprintf("node %d, attribute %s", i, x.Name)
			}
		}
		if !pair(n.Out, k.Out, true) {
			return fmt.Sprintf("outputs of node %d", i)
		}
	}
	if !pair(a.Outputs, b.Outputs, false) {
		return "outputs"
	}
	return ""
}

func sameAttr(x, y any, m map[*graph.Value]*graph.Value) bool {
	switch x := x.(type) {
	case *graph.Graph:
		y, ok := y.(*graph.Graph)
		return ok && difference(x, y, m) == ""
	case *tensor.Tensor:
		y, ok := y.(*tensor.Tensor)
		return ok && sameTensor(x, y)
	case []*tensor.Tensor:
		y, ok := y.([]*tensor.Tensor)
		return ok && slices.EqualFunc(x, y, sameTensor)
	case graph.Type:
		y, ok := y.(graph.Type)
		return ok && sameType(x, y)
	case []graph.Type:
		y, ok := y.([]graph.Type)
		return ok && slices.EqualFunc(x, y, sameType)
	}
	return fmt.Sprint(x) == fmt.Sprint(y) && reflect.TypeOf(x) == reflect.TypeOf(y)
}

// TestNames wants names for values that have none, and for those that would be taken for others.
func TestNames(t *testing.T) {
	op := func(name string, in []*graph.Value, out ...*graph.Value) *graph.Node {
		n := &graph.Node{Op: &graph.Op{Name: name}, In: in, Out: out}
		for _, v := range out {
			v.Def = n
		}
		return n
	}
	x, a, b, c := &graph.Value{Name: "x"}, &graph.Value{}, &graph.Value{Name: "x"}, &graph.Value{Name: "x"}
	p, q := &graph.Value{Name: "p"}, &graph.Value{Name: "v_1"}
	// The branch's own x hides the outer one before that is read.
	branch := &graph.Graph{Nodes: []*graph.Node{op("Neg", []*graph.Value{x}, c), op("Add", []*graph.Value{x, c}, p)}, Outputs: []*graph.Value{p}}
	cond := op("If", []*graph.Value{a}, q)
	cond.Attrs = []graph.Attr{graph.GraphAttr("then_branch", branch)}
	g := &graph.Graph{Inputs: []*graph.Value{x}, Nodes: []*graph.Node{op("Abs", []*graph.Value{x}, a), op("Abs", []*graph.Value{a}, b), cond},
		Outputs: []*graph.Value{q, b}, Opsets: map[string]int{"": 9}}
	bytes, err := Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	back, err := LoadBytes(bytes)
	if err != nil {
		t.Fatal(err)
	}
	then := back.Nodes[2].Graph("then_branch")
	add := then.Nodes[1]
	if add.In[0] != back.Inputs[0] || add.In[1] != then.Nodes[0].Out[0] || back.Outputs[1] != back.Nodes[1].Out[0] || back.Nodes[1].In[0] != back.Nodes[0].Out[0] {
		t.Error("names lead to other values than pointers did")
	}
	if back.Outputs[0].Name != "v_1" || back.Inputs[0].Name != "x" || x.Name != "x" || a.Name != "" {
		t.Error("names that were free are changed, or the graph is")
	}
	g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0]
	_, err = Marshal(g)
	wantError(t, err, graph.ErrInvalid, "graph.node[0].input[0]", "read where it is not defined")
}
