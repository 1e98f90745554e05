package ops

import (
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// gradRow is a row that only checks gradients, those of the inputs that in gives; the others follow in rest.
func gradRow(name string, in, rest []*tensor.Tensor, attrs ...graph.Attr) optest.Case {
	c := optest.Case{Name: name, In: append(append([]*tensor.Tensor{}, in...), rest...), Attrs: attrs}
	for i, x := range in {
		if x != nil {
			c.Grad = append(c.Grad, i)
		}
	}
	return c
}

// some are tensors of random elements; equal seeds give equal ones.
func some(shapes ...[]int) []*tensor.Tensor {
	r := rand.New(rand.NewPCG(5, 6))
	out := make([]*tensor.Tensor, len(shapes))
	for i, s := range shapes {
		if s != nil {
			out[i] = randomTensor(r, s...)
		}
	}
	return out
}

func numbersOf(v ...int64) []*tensor.Tensor { return []*tensor.Tensor{i64(v, len(v))} }

func TestConvGradients(t *testing.T) {
	pads := func(v ...int64) graph.Attr { return graph.Ints("pads", v...) }
	strides := func(v ...int64) graph.Attr { return graph.Ints("strides", v...) }
	same := graph.Str("auto_pad", "SAME_LOWER")
	optest.Run(t, Registry(), "Conv", []optest.Case{
		gradRow("line", some([]int{2, 3, 9}, []int{4, 3, 4}, []int{4}), nil, pads(3, 0), strides(2)),
		gradRow("groups", some([]int{2, 4, 7, 8}, []int{6, 2, 3, 2}, []int{6}), nil, graph.Int("group", 2), pads(0, 1, 2, 0), strides(3, 2), graph.Ints("dilations", 2, 1)),
		gradRow("depthwise", some([]int{1, 3, 5, 6}, []int{3, 1, 3, 3}), nil, graph.Int("group", 3), same, strides(2, 2)),
		gradRow("cube", some([]int{1, 2, 3, 4, 5}, []int{3, 2, 2, 3, 2}, []int{3}), nil, pads(1, 0, 1, 0, 2, 1), strides(2, 1, 2)),
		gradRow("no images", []*tensor.Tensor{f32(nil, 0, 2, 4), some([]int{3, 2, 2})[0]}, nil),
	})
	optest.Run(t, Registry(), "ConvTranspose", []optest.Case{
		gradRow("line", some([]int{2, 3, 5}, []int{3, 2, 4}, []int{2}), nil, pads(1, 2), strides(3), graph.Ints("output_padding", 2)),
		gradRow("groups", some([]int{1, 4, 3, 4}, []int{4, 2, 3, 2}, []int{4}), nil, graph.Int("group", 2), graph.Ints("dilations", 2, 1)),
		gradRow("larger", some([]int{1, 2, 3}, []int{2, 2, 2}), nil, strides(2), graph.Ints("output_shape", 11)),
		gradRow("same", some([]int{1, 2, 3, 3}, []int{2, 3, 3, 3}), nil, same, strides(2, 2)),
	})
	optest.Run(t, Registry(), "DeformConv", []optest.Case{
		gradRow("mask", some([]int{2, 2, 4, 5}, []int{4, 1, 2, 2}, []int{2, 8, 3, 4}, []int{4}, []int{2, 4, 3, 4}), nil, graph.Int("group", 2)),
		gradRow("no bias", some([]int{2, 2, 4, 5}, []int{4, 2, 2, 2}, []int{2, 8, 3, 4}), nil),
	})
}

// TestConvWeightGrad holds the matrix product against the sums one by one, which float64 takes, on one thread and on three.
func TestConvWeightGrad(t *testing.T) {
	for _, c := range []struct {
		x, g, w []int
		attrs   []graph.Attr
	}{
		{[]int{3, 8, 20, 30}, []int{3, 70, 20, 30}, []int{70, 8, 3, 3}, []graph.Attr{graph.Ints("pads", 1, 1, 1, 1)}},
		{[]int{18, 66, 5, 7}, []int{18, 6, 3, 3}, []int{6, 33, 3, 2}, []graph.Attr{graph.Int("group", 2), graph.Ints("strides", 2, 3), graph.Ints("pads", 1, 0, 1, 1)}},
		{[]int{2, 5, 1024}, []int{2, 12, 1024}, []int{12, 5, 1}, nil},
		{[]int{1, 40, 28, 28}, []int{1, 12, 28, 28}, []int{12, 40, 1, 1}, nil}, // the last block of channels does not fill panels, the others do
		{[]int{2, 72, 6, 5}, []int{2, 20, 6, 5}, []int{20, 72, 3, 3}, []graph.Attr{graph.Ints("pads", 1, 1, 1, 1)}},
		{[]int{1, 3, 2}, []int{1, 3, 5}, []int{3, 3, 2}, []graph.Attr{graph.Ints("pads", 3, 3), graph.Ints("dilations", 3)}},
	} {
		in := some(c.x, c.g)
		v := make([]int64, len(c.w))
		for i, d := range c.w {
			v[i] = int64(d)
		}
		shape := i64(v, len(v))
		run := func(threads int, in ...*tensor.Tensor) *tensor.Tensor {
			n := &graph.Node{Op: Registry().Lookup(private, "ConvWeightGrad", 0), Attrs: c.attrs, In: make([]*graph.Value, 3), Out: []*graph.Value{{Name: "dw"}}}
			for i := range n.In {
				n.In[i] = &graph.Value{}
			}
			out, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, in)
			if err != nil {
				t.Fatal(c, err)
			}
			return out[0]
		}
		wide := run(1, doubled(in[0]), doubled(in[1]), shape)
		want := make([]float32, wide.Len())
		for i := range want {
			want[i] = float32(wide.Float(i))
		}
		one, three := run(1, in[0], in[1], shape), run(3, in[0], in[1], shape)
		if d := optest.Diff(one, f32(want, c.w...), 1e-5, 1e-4); d != "" {
			t.Error(c.x, c.w, d)
		}
		if d := optest.Diff(three, one, 0, 0); d != "" {
			t.Error("on three threads:", c.x, c.w, d)
		}
	}
}

func doubled(x *tensor.Tensor) *tensor.Tensor {
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = x.Float(i)
	}
	return tensor.Must(tensor.Of(v, x.Shape()...))
}

func TestPoolGradients(t *testing.T) {
	x := some([]int{2, 2, 7, 6})
	window := []graph.Attr{graph.Ints("kernel_shape", 3, 2), graph.Ints("strides", 2, 3), graph.Ints("pads", 1, 0, 2, 1), graph.Ints("dilations", 2, 1), graph.Int("ceil_mode", 1)}
	none := []*tensor.Tensor{f32(nil, 0, 2, 7, 6)}
	for _, op := range []string{"MaxPool", "AveragePool", "LpPool"} {
		optest.Run(t, Registry(), op, []optest.Case{gradRow(op, x, nil, window...), gradRow(op+" of nothing", none, nil, window...)})
	}
	optest.Run(t, Registry(), "AveragePool", []optest.Case{
		gradRow("padding counted", x, nil, append(window, graph.Int("count_include_pad", 1))...),
		gradRow("same", some([]int{1, 2, 7}), nil, graph.Ints("kernel_shape", 3), graph.Str("auto_pad", "SAME_UPPER"), graph.Ints("strides", 2)),
	})
	optest.Run(t, Registry(), "LpPool", []optest.Case{gradRow("p 3", x, nil, append(window, graph.Int("p", 3))...)})
	for _, op := range []string{"GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"} {
		optest.Run(t, Registry(), op, []optest.Case{gradRow(op, x, nil), gradRow(op+" of nothing", none, nil)})
	}
	at := i64([]int64{1, 4, 8, 15}, 1, 1, 2, 2)
	two := []graph.Attr{graph.Ints("kernel_shape", 2, 2), graph.Ints("strides", 2, 2)}
	optest.Run(t, Registry(), "MaxUnpool", []optest.Case{
		gradRow("plain", some([]int{1, 1, 2, 2}), []*tensor.Tensor{at}, two...),
		gradRow("larger", some([]int{1, 1, 2, 2}), []*tensor.Tensor{at, i64([]int64{1, 1, 5, 6}, 4)}, two...),
	})
}

func TestNormGradients(t *testing.T) {
	x, c := []int{2, 4, 3, 2}, []int{4}
	optest.Run(t, Registry(), "BatchNormalization", []optest.Case{
		gradRow("training", some(x, c, c), positive(4), graph.Int("training_mode", 1), graph.Float("epsilon", 1e-3)),
		gradRow("rows", some([]int{5, 4}, c, c), positive(4), graph.Int("training_mode", 1)),
		gradRow("fixed", append(some(x, c, c), positive(4)...), nil),
	})
	optest.Run(t, Registry(), "InstanceNormalization", []optest.Case{gradRow("planes", some(x, c, c), nil)})
	optest.Run(t, Registry(), "GroupNormalization", []optest.Case{
		gradRow("two groups", some(x, c, c), nil, graph.Int("num_groups", 2)),
		func() optest.Case {
			c := gradRow("scale per group", some(x, []int{2}, []int{2}), nil, graph.Int("num_groups", 2))
			c.Since = 18
			return c
		}(),
	})
	optest.Run(t, Registry(), "RMSNormalization", []optest.Case{
		gradRow("last axis", some(x, []int{2}), nil),
		gradRow("two axes", some(x, []int{3, 1}), nil, graph.Int("axis", 2)),
	})
	for _, shape := range [][]int{{2, 5}, {2, 5, 3}, {1, 6, 2, 2}, {1, 4, 2, 1, 2}} {
		optest.Run(t, Registry(), "LRN", []optest.Case{
			gradRow("three", some(shape), nil, graph.Int("size", 3), graph.Float("alpha", 0.5)),
			gradRow("even", some(shape), nil, graph.Int("size", 4), graph.Float("alpha", 0.7), graph.Float("beta", 0.6), graph.Float("bias", 2)),
		})
	}
	optest.Run(t, Registry(), "LpNormalization", []optest.Case{
		gradRow("p 2", some(x), nil, graph.Int("axis", 1)), gradRow("p 1", some(x), nil, graph.Int("axis", 0), graph.Int("p", 1)),
	})
	optest.Run(t, Registry(), "MeanVarianceNormalization", []optest.Case{gradRow("planes", some(x), nil)})
}

// positive are two tensors of n elements, the second above zero.
func positive(n int) []*tensor.Tensor {
	out := some([]int{n}, []int{n})
	for i, v := range tensor.Data[float32](out[1]) {
		tensor.Data[float32](out[1])[i] = v*v + 0.5
	}
	return out
}

func TestResamplingGradients(t *testing.T) {
	x := some([]int{1, 2, 5, 4})
	sizes := func(h, w int64) []*tensor.Tensor { return []*tensor.Tensor{nil, nil, i64([]int64{1, 2, h, w}, 4)} }
	var rows []optest.Case
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for _, where := range []string{"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"} {
			a := []graph.Attr{graph.Str("mode", mode), graph.Str("coordinate_transformation_mode", where)}
			rows = append(rows, gradRow(mode+" "+where, x, sizes(7, 9), a...), gradRow(mode+" "+where+" down", x, sizes(2, 3), append(a, graph.Int("antialias", one(mode != "nearest")))...))
		}
	}
	rows = append(rows,
		gradRow("crop", x, []*tensor.Tensor{f32([]float32{0, 0, .2, -.3, 1, 1, .9, 1.4}, 8), nil, i64([]int64{1, 2, 4, 6}, 4)}, graph.Str("mode", "linear"), graph.Str("coordinate_transformation_mode", "tf_crop_and_resize")),
		gradRow("one axis by scale", x, []*tensor.Tensor{nil, f32([]float32{1.7}, 1)}, graph.Str("mode", "cubic"), graph.Ints("axes", 2), graph.Int("exclude_outside", 1)))
	optest.Run(t, Registry(), "Resize", rows)

	rows = nil
	for _, mode := range []string{"linear", "cubic"} {
		for _, pad := range []string{"zeros", "border", "reflection"} {
			a := []graph.Attr{graph.Str("mode", mode), graph.Str("padding_mode", pad)}
			rows = append(rows, gradRow(mode+" "+pad, some([]int{2, 2, 4, 5}, []int{2, 3, 2, 2}), nil, a...),
				gradRow(mode+" "+pad+" corners", some([]int{1, 2, 3, 4, 3}, []int{1, 2, 1, 2, 3}), nil, append(a, graph.Int("align_corners", 1))...))
		}
	}
	rows = append(rows, gradRow("nearest", some([]int{2, 2, 4, 5}), some([]int{2, 3, 2, 2}), graph.Str("mode", "nearest")))
	optest.Run(t, Registry(), "GridSample", rows)
	optest.Run(t, Registry(), "AffineGrid", []optest.Case{
		gradRow("plane", some([]int{2, 2, 3}), numbersOf(2, 1, 3, 4)), gradRow("space", some([]int{1, 3, 4}), numbersOf(1, 1, 2, 3, 4), graph.Int("align_corners", 1)),
	})
	rois := []*tensor.Tensor{f32([]float32{0, 0.5, 3, 3.5, 1, 1, 9, 4}, 2, 4), i64([]int64{1, 0}, 2)}
	bins := []graph.Attr{graph.Int("output_height", 2), graph.Int("output_width", 3)}
	optest.Run(t, Registry(), "RoiAlign", []optest.Case{
		gradRow("mean", some([]int{2, 2, 5, 6}), rois, bins...), gradRow("largest", some([]int{2, 2, 5, 6}), rois, append(bins, graph.Str("mode", "max"))...),
	})
}

func TestPlacingGradients(t *testing.T) {
	x, axis := some([]int{3, 4}), []*tensor.Tensor{i64([]int64{1}, 1)}
	for _, mode := range []string{"constant", "reflect", "edge", "wrap"} {
		m := graph.Str("mode", mode)
		optest.Run(t, Registry(), "Pad", []optest.Case{
			gradRow(mode, x, numbersOf(1, 2, 2, 0), m),
			gradRow(mode+" less", x, numbersOf(1, -1, 0, 2), m),
			gradRow(mode+" one axis", x, []*tensor.Tensor{i64([]int64{-1, 2}, 2), nil, i64([]int64{-1}, 1)}, m),
		})
	}
	value := gradRow("value", x, []*tensor.Tensor{i64([]int64{1, -2, 0, 1}, 4), f32([]float32{2})})
	value.Grad = []int{0, 2}
	optest.Run(t, Registry(), "Pad", []optest.Case{value})
	zeros := f32([]float32{2, 0, 3, -1, 1, 0, 0, 2, 4, 3, 2, 1}, 3, 4)
	for i := range 4 {
		how := []graph.Attr{graph.Int("reverse", i&1), graph.Int("exclusive", i>>1)}
		optest.Run(t, Registry(), "CumSum", []optest.Case{gradRow("sum", x, axis, how...)})
		optest.Run(t, Registry(), "CumProd", []optest.Case{gradRow("product", x, axis, how...), gradRow("zeros", []*tensor.Tensor{zeros}, axis, how...)})
	}
	top := gradRow("two", x, numbersOf(2), graph.Int("axis", 1))
	optest.Run(t, Registry(), "TopK", []optest.Case{top})
	hot := optest.Case{Name: "values", In: []*tensor.Tensor{i64([]int64{0, 2, -1, 7}, 4), i64([]int64{3}, 1), f32([]float32{1, 2}, 2)}, Grad: []int{2}, Attrs: []graph.Attr{graph.Int("axis", 0)}}
	optest.Run(t, Registry(), "OneHot", []optest.Case{hot})
	optest.Run(t, Registry(), "Col2Im", []optest.Case{
		gradRow("plane", some([]int{2, 12, 6}), []*tensor.Tensor{i64([]int64{5, 5}, 2), i64([]int64{3, 2}, 2)}, graph.Ints("strides", 2, 2), graph.Ints("pads", 0, 1, 0, 0)),
	})
	optest.Run(t, Registry(), "ai.onnxrun::Im2Col", []optest.Case{gradRow("plane", some([]int{1, 2, 5, 4}), numbersOf(2, 3), graph.Ints("pads", 1, 0, 0, 1))})
	optest.Run(t, Registry(), "Shrink", []optest.Case{gradRow("soft", x, nil, graph.Float("lambd", 0.6), graph.Float("bias", 0.2))})
	for _, op := range []string{"Abs", "Neg", "Sign", "Erf"} {
		optest.Run(t, Registry(), op, []optest.Case{gradRow(op, x, nil), gradRow(op+" of nothing", []*tensor.Tensor{f32(nil, 0, 2)}, nil)})
	}
}

func TestCol2Im(t *testing.T) {
	// Ones in all columns count the blocks that see an element.
	ones := make([]float32, 4*9)
	for i := range ones {
		ones[i] = 1
	}
	optest.Run(t, Registry(), "Col2Im", []optest.Case{
		{Name: "overlapping", In: []*tensor.Tensor{f32(ones, 1, 4, 9), numbersOf(4, 4)[0], numbersOf(2, 2)[0]}, Want: []*tensor.Tensor{f32([]float32{1, 2, 2, 1, 2, 4, 4, 2, 2, 4, 4, 2, 1, 2, 2, 1}, 1, 1, 4, 4)}},
		{Name: "line", In: []*tensor.Tensor{i64([]int64{1, 2, 3, 4, 5, 6}, 1, 2, 3), numbersOf(4)[0], numbersOf(2)[0]}, Want: []*tensor.Tensor{i64([]int64{1, 6, 8, 6}, 1, 1, 4)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2, 3), numbersOf(4)[0], numbersOf(2)[0]}, Want: []*tensor.Tensor{f32(nil, 0, 1, 4)}},
		{Name: "columns", In: []*tensor.Tensor{f32(ones, 1, 4, 9), numbersOf(5, 4)[0], numbersOf(2, 2)[0]}, Err: graph.ErrShape, Text: "9 columns, want 12"},
		{Name: "block", In: []*tensor.Tensor{f32(ones, 1, 4, 9), numbersOf(4, 4)[0], numbersOf(0, 2)[0]}, Err: graph.ErrShape, Text: "blocks [0 2]"},
	})
}
