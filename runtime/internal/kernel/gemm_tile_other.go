//go:build !amd64 || noasm

package kernel

// gemmShape is the tile of the active tier: rows and columns, and the rows of A that stay in the second-level cache.
func gemmShape() (mr, width, block int) { return 4, 16, 64 }

func (t *gemmTile) run(m int, packed bool) {
	mr, width, _ := gemmShape()
	t.runGo(m, mr, width, packed)
}

func packRows(dst, a []float32, lda, m, k int) int { return 0 }

func packColumns(dst, b []float32, ldb, width, k int) int { return 0 }

func packWholeTiles(dst, a []float32, lda, mr, m, k int) int { return 0 }
