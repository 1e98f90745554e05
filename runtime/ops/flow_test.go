package ops

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// subgraph is a graph for an attribute; build adds inputs, nodes and outputs.
func subgraph(t *testing.T, name string, build func(b *graph.Builder)) graph.Attr {
	t.Helper()
	b := graph.NewBuilder(Registry(), nil)
	build(b)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return graph.GraphAttr(name, b.Graph)
}

func TestIf(t *testing.T) {
	branch := func(name string, v *tensor.Tensor) graph.Attr {
		return subgraph(t, name, func(b *graph.Builder) { b.Output(b.Const(v)) })
	}
	a, s := f32([]float32{1, 2}, 2), list(f32([]float32{1}, 1))
	attrs := []graph.Attr{branch("then_branch", a), branch("else_branch", s)}
	optest.Run(t, Registry(), "If", []optest.Case{
		{Name: "then", Since: 1, In: tensors{tensor.Scalar(true)}, Attrs: attrs, Want: tensors{a}},
		{Name: "else", In: tensors{tensor.Must(tensor.Of([]bool{false}))}, Attrs: attrs, Want: tensors{s}},
		{Name: "condition", In: tensors{tensor.Must(tensor.Of([]bool{}))}, Attrs: attrs, Err: graph.ErrShape},
		{Name: "number", In: tensors{f32([]float32{1}, 1)}, Attrs: attrs, Err: graph.ErrType},
		{Name: "branches", In: tensors{tensor.Scalar(true)}, Attrs: attrs[:1], Err: graph.ErrInvalid},
		{Name: "outputs", In: tensors{tensor.Scalar(true)}, Attrs: attrs, Want: tensors{a, a}, Err: graph.ErrInvalid},
	})
}

var absent *graph.Value // an optional input that is not there

// loopBodyAttr is a body that doubles x, stops when it reaches 100, and collects x and the number of the iteration.
func loopBodyAttr(t *testing.T) graph.Attr {
	return subgraph(t, "body", func(b *graph.Builder) {
		k := b.Input("k", graph.TensorType(tensor.Int64))
		b.Input("go", graph.TensorType(tensor.Bool))
		x := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(1)))
		y := b.Op("Add", x, x)
		b.Output(b.Op("Less", b.Op("Squeeze", y), b.Scalar(tensor.Float32, 100)))
		b.Output(y)
		b.Output(x)
		b.Output(k)
	})
}

func TestLoop(t *testing.T) {
	body := []graph.Attr{loopBodyAttr(t)}
	x, yes, no := f32([]float32{30}, 1), tensor.Scalar(true), tensor.Scalar(false)
	optest.Run(t, Registry(), "Loop", []optest.Case{
		{Name: "until the condition fails", In: tensors{scalarOf(5), yes, x}, Attrs: body,
			Want: tensors{f32([]float32{120}, 1), f32([]float32{30, 60}, 2, 1), i64([]int64{0, 1}, 2)}},
		{Name: "until M", Since: 1, In: tensors{i64([]int64{1}, 1), yes, x}, Attrs: body, Want: tensors{f32([]float32{60}, 1), nil, i64([]int64{0}, 1)}},
		{Name: "without M", In: tensors{nil, yes, x}, Attrs: body, Want: tensors{f32([]float32{120}, 1)}},
		{Name: "without a condition", In: tensors{scalarOf(3), nil, x}, Attrs: body, Want: tensors{f32([]float32{240}, 1)}},
		{Name: "no iteration", In: tensors{nil, no, x}, Attrs: body, Want: tensors{x, f32(nil, 0, 1), i64(nil, 0)}},
		{Name: "negative M", In: tensors{scalarOf(-1), yes, x}, Attrs: body, Want: tensors{x, f32(nil, 0, 1), i64(nil, 0)}},
		{Name: "inputs", In: tensors{scalarOf(1), yes}, Attrs: body, Err: graph.ErrInvalid, Text: "body"},
		{Name: "condition", In: tensors{scalarOf(1), tensor.Must(tensor.Of([]bool{true, true})), x}, Attrs: body, Err: graph.ErrShape},
	})
}

// A body that appends to a sequence and reads a value of the graph around it.
func TestLoopSequence(t *testing.T) {
	b := graph.NewBuilder(Registry(), nil)
	outer := b.Input("outer", graph.TensorType(tensor.Float32, graph.Size(1)))
	m := b.Input("m", graph.TensorType(tensor.Int64))
	body := b.Sub(&graph.Graph{})
	k, more := body.Input("k", graph.TensorType(tensor.Int64)), body.Input("more", graph.TensorType(tensor.Bool))
	s := body.Input("s", graph.SeqOf(graph.Unranked(tensor.Float32)))
	times := body.Op("Expand", outer, body.Op("Unsqueeze", k, body.Ints(0)))
	body.Output(more)
	body.Output(body.Op("SequenceInsert", s, times))
	if body.Err() != nil {
		t.Fatal(body.Err())
	}
	out := b.Op("Loop", m, absent, b.Op("SequenceEmpty"), graph.GraphAttr("body", body.Graph))
	b.Output(out)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	if got := out.Type.String(); got != "seq(f32[...])" {
		t.Errorf("inferred %s", got)
	}
	x := &optest.Interp{Reg: Registry()}
	got, err := x.RunGraph(b.Graph, tensors{f32([]float32{7}, 1), scalarOf(3)})
	if err != nil {
		t.Fatal(err)
	}
	want := list(f32(nil, 0), f32([]float32{7}, 1), f32([]float32{7, 7}, 2))
	if d := optest.Diff(got[0], want, 0, 0); d != "" {
		t.Error(d)
	}
}

// What inference says of carried values must hold in every iteration: h keeps its shape, g grows, and d follows g.
func TestLoopTypes(t *testing.T) {
	b := graph.NewBuilder(Registry(), nil)
	vec := func(name string, d graph.Dim) *graph.Value { return b.Input(name, graph.TensorType(tensor.Float32, d)) }
	h, g, d := vec("h", graph.Sym("H")), vec("g", graph.Size(1)), vec("d", graph.Size(1))
	body := b.Sub(&graph.Graph{})
	body.Input("k", graph.TensorType(tensor.Int64))
	more := body.Input("more", graph.TensorType(tensor.Bool))
	var in []*graph.Value
	for _, n := range []string{"h'", "g'", "d'"} {
		in = append(in, body.Input(n, graph.Unranked(tensor.Float32)))
	}
	body.Output(more)
	body.Output(body.Op("Relu", in[0]))
	body.Output(body.Op("Concat", in[1], in[1], graph.Int("axis", 0)))
	body.Output(body.Op("Relu", in[1]))
	body.Output(body.Op("Relu", in[0]))
	out := b.OpN(4, "Loop", b.Const(scalarOf(2)), absent, h, g, d, graph.GraphAttr("body", body.Graph))
	if body.Err() != nil || b.Err() != nil {
		t.Fatal(body.Err(), b.Err())
	}
	for i, want := range []string{"f32[H]", "f32[?]", "f32[?]", "f32[?,H]"} {
		if got := out[i].Type.String(); got != want {
			t.Errorf("output %d is %s, want %s", i, got, want)
		}
	}
}

func TestLoopBudget(t *testing.T) {
	grow := subgraph(t, "body", func(b *graph.Builder) {
		b.Input("k", graph.TensorType(tensor.Int64))
		more := b.Input("more", graph.TensorType(tensor.Bool))
		x := b.Input("x", graph.TensorType(tensor.Float32, graph.Unknown()))
		b.Output(more)
		b.Output(b.Op("Concat", x, x, graph.Int("axis", 0)))
	})
	forever := scalarOf(maxTrips)
	h := func(err error) *hostile {
		return &hostile{Interp: &optest.Interp{Reg: Registry()}, left: 1 << 20, err: err}
	}
	collect := subgraph(t, "body", func(b *graph.Builder) {
		b.Input("k", graph.TensorType(tensor.Int64))
		b.Output(b.Input("more", graph.TensorType(tensor.Bool)))
		b.Output(b.Const(f32(nil, 0)))
	})
	if err := h(nil).run("Loop", 1, tensors{forever, nil}, collect); !errors.Is(err, graph.ErrLimit) {
		t.Errorf("collecting nothing without end: %v, want a limit", err)
	}
	if err := h(nil).run("Loop", 1, tensors{forever, nil, f32([]float32{1}, 1)}, grow); !errors.Is(err, graph.ErrLimit) {
		t.Errorf("a value that grows without end: %v, want a limit", err)
	}
	if err := h(nil).run("Loop", 1, tensors{scalarOf(math.MaxInt64), nil}, collect); !errors.Is(err, graph.ErrLimit) || !strings.Contains(err.Error(), "exit") {
		t.Errorf("a loop that nothing can end: %v, want a limit at once", err)
	}
	if err := h(context.Canceled).run("Loop", 1, tensors{forever, nil}, collect); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// scanBody is s' = s + x, y = s'.
func scanBody(t *testing.T) graph.Attr {
	return subgraph(t, "body", func(b *graph.Builder) {
		s := b.Input("s", graph.TensorType(tensor.Float32, graph.Size(2)))
		x := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(2)))
		y := b.Op("Add", s, x)
		b.Output(y)
		b.Output(y)
	})
}

func TestScan(t *testing.T) {
	body, n := scanBody(t), graph.Int("num_scan_inputs", 1)
	axes := func(in, back, out, outBack int64) []graph.Attr {
		return []graph.Attr{body, n, graph.Ints("scan_input_axes", in), graph.Ints("scan_input_directions", back),
			graph.Ints("scan_output_axes", out), graph.Ints("scan_output_directions", outBack)}
	}
	zero, x := f32([]float32{0, 0}, 2), f32([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	last := f32([]float32{9, 12}, 2)
	packed := tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x21, 0x43, 0x05}, 5))
	optest.Run(t, Registry(), "Scan", []optest.Case{
		{Name: "rows", Since: 9, In: tensors{zero, x}, Attrs: []graph.Attr{body, n}, Want: tensors{last, f32([]float32{1, 2, 4, 6, 9, 12}, 3, 2)}},
		{Name: "backwards", In: tensors{zero, x}, Attrs: axes(0, 1, 0, 0), Want: tensors{last, f32([]float32{5, 6, 8, 10, 9, 12}, 3, 2)}},
		{Name: "collected backwards in columns", In: tensors{zero, x}, Attrs: axes(-2, 0, -1, 1), Want: tensors{last, f32([]float32{9, 4, 1, 12, 6, 2}, 2, 3)}},
		{Name: "columns", In: tensors{zero, f32([]float32{1, 3, 5, 2, 4, 6}, 2, 3)}, Attrs: axes(1, 0, 0, 0), Want: tensors{last, f32([]float32{1, 2, 4, 6, 9, 12}, 3, 2)}},
		{Name: "empty", In: tensors{zero, f32(nil, 0, 2)}, Attrs: []graph.Attr{body, n}, Want: tensors{zero, f32(nil, 0, 2)}},
		{Name: "packed", In: tensors{packed}, Attrs: []graph.Attr{n, subgraph(t, "body", func(b *graph.Builder) { b.Output(b.Input("x", graph.TensorType(tensor.Uint4))) }),
			graph.Ints("scan_input_directions", 1)}, Want: tensors{tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x45, 0x23, 0x01}, 5))}},
		{Name: "strings", In: tensors{words([]string{"a", "b"}, 2)}, Attrs: []graph.Attr{n, subgraph(t, "body", func(b *graph.Builder) { b.Output(b.Input("x", graph.TensorType(tensor.String))) }),
			graph.Ints("scan_output_directions", 1)}, Want: tensors{words([]string{"b", "a"}, 2)}},
		{Name: "axis", In: tensors{zero, x}, Attrs: axes(2, 0, 0, 0), Err: graph.ErrShape, Text: "axis 2"},
		{Name: "directions", In: tensors{zero, x}, Attrs: []graph.Attr{body, n, graph.Ints("scan_input_axes", 0, 0)}, Err: graph.ErrInvalid},
		{Name: "inputs", In: tensors{zero}, Attrs: []graph.Attr{body, n}, Err: graph.ErrInvalid},
	})
	batch := f32([]float32{0, 0, 10, 10}, 2, 2)
	xs := f32([]float32{1, 2, 3, 4, 1, 1, 2, 2}, 2, 2, 2)
	optest.Run(t, Registry(), "Scan", []optest.Case{
		{Name: "batch", Since: 8, In: tensors{nil, batch, xs}, Attrs: []graph.Attr{body, n},
			Want: tensors{f32([]float32{4, 6, 13, 13}, 2, 2), f32([]float32{1, 2, 4, 6, 11, 11, 13, 13}, 2, 2, 2)}},
		{Name: "short sequences", Since: 8, In: tensors{i64([]int64{0, 1}, 2), batch, xs}, Attrs: []graph.Attr{body, n},
			Want: tensors{f32([]float32{0, 0, 11, 11}, 2, 2), f32([]float32{0, 0, 0, 0, 11, 11, 0, 0}, 2, 2, 2)}},
		{Name: "no sequences", Since: 8, In: tensors{i64([]int64{0, 0}, 2), batch, xs}, Attrs: []graph.Attr{body, n},
			Want: tensors{batch, f32(make([]float32, 8), 2, 2, 2)}},
		{Name: "lengths", Since: 8, In: tensors{i64([]int64{3, 0}, 2), batch, xs}, Attrs: []graph.Attr{body, n}, Err: graph.ErrShape, Text: "sequence of 3"},
	})
}
