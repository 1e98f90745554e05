package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestConv(t *testing.T) {
	row := f32([]float32{1, 2, 3, 4, 5}, 1, 1, 5)
	ones := f32([]float32{1, 1, 1}, 1, 1, 3)
	optest.Run(t, Registry(), "Conv", []optest.Case{
		// sums of three neighbours, by hand
		{Name: "valid", In: []*tensor.Tensor{row, ones}, Want: []*tensor.Tensor{f32([]float32{6, 9, 12}, 1, 1, 3)}},
		{Name: "bias and pads", In: []*tensor.Tensor{row, ones, f32([]float32{10}, 1)}, Attrs: []graph.Attr{graph.Ints("pads", 1, 1)},
			Want: []*tensor.Tensor{f32([]float32{13, 16, 19, 22, 19}, 1, 1, 5)}},
		{Name: "same upper", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 1, 4), ones}, Attrs: []graph.Attr{graph.Ints("strides", 2), graph.Str("auto_pad", "SAME_UPPER")},
			Want: []*tensor.Tensor{f32([]float32{6, 7}, 1, 1, 2)}},
		{Name: "same lower", Since: 1, In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 1, 4), ones}, Attrs: []graph.Attr{graph.Ints("strides", 2), graph.Str("auto_pad", "SAME_LOWER")},
			Want: []*tensor.Tensor{f32([]float32{3, 9}, 1, 1, 2)}},
		{Name: "dilated", In: []*tensor.Tensor{row, ones}, Attrs: []graph.Attr{graph.Ints("dilations", 2)}, Want: []*tensor.Tensor{f32([]float32{9}, 1, 1, 1)}},
		{Name: "empty batch", In: []*tensor.Tensor{f32(nil, 0, 1, 5), ones}, Want: []*tensor.Tensor{f32(nil, 0, 1, 3)}},
		{Name: "no channels", In: []*tensor.Tensor{f32(nil, 1, 0, 2), f32(nil, 3, 0, 1), f32([]float32{1, 2, 3}, 3)}, Want: []*tensor.Tensor{f32([]float32{1, 1, 2, 2, 3, 3}, 1, 3, 2)}},
		{Name: "padding hides nothing", In: []*tensor.Tensor{f32([]float32{visInf, 0}, 1, 1, 2), f32([]float32{0, 1, 0, 1, 1, 1}, 2, 1, 3)}, Attrs: []graph.Attr{graph.Ints("pads", 1, 1)},
			Want: []*tensor.Tensor{f32([]float32{visInf, visNaN, visInf, visInf}, 1, 2, 2)}},
		{Name: "too large", In: []*tensor.Tensor{f32([]float32{1, 2}, 1, 1, 2), ones}, Err: graph.ErrShape, Text: "spans 3 on an axis of 2"},
		{Name: "groups", In: []*tensor.Tensor{row, ones}, Attrs: []graph.Attr{graph.Int("group", 2)}, Err: graph.ErrShape, Text: "group 2"},
		{Name: "huge pads", In: []*tensor.Tensor{row, ones}, Attrs: []graph.Attr{graph.Ints("pads", 1<<62, 1<<62)}, Err: graph.ErrShape, Text: "pads"},
	})
}

// TestConvLoops holds convolutions of all kinds to their definition: a loop over outputs, channels and taps.
func TestConvLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 120 {
		rank := 1 + trial%3
		pick := func(n int) int { return 1 + r.IntN(n) }
		group, cin, rows := pick(3), pick(9), pick(9)
		if trial%4 == 0 {
			group, cin, rows = pick(6), 1, pick(2)
		}
		if trial%7 == 0 {
			cin = 90 // several blocks of the sum
		}
		xs, ws := []int{pick(2), group * cin}, []int{group * rows, cin}
		var strides, dilations, pads, tails, outs []int64
		kk := 1
		for range rank {
			k, s, d, h, e := pick(4), pick(3), pick(2), r.IntN(3), r.IntN(3)
			in := max(1, (k-1)*d+1-h-e) + r.IntN(12)
			xs, ws, kk = append(xs, in), append(ws, k), kk*k
			strides, dilations, pads, tails = append(strides, int64(s)), append(dilations, int64(d)), append(pads, int64(h)), append(tails, int64(e))
			outs = append(outs, int64((in+h+e-(k-1)*d-1)/s+1))
		}
		fill := func(n int) []float64 {
			v := make([]float64, n)
			for i := range v {
				v[i] = float64(r.IntN(9) - 4)
			}
			return v
		}
		x, w, b := fill(tensor.Shape(xs).Elems()), fill(tensor.Shape(ws).Elems()), fill(ws[0])
		ys := []int{xs[0], ws[0]}
		for _, o := range outs {
			ys = append(ys, int(o))
		}
		y := make([]float64, tensor.Shape(ys).Elems())
		for i := range y {
			at := make([]int, len(ys)) // coordinates of the output
			for k, rest := len(ys)-1, i; k >= 0; k-- {
				at[k], rest = rest%ys[k], rest/ys[k]
			}
			y[i] = b[at[1]]
			for c := range cin {
				for tap := range kk {
					pos, in := at[0]*xs[1]+at[1]/rows*cin+c, true
					for k, div := 0, kk; k < rank; k++ {
						div /= ws[2+k]
						p := at[2+k]*int(strides[k]) - int(pads[k]) + tap/div%ws[2+k]*int(dilations[k])
						in = in && p >= 0 && p < xs[2+k]
						pos = pos*xs[2+k] + p
					}
					if in {
						y[i] += x[pos] * w[(at[1]*cin+c)*kk+tap]
					}
				}
			}
		}
		narrow := func(v []float64, shape ...int) *tensor.Tensor {
			f := make([]float32, len(v))
			for i := range v {
				f[i] = float32(v[i])
			}
			return f32(f, shape...)
		}
		double := func(v []float64, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
		attrs := []graph.Attr{graph.Int("group", group), graph.Ints("strides", strides...), graph.Ints("dilations", dilations...), graph.Ints("pads", append(pads, tails...)...)}
		optest.Run(t, Registry(), "Conv", []optest.Case{ // small integers: exact in any order
			{Name: fmt.Sprint("f32 ", xs, ws), In: []*tensor.Tensor{narrow(x, xs...), narrow(w, ws...), narrow(b, ws[0])}, Attrs: attrs, Want: []*tensor.Tensor{narrow(y, ys...)}},
			{Name: fmt.Sprint("f64 ", xs, ws), In: []*tensor.Tensor{double(x, xs...), double(w, ws...), double(b, ws[0])}, Attrs: attrs, Want: []*tensor.Tensor{double(y, ys...)}},
		})
	}
}
