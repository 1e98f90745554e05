package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func scalar(v int64) *tensor.Tensor { return tensor.Scalar(v) }

func TestPad(t *testing.T) {
	x := f32([]float32{1, 2, 3}, 3)
	mode := func(m string) []graph.Attr { return []graph.Attr{graph.Str("mode", m)} }
	optest.Run(t, Registry(), "Pad", []optest.Case{
		{In: tens{x, ints(1, 2)}, Want: tens{f32([]float32{0, 1, 2, 3, 0, 0}, 6)}},
		{Name: "value", In: tens{x, ints(-1, 1), tensor.Scalar(float32(9))}, Want: tens{f32([]float32{2, 3, 9}, 3)}},
		{Name: "axes", In: tens{iota32(2, 2), ints(1, 0), nil, ints(-1)}, Want: tens{f32([]float32{0, 0, 1, 0, 2, 3}, 2, 3)}},
		{Name: "beyond the data", In: tens{x, ints(-4, 3)}, Want: tens{f32([]float32{0, 0}, 2)}},
		// the standard's reference pads as numpy does, which reflects as often as it takes
		{Name: "reflect", In: tens{x, ints(3, 3)}, Attrs: mode("reflect"), Want: tens{f32([]float32{2, 3, 2, 1, 2, 3, 2, 1, 2}, 9)}},
		{Name: "reflect one", In: tens{f32([]float32{5}, 1), ints(1, 1)}, Attrs: mode("reflect"), Want: tens{f32([]float32{5, 5, 5}, 3)}},
		{Name: "edge", In: tens{x, ints(2, -1)}, Attrs: mode("edge"), Want: tens{f32([]float32{1, 1, 1, 2}, 4)}},
		{Name: "wrap", In: tens{iota32(2, 2), ints(1, 0, 0, 3)}, Attrs: mode("wrap"), Want: tens{f32([]float32{2, 3, 2, 3, 2, 0, 1, 0, 1, 0, 2, 3, 2, 3, 2}, 3, 5)}},
		{Name: "packed", In: tens{tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x21}, 2)), ints(1, 0), tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{7}))}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Uint4, []byte{0x17, 0x2}, 3))}},
		{Name: "strings", In: tens{strs("a"), ints(1, 0)}, Want: tens{strs("", "a")}},
		{Name: "empty", In: tens{iota32(0, 1), ints(1, 0, 0, 0)}, Want: tens{iota32(1, 1)}},
		{Name: "attributes", Since: 2, In: tens{x}, Attrs: []graph.Attr{graph.Ints("pads", 0, 1), graph.Float("value", -1)}, Want: tens{f32([]float32{1, 2, 3, -1}, 4)}},
		{Name: "paddings", Since: 1, In: tens{x}, Attrs: []graph.Attr{graph.Ints("paddings", 1, 0), graph.Str("mode", "edge")}, Want: tens{f32([]float32{1, 1, 2, 3}, 4)}},
		{Name: "nothing to reflect", In: tens{iota32(0), ints(1, 1)}, Attrs: mode("reflect"), Err: graph.ErrShape, Text: "nothing on axis 0"},
		{Name: "count", In: tens{x, ints(1)}, Err: graph.ErrShape, Text: "1 pads"},
		{Name: "below zero", In: tens{x, ints(-2, -2)}, Err: graph.ErrShape, Text: "negative"},
		{Name: "overflow", In: tens{x, ints(minInt, minInt)}, Err: graph.ErrLimit},
		{Name: "mode", In: tens{x, ints(0, 0)}, Attrs: mode("mirror"), Err: graph.ErrInvalid, Text: "mirror"},
	})
}

func TestSplit(t *testing.T) {
	x := iota32(2, 4)
	optest.Run(t, Registry(), "Split", []optest.Case{
		{In: tens{x, ints(1, 3)}, Attrs: []graph.Attr{graph.Int("axis", -1)}, Want: tens{f32([]float32{0, 4}, 2, 1), f32([]float32{1, 2, 3, 5, 6, 7}, 2, 3)}},
		{Name: "uneven", In: tens{iota32(5)}, Attrs: []graph.Attr{graph.Int("num_outputs", 3)}, Want: tens{iota32(2), f32([]float32{2, 3}, 2), f32([]float32{4}, 1)}},
		{Name: "last only", In: tens{iota32(5)}, Attrs: []graph.Attr{graph.Int("num_outputs", 3)}, Want: tens{nil, nil, f32([]float32{4}, 1)}},
		{Name: "more pieces than elements", In: tens{iota32(1)}, Attrs: []graph.Attr{graph.Int("num_outputs", 2)}, Want: tens{iota32(1), iota32(0)}},
		{Name: "equal", Since: 13, In: tens{x}, Want: tens{iota32(1, 4), f32([]float32{4, 5, 6, 7}, 1, 4)}},
		{Name: "attribute", Since: 2, In: tens{x}, Attrs: []graph.Attr{graph.Ints("split", 2, 0)}, Want: tens{x, iota32(0, 4)}},
		{Name: "sum", In: tens{x, ints(1, 2)}, Err: graph.ErrShape, Text: "extent of 2"},
		{Name: "unequal", Since: 13, In: tens{iota32(3)}, Want: tens{iota32(1), iota32(2)}, Err: graph.ErrShape, Text: "2 equal pieces"},
		{Name: "negative", In: tens{iota32(3), ints(-1, 4)}, Want: tens{iota32(1), iota32(2)}, Err: graph.ErrShape},
	})
}

func TestTile(t *testing.T) {
	optest.Run(t, Registry(), "Tile", []optest.Case{
		{In: tens{iota32(2, 2), ints(1, 2)}, Want: tens{f32([]float32{0, 1, 0, 1, 2, 3, 2, 3}, 2, 4)}},
		{Name: "rows", Since: 6, In: tens{iota32(1, 2), ints(2, 1)}, Want: tens{f32([]float32{0, 1, 0, 1}, 2, 2)}},
		{Name: "none", In: tens{iota32(2), ints(0)}, Want: tens{iota32(0)}},
		{Name: "bomb", In: tens{iota32(2), ints(1 << 62)}, Err: graph.ErrLimit},
		{Name: "wide bomb", In: tens{iota32(2, 2), ints(1<<40, 1<<40)}, Err: graph.ErrShape},
		{Name: "negative", In: tens{iota32(2), ints(-1)}, Err: graph.ErrShape, Text: "-1 repeats"},
		{Name: "count", In: tens{iota32(2), ints(1, 1)}, Err: graph.ErrShape, Text: "2 repeats"},
	})
}

func TestRange(t *testing.T) {
	f := func(v float32) *tensor.Tensor { return tensor.Scalar(v) }
	half := func(v float64) *tensor.Tensor { return tensor.Must(tensor.Full(tensor.Float16, v)) }
	optest.Run(t, Registry(), "Range", []optest.Case{
		{In: tens{scalar(3), scalar(9), scalar(3)}, Want: tens{ints(3, 6)}},
		{Name: "down", In: tens{scalar(10), scalar(4), scalar(-2)}, Want: tens{ints(10, 8, 6)}},
		{Name: "none", In: tens{scalar(1), scalar(0), scalar(1)}, Want: tens{ints()}},
		// 0.3 / 0.1 of float32 is just above 3
		{Name: "floats", Since: 11, In: tens{f(0), f(0.3), f(0.1)}, Want: tens{f32([]float32{0, 0.1, 0.2, 0.3}, 4)}, Tol: 1e-7},
		{Name: "halves", In: tens{half(1), half(2), half(0.5)}, Attrs: []graph.Attr{graph.Int("stash_type", 11)}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Float16, []byte{0, 0x3c, 0, 0x3e}, 2))}},
		{Name: "stash", In: tens{half(1), half(2), half(0.5)}, Attrs: []graph.Attr{graph.Int("stash_type", 10)}, Err: graph.ErrInvalid},
		{Name: "bomb", In: tens{scalar(math.MinInt64), scalar(math.MaxInt64), scalar(1)}, Err: graph.ErrLimit},
		{Name: "endless", In: tens{f(0), f(float32(math.Inf(1))), f(1)}, Err: graph.ErrLimit},
		{Name: "step 0", In: tens{scalar(1), scalar(2), scalar(0)}, Err: graph.ErrShape, Text: "steps of 0"},
		{Name: "types", In: tens{scalar(1), f(2), scalar(1)}, Err: graph.ErrType},
	})
}

func TestBlocks(t *testing.T) {
	attrs := func(mode string) []graph.Attr {
		return []graph.Attr{graph.Int("blocksize", 2), graph.Str("mode", mode)}
	}
	x := iota32(1, 8, 1, 1)
	optest.Run(t, Registry(), "DepthToSpace", []optest.Case{
		{In: tens{x}, Attrs: attrs("DCR"), Want: tens{f32([]float32{0, 2, 4, 6, 1, 3, 5, 7}, 1, 2, 2, 2)}},
		{Name: "CRD", In: tens{x}, Attrs: attrs("CRD"), Want: tens{iota32(1, 2, 2, 2)}},
		{Name: "empty", Since: 1, In: tens{iota32(0, 4, 2, 3)}, Attrs: attrs("DCR")[:1], Want: tens{iota32(0, 1, 4, 6)}},
		{Name: "depth", In: tens{iota32(1, 6, 1, 1)}, Attrs: attrs("DCR"), Err: graph.ErrShape, Text: "divided by 4"},
		{Name: "mode", In: tens{x}, Attrs: attrs("RCD"), Err: graph.ErrInvalid},
		{Name: "size", In: tens{x}, Err: graph.ErrShape, Text: "blocksize 0"},
	})
	optest.Run(t, Registry(), "SpaceToDepth", []optest.Case{
		{In: tens{f32([]float32{0, 2, 4, 6, 1, 3, 5, 7}, 1, 2, 2, 2)}, Attrs: attrs("DCR"), Want: tens{x}},
		{Name: "CRD", In: tens{iota32(1, 2, 2, 2)}, Attrs: attrs("CRD"), Want: tens{x}},
		{Name: "columns", Since: 1, In: tens{iota32(1, 1, 2, 4)}, Attrs: attrs("DCR")[:1], Want: tens{f32([]float32{0, 2, 1, 3, 4, 6, 5, 7}, 1, 4, 1, 2)}},
		{Name: "width", In: tens{iota32(1, 1, 2, 3)}, Attrs: attrs("DCR"), Err: graph.ErrShape, Text: "divided by 2"},
	})
}

func TestFills(t *testing.T) {
	optest.Run(t, Registry(), "ConstantOfShape", []optest.Case{
		{In: tens{ints(2, 1)}, Want: tens{f32([]float32{0, 0}, 2, 1)}},
		{Name: "value", In: tens{ints()}, Attrs: []graph.Attr{graph.TensorAttr("value", ints(7))}, Want: tens{scalar(7)}},
		{Name: "packed", In: tens{ints(3)}, Attrs: []graph.Attr{graph.TensorAttr("value", tensor.Must(tensor.FromBytes(tensor.Int4, []byte{5}, 1)))}, Want: tens{tensor.Must(tensor.FromBytes(tensor.Int4, []byte{0x55, 5}, 3))}},
		{Name: "empty", In: tens{ints(0, 1<<40)}, Want: tens{iota32(0, 1<<40)}},
		{Name: "negative", In: tens{ints(-1)}, Err: graph.ErrShape, Text: "negative"},
		{Name: "bomb", In: tens{ints(1<<40, 1<<40)}, Err: graph.ErrShape},
	})
	optest.Run(t, Registry(), "EyeLike", []optest.Case{
		{In: tens{iota32(2, 3)}, Attrs: []graph.Attr{graph.Int("k", 1), graph.Int("dtype", int(tensor.Int64))}, Want: tens{i64([]int64{0, 1, 0, 0, 0, 1}, 2, 3)}},
		{Name: "vector", Since: 9, In: tens{ints(1, 2)}, Err: graph.ErrShape, Text: "1 axes"},
		{Name: "far", In: tens{iota32(1, 1)}, Attrs: []graph.Attr{graph.Int("k", minInt)}, Want: tens{iota32(1, 1)}},
	})
	optest.Run(t, Registry(), "Trilu", []optest.Case{
		{In: tens{f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)}, Want: tens{f32([]float32{1, 2, 3, 0, 5, 6}, 2, 3)}},
		{Name: "lower", In: tens{f32([]float32{1, 2, 3, 4, 5, 6}, 1, 2, 3), scalar(-1)}, Attrs: []graph.Attr{graph.Int("upper", 0)}, Want: tens{f32([]float32{0, 0, 0, 4, 0, 0}, 1, 2, 3)}},
		{Name: "far", In: tens{iota32(2, 2), scalar(math.MaxInt64)}, Want: tens{f32([]float32{0, 0, 0, 0}, 2, 2)}},
		{Name: "empty", In: tens{iota32(0, 2)}, Want: tens{iota32(0, 2)}},
		{Name: "vector", In: tens{iota32(2)}, Err: graph.ErrShape, Text: "two axes"},
	})
}

func TestSelections(t *testing.T) {
	cond := func(v ...bool) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v))) }
	optest.Run(t, Registry(), "Compress", []optest.Case{
		{In: tens{iota32(2, 2), cond(false, true, true)}, Want: tens{f32([]float32{1, 2}, 2)}},
		{Name: "axis", Since: 9, In: tens{iota32(2, 2), cond(false, true)}, Attrs: []graph.Attr{graph.Int("axis", 1)}, Want: tens{f32([]float32{1, 3}, 2, 1)}},
		{Name: "longer than the axis", In: tens{iota32(1), cond(true, true)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: tens{iota32(1)}},
		{Name: "empty", In: tens{iota32(0, 2), cond()}, Want: tens{iota32(0)}},
		{Name: "rank", In: tens{iota32(1), tensor.Scalar(true)}, Err: graph.ErrShape, Text: "one axis"},
	})
	optest.Run(t, Registry(), "ReverseSequence", []optest.Case{
		{In: tens{iota32(3, 2), ints(3, 1)}, Want: tens{f32([]float32{4, 1, 2, 3, 0, 5}, 3, 2)}},
		{Name: "batch first", Since: 10, In: tens{iota32(1, 3), ints(2)}, Attrs: []graph.Attr{graph.Int("batch_axis", 0), graph.Int("time_axis", 1)}, Want: tens{f32([]float32{1, 0, 2}, 1, 3)}},
		{Name: "empty", In: tens{iota32(0, 2), ints(0, 0)}, Want: tens{iota32(0, 2)}},
		{Name: "long", In: tens{iota32(1, 1), ints(2)}, Err: graph.ErrShape, Text: "length 2"},
	})
	optest.Run(t, Registry(), "CenterCropPad", []optest.Case{
		{In: tens{iota32(4), ints(1)}, Want: tens{f32([]float32{1}, 1)}},
		{Name: "both", In: tens{iota32(3, 1), ints(1, 4)}, Want: tens{f32([]float32{0, 1, 0, 0}, 1, 4)}},
		{Name: "axes", In: tens{iota32(1, 0), ints(2)}, Attrs: []graph.Attr{graph.Ints("axes", -1)}, Want: tens{f32([]float32{0, 0}, 1, 2)}},
		{Name: "count", In: tens{iota32(1), ints(1, 2)}, Err: graph.ErrShape, Text: "2 extents"},
	})
}

// TestViewShares runs a view on an output that shares the input's memory, which executors arrange, and on one that is apart.
func TestViewShares(t *testing.T) {
	n := &graph.Node{Op: Registry().Lookup("", "Reshape", 0), In: make([]*graph.Value, 2), Out: []*graph.Value{{Name: "y"}}}
	x := iota32(2, 3)
	for _, y := range []*tensor.Tensor{tensor.Must(x.Reshape(6)), tensor.Must(tensor.New(tensor.Float32, 6))} {
		c := graph.NewCtx(n, &optest.Interp{Reg: Registry()})
		c.In[0], c.Out[0] = x, y
		if err := n.Op.Run(c); err != nil {
			t.Fatal(err)
		}
		if d := optest.Diff(y, iota32(6), 0, 0); d != "" {
			t.Error(d)
		}
	}
}
