package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/x448/float16"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TestHalf holds all 65 536 values of float16 and bfloat16, and back all numbers around the middles between neighbours, to x448/float16
// and to the definition of bfloat16, bit for bit, at every place of a block.
func TestHalf(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	var near []float32
	for _, h := range all {
		for _, b := range []uint32{math.Float32bits(float16.Frombits(h).Float32()), uint32(h) << 16} {
			for _, d := range []uint32{0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xffffffff} {
				near = append(near, math.Float32frombits(b+d))
			}
		}
	}
	eachTier(t, func(t *testing.T) {
		for _, b := range []bool{false, true} {
			wide := make([]float32, len(all))
			Widen(wide, all, b)
			for i, v := range wide {
				want := float16.Frombits(all[i]).Float32()
				if b {
					want = tensor.BFloat16Value(all[i])
				}
				if math.Float32bits(v) != math.Float32bits(want) {
					t.Fatalf("%#04x (bfloat16 %v) is %v (%#x), want %v (%#x)", i, b, v, math.Float32bits(v), want, math.Float32bits(want))
				}
			}
			narrow := make([]uint16, len(near))
			Narrow(narrow, near, b)
			for i, h := range narrow {
				want := float16.Fromfloat32(near[i]).Bits()
				if b {
					want = tensor.BFloat16Bits(near[i])
				}
				if h != want {
					t.Fatalf("%v (%#x, bfloat16 %v) is %#04x, want %#04x", near[i], math.Float32bits(near[i]), b, h, want)
				}
			}
		}
		for n := range 50 {
			h := make([]uint16, n+2)
			h[0], h[n+1] = 77, 77
			Narrow(h[1:n+1], near[1000:1000+n], false)
			w := make([]float32, n+2)
			w[0], w[n+1] = 77, 77
			Widen(w[1:n+1], h[1:n+1], false)
			for i := range n {
				if want := float16.Fromfloat32(near[1000+i]); h[1+i] != want.Bits() || w[1+i] != want.Float32() {
					t.Fatalf("%d of %d: %#x, %v", i, n, h[1+i], w[1+i])
				}
			}
			if h[0] != 77 || h[n+1] != 77 || w[0] != 77 || w[n+1] != 77 {
				t.Fatalf("%d wrote beside its slice", n)
			}
		}
	})
}

// TestIntegers holds conversions of integers to Go's, and what cannot be held to the smallest integer.
func TestIntegers(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	f := []float32{0, -0.99, 0.99, -1.5, 1 << 31, -1 << 31, 1<<31 - 128, 1 << 63, -1 << 63, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 16777217}
	l := []int64{math.MaxInt64, math.MinInt64, 1<<24 + 1, -1<<24 - 1, 0}
	for range 100 {
		f = append(f, float32(rng.NormFloat64()*math.Pow(10, rng.Float64()*20)))
		l = append(l, int64(rng.Uint64())>>rng.IntN(64))
	}
	eachTier(t, func(t *testing.T) {
		for n := range len(f) {
			i32, i64 := make([]int32, n+1), make([]int64, n+1)
			i32[n], i64[n] = 77, 77
			Whole(i32[:n], f[:n])
			Whole(i64[:n], f[:n])
			for i, v := range f[:n] {
				want := int32(math.MinInt32)
				if v >= -1<<31 && v < 1<<31 {
					want = int32(v)
				}
				if i32[i] != want || i64[i] != FloatToInt(float64(v)) {
					t.Fatalf("%v is %d and %d", v, i32[i], i64[i])
				}
			}
			if i32[n] != 77 || i64[n] != 77 {
				t.Fatalf("%d wrote beside its slice", n)
			}
		}
		for n := range len(l) {
			x, a, b := make([]int32, n), make([]float32, n), make([]float32, n)
			for i, v := range l[:n] {
				x[i] = int32(v)
			}
			Float32s(a, l[:n])
			Float32s(b, x)
			for i, v := range l[:n] {
				if a[i] != float32(v) || b[i] != float32(x[i]) {
					t.Fatalf("%d and %d are %v and %v", v, x[i], a[i], b[i])
				}
			}
		}
	})
}
