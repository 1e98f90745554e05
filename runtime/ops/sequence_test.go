package ops

import (
	"errors"
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func scalarOf(v int64) *tensor.Tensor { return tensor.Scalar(v) }

func TestSequences(t *testing.T) {
	a, b := f32([]float32{1, 2}, 2), f32([]float32{3}, 1)
	ab := list(a, b)
	optest.Run(t, Registry(), "SequenceEmpty", []optest.Case{{Want: tensors{list()}}, {Attrs: []graph.Attr{graph.Int("dtype", 64)}, Err: graph.ErrType}})
	optest.Run(t, Registry(), "SequenceConstruct", []optest.Case{
		{In: tensors{a, b}, Want: tensors{ab}},
		{Name: "types", In: tensors{a, i64(nil, 0)}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "SequenceInsert", []optest.Case{
		{Name: "end", In: tensors{list(a), b}, Want: tensors{ab}},
		{Name: "front", In: tensors{list(b), a, scalarOf(-1)}, Want: tensors{ab}},
		{Name: "empty", In: tensors{list(), a, scalarOf(0)}, Want: tensors{list(a)}},
		{Name: "position", In: tensors{ab, a, scalarOf(3)}, Err: graph.ErrShape, Text: "position 3"},
		{Name: "type", In: tensors{ab, i64(nil, 0)}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "SequenceErase", []optest.Case{
		{Name: "last", In: tensors{ab}, Want: tensors{list(a)}},
		{Name: "first", In: tensors{ab, scalarOf(-2)}, Want: tensors{list(b)}},
		{Name: "empty", In: tensors{list()}, Err: graph.ErrShape},
		{Name: "position", In: tensors{ab, scalarOf(2)}, Err: graph.ErrShape, Text: "position 2"},
	})
	optest.Run(t, Registry(), "SequenceAt", []optest.Case{
		{Name: "from the end", In: tensors{ab, scalarOf(-1)}, Want: tensors{b}},
		{Name: "position", In: tensors{ab, scalarOf(math.MinInt64)}, Err: graph.ErrShape, Text: "position"},
		{Name: "tensor", In: tensors{a, scalarOf(0)}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "SequenceLength", []optest.Case{{In: tensors{ab}, Want: tensors{scalarOf(2)}}, {In: tensors{list()}, Want: tensors{scalarOf(0)}}})
}

func TestConcatFromSequence(t *testing.T) {
	a, b := i64([]int64{1, 2}, 1, 2), i64([]int64{3, 4}, 1, 2)
	axis := func(a, stack int) []graph.Attr {
		return []graph.Attr{graph.Int("axis", a), graph.Int("new_axis", stack)}
	}
	optest.Run(t, Registry(), "ConcatFromSequence", []optest.Case{
		{Name: "axis 0", In: tensors{list(a, b)}, Attrs: axis(0, 0), Want: tensors{i64([]int64{1, 2, 3, 4}, 2, 2)}},
		{Name: "last axis", In: tensors{list(a, b)}, Attrs: axis(-1, 0), Want: tensors{i64([]int64{1, 2, 3, 4}, 1, 4)}},
		{Name: "new last axis", In: tensors{list(a, b)}, Attrs: axis(-1, 1), Want: tensors{i64([]int64{1, 3, 2, 4}, 1, 2, 2)}},
		{Name: "strings", In: tensors{list(words([]string{"a"}, 1), words(nil, 0))}, Attrs: axis(0, 0), Want: tensors{words([]string{"a"}, 1)}},
		{Name: "empty", In: tensors{list()}, Attrs: axis(0, 0), Err: graph.ErrShape, Text: "empty"},
		{Name: "extents", In: tensors{list(a, i64([]int64{1}, 1, 1))}, Attrs: axis(0, 1), Err: graph.ErrShape, Text: "beside"},
		{Name: "axis", In: tensors{list(a)}, Attrs: axis(2, 0), Err: graph.ErrShape, Text: "axis 2"},
	})
}

func TestSplitToSequence(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	axis := []graph.Attr{graph.Int("axis", 1)}
	optest.Run(t, Registry(), "SplitToSequence", []optest.Case{
		{Name: "equal parts", In: tensors{x, scalarOf(2)}, Attrs: axis, Want: tensors{list(f32([]float32{1, 2, 4, 5}, 2, 2), f32([]float32{3, 6}, 2, 1))}},
		{Name: "list", In: tensors{x, i64([]int64{0, 3}, 2)}, Attrs: axis, Want: tensors{list(f32(nil, 2, 0), x)}},
		{Name: "drop", Since: 11, In: tensors{x}, Attrs: []graph.Attr{graph.Int("keepdims", 0)}, Want: tensors{list(f32([]float32{1, 2, 3}, 3), f32([]float32{4, 5, 6}, 3))}},
		{Name: "empty", In: tensors{f32(nil, 0, 3)}, Want: tensors{list()}},
		{Name: "list does not add up", In: tensors{x, i64([]int64{4, -1}, 2)}, Attrs: axis, Err: graph.ErrShape, Text: "split into"},
		{Name: "parts of nothing", In: tensors{x, scalarOf(0)}, Err: graph.ErrShape, Text: "pieces of 0"},
		{Name: "countless pieces", In: tensors{f32(nil, math.MaxInt, 0)}, Err: graph.ErrLimit, Text: "pieces"},
	})
}

func TestOptional(t *testing.T) {
	a := f32([]float32{1}, 1)
	none, some := tensor.Must(tensor.OfElems(tensor.Optional)), tensor.Must(tensor.OfElems(tensor.Optional, a))
	seq := tensor.Must(tensor.OfElems(tensor.Optional, list(a)))
	yes, no := tensor.Scalar(true), tensor.Scalar(false)
	optest.Run(t, Registry(), "Optional", []optest.Case{
		{Name: "value", In: tensors{a}, Want: tensors{some}},
		{Name: "none", Attrs: []graph.Attr{{Name: "type", Value: graph.Unranked(tensor.Float32)}}, Want: tensors{none}},
		{Name: "neither", Err: graph.ErrInvalid},
	})
	optest.Run(t, Registry(), "OptionalGetElement", []optest.Case{
		{Name: "value", Since: 15, In: tensors{some}, Want: tensors{a}},
		{Name: "sequence", In: tensors{seq}, Want: tensors{list(a)}},
		{Name: "tensor", In: tensors{a}, Want: tensors{a}},
		{Name: "none", In: tensors{none}, Err: graph.ErrShape, Text: "no value"},
	})
	optest.Run(t, Registry(), "OptionalHasElement", []optest.Case{
		{Name: "value", Since: 15, In: tensors{some}, Want: tensors{yes}},
		{Name: "none", In: tensors{none}, Want: tensors{no}},
		{Name: "absent", In: tensors{nil}, Want: tensors{no}},
		{Name: "no input", Want: tensors{no}},
		{Name: "empty sequence", In: tensors{list()}, Want: tensors{yes}},
	})
}

func TestSequenceMap(t *testing.T) {
	b := graph.NewBuilder(Registry(), nil)
	x, y := b.Input("x", graph.Unranked(tensor.Float32)), b.Input("y", graph.Unranked(tensor.Float32))
	b.Output(b.Op("Concat", x, y, graph.Int("axis", 0)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	body := []graph.Attr{graph.GraphAttr("body", b.Graph)}
	one, two := f32([]float32{1}, 1), f32([]float32{2}, 1)
	optest.Run(t, Registry(), "SequenceMap", []optest.Case{
		{Name: "tensor beside", In: tensors{list(one, two), two}, Attrs: body, Want: tensors{list(f32([]float32{1, 2}, 2), f32([]float32{2, 2}, 2))}},
		{Name: "two sequences", In: tensors{list(one, two), list(two, one)}, Attrs: body, Want: tensors{list(f32([]float32{1, 2}, 2), f32([]float32{2, 1}, 2))}},
		{Name: "empty", In: tensors{list(), one}, Attrs: body, Want: tensors{list()}},
		{Name: "lengths", In: tensors{list(one, two), list(one)}, Attrs: body, Err: graph.ErrShape, Text: "beside a sequence of 2"},
		{Name: "body", In: tensors{list(one)}, Attrs: body, Err: graph.ErrInvalid, Text: "body"},
	})
}

// hostile is an executor with a small budget, or one that is told to stop.
type hostile struct {
	*optest.Interp
	left int
	err  error
}

func (h *hostile) Charge(n int) error {
	if h.left -= n; n < 0 || h.left < 0 {
		return graph.Limitf("%d bytes", n)
	}
	return nil
}

func (h *hostile) Stopped() error { return h.err }

func (h *hostile) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	n, ok := tensor.Shape(shape).Size()
	if size, fits := d.Bytes(n); !ok || !fits || h.Charge(size) != nil {
		return nil, graph.Limitf("tensor of %s%v", d.Short(), shape)
	}
	return h.Interp.Alloc(d, shape)
}

// run runs an operator on the executor.
func (h *hostile) run(op string, nOut int, in tensors, attrs ...graph.Attr) error {
	n := &graph.Node{Op: Registry().Lookup("", op, 0), Attrs: attrs}
	for range in {
		n.In = append(n.In, &graph.Value{})
	}
	for range nOut {
		n.Out = append(n.Out, &graph.Value{Def: n})
	}
	c := graph.NewCtx(n, h)
	copy(c.In, in)
	for i, x := range in {
		if x == nil {
			n.In[i] = nil
		}
	}
	return n.Op.Run(c)
}

// A tensor of no elements can have any number of slices: the list of them must fit the budget before it is made.
func TestSplitBudget(t *testing.T) {
	h := &hostile{Interp: &optest.Interp{Reg: Registry()}, left: 1 << 20}
	if err := h.run("SplitToSequence", 1, tensors{f32(nil, 1<<40, 0)}); !errors.Is(err, graph.ErrLimit) {
		t.Errorf("error %v, want a limit", err)
	}
}
