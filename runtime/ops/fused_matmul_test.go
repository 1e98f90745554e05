package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestFusedMatMul: numbers by hand; the expansion, a transposition and a product, is held against the rest.
func TestFusedMatMul(t *testing.T) {
	flags := func(a, b int) []graph.Attr { return []graph.Attr{graph.Int("transA", a), graph.Int("transB", b)} }
	ramp := func(shape ...int) *tensor.Tensor {
		v := make([]float32, tensor.Shape(shape).Elems())
		for i := range v {
			v[i] = float32(i%13) - 6
		}
		return f32(v, shape...)
	}
	inf := float32(math.Inf(1))
	cases := []optest.Case{
		{Name: "right", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{5, 6, 7, 8}, 2, 2)}, Attrs: flags(0, 1), Want: []*tensor.Tensor{f32([]float32{17, 23, 39, 53}, 2, 2)}},
		{Name: "left", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{5, 6, 7, 8}, 2, 2)}, Attrs: flags(1, 0), Want: []*tensor.Tensor{f32([]float32{26, 30, 38, 44}, 2, 2)}},
		{Name: "both, bias", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{5, 6, 7, 8}, 2, 2), f32([]float32{1, -1}, 2)}, Attrs: flags(1, 1),
			Want: []*tensor.Tensor{f32([]float32{24, 30, 35, 45}, 2, 2)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{inf, 1}, 1, 2), f32([]float32{1, -1}, 1, 2)}, Attrs: flags(0, 1), Want: []*tensor.Tensor{f32([]float32{inf}, 1, 1)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2), f32(nil, 0, 3)}, Attrs: flags(1, 0), Want: []*tensor.Tensor{f32([]float32{0, 0, 0, 0, 0, 0}, 2, 3)}},
		{Name: "no match", In: []*tensor.Tensor{ramp(2, 3), ramp(3, 2)}, Attrs: flags(0, 1), Err: graph.ErrShape},
	}
	// Stacks, also where one side has one matrix. Integers are exact in every order of summation.
	for _, c := range [][2][]int{{{3, 17, 5}, {3, 5, 33}}, {{3, 5, 17}, {5, 33}}, {{2, 3, 17, 5}, {3, 5, 33}}, {{5, 17}, {2, 5, 40}}, {{2, 1, 300, 70}, {1, 2, 70, 80}}, {{3, 2, 5}, {1, 1, 5, 2}}} {
		for f := range 4 {
			a, b := append([]int{}, c[0]...), append([]int{}, c[1]...)
			m, k := a[len(a)-2], a[len(a)-1]
			if len(c[0]) == 3 && len(c[1]) == 2 || len(c[0]) == 2 { // written [k, m]
				m, k = k, m
			}
			a[len(a)-2], a[len(a)-1] = m, k
			if f&1 != 0 {
				a[len(a)-2], a[len(a)-1] = k, m
			}
			if f&2 != 0 {
				b[len(b)-2], b[len(b)-1] = b[len(b)-1], b[len(b)-2]
			}
			cases = append(cases, optest.Case{In: []*tensor.Tensor{ramp(a...), ramp(b...)}, Attrs: flags(f&1, f>>1), Want: []*tensor.Tensor{fusedByHand(ramp(a...), ramp(b...), f&1 != 0, f&2 != 0)}})
		}
	}
	optest.Run(t, Registry(), "ai.onnxrun::FusedMatMul", cases)
}

// fusedByHand is the product by its definition, of stacks of at most four axes.
func fusedByHand(a, b *tensor.Tensor, transA, transB bool) *tensor.Tensor {
	at := func(t *tensor.Tensor, trans bool) (batch [2]int, rows, cols int, f func(i, j, r, c int) float64) {
		s := append([]int{1, 1}, t.Shape()...)
		s = s[len(s)-4:]
		rows, cols = s[2], s[3]
		if trans {
			rows, cols = cols, rows
		}
		return [2]int{s[0], s[1]}, rows, cols, func(i, j, r, c int) float64 {
			if trans {
				r, c = c, r
			}
			return t.Float(((i%s[0]*s[1]+j%s[1])*s[2]+r)*s[3] + c)
		}
	}
	ba, m, k, x := at(a, transA)
	bb, _, n, y := at(b, transB)
	d0, d1 := max(ba[0], bb[0]), max(ba[1], bb[1])
	var out []float32
	for i := range d0 {
		for j := range d1 {
			for r := range m {
				for c := range n {
					s := 0.0
					for p := range k {
						s += x(i, j, r, p) * y(i, j, p, c)
					}
					out = append(out, float32(s))
				}
			}
		}
	}
	rank := max(a.Rank(), b.Rank())
	return f32(out, []int{d0, d1, m, n}[4-rank:]...)
}
