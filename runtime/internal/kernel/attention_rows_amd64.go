//go:build !noasm

package kernel

func addScores(s *Scores, top []float32) {
	rows := len(top)
	if !useAVX2 || rows == 0 || s.N == 0 {
		addScoresGo(s, top)
		return
	}
	_ = s.S[(rows-1)*s.Ld:][:s.N]
	var b, m *float32
	ldb, ldm := 0, 0
	if s.Bias != nil {
		b, ldb = &s.Bias[:(rows-1)*s.Ldb+s.N][0], s.Ldb
	}
	if s.Mask != nil {
		m, ldm = &s.Mask[:(rows-1)*s.Ldm+s.N][0], s.Ldm
	}
	if useAVX512 {
		asmAddScores512(&s.S[0], s.N, s.Ld, rows, s.Scale, b, ldb, m, ldm, &top[0])
	} else {
		asmAddScores2(&s.S[0], s.N, s.Ld, rows, s.Scale, b, ldb, m, ldm, &top[0])
	}
}

func expRows(s []float32, n, ld int, top []float32) {
	if !useAVX2 || len(top) == 0 || n == 0 {
		expRowsGo(s, n, ld, top)
		return
	}
	_ = s[(len(top)-1)*ld:][:n]
	if useAVX512 {
		asmExpRows512(&s[0], n, ld, len(top), &top[0])
	} else {
		asmExpRows2(&s[0], n, ld, len(top), &top[0])
	}
}

// DotRows sets dst[j] to the product of q and row j of k; rows are ldk elements apart.
func DotRows(dst, q, k []float32, ldk int) {
	if !useAVX2 || len(dst) == 0 || len(q) == 0 {
		dotRowsGo(dst, q, k, ldk)
		return
	}
	_ = k[(len(dst)-1)*ldk:][:len(q)]
	if useAVX512 {
		asmDotRows512(&dst[0], len(dst), &q[0], len(q), &k[0], ldk)
	} else {
		asmDotRows2(&dst[0], len(dst), &q[0], len(q), &k[0], ldk)
	}
}

// AddRows adds p[j] times row j of v to y; rows are ldv elements apart.
func AddRows(y, p, v []float32, ldv int) {
	if !useAVX2 || len(p) == 0 || len(y) == 0 {
		addRowsGo(y, p, v, ldv)
		return
	}
	_ = v[(len(p)-1)*ldv:][:len(y)]
	if useAVX512 {
		asmAddRows512(&y[0], len(y), &p[0], len(p), &v[0], ldv)
	} else {
		asmAddRows2(&y[0], len(y), &p[0], len(p), &v[0], ldv)
	}
}

// ScaleRows multiplies each of len(f) rows of n elements, ld elements apart, with its own factor.
func ScaleRows(y []float32, n, ld int, f []float32) {
	if !useAVX2 || len(f) == 0 || n == 0 {
		scaleRowsGo(y, n, ld, f)
		return
	}
	_ = y[(len(f)-1)*ld:][:n]
	if useAVX512 {
		asmScaleRows512(&y[0], n, ld, &f[0], len(f))
	} else {
		asmScaleRows2(&y[0], n, ld, &f[0], len(f))
	}
}
