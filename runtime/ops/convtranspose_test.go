package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestConvTranspose(t *testing.T) {
	x, w := f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 10, 100}, 1, 1, 3)
	optest.Run(t, Registry(), "ConvTranspose", []optest.Case{
		// each element stamps the kernel, by hand
		{Name: "stride 1", In: []*tensor.Tensor{x, w}, Want: []*tensor.Tensor{f32([]float32{1, 12, 120, 200}, 1, 1, 4)}},
		{Name: "stride 2", In: []*tensor.Tensor{x, w, f32([]float32{.5}, 1)}, Attrs: []graph.Attr{graph.Ints("strides", 2)}, Want: []*tensor.Tensor{f32([]float32{1.5, 10.5, 102.5, 20.5, 200.5}, 1, 1, 5)}},
		{Name: "stride beyond the kernel", Since: 1, In: []*tensor.Tensor{x, w}, Attrs: []graph.Attr{graph.Ints("strides", 4), graph.Ints("output_padding", 1)}, Want: []*tensor.Tensor{f32([]float32{1, 10, 100, 0, 2, 20, 200, 0}, 1, 1, 8)}},
		{Name: "output shape", In: []*tensor.Tensor{x, w}, Attrs: []graph.Attr{graph.Ints("output_shape", 3)}, Want: []*tensor.Tensor{f32([]float32{12, 120, 200}, 1, 1, 3)}},
		{Name: "output shape, upper", In: []*tensor.Tensor{x, w}, Attrs: []graph.Attr{graph.Ints("output_shape", 3), graph.Str("auto_pad", "SAME_UPPER")}, Want: []*tensor.Tensor{f32([]float32{1, 12, 120}, 1, 1, 3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1, 2), w}, Want: []*tensor.Tensor{f32(nil, 0, 1, 4)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{visInf, 0}, 1, 1, 2), f32([]float32{1, 0}, 1, 1, 2)}, Attrs: []graph.Attr{graph.Ints("strides", 2)}, Want: []*tensor.Tensor{f32([]float32{visInf, visNaN, 0, 0}, 1, 1, 4)}},
		{Name: "pads", In: []*tensor.Tensor{x, w}, Attrs: []graph.Attr{graph.Ints("pads", 3, 3)}, Err: graph.ErrShape, Text: "pads 3 and 3"},
		{Name: "channels", In: []*tensor.Tensor{x, f32([]float32{1, 1}, 2, 1, 1)}, Err: graph.ErrShape, Text: "kernels [2,1,1]"},
	})
}

// TestConvTransposeLoops holds transposed convolutions of all kinds to their definition: every input stamps its kernel.
func TestConvTransposeLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for trial := range 60 {
		rank := 1 + trial%3
		pick := func(n int) int { return 1 + r.IntN(n) }
		group, cin, rows := pick(2), pick(4), pick(5)
		xs, ws := []int{pick(2), group * cin}, []int{group * cin, rows}
		ys := []int{xs[0], group * rows}
		var strides, dilations, pads, tails, extra []int64
		kk, size := 1, 1
		for range rank {
			k, s, d, h, e := pick(4), pick(4), pick(3), r.IntN(2), r.IntN(2)
			in, op := pick(5), r.IntN(s)
			out := (in-1)*s + op + (k-1)*d + 1 - h - e
			if out < 1 {
				h, e, out = 0, 0, out+h+e
			}
			xs, ws, ys, kk, size = append(xs, in), append(ws, k), append(ys, out), kk*k, size*in
			strides, dilations, extra = append(strides, int64(s)), append(dilations, int64(d)), append(extra, int64(op))
			pads, tails = append(pads, int64(h)), append(tails, int64(e))
		}
		fill := func(shape []int) []float32 {
			v := make([]float32, tensor.Shape(shape).Elems())
			for i := range v {
				v[i] = float32(r.IntN(9) - 4)
			}
			return v
		}
		x, w, y := fill(xs), fill(ws), make([]float32, tensor.Shape(ys).Elems())
		for i, v := range x {
			n, c, pos := i/size/xs[1], i/size%xs[1], i%size
			for m := range rows {
				for tap := range kk {
					at, inside := n*ys[1]+c/cin*rows+m, true
					for k, pd, td := 0, size, kk; k < rank; k++ {
						pd, td = pd/xs[2+k], td/ws[2+k]
						p := pos/pd%xs[2+k]*int(strides[k]) + tap/td%ws[2+k]*int(dilations[k]) - int(pads[k])
						inside = inside && p >= 0 && p < ys[2+k]
						at = at*ys[2+k] + p
					}
					if inside {
						y[at] += v * w[(c*rows+m)*kk+tap]
					}
				}
			}
		}
		optest.Run(t, Registry(), "ConvTranspose", []optest.Case{{
			Name: fmt.Sprint(xs, ws), In: []*tensor.Tensor{f32(x, xs...), f32(w, ws...)}, Want: []*tensor.Tensor{f32(y, ys...)},
			Attrs: []graph.Attr{graph.Int("group", group), graph.Ints("strides", strides...), graph.Ints("dilations", dilations...), graph.Ints("pads", append(pads, tails...)...), graph.Ints("output_padding", extra...)},
		}})
	}
}

func TestConvInteger(t *testing.T) {
	u8 := func(v []uint8, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	i8 := func(v []int8, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	i32 := func(v []int32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	x := u8([]uint8{0, 255, 7}, 1, 1, 3)
	optest.Run(t, Registry(), "ConvInteger", []optest.Case{
		// (x - 5)·(w - z), padded with the zero point
		{Name: "zero points", In: []*tensor.Tensor{x, i8([]int8{1, 2, 3, 3}, 2, 1, 2), u8([]uint8{5}), i8([]int8{0, 1}, 2)}, Attrs: []graph.Attr{graph.Ints("pads", 1, 0)},
			Want: []*tensor.Tensor{i32([]int32{-10, 495, 254, -10, 490, 504}, 1, 2, 3)}},
		{Name: "lowest", In: []*tensor.Tensor{i8([]int8{-128, -128}, 1, 1, 2), i8([]int8{-128, -128}, 1, 1, 2)}, Want: []*tensor.Tensor{i32([]int32{32768}, 1, 1, 1)}},
		{Name: "empty", In: []*tensor.Tensor{u8(nil, 0, 1, 3), i8([]int8{1}, 1, 1, 1)}, Want: []*tensor.Tensor{i32(nil, 0, 1, 3)}},
		{Name: "zero point", In: []*tensor.Tensor{x, i8([]int8{1}, 1, 1, 1), u8([]uint8{5, 5}, 2)}, Err: graph.ErrShape, Text: "x_zero_point"},
	})
}
