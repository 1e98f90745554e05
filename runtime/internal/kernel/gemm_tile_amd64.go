//go:build !noasm

package kernel

import "unsafe"

// gemmShape is the tile of the active tier: rows and columns, and the rows of A that stay in the second-level cache.
func gemmShape() (mr, width, block int) {
	switch {
	case useAVX512:
		return 14, 32, 140
	case useAVX2:
		return 6, 16, 144
	}
	return 4, 16, 64
}

func (t *gemmTile) run(m int, packed bool) {
	p := (*byte)(unsafe.Pointer(t))
	switch {
	case useAVX512 && packed:
		switch m {
		case 1:
			asmGemm512PackedM1(p)
		case 2:
			asmGemm512PackedM2(p)
		case 3:
			asmGemm512PackedM3(p)
		case 4:
			asmGemm512PackedM4(p)
		case 5:
			asmGemm512PackedM5(p)
		case 6:
			asmGemm512PackedM6(p)
		case 7:
			asmGemm512PackedM7(p)
		case 8:
			asmGemm512PackedM8(p)
		case 9:
			asmGemm512PackedM9(p)
		case 10:
			asmGemm512PackedM10(p)
		case 11:
			asmGemm512PackedM11(p)
		case 12:
			asmGemm512PackedM12(p)
		case 13:
			asmGemm512PackedM13(p)
		case 14:
			asmGemm512PackedM14(p)
		}
	case useAVX512:
		switch m {
		case 1:
			asmGemm512M1(p)
		case 2:
			asmGemm512M2(p)
		case 3:
			asmGemm512M3(p)
		case 4:
			asmGemm512M4(p)
		case 5:
			asmGemm512M5(p)
		case 6:
			asmGemm512M6(p)
		case 7:
			asmGemm512M7(p)
		case 8:
			asmGemm512M8(p)
		case 9:
			asmGemm512M9(p)
		case 10:
			asmGemm512M10(p)
		case 11:
			asmGemm512M11(p)
		case 12:
			asmGemm512M12(p)
		case 13:
			asmGemm512M13(p)
		case 14:
			asmGemm512M14(p)
		}
	case useAVX2 && packed:
		switch m {
		case 1:
			asmGemm2PackedM1(p)
		case 2:
			asmGemm2PackedM2(p)
		case 3:
			asmGemm2PackedM3(p)
		case 4:
			asmGemm2PackedM4(p)
		case 5:
			asmGemm2PackedM5(p)
		case 6:
			asmGemm2PackedM6(p)
		}
	case useAVX2:
		switch m {
		case 1:
			asmGemm2M1(p)
		case 2:
			asmGemm2M2(p)
		case 3:
			asmGemm2M3(p)
		case 4:
			asmGemm2M4(p)
		case 5:
			asmGemm2M5(p)
		case 6:
			asmGemm2M6(p)
		}
	default:
		mr, width, _ := gemmShape()
		t.runGo(m, mr, width, packed)
	}
}

// packRows packs rows of A with whole vectors as far as it goes, and says how many of k it did.
func packRows(dst, a []float32, lda, m, k int) int {
	if !useAVX512 || m != 14 || k < 16 {
		return 0
	}
	k &^= 15
	_ = dst[k*14-1]
	_ = a[13*lda+k-1]
	asmPackA14(k, &a[0], lda, &dst[0])
	return k
}

// packColumns packs 16 rows of a transposed B as 16 columns of a panel, as far as whole vectors go, and says how many of k it did.
func packColumns(dst, b []float32, ldb, width, k int) int {
	if !useAVX512 || width != 32 || k < 16 {
		return 0
	}
	k &^= 15
	_ = dst[(k-1)*32+15]
	_ = b[15*ldb+k-1]
	asmPackB16(k, &b[0], ldb, &dst[0])
	return k
}

// packWholeTiles is packTiles as far as there are instructions for it, and says how many of the m columns it did.
func packWholeTiles(dst, a []float32, lda, mr, m, k int) int {
	if k == 0 || m == 0 {
		return m
	}
	_ = a[(k-1)*lda+m-1]
	tiles, rest := m/mr, m%mr
	switch {
	case useAVX512 && mr == 14:
		_ = dst[(tiles-1)*k*mr+k*mr-1+min(rest, 1)*k*mr]
		asmPackColumns14(k, &a[0], lda, &dst[0], tiles, k*mr, rest)
		return m
	case useAVX2 && mr == 6 && tiles > 0:
		_ = dst[tiles*k*mr-1]
		asmPackColumns6(k, &a[0], lda, &dst[0], tiles, k*mr)
		return tiles * mr
	}
	return 0
}
