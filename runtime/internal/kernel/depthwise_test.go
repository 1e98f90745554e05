package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// depthwiseOf is a convolution with random integers, whose sums are exact, or random numbers, in guarded memory.
func depthwiseOf(r *rand.Rand, k, stride, dilation [2]int, rows, cols int, exact bool) (*Depthwise, func() bool) {
	d := &Depthwise{Kernel: k, Stride: stride, Dilation: dilation, Rows: rows, Cols: cols, Lo: -50, Hi: 100}
	d.XRow = ((cols-1)*stride[1]+(k[1]-1)*dilation[1]+1)*16 + r.IntN(3)*16
	d.XRow = max(d.XRow, 0)
	d.YRow, d.RRow = cols*16+r.IntN(2)*32, cols*16
	inRows := (rows-1)*stride[0] + (k[0]-1)*dilation[0] + 1
	var ok [4]func() bool
	d.X, ok[0] = guarded(max(0, inRows*d.XRow))
	d.WRow = (k[1] + r.IntN(2)) * 16
	d.W, ok[1] = guarded((k[0]-1)*d.WRow + k[1]*16)
	d.Bias, ok[2] = guarded(16)
	d.Y, ok[3] = guarded(rows * d.YRow)
	for _, s := range [][]float32{d.X, d.W, d.Bias} {
		integers(r, s)
		if !exact {
			for i := range s {
				s[i] = float32(r.NormFloat64())
			}
		}
	}
	if r.IntN(2) == 0 {
		d.R = make([]float32, rows*d.RRow)
		integers(r, d.R)
	}
	for i := range d.Y {
		d.Y[i] = -777
	}
	return d, func() bool {
		for _, f := range ok {
			if !f() {
				return false
			}
		}
		return true
	}
}

// expectDepthwise runs d, or its maxima, and returns what should be in d.Y.
func expectDepthwise(d *Depthwise, largest bool) []float32 {
	want := *d
	want.Y = slices.Clone(d.Y)
	if largest {
		want.Bias = lowestLanes[:]
		maxPoolGo(&want)
		d.Max()
	} else {
		if want.WRow == 0 {
			want.WRow = want.Kernel[1] * 16
		}
		depthwiseGo(&want)
		d.Run()
	}
	return want.Y
}

// TestDepthwise holds every kernel with a loop of its own, and the one for all others, against the contract, for every tail of rows and columns.
func TestDepthwise(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		type shape struct{ k, s, d [2]int }
		for _, s := range []shape{
			{[2]int{3, 3}, [2]int{1, 1}, [2]int{1, 1}}, {[2]int{3, 3}, [2]int{2, 2}, [2]int{1, 1}}, {[2]int{5, 5}, [2]int{1, 1}, [2]int{1, 1}},
			{[2]int{5, 5}, [2]int{2, 2}, [2]int{1, 1}}, {[2]int{7, 7}, [2]int{1, 1}, [2]int{1, 1}}, {[2]int{7, 7}, [2]int{2, 2}, [2]int{1, 1}},
			{[2]int{3, 3}, [2]int{1, 1}, [2]int{2, 3}}, {[2]int{1, 9}, [2]int{1, 1}, [2]int{1, 2}}, {[2]int{4, 1}, [2]int{3, 2}, [2]int{1, 1}}, {[2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}},
		} {
			for rows := range 6 {
				for cols := range 17 {
					for _, largest := range []bool{false, true} {
						d, ok := depthwiseOf(r, s.k, s.s, s.d, rows, cols, true)
						want := expectDepthwise(d, largest)
						if !ok() || !slices.Equal(d.Y, want) {
							t.Fatalf("%v, %d × %d outputs, maxima %v: guards %v, got %v, want %v", s, rows, cols, largest, ok(), d.Y, want)
						}
					}
				}
			}
		}
	})
}

// TestDepthwisePadding holds what is left out at the edges against the contract, for all paddings, sizes, and rows to begin with.
func TestDepthwisePadding(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		for _, s := range [][2]int{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}} {
			k, stride := s[0], s[1]
			for size := 1; size <= 17; size++ {
				for before := range min(k, maxPad+1) {
					for after := range min(k, maxPad+1) {
						outs := (size+before+after-k)/stride + 1
						if size+before+after < k {
							continue
						}
						from := r.IntN(outs)
						d, ok := depthwiseOf(r, [2]int{k, k}, [2]int{stride, stride}, [2]int{1, 1}, outs-from, outs, true)
						d.WRow, d.XRow = 0, size*16+r.IntN(2)*16
						var unharmed func() bool
						d.X, unharmed = guarded((size-1)*d.XRow + size*16)
						integers(r, d.X)
						d.W = d.W[:k*k*16]
						d.In, d.Head = [2]int{size, size}, [2]int{before - from*stride, before}
						if !d.CanPad(before, after) {
							t.Fatalf("%d × %d, stride %d: padding %d, %d refused", k, k, stride, before, after)
						}
						want := expectDepthwise(d, false)
						if !ok() || !unharmed() || !slices.Equal(d.Y, want) {
							t.Fatalf("%d × %d, stride %d, size %d, padding %d, %d, from row %d: got %v, want %v", k, k, stride, size, before, after, from, d.Y, want)
						}
					}
				}
			}
		}
	})
}

// TestDepthwiseBits: an output's bits are the same wherever its tile begins; NaN passes the bounds.
func TestDepthwiseBits(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, k := range []int{3, 4, 5, 7} {
			d, _ := depthwiseOf(r, [2]int{k, k}, [2]int{1, 1}, [2]int{1, 1}, 5, 15, false)
			d.R, d.YRow = nil, 15*16
			d.Lo = -0.5
			d.X[(2*d.XRow)+5*16+3] = float32(math.NaN())
			d.X[d.XRow+7*16+1] = float32(math.Inf(1))
			d.X[8*16+2] = math.Float32frombits(1)
			d.Run()
			one := *d
			one.Rows, one.Cols = 1, 1
			for i := range 5 {
				for j := range 15 {
					one.X = d.X[i*d.XRow+j*16:]
					one.Y = make([]float32, 16)
					one.Run()
					for l, v := range one.Y {
						if got := d.Y[i*d.YRow+j*16+l]; math.Float32bits(v) != math.Float32bits(got) {
							t.Fatalf("kernel %d, output %d, %d, lane %d: %v alone, %v among others", k, i, j, l, v, got)
						}
					}
				}
			}
			if v := d.Y[2*d.YRow+5*16+3]; v == v {
				t.Fatalf("kernel %d: %v, want NaN", k, v)
			}
		}
	})
}

// FuzzDepthwise compares assembly with the contract.
func FuzzDepthwise(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(3), uint8(1), uint8(1), uint8(4), uint8(9))
	f.Add(uint64(2), uint8(2), uint8(5), uint8(3), uint8(2), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, k0, k1, s, dil, rows, cols uint8) {
		bound := func(v uint8, most int) int { return 1 + int(v)%most }
		k, st, di := [2]int{bound(k0, 7), bound(k1, 7)}, [2]int{bound(s, 3), bound(s/4, 3)}, [2]int{bound(dil, 3), bound(dil/4, 3)}
		d, ok := depthwiseOf(rand.New(rand.NewPCG(seed, 0)), k, st, di, bound(rows, 5), bound(cols, 20), true)
		if want := expectDepthwise(d, seed%3 == 0); !ok() || !slices.Equal(d.Y, want) {
			t.Fatalf("%v %v %v: guards %v, got %v, want %v", k, st, di, ok(), d.Y, want)
		}
	})
}

// TestMaxPoolNaN: NaN anywhere under a window is its maximum.
func TestMaxPoolNaN(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		d, _ := depthwiseOf(r, [2]int{3, 2}, [2]int{1, 1}, [2]int{1, 1}, 9, 13, false)
		d.R, d.Lo, d.Hi = nil, float32(math.Inf(-1)), float32(math.Inf(1))
		for i := range d.X {
			switch r.IntN(40) {
			case 0:
				d.X[i] = float32(math.NaN())
			case 1:
				d.X[i] = float32(math.Inf(-1))
			}
		}
		want := expectDepthwise(d, true)
		for i, v := range d.Y {
			if v != want[i] && (v == v || want[i] == want[i]) {
				t.Fatalf("element %d: %v, want %v", i, v, want[i])
			}
		}
	})
}

// TestSumRows holds sums of columns against plain additions, which are the same bits.
func TestSumRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for n := range 50 {
			for _, rows := range []int{0, 1, 2, 7} {
				stride := n + r.IntN(4)
				x, ok := guarded(max(0, (rows-1)*stride+n))
				for i := range x {
					x[i] = float32(r.NormFloat64())
				}
				got, want := make([]float64, n), make([]float64, n)
				for i := range got {
					got[i], want[i] = float64(i), float64(i)
				}
				for k := range rows {
					for i := range want {
						want[i] += float64(x[k*stride+i])
					}
				}
				if rows > 0 {
					SumRows(got, x, rows, stride)
				}
				if !ok() || !slices.Equal(got, want) {
					t.Fatalf("%d rows of %d: got %v, want %v", rows, n, got, want)
				}
			}
		}
	})
}

func BenchmarkMaxPool(b *testing.B) {
	for _, s := range [][3]int{{3, 2, 56}, {2, 2, 128}, {5, 1, 20}} {
		k, stride, size := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%ds%d@%d", k, k, stride, size), func(b *testing.B) {
			in := (size-1)*stride + k
			d := &Depthwise{Kernel: [2]int{k, k}, Stride: [2]int{stride, stride}, Dilation: [2]int{1, 1}, Rows: size, Cols: size, Hi: 6,
				X: make([]float32, in*in*16), Y: make([]float32, size*size*16), XRow: in * 16, YRow: size * 16}
			for b.Loop() {
				d.Max()
			}
			b.ReportMetric(4*float64(len(d.X)+len(d.Y))*float64(b.N)/1e9/b.Elapsed().Seconds(), "GB/s")
		})
	}
}

// BenchmarkDepthwise counts the products that there are, without those of padding.
func BenchmarkDepthwise(b *testing.B) {
	for _, s := range [][4]int{{3, 1, 112, 1}, {3, 1, 56, 1}, {3, 1, 28, 1}, {3, 1, 14, 1}, {3, 1, 7, 1}, {3, 2, 56, 1}, {3, 2, 14, 1}, {5, 1, 28, 1}, {5, 1, 14, 1}, {5, 1, 7, 1}, {5, 2, 28, 1}, {5, 2, 7, 1}, {7, 1, 56, 1}, {7, 1, 14, 1}, {7, 1, 7, 1}, {3, 1, 28, 2}} {
		k, stride, size, dil := s[0], s[1], s[2], s[3]
		for _, pad := range []int{0, k / 2} {
			span := (k-1)*dil + 1
			in := (size-1)*stride + span - 2*pad
			d := &Depthwise{Kernel: [2]int{k, k}, Stride: [2]int{stride, stride}, Dilation: [2]int{dil, dil}, Rows: size, Cols: size, Hi: 6,
				X: make([]float32, in*in*16), W: make([]float32, k*k*16), Bias: make([]float32, 16), Y: make([]float32, size*size*16), XRow: in * 16, YRow: size * 16}
			taps := 0 // that see inputs, along an axis
			for o := range size * k {
				if i := o/k*stride + o%k*dil - pad; i >= 0 && i < in {
					taps++
				}
			}
			if d.In, d.Head = [2]int{in, in}, [2]int{pad, pad}; pad > 0 && !d.CanPad(pad, pad) {
				continue
			}
			b.Run(fmt.Sprintf("%dx%ds%dd%dp%d@%d", k, k, stride, dil, pad, size), func(b *testing.B) {
				for b.Loop() {
					d.Run()
				}
				b.ReportMetric(2*float64(16*taps*taps)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
