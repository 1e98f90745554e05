package kernel

import "math"

// gemmTile is the work of a micro-kernel: m rows by n columns of C, n at most the width of a panel of B. Assembly knows the fields by their offsets.
type gemmTile struct {
	a, b, c       []float32
	bias, res     []float32 // nil without
	lda, ldc, ldr int       // elements from row to row; A without lda is packed
	k, n          int
	add, clamp    uint32 // 1: start from C; keep the result between lo and hi
	lo, hi        float32
}

// runGo is the contract of the micro-kernels: every element is a sum over k, in order, of products that are not rounded before they are added. NaN
// passes the clamp.
func (t *gemmTile) runGo(m, mr, width int, packed bool) {
	for i := range m {
		for j := range t.n {
			var s float32
			for p := range t.k {
				a := i*t.lda + p
				if packed {
					a = p*mr + i
				}
				s = float32(math.FMA(float64(t.a[a]), float64(t.b[p*width+j]), float64(s)))
			}
			if t.add != 0 {
				s += t.c[i*t.ldc+j]
			}
			if t.bias != nil {
				s += t.bias[j]
			}
			if t.res != nil {
				s += t.res[i*t.ldr+j]
			}
			if t.clamp != 0 {
				if s < t.lo {
					s = t.lo
				}
				if s > t.hi {
					s = t.hi
				}
			}
			t.c[i*t.ldc+j] = s
		}
	}
}
