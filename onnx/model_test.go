package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

func ptr[T any](v T) *T { return &v }

// modelOf is the smallest model around a graph.
func modelOf(g *pb.GraphProto) *pb.ModelProto {
	if g.Name == nil {
		g.Name = ptr("g")
	}
	return &pb.ModelProto{IrVersion: ptr(int64(10)), Graph: g, OpsetImport: []*pb.OperatorSetIdProto{{Domain: ptr(""), Version: ptr(int64(21))}}}
}

func encoded(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// node reads like "y = Add(a, b)"; outputs and inputs may be empty names.
func node(s string, attrs ...*pb.AttributeProto) *pb.NodeProto {
	out, rest, _ := strings.Cut(s, " = ")
	op, rest, _ := strings.Cut(rest, "(")
	list := func(s string) (l []string) {
		if s != "" {
			l = strings.Split(s, ", ")
		}
		return l
	}
	return &pb.NodeProto{Output: list(out), OpType: &op, Input: list(strings.TrimSuffix(rest, ")")), Attribute: attrs}
}

func info(name string, dims ...any) *pb.ValueInfoProto {
	t := graph.TensorType(tensor.Float32)
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			t.Shape = append(t.Shape, graph.Size(d))
		case string:
			t.Shape = append(t.Shape, graph.Sym(d))
		}
	}
	return &pb.ValueInfoProto{Name: &name, Type: exportType(t)}
}

func infos(names ...string) (l []*pb.ValueInfoProto) {
	for _, n := range names {
		l = append(l, info(n, 2))
	}
	return l
}

func floats(name string, v ...float32) *pb.TensorProto {
	return &pb.TensorProto{Name: &name, DataType: ptr(int32(1)), Dims: []int64{int64(len(v))}, FloatData: v}
}

func graphAttr(name string, g *pb.GraphProto) *pb.AttributeProto {
	return &pb.AttributeProto{Name: &name, Type: ptr(pb.AttributeProto_GRAPH), G: g}
}

func intAttr(name string, v int64) *pb.AttributeProto {
	return &pb.AttributeProto{Name: &name, Type: ptr(pb.AttributeProto_INT), I: &v}
}

// wantError checks that err is a FormatError of the kind, at the field, and says the text.
func wantError(t *testing.T, err, kind error, field, text string) {
	t.Helper()
	var e *graph.FormatError
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Field != field || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%T), want %q of kind %v at %q", err, err, text, kind, field)
	}
}

func load(t testing.TB, m *pb.ModelProto) *graph.Graph {
	t.Helper()
	g, err := LoadBytes(encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestScopes(t *testing.T) {
	// The branch reads x of the outer graph, hides y by its own and gives out w, which it does not define.
	branch := &pb.GraphProto{Name: ptr("b"), Node: []*pb.NodeProto{node("y = Neg(x)"), node("z = Add(y, w)")}, Output: infos("z", "w")}
	g := load(t, modelOf(&pb.GraphProto{Input: infos("x", "c"), Initializer: []*pb.TensorProto{floats("w", 1, 2)}, Output: infos("y", "q"),
		Node: []*pb.NodeProto{node("y = Abs(x)"), node("q, r = If(c)", graphAttr("then_branch", branch))}}))
	then := g.Nodes[1].Graph("then_branch")
	if then.Nodes[0].In[0] != g.Inputs[0] || then.Nodes[1].In[0] != then.Nodes[0].Out[0] || then.Nodes[1].In[1] != g.Consts[0] || then.Outputs[1] != g.Consts[0] {
		t.Error("names lead to other values than those in scope")
	}
	if g.Outputs[0] != g.Nodes[0].Out[0] {
		t.Error("a name of the branch is seen outside")
	}
	if got := then.Captures(); len(got) != 2 {
		t.Errorf("%d captures, want x and w", len(got))
	}
}

func TestOptionalInputs(t *testing.T) {
	g := load(t, modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("y"), Node: []*pb.NodeProto{node(", y = Clip(x, , x)")}}))
	if n := g.Nodes[0]; len(n.In) != 3 || n.In[1] != nil || len(n.Out) != 2 || n.Out[0] != nil || n.Out[1].Def != n {
		t.Errorf("node %+v", n)
	}
}

func TestInitializersAmongInputs(t *testing.T) {
	m := modelOf(&pb.GraphProto{Input: infos("w", "x", "v"), Initializer: []*pb.TensorProto{floats("v", 1, 2), floats("w", 3, 4)},
		Output: infos("y"), Node: []*pb.NodeProto{node("y = Sum(x, w, v)")}})
	m.IrVersion = ptr(int64(3))
	g := load(t, m)
	if len(g.Inputs) != 1 || g.Inputs[0].Name != "x" || len(g.Consts) != 2 || g.Consts[0].Name != "v" || g.Nodes[0].In[1].Const == nil {
		t.Errorf("inputs %d, constants %d", len(g.Inputs), len(g.Consts))
	}
}

func TestUnsorted(t *testing.T) {
	branch := &pb.GraphProto{Name: ptr("b"), Node: []*pb.NodeProto{node("l = Add(k, i)"), node("k = Neg(h)"), node("i = Abs(h)")}, Output: infos("l")}
	m := modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("y"),
		Node: []*pb.NodeProto{node("y = If(x)", graphAttr("then_branch", branch)), node("h = Neg(g)"), node("g = Neg(x)")}})
	g := load(t, m)
	var order []string
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool { order = append(order, n.Out[0].Name); return true })
	if got := strings.Join(order, " "); got != "g h y k i l" {
		t.Errorf("order %s", got)
	}
	if b, err := Marshal(g); err != nil || string(b) != string(encoded(t, m)) {
		t.Errorf("the order of the file is lost (%v)", err)
	}
}

func TestInvalidModels(t *testing.T) {
	type gp = pb.GraphProto
	nodes := func(s ...string) (l []*pb.NodeProto) {
		for _, x := range s {
			l = append(l, node(x))
		}
		return l
	}
	for _, c := range []struct {
		g           *gp
		kind        error
		field, text string
	}{
		{&gp{Input: infos("x", "x")}, graph.ErrInvalid, "graph.input[1]", `"x" is defined twice`},
		{&gp{Input: infos("")}, graph.ErrInvalid, "graph.input[0]", "without a name"},
		{&gp{Input: infos("x"), Node: nodes("y = A(x)", "y = A(x)")}, graph.ErrInvalid, "graph.node[1].output[0]", `"y" is defined twice`},
		{&gp{Input: infos("x"), Node: nodes("x = A(x)")}, graph.ErrInvalid, "graph.node[0]", "in a circle"},
		{&gp{Node: nodes("a = A(b)", "b = A(c)", "c = A(a)")}, graph.ErrInvalid, "graph.node[0]", "in a circle"},
		{&gp{Node: nodes("a = A(z)")}, graph.ErrInvalid, "graph.node[0].input[0]", `"z" is not defined`},
		{&gp{Output: infos("z")}, graph.ErrInvalid, "graph.output[0]", `"z" is not defined`},
		{&gp{Node: nodes("a = ()")}, graph.ErrInvalid, "graph.node[0].op_type", "without an operator"},
		{&gp{Initializer: []*pb.TensorProto{floats("w", 1), floats("w", 1)}}, graph.ErrInvalid, "graph.initializer[1]", "defined twice"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(99))}}}, graph.ErrInvalid, "graph.initializer[0].data_type", "99"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(257))}}}, graph.ErrInvalid, "graph.initializer[0].data_type", "257"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(-1))}}}, graph.ErrInvalid, "graph.initializer[0].data_type", "-1"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(1)), Dims: []int64{1 << 40, 1 << 40}}}}, graph.ErrInvalid, "graph.initializer[0].dims", "overflows"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(1)), Dims: []int64{-1}}}}, graph.ErrInvalid, "graph.initializer[0].dims", "extent -1"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(1)), Dims: []int64{1 << 40}}}}, graph.ErrInvalid, "graph.initializer[0].float_data", "0 elements for f32[1099511627776]"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(8)), Dims: []int64{1 << 40}}}}, graph.ErrInvalid, "graph.initializer[0].string_data", "0 elements"},
		{&gp{Initializer: []*pb.TensorProto{{Name: ptr("w"), DataType: ptr(int32(1)), Dims: make([]int64, 65)}}}, graph.ErrLimit, "graph.initializer[0].dims", "65 axes"},
		{&gp{Node: []*pb.NodeProto{node("a = A()", &pb.AttributeProto{Name: ptr("k"), Type: ptr(pb.AttributeProto_TENSOR)})}}, graph.ErrInvalid, "graph.node[0].attribute[0].t", "without its tensor"},
		{&gp{Node: []*pb.NodeProto{node("a = A()", &pb.AttributeProto{Name: ptr("k"), RefAttrName: ptr("r")})}}, graph.ErrInvalid, "graph.node[0].attribute[0].ref_attr_name", "outside of a function"},
		{&gp{Node: []*pb.NodeProto{node("a = A()", graphAttr("g", &gp{Node: nodes("b = B(q)")}))}}, graph.ErrInvalid, "graph.node[0].attribute[0].g.node[0].input[0]", `"q" is not defined`},
	} {
		_, err := LoadBytes(encoded(t, modelOf(c.g)))
		wantError(t, err, c.kind, c.field, c.text)
	}
	_, err := LoadBytes([]byte("\x08\x0ano model"))
	wantError(t, err, graph.ErrInvalid, "", "at byte 2")
	_, err = LoadBytes(nil)
	wantError(t, err, graph.ErrInvalid, "ir_version", "version 0")
	_, err = Load(t.TempDir() + "/none.onnx")
	wantError(t, err, fs.ErrNotExist, "", "none.onnx")
	if errors.Is(err, graph.ErrInvalid) {
		t.Errorf("a file that is not there is no invalid model: %v", err)
	}
}

func TestFunctions(t *testing.T) {
	ref := &pb.AttributeProto{Name: ptr("alpha"), RefAttrName: ptr("a"), Type: ptr(pb.AttributeProto_FLOAT)}
	f := &pb.FunctionProto{Domain: ptr("my"), Name: ptr("F"), Overload: ptr("v2"), Input: []string{"x"}, Output: []string{"y"}, Attribute: []string{"a"},
		AttributeProto: []*pb.AttributeProto{intAttr("b", 3)}, OpsetImport: []*pb.OperatorSetIdProto{{Domain: ptr("ai.onnx"), Version: ptr(int64(7))}},
		Node: []*pb.NodeProto{node("y = LeakyRelu(x)", ref)}}
	call := node("y = F(x)", intAttr("b", 4))
	call.Domain, call.Overload = ptr("my"), ptr("v2")
	m := modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("y"), Node: []*pb.NodeProto{call}})
	m.Functions = []*pb.FunctionProto{f}
	g := load(t, m)
	got := g.Functions[0]
	if len(got.Attrs) != 2 || got.Attrs[0].Value != nil || got.Attrs[1].Value != int64(3) || got.Body.Opsets[""] != 7 || got.Body.Nodes[0].Attrs[0].Ref != "a" ||
		g.Nodes[0].Overload != "v2" || got.Overload != "v2" {
		t.Errorf("function %+v", got)
	}
	f.Node[0].Input[0] = "w"
	_, err := LoadBytes(encoded(t, m))
	wantError(t, err, graph.ErrInvalid, "functions[0].node[0].input[0]", `"w" is not defined`)
	f.Node[0].Input[0] = "x"
	m.Functions = append(m.Functions, f)
	_, err = LoadBytes(encoded(t, m))
	wantError(t, err, graph.ErrInvalid, "functions[1]", "defined twice")
}

func TestTypes(t *testing.T) {
	str := &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{ElemType: ptr(int32(8))}}}
	for want, p := range map[string]*pb.TypeProto{
		"f32[batch,3,?,?]": {Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{ElemType: ptr(int32(1)), Shape: &pb.TensorShapeProto{Dim: []*pb.TensorShapeProto_Dimension{
			{Value: &pb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}}, {Value: &pb.TensorShapeProto_Dimension_DimValue{DimValue: 3}},
			{Value: &pb.TensorShapeProto_Dimension_DimValue{DimValue: -1}}, {}}}}}},
		"str[...]":               str,
		"seq(str[...])":          {Value: &pb.TypeProto_SequenceType{SequenceType: &pb.TypeProto_Sequence{ElemType: str}}},
		"opt(seq(str[...]))":     {Value: &pb.TypeProto_OptionalType{OptionalType: &pb.TypeProto_Optional{ElemType: &pb.TypeProto{Value: &pb.TypeProto_SequenceType{SequenceType: &pb.TypeProto_Sequence{ElemType: str}}}}}},
		"map(i64,str[...])":      {Value: &pb.TypeProto_MapType{MapType: &pb.TypeProto_Map{KeyType: ptr(int32(7)), ValueType: str}}},
		"?":                      {},
		fmt.Sprint(graph.Type{}): nil,
	} {
		got, err := importType(p)
		if err != nil || got.String() != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
		if back, err := importType(exportType(got)); err != nil || !sameType(back, got) {
			t.Errorf("%s became %s, %v", got, back, err)
		}
	}
}
