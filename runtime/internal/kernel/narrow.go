package kernel

import "math"

// NarrowColumns is how many columns NarrowGemm takes at most.
const NarrowColumns = 8

// NarrowFits says whether NarrowGemm can multiply by a packed k × n matrix: one vector must hold a row of the result, and k be one block.
func NarrowFits(k, n int) bool {
	blocks, _ := gemmBlocks(k)
	return Active() > Go && k > 0 && n > 0 && n <= NarrowColumns && blocks == 1
}

// NarrowGemm is C = A·B + Bias for a packed k × n matrix B that [NarrowFits], where [PackedGemm] would compute panels that are mostly empty. The bits are
// the same. C is (rows, n), A has a row every lda elements. Bias may be nil.
func NarrowGemm(c, a []float32, lda int, b, bias []float32, k, n int) {
	var add [NarrowColumns]float32
	for i := range add {
		add[i] = float32(math.Copysign(0, -1)) // x + (−0) is x
	}
	copy(add[:], bias)
	rows := len(c) / n
	direct := 0 // rows that are followed by room for a vector
	if len(c) >= NarrowColumns {
		direct = (len(c)-NarrowColumns)/n + 1
	}
	narrowRows(c, n, a, lda, b, &add, k, direct)
	if rest := rows - direct; rest > 0 {
		var last [NarrowColumns * NarrowColumns]float32
		narrowRows(last[:], NarrowColumns, a[direct*lda:], lda, b, &add, k, rest)
		for r := range rest {
			copy(c[(direct+r)*n:][:n], last[r*NarrowColumns:])
		}
	}
}

// narrowRowsGo is the contract of narrowRows: rows of NarrowColumns numbers, ldc apart. Where ldc is less, the next row overwrites the end of the one before.
func narrowRowsGo(c []float32, ldc int, a []float32, lda int, b []float32, bias *[NarrowColumns]float32, k, rows int) {
	_, width := Panels(1)
	for r := range rows {
		for j, add := range bias {
			s := float32(0)
			for p, v := range a[r*lda:][:k] {
				s = fma32(v, b[p*width+j], s)
			}
			c[r*ldc+j] = s + add
		}
	}
}
