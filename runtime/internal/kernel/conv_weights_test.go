package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestConvWeights holds the products against sums of single weights in float64: with whole panels of channels, with few channels, whose taps are lines, and with some of more;
// strides, dilations, padding, and images that blocks of positions cut.
func TestConvWeights(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, c := range []struct {
			channels, step, rows, images int
			w                            Window
		}{
			{32, 32, 20, 3, Window{In: [3]int{1, 7, 9}, Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Head: [3]int{0, 1, 1}, Tail: [3]int{0, 1, 1}}},
			{32, 40, 5, 60, Window{In: [3]int{1, 2, 2}, Kernel: [3]int{1, 3, 3}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Head: [3]int{0, 1, 1}, Tail: [3]int{0, 1, 1}}},
			{3, 3, 4, 2, Window{In: [3]int{1, 20, 21}, Kernel: [3]int{1, 7, 7}, Stride: [3]int{1, 2, 2}, Dilation: [3]int{1, 1, 1}, Head: [3]int{0, 3, 3}, Tail: [3]int{0, 3, 3}}},
			{3, 8, 17, 2, Window{In: [3]int{1, 9, 8}, Kernel: [3]int{1, 3, 2}, Stride: [3]int{1, 2, 3}, Dilation: [3]int{1, 2, 2}, Head: [3]int{0, 2, 0}, Tail: [3]int{0, 0, 1}}},
			{2, 2, 3, 2, Window{In: [3]int{3, 4, 5}, Kernel: [3]int{2, 3, 9}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Head: [3]int{1, 1, 4}, Tail: [3]int{0, 1, 4}}},
			{16, 16, 3, 1, Window{In: [3]int{1, 1, 300}, Kernel: [3]int{1, 1, 1}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}}},
		} {
			w := c.w
			for i := range 3 {
				w.Out[i] = (w.In[i]+w.Head[i]+w.Tail[i]-(w.Kernel[i]-1)*w.Dilation[i]-1)/w.Stride[i] + 1
			}
			in, out, taps := w.InSize(), w.OutSize(), w.KernelSize()
			x, g := make([]float32, c.images*in*c.step), make([]float32, c.images*out*c.rows)
			for _, s := range [][]float32{x, g} {
				for i := range s {
					s[i] = float32(r.NormFloat64())
				}
			}
			ldw := c.channels*taps + 3
			got, clean := guarded((c.rows-1)*ldw + c.channels*taps)
			k := ConvWeights{Win: &w, X: x, G: g, XStep: c.step, GStep: c.rows, Images: c.images, Channels: c.channels, Rows: c.rows, W: got, Ldw: ldw,
				Scratch: make([]float32, ConvWeightsScratch(c.rows, c.channels, taps))}
			k.Run()
			if !clean() {
				t.Fatalf("%+v: writes outside of the weights", c)
			}
			plane, grad := make([]float32, in), make([]float32, out)
			for m := range c.rows {
				for ch := range c.channels {
					for tap := range taps {
						want := 0.0
						for n := range c.images {
							for i := range plane {
								plane[i] = x[(n*in+i)*c.step+ch]
							}
							for i := range grad {
								grad[i] = g[(n*out+i)*c.rows+m]
							}
							want += ConvWeight(&w, plane, grad, tap/w.Kernel[2]/w.Kernel[1], tap/w.Kernel[2]%w.Kernel[1], tap%w.Kernel[2])
						}
						if v := got[m*ldw+ch*taps+tap]; math.Abs(float64(v)-want) > 1e-4 {
							t.Fatalf("%+v: weight (%d, %d, %d) is %v, want %v", c, m, ch, tap, v, want)
						}
					}
				}
			}
		}
	})
}
