package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestResize(t *testing.T) {
	row := f32([]float32{1, 2, 3, 4}, 4)
	by := func(s ...float32) *tensor.Tensor { return f32(s, len(s)) }
	linear, corners := graph.Str("mode", "linear"), graph.Str("coordinate_transformation_mode", "align_corners")
	crop := graph.Str("coordinate_transformation_mode", "tf_crop_and_resize")
	optest.Run(t, Registry(), "Resize", []optest.Case{
		{Name: "nearest", In: []*tensor.Tensor{row, nil, by(2)}, Want: []*tensor.Tensor{f32([]float32{1, 1, 2, 2, 3, 3, 4, 4}, 8)}},
		{Name: "strings, empty roi", In: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"a", "b"}, 2, 1)), f32(nil, 0), f32(nil, 0), i64([]int64{2, 2}, 2)},
			Want: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"a", "a", "b", "b"}, 2, 2))}},
		// outputs at -0.25, 0.25, … by the formula of half_pixel
		{Name: "linear", In: []*tensor.Tensor{f32([]float32{0, 1}, 2), nil, by(2)}, Attrs: []graph.Attr{linear}, Want: []*tensor.Tensor{f32([]float32{0, .25, .75, 1}, 4)}},
		{Name: "two axes", In: []*tensor.Tensor{f32([]float32{0, 2, 4, 6}, 2, 2), nil, nil, i64([]int64{3, 3}, 2)}, Attrs: []graph.Attr{linear, corners}, Want: []*tensor.Tensor{f32([]float32{0, 1, 2, 2, 3, 4, 4, 5, 6}, 3, 3)}},
		{Name: "leading axis", In: []*tensor.Tensor{f32([]float32{0, 2, 4, 6}, 2, 2), nil, nil, i64([]int64{3}, 1)}, Attrs: []graph.Attr{linear, corners, graph.Ints("axes", -2)}, Want: []*tensor.Tensor{f32([]float32{0, 2, 2, 4, 4, 6}, 3, 2)}},
		// halves of the weights of triangles of width 4 at -1 … 2 around .5: 1/4, 3/4, 3/4, 1/4
		{Name: "antialias", In: []*tensor.Tensor{row, nil, by(.5)}, Attrs: []graph.Attr{linear, graph.Int("antialias", 1), graph.Int("exclude_outside", 1)}, Want: []*tensor.Tensor{f32([]float32{(3 + 6 + 3) / 7., (2 + 9 + 12) / 7.}, 2)}, Tol: 1e-6},
		// Keys' kernel with a = -0.5 reproduces straight lines inside
		{Name: "cubic", In: []*tensor.Tensor{f32([]float32{0, 1, 2, 3, 4, 5}, 6), nil, nil, i64([]int64{11}, 1)}, Attrs: []graph.Attr{graph.Str("mode", "cubic"), corners, graph.Float("cubic_coeff_a", -.5), graph.Int("exclude_outside", 0)},
			Want: []*tensor.Tensor{f32([]float32{0, .4375, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5625, 5}, 11)}, Tol: 1e-6},
		{Name: "crop", In: []*tensor.Tensor{row, f32([]float32{0, 2}, 2), nil, i64([]int64{3}, 1)}, Attrs: []graph.Attr{linear, crop, graph.Float("extrapolation_value", 9)}, Want: []*tensor.Tensor{f32([]float32{1, 4, 9}, 3)}},
		{Name: "crop nearest", In: []*tensor.Tensor{i64([]int64{1, 2, 3, 4}, 4), f32([]float32{0, 2}, 2), nil, i64([]int64{3}, 1)}, Attrs: []graph.Attr{crop, graph.Float("extrapolation_value", 9)}, Want: []*tensor.Tensor{i64([]int64{1, 4, 9}, 3)}},
		{Name: "not larger", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 4), nil, nil, i64([]int64{5, 8}, 2)}, Attrs: []graph.Attr{graph.Str("keep_aspect_ratio_policy", "not_larger")},
			Want: []*tensor.Tensor{f32([]float32{1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 2, 2, 3, 3, 4, 4}, 2, 8)}},
		// -26.9, 57.8, 197.2 and 281.9 by the reference implementation of the standard, cut off
		{Name: "bytes", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{0, 255}, 2)), nil, by(2)}, Attrs: []graph.Attr{graph.Str("mode", "cubic")}, Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{0, 57, 197, 255}, 4))}},
		{Name: "opset 10 rounds up where it shrinks", Since: 10, In: []*tensor.Tensor{row, by(.6)}, Want: []*tensor.Tensor{f32([]float32{1, 3}, 2)}},
		{Name: "infinity under weight 0", In: []*tensor.Tensor{f32([]float32{1, visInf, visNaN}, 3), nil, nil, i64([]int64{5}, 1)}, Attrs: []graph.Attr{linear, corners}, Want: []*tensor.Tensor{f32([]float32{1, visInf, visInf, visNaN, visNaN}, 5)}},
		{Name: "to nothing", In: []*tensor.Tensor{row, nil, by(.1)}, Want: []*tensor.Tensor{f32(nil, 0)}},
		{Name: "from nothing", In: []*tensor.Tensor{f32(nil, 0), nil, nil, i64([]int64{2}, 1)}, Err: graph.ErrShape, Text: "resize of f32[0]"},
		{Name: "neither", In: []*tensor.Tensor{row}, Err: graph.ErrShape, Text: "scales or sizes"},
		{Name: "scale", In: []*tensor.Tensor{row, nil, by(-1)}, Err: graph.ErrShape, Text: "scales are"},
		{Name: "size", In: []*tensor.Tensor{row, nil, nil, i64([]int64{-2}, 1)}, Err: graph.ErrShape, Text: "sizes are"},
		{Name: "mode", In: []*tensor.Tensor{row, nil, by(2)}, Attrs: []graph.Attr{graph.Str("mode", "area")}, Err: graph.ErrInvalid, Text: `mode is "area"`},
		{Name: "strings between", In: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"a"}, 1)), nil, by(2)}, Attrs: []graph.Attr{linear}, Err: graph.ErrType, Text: "linear resize of str"},
	})
	optest.Run(t, Registry(), "Upsample", []optest.Case{
		{Name: "9", Since: 9, In: []*tensor.Tensor{row, by(1.5)}, Want: []*tensor.Tensor{f32([]float32{1, 1, 2, 3, 3, 4}, 6)}},
		{Name: "7", Since: 7, In: []*tensor.Tensor{row}, Attrs: []graph.Attr{linear, {Name: "scales", Value: []float32{2}}}, Want: []*tensor.Tensor{f32([]float32{1, 1.5, 2, 2.5, 3, 3.5, 4, 4}, 8)}},
		{Name: "1", Since: 1, In: []*tensor.Tensor{f32([]float32{1, 3}, 1, 1, 1, 2)}, Attrs: []graph.Attr{graph.Str("mode", "bilinear"), graph.Float("height_scale", 1), graph.Float("width_scale", 2)}, Want: []*tensor.Tensor{f32([]float32{1, 2, 3, 3}, 1, 1, 1, 4)}},
	})
}
