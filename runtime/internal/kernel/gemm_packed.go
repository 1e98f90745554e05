package kernel

import "unsafe"

// gemmDepth bounds the blocks of k; from gemmSplit on there are two at least, for the error of a sum grows with its length. They are part of the
// contract of PackedGemm, because they decide where sums are rounded.
const (
	gemmDepth = 512
	gemmSplit = 256
)

// gemmBlocks cuts k into blocks of equal depth, a multiple of 8: count blocks of depth, the last one less.
func gemmBlocks(k int) (count, depth int) {
	count = max(1, (k+gemmDepth-1)/gemmDepth)
	if k >= gemmSplit {
		count = max(count, 2)
	}
	depth = max(1, ((k+count-1)/count+7)&^7)
	return (k + depth - 1) / depth, depth
}

// PackedLen is the number of elements of a packed k × n matrix.
func PackedLen(k, n int) int {
	_, width, _ := gemmShape()
	return k * ((n + width - 1) / width * width)
}

// Panels is the number of panels of columns in a packed matrix of n columns, and their width, which depends on the instruction set.
func Panels(n int) (count, width int) {
	_, width, _ = gemmShape()
	return (n + width - 1) / width, width
}

// PackB packs panels lo to hi-1 of the k × n matrix B for PackedGemm; B(p,j) = b[p*ldb+j], or b[j*ldb+p] with trans. The packed matrix is
// [block of k][panel][k in the block][column of the panel], columns beyond n are zero.
func PackB(dst, b []float32, k, n, ldb int, trans bool, lo, hi int) {
	count, width := Panels(n)
	blocks, depth := gemmBlocks(k)
	for kb := range blocks {
		k0, kc := kb*depth, min(depth, k-kb*depth)
		for j := lo; j < hi; j++ {
			cols := min(width, n-j*width)
			to := dst[(k0*count+kc*j)*width:][:kc*width]
			if trans {
				for q := 0; q < cols; q += 16 {
					n := min(16, cols-q)
					from, done := b[(j*width+q)*ldb+k0:], 0
					if n == 16 {
						done = packColumns(to[q:], from, ldb, width, kc)
					}
					for i := range n {
						for p, v := range from[i*ldb:][done:kc] {
							to[(done+p)*width+q+i] = v
						}
					}
				}
			} else {
				CopyRows(to, b[k0*ldb+j*width:], kc, cols, width, ldb)
			}
			if cols < width {
				for p := range kc {
					clear(to[p*width+cols : (p+1)*width])
				}
			}
		}
	}
}

// CopyRows copies rows of n elements, ldSrc elements apart, to where they are ldDst elements apart. Short rows go by vectors, without a call for each.
func CopyRows(dst, src []float32, rows, n, ldDst, ldSrc int) {
	if rows < 1 || n < 1 || copyShortRows(float32Bits(dst[:(rows-1)*ldDst+n]), float32Bits(src[:(rows-1)*ldSrc+n]), rows, n, ldDst, ldSrc) {
		return
	}
	for r := range rows {
		copy(dst[r*ldDst:][:n], src[r*ldSrc:][:n])
	}
}

// float32Bits is x as it lies in memory.
func float32Bits(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// packTiles deals k rows of m elements, lda elements apart, out to tiles [k][mr]; the last may have fewer columns.
func packTiles(dst, a []float32, lda, mr, m, k int) {
	for r := packWholeTiles(dst, a, lda, mr, m, k); r < m; r += mr {
		n := min(mr, m-r)
		for p := range k {
			copy(dst[r*k+p*mr:][:n], a[p*lda+r:])
		}
	}
}

// UnpackB is the inverse of PackB: it writes the k × n matrix to dst, row after row.
func UnpackB(dst, packed []float32, k, n int) {
	count, width := Panels(n)
	blocks, depth := gemmBlocks(k)
	for kb := range blocks {
		k0, kc := kb*depth, min(depth, k-kb*depth)
		for j := range count {
			from := packed[(k0*count+kc*j)*width:][:kc*width]
			for p := range kc {
				copy(dst[(k0+p)*n+j*width:(k0+p+1)*n], from[p*width:][:width])
			}
		}
	}
}

// PackedGemm is C = Residual + A·B + Bias, for a packed B:
//
//	A(i,p) = A[i*Lda+p], or A[p*Lda+i] with TransA     m × k
//	C(i,j) = C[i*Ldc+j]                                m × n
//	Bias(j), Residual(i,j) = Residual[i*Ldr+j]         nil without
//
// The contract for every element on its own, so that its bits do not depend on the rows and columns that are computed with it:
//
//	for each block of k (see gemmBlocks), in order:
//		s := 0
//		for each p of the block, in order: s = fma(A(i,p), B(p,j), s)
//		C(i,j) = s + Residual(i,j) in the first block, else C(i,j) + s
//	C(i,j) += Bias(j), then the clamp to Lo … Hi, when Clamp is set
//
// Residual may be C itself. With k = 0 the product is zero.
type PackedGemm struct {
	M, N, K       int
	A, B, C       []float32
	Lda, Ldc      int
	TransA        bool
	Bias          []float32
	Residual      []float32
	Ldr           int
	Clamp         bool
	Lo, Hi        float32
	packedA       []float32 // when set, A is read from here
	rows, rowTile int       // rows of a block, and of its tiles
}

// Plan chooses blocks and returns how many floats of scratch memory SetScratch wants: zero when A is read where it lies. Rows whose distance is
// a multiple of 4 KB fall on the same places of the first-level cache, so they are packed first.
func (g *PackedGemm) Plan() (scratch int) {
	mr, _, block := gemmShape()
	conflict := g.M > 8 && g.K >= 64 && g.Lda*4%4096 == 0
	if conflict || g.TransA {
		g.rows, g.rowTile = block, mr
		return (g.M + mr - 1) / mr * mr * g.K
	}
	blocks := (g.M + block - 1) / block
	g.rows = (g.M + blocks - 1) / max(blocks, 1)
	tiles := (g.rows + mr - 1) / mr
	g.rowTile = (g.rows + tiles - 1) / max(tiles, 1) // tiles of equal height: a low one would wait for B
	g.packedA = nil
	return 0
}

// SetScratch hands over what Plan asked for.
func (g *PackedGemm) SetScratch(s []float32) { g.packedA = s }

// Grid is the work in blocks of rows and panels of columns.
func (g *PackedGemm) Grid() (blocks, panels int) {
	panels, _ = Panels(g.N)
	return (g.M + g.rows - 1) / max(g.rows, 1), panels
}

// RowsOfBlock is the number of rows of a block; the last has fewer.
func (g *PackedGemm) RowsOfBlock() int { return g.rows }

// PackA packs block i of the rows of A into the scratch memory: [block of rows][block of k][tile][k][row of the tile].
func (g *PackedGemm) PackA(i int) {
	mr := g.rowTile
	blocks, depth := gemmBlocks(g.K)
	lo, hi := i*g.rows, min(g.M, (i+1)*g.rows)
	dst := g.packedA[lo*g.K:]
	for kb := range blocks {
		k0, kc := kb*depth, min(depth, g.K-kb*depth)
		if g.TransA {
			size := (hi - lo + mr - 1) / mr * kc * mr
			packTiles(dst[:size], g.A[k0*g.Lda+lo:], g.Lda, mr, hi-lo, kc)
			dst = dst[size:]
			continue
		}
		for r := lo; r < hi; r += mr {
			m := min(mr, hi-r)
			a := g.A[r*g.Lda+k0:]
			p := packRows(dst, a, g.Lda, m, kc)
			for q := range m {
				row := a[q*g.Lda:][:kc]
				for k := p; k < kc; k++ {
					dst[k*mr+q] = row[k]
				}
			}
			dst = dst[kc*mr:]
		}
	}
}

// Run computes panels lo to hi-1 of block i of the rows.
func (g *PackedGemm) Run(i, lo, hi int) {
	count, width := Panels(g.N)
	blocks, depth := gemmBlocks(g.K)
	r0, r1 := i*g.rows, min(g.M, (i+1)*g.rows)
	if g.K == 0 {
		blocks, depth = 1, 0
	}
	packed := g.packedA != nil
	if g.M == 1 && !packed && g.Residual == nil {
		g.runRow(lo, hi)
		return
	}
	t := gemmTile{lda: g.Lda, ldc: g.Ldc, ldr: g.Ldr, lo: g.Lo, hi: g.Hi}
	var block []float32
	if packed {
		block = g.packedA[r0*g.K:]
	}
	for kb := range blocks {
		k0 := kb * depth
		t.k = min(depth, g.K-k0)
		first, last := kb == 0, kb == blocks-1
		if !first {
			t.add, t.res = 1, nil
		}
		if last && g.Clamp {
			t.clamp = 1
		}
		for j := lo; j < hi; j++ {
			col := j * width
			t.n = min(width, g.N-col)
			t.b = g.B[(k0*count+t.k*j)*width:]
			if last && g.Bias != nil {
				t.bias = g.Bias[col:]
			}
			a := block
			for r := r0; r < r1; r += g.rowTile {
				m := min(g.rowTile, r1-r)
				if packed {
					t.a, a = a, a[t.k*g.rowTile:]
				} else {
					t.a = g.A[r*g.Lda+k0:]
				}
				t.c = g.C[r*g.Ldc+col:]
				if first && g.Residual != nil {
					t.res = g.Residual[r*g.Ldr+col:]
				}
				t.run(m, packed)
			}
		}
		if packed {
			block = block[(r1-r0+g.rowTile-1)/g.rowTile*g.rowTile*t.k:]
		}
	}
}
