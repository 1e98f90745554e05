package kernel

// Numeric are the types that Gemm and the reductions work on.
type Numeric interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// The blocks of Gemm. gemmK is part of the contract, because it decides where sums are rounded: a panel of gemmK × gemmN elements of
// B stays in the first-level cache while the rows of A pass it. The others only decide the speed.
const (
	gemmK = 256
	gemmN = 32
	gemmI = 2 // rows of a register block: 2 × 4 sums, 2 + 4 operands and products fit the 16 vector registers of amd64
	gemmJ = 4
)

// Gemm computes C = A·B, or C += A·B when accumulate is set, for row-major matrices whose rows start ld elements apart:
//
//	A(i,p) = a[i*lda+p], or a[p*lda+i] with transA     m × k
//	B(p,j) = b[p*ldb+j], or b[j*ldb+p] with transB     k × n
//	C(i,j) = c[i*ldc+j]                                m × n
//
// The contract, bit for bit, for every element on its own, so that results do not depend on how a caller cuts the rows and columns of C:
//
//	for each block of gemmK indices p, in order:
//		s := 0
//		for each p of the block, in order:
//			s += A(i,p) * B(p,j)
//		C(i,j) = s in the first block unless accumulate is set, else C(i,j) + s
//
// With k = 0, C becomes zero or stays. c must not overlap a or b. The slices must reach to the last element that the formulas name.
func Gemm(m, n, k int, a []float32, lda int, transA bool, b []float32, ldb int, transB bool, c []float32, ldc int, accumulate bool) {
	GemmOf(m, n, k, a, lda, transA, b, ldb, transB, c, ldc, accumulate)
}

// GemmOf is Gemm for any type; integers wrap around.
func GemmOf[T Numeric](m, n, k int, a []T, lda int, transA bool, b []T, ldb int, transB bool, c []T, ldc int, accumulate bool) {
	switch {
	case m == 0 || n == 0:
	case k == 0:
		if !accumulate {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		}
	case m < gemmJ: // packing B would cost more than it saves
		step, inc := lda, 1
		if transA {
			step, inc = 1, lda
		}
		for i := range m {
			gemv(n, k, a[i*step:], inc, b, ldb, transB, c[i*ldc:], 1, accumulate)
		}
	case n < gemmJ: // columns of C are Aᵀ times columns of B
		step, inc := 1, ldb
		if transB {
			step, inc = ldb, 1
		}
		for j := range n {
			gemv(m, k, b[j*step:], inc, a, lda, !transA, c[j:], ldc, accumulate)
		}
	default:
		gemmPacked(m, n, k, a, lda, transA, b, ldb, transB, c, ldc, accumulate)
	}
}

// gemmPacked copies a panel of B, in strips of gemmJ columns, and rows of A, in strips of gemmI, so that the register block reads both in order.
// Strips that stick out over the matrix are filled with zeros, whose sums are not stored.
func gemmPacked[T Numeric](m, n, k int, a []T, lda int, transA bool, b []T, ldb int, transB bool, c []T, ldc int, accumulate bool) {
	var panel [gemmK * gemmN]T
	var strip [gemmK * gemmI]T
	for p := 0; p < k; p += gemmK {
		depth := min(gemmK, k-p)
		add := accumulate || p > 0
		for j := 0; j < n; j += gemmN {
			cols := min(gemmN, n-j)
			for q := 0; q < cols; q += gemmJ {
				dst := panel[q*gemmK:][:depth*gemmJ]
				if transB {
					gemmPackRows(dst, gemmJ, min(gemmJ, cols-q), b[(j+q)*ldb+p:], ldb)
				} else {
					gemmPackCols(dst, gemmJ, min(gemmJ, cols-q), b[p*ldb+j+q:], ldb)
				}
			}
			for i := 0; i < m; i += gemmI {
				rows := min(gemmI, m-i)
				if transA {
					gemmPackCols(strip[:depth*gemmI], gemmI, rows, a[p*lda+i:], lda)
				} else {
					gemmPackRows(strip[:depth*gemmI], gemmI, rows, a[i*lda+p:], lda)
				}
				for q := 0; q < cols; q += gemmJ {
					s := gemmBlock(strip[:depth*gemmI], panel[q*gemmK:][:depth*gemmJ])
					for r := range rows {
						row := c[(i+r)*ldc+j+q:][:min(gemmJ, cols-q)]
						if add {
							for x := range row {
								row[x] += s[r*gemmJ+x]
							}
						} else {
							copy(row, s[r*gemmJ:])
						}
					}
				}
			}
		}
	}
}

// gemmPackRows writes dst[p*width+r] = src[r*ld+p] for r < n, and zeros for the other r < width.
func gemmPackRows[T Numeric](dst []T, width, n int, src []T, ld int) {
	depth := len(dst) / width
	for r := range width {
		if r >= n {
			for p := r; p < len(dst); p += width {
				dst[p] = 0
			}
			continue
		}
		row := src[r*ld:][:depth]
		for p, q := 0, r; p < len(row) && q < len(dst); p, q = p+1, q+width {
			dst[q] = row[p]
		}
	}
}

// gemmPackCols writes dst[p*width+r] = src[p*ld+r] for r < n, and zeros for the other r < width.
func gemmPackCols[T Numeric](dst []T, width, n int, src []T, ld int) {
	for p := 0; len(dst) >= width; p += ld {
		d := dst[:width]
		clear(d[copy(d, src[p:p+n]):])
		dst = dst[width:]
	}
}

// gemmBlock is the register block: s[r*4+x] = Σ a[2p+r] * b[4p+x] in the order of p.
func gemmBlock[T Numeric](a, b []T) [gemmI * gemmJ]T {
	var s00, s01, s02, s03, s10, s11, s12, s13 T
	for len(a) >= 2 && len(b) >= 4 {
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		x := a[0]
		s00 += T(x * b0)
		s01 += T(x * b1)
		s02 += T(x * b2)
		s03 += T(x * b3)
		x = a[1]
		s10 += T(x * b0)
		s11 += T(x * b1)
		s12 += T(x * b2)
		s13 += T(x * b3)
		a, b = a[2:], b[4:]
	}
	return [gemmI * gemmJ]T{s00, s01, s02, s03, s10, s11, s12, s13}
}

// gemv computes y[j*incy] = Σ x[p*incx] * B(p,j), j < n, p < k, by the contract of Gemm, where B is b as there.
func gemv[T Numeric](n, k int, x []T, incx int, b []T, ldb int, trans bool, y []T, incy int, accumulate bool) {
	var part [gemmK]T
	var sums [2 * gemmN]T
	for p := 0; p < k; p += gemmK {
		depth := min(gemmK, k-p)
		add := accumulate || p > 0
		v := x[p*incx:]
		if incx == 1 {
			v = v[:depth]
		} else {
			for q := range depth {
				part[q] = v[q*incx]
			}
			v = part[:depth]
		}
		for j := 0; j < n; j += len(sums) {
			s := sums[:min(len(sums), n-j)]
			if trans {
				gemvDots(s, v, b[j*ldb+p:], ldb)
			} else {
				clear(s)
				gemvAxpys(s, v, b[p*ldb+j:], ldb)
			}
			for q, t := range s {
				if z := &y[(j+q)*incy]; add {
					*z += t
				} else {
					*z = t
				}
			}
		}
	}
}

// gemvDots writes s[j] = Σ x[p] * b[j*ldb+p].
func gemvDots[T Numeric](s, x, b []T, ldb int) {
	j := 0
	for ; j+4 <= len(s); j += 4 {
		b0, b1, b2, b3 := b[j*ldb:][:len(x)], b[(j+1)*ldb:][:len(x)], b[(j+2)*ldb:][:len(x)], b[(j+3)*ldb:][:len(x)]
		var s0, s1, s2, s3 T
		for p, v := range x {
			s0 += T(v * b0[p])
			s1 += T(v * b1[p])
			s2 += T(v * b2[p])
			s3 += T(v * b3[p])
		}
		s[j], s[j+1], s[j+2], s[j+3] = s0, s1, s2, s3
	}
	for ; j < len(s); j++ {
		row := b[j*ldb:][:len(x)]
		var t T
		for p, v := range x {
			t += T(v * row[p])
		}
		s[j] = t
	}
}

// gemvAxpys adds Σ x[p] * b[p*ldb+j] to s[j], one p after the other.
func gemvAxpys[T Numeric](s, x, b []T, ldb int) {
	p := 0
	for ; p+4 <= len(x); p += 4 {
		x0, x1, x2, x3 := x[p], x[p+1], x[p+2], x[p+3]
		b0, b1, b2, b3 := b[p*ldb:][:len(s)], b[(p+1)*ldb:][:len(s)], b[(p+2)*ldb:][:len(s)], b[(p+3)*ldb:][:len(s)]
		for j, t := range s {
			t += T(x0 * b0[j])
			t += T(x1 * b1[j])
			t += T(x2 * b2[j])
			t += T(x3 * b3[j])
			s[j] = t
		}
	}
	for ; p < len(x); p++ {
		v, row := x[p], b[p*ldb:][:len(s)]
		for j, t := range row {
			s[j] += T(v * t)
		}
	}
}
