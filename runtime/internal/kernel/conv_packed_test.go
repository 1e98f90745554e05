package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestConvTile holds every tile to the definition, on small integers, whose sums are exact in any order.
func TestConvTile(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for range 60 {
			var w Window
			for i := range 3 {
				w.Kernel[i], w.Stride[i], w.Dilation[i] = 1+r.IntN(3), 1+r.IntN(3), 1+r.IntN(2)
				w.Head[i], w.Tail[i] = r.IntN(3), r.IntN(3)
				span := (w.Kernel[i]-1)*w.Dilation[i] + 1
				w.In[i] = max(1, span-w.Head[i]-w.Tail[i]) + r.IntN(1<<(i+2))
				w.Out[i] = (w.In[i]+w.Head[i]+w.Tail[i]-span)/w.Stride[i] + 1
			}
			channels, rows := r.IntN(40), 3+r.IntN(40)
			size, kk := w.OutSize(), channels*w.KernelSize()
			_, cols, _, panel := ConvBlock[float32](channels, w.KernelSize(), rows)
			x, kernels, bias := make([]float32, channels*w.InSize()), make([]float32, rows*kk), make([]float32, rows)
			for _, s := range [][]float32{x, kernels, bias} {
				integers(r, s)
			}
			y, kept := guarded(rows * size)
			for at := 0; at < size; at += cols {
				tile := ConvTile[float32]{
					Win: &w, Channels: channels, X: x, W: kernels, Bias: bias, Y: y, Rows: rows, Col0: at, Cols: min(cols, size-at),
					Panel: make([]float32, panel), Off: make([]int32, 4*cols),
				}
				tile.Run()
			}
			if !kept() {
				t.Fatalf("%+v: wrote outside", w)
			}
			for i, got := range y {
				if want := convAt(&w, channels, i%size, x, kernels[i/size*kk:]) + bias[i/size]; got != want {
					t.Fatalf("%+v, %d channels: output %d is %v, want %v", w, channels, i, got, want)
				}
			}
		}
	})
}

// convAt is one output of a convolution, without the bias.
func convAt(w *Window, channels, at int, x, kernel []float32) float32 {
	o := [3]int{at / w.Out[2] / w.Out[1], at / w.Out[2] % w.Out[1], at % w.Out[2]}
	var sum float32
	for c := range channels {
		for tap := range w.KernelSize() {
			k := [3]int{tap / w.Kernel[2] / w.Kernel[1], tap / w.Kernel[2] % w.Kernel[1], tap % w.Kernel[2]}
			from, inside := 0, true
			for i := range 3 {
				p := o[i]*w.Stride[i] - w.Head[i] + k[i]*w.Dilation[i]
				inside = inside && p >= 0 && p < w.In[i]
				from = from*w.In[i] + p
			}
			if inside {
				sum += x[c*w.InSize()+from] * kernel[c*w.KernelSize()+tap]
			}
		}
	}
	return sum
}
