package kernel

import (
	"testing"
)

// guardedCells is guarded for the bits of elements.
func guardedCells(n int) ([]uint32, func() bool) {
	const guard, mark = 64, 0xdeadbeef
	b := make([]uint32, n+2*guard+1)
	for i := range b {
		b[i] = mark
	}
	return b[guard+1 : guard+1+n : guard+1+n], func() bool {
		for i, v := range b {
			if v != mark && (i < guard+1 || i >= guard+1+n) {
				return false
			}
		}
		return true
	}
}

// copied runs s as an operator would and checks that nothing beside to is written.
func copied(t *testing.T, s *Strided, to, from int) (y, x []uint32) {
	t.Helper()
	y, ok := guardedCells(to)
	x = make([]uint32, from)
	for i := range x {
		x[i] = uint32(i)*7 + 1
	}
	items, _, in := s.Plan(to, from)
	if !in {
		t.Fatal("elements outside of the arrays")
	}
	Copy(y, x, s, items/3, items)
	Copy(y, x, s, 0, items/3)
	if !ok() {
		t.Fatal("wrote beside a slice")
	}
	return y, x
}

// TestTranspose takes every tail of rows and columns, with elements between the rows that nobody may touch.
func TestTranspose(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		sizes := []int{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 130}
		for _, na := range sizes {
			for _, nb := range sizes {
				ldTo, ldFrom := nb+na%3, na+nb%2
				var s Strided
				s.Reset(0, 0)
				s.Axis(na, ldTo, 1)
				s.Axis(nb, 1, ldFrom)
				y, x := copied(t, &s, (na-1)*ldTo+nb, (nb-1)*ldFrom+na)
				for a := range na {
					for b := range nb {
						if y[a*ldTo+b] != x[b*ldFrom+a] {
							t.Fatalf("%d × %d: [%d, %d] is %d, want %d", na, nb, a, b, y[a*ldTo+b], x[b*ldFrom+a])
						}
					}
				}
			}
		}
	})
}

// TestCopyRows takes rows of every length up to three vectors, and some that are copied one by one.
func TestCopyRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for n := 1; n < 530; n++ {
			if n > 49 && n%37 != 0 {
				continue
			}
			const outer, rows = 2, 5
			ldTo, ldFrom := n+n%3, n+2
			var s Strided
			s.Reset(0, 0)
			s.Axis(outer, rows*ldTo+3, n+1)
			s.Axis(rows, ldTo, 3*ldFrom)
			s.Axis(n, 1, 1)
			y, x := copied(t, &s, (outer-1)*(rows*ldTo+3)+(rows-1)*ldTo+n, (outer-1)*(n+1)+(rows-1)*3*ldFrom+n)
			for o := range outer {
				for r := range rows {
					for i := range n {
						if g, w := y[o*(rows*ldTo+3)+r*ldTo+i], x[o*(n+1)+r*3*ldFrom+i]; g != w {
							t.Fatalf("rows of %d: [%d, %d, %d] is %d, want %d", n, o, r, i, g, w)
						}
					}
				}
			}
		}
	})
}

func TestFill(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 1500} {
		x, ok := guardedCells(n)
		Fill(x, 3)
		for i, v := range x {
			if v != 3 {
				t.Fatalf("[%d] of %d is %d", i, n, v)
			}
		}
		if !ok() {
			t.Fatal("wrote beside a slice")
		}
	}
}

// BenchmarkStrided reports nanoseconds per element of transpositions of [a, b] within others.
func BenchmarkStrided(b *testing.B) {
	for _, c := range []struct {
		name  string
		shape []int
		perm  []int
	}{
		{"1024x1024", []int{1024, 1024}, []int{1, 0}},
		{"NCHW to NHWC", []int{96, 56 * 56}, []int{1, 0}},
		{"NHWC to NCHW", []int{56 * 56, 96}, []int{1, 0}},
		{"heads", []int{128, 12, 64}, []int{1, 0, 2}},
		{"narrow heads", []int{3136, 3, 32}, []int{1, 0, 2}},
		{"three channels", []int{3, 224 * 224}, []int{1, 0}},
	} {
		b.Run(c.name, func(b *testing.B) {
			strides, n := make([]int, len(c.shape)), 1
			for i := len(c.shape) - 1; i >= 0; i-- {
				strides[i] = n
				n *= c.shape[i]
			}
			var s Strided
			s.Reset(0, 0)
			to := n
			for _, p := range c.perm {
				to /= c.shape[p]
				s.Axis(c.shape[p], to, strides[p])
			}
			items, grain, ok := s.Plan(n, n)
			if !ok {
				b.Fatal("outside")
			}
			x, y := make([]uint32, n), make([]uint32, n)
			b.ReportAllocs()
			for b.Loop() {
				for i := 0; i < items; i += grain {
					Copy(y, x, &s, i, min(items, i+grain))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
		})
	}
}
