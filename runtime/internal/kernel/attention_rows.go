package kernel

import "math"

// Scores are rows of n scores, Ld elements apart, with numbers that are added to them.
type Scores struct {
	S          []float32
	N, Ld      int
	Scale      float32
	Bias, Mask []float32 // nil without
	Ldb, Ldm   int       // elements from row to row of the bias and the mask, 0 when one row serves all
}

// Softmax turns scores into exp(t − max), with t = S·Scale + Bias + Mask and its largest element in the row, and sets sums to their sums; there are
// as many rows as sums. Where all t of a row are -Inf, both are 0; where one is NaN, so is the sum.
func (s *Scores) Softmax(sums []float32) {
	if s.N == 0 {
		clear(sums)
		return
	}
	addScores(s, sums)
	for r, top := range sums {
		if top == float32(math.Inf(-1)) && !hasNaN(s.S[r*s.Ld:][:s.N]) {
			sums[r] = 0
		}
	}
	expRows(s.S, s.N, s.Ld, sums)
}

func hasNaN(s []float32) bool {
	for _, v := range s {
		if v != v {
			return true
		}
	}
	return false
}

// addScoresGo adds to the scores what is to be added and sets top to the largest of each row, leaving NaN aside.
func addScoresGo(s *Scores, top []float32) {
	for r := range top {
		row, largest := s.S[r*s.Ld:][:s.N], float32(math.Inf(-1))
		for i, v := range row {
			v *= s.Scale
			if s.Bias != nil {
				v += s.Bias[r*s.Ldb+i]
			}
			if s.Mask != nil {
				v += s.Mask[r*s.Ldm+i]
			}
			if row[i] = v; v > largest {
				largest = v
			}
		}
		top[r] = largest
	}
}

// expRowsGo replaces each number of a row by the exponential of its difference from the row's top, and top by their sum; see ExpSum.
func expRowsGo(s []float32, n, ld int, top []float32) {
	for r, t := range top {
		row := s[r*ld:][:n]
		top[r] = ExpSum(row, row, t)
	}
}

// scaleRowsGo multiplies each of the rows of n elements, ld elements apart, with its own factor.
func scaleRowsGo(y []float32, n, ld int, f []float32) {
	for r, f := range f {
		row := y[r*ld:][:n]
		for i := range row {
			row[i] *= f
		}
	}
}

// dotRowsGo: dst[j] is the product of q and row j of k, rows ldk elements apart. Element i goes to part i%16 of
// the sum, and the parts are added in halves: i+8 to i, then i+4, i+2 and i+1.
func dotRowsGo(dst, q, k []float32, ldk int) {
	for j := range dst {
		var sum [16]float32
		for i, v := range k[j*ldk:][:len(q)] {
			sum[i%16] = float32(math.FMA(float64(q[i]), float64(v), float64(sum[i%16])))
		}
		for n := 8; n > 0; n /= 2 {
			for i := range n {
				sum[i] += sum[i+n]
			}
		}
		dst[j] = sum[0]
	}
}

// addRowsGo adds p[j] times row j of v to y, in the order of the rows, which are ldv elements apart.
func addRowsGo(y, p, v []float32, ldv int) {
	for j, f := range p {
		for i, x := range v[j*ldv:][:len(y)] {
			y[i] = float32(math.FMA(float64(f), float64(x), float64(y[i])))
		}
	}
}
