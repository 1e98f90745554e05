//go:build !noasm

package kernel

// compareVec compares whole blocks of 16 numbers and returns how many it did.
func compareVec(how compareKind, y []bool, a, b []float32, sa, sb int) int {
	n := len(y) &^ 15
	if n == 0 || sa|sb == 0 || !useAVX2 {
		return 0
	}
	_, _ = a[(n-1)*sa], b[(n-1)*sb]
	form := 2*(1-sa) + (1 - sb)
	if useAVX512 {
		compare512(how, form, &y[0], &a[0], &b[0], n)
	} else {
		compare2(how, form, &y[0], &a[0], &b[0], n)
	}
	return n
}

// whereVec is Where for whole blocks of 16 elements, and returns how many it did.
func whereVec(z []uint32, cond []bool, x, y []uint32, sx, sy int) int {
	n := len(z) &^ 15
	if n == 0 || !useAVX2 {
		return 0
	}
	_, _, _ = cond[n-1], x[(n-1)*sx], y[(n-1)*sy]
	form := 2*(1-sx) + (1 - sy)
	if useAVX512 {
		where512(form, &z[0], &cond[0], &x[0], &y[0], n)
	} else {
		where2(form, &z[0], &cond[0], &x[0], &y[0], n)
	}
	return n
}

func compare512(how compareKind, form int, y *bool, a, b *float32, n int) {
	switch int(how)*3 + form {
	case int(isEqual) * 3:
		asmEqualVV512(y, a, b, n)
	case int(isEqual)*3 + 1:
		asmEqualVS512(y, a, b, n)
	case int(isEqual)*3 + 2:
		asmEqualSV512(y, a, b, n)
	case int(isLess) * 3:
		asmLessVV512(y, a, b, n)
	case int(isLess)*3 + 1:
		asmLessVS512(y, a, b, n)
	case int(isLess)*3 + 2:
		asmLessSV512(y, a, b, n)
	case int(isLessOrEqual) * 3:
		asmLessOrEqualVV512(y, a, b, n)
	case int(isLessOrEqual)*3 + 1:
		asmLessOrEqualVS512(y, a, b, n)
	case int(isLessOrEqual)*3 + 2:
		asmLessOrEqualSV512(y, a, b, n)
	}
}

func where512(form int, z *uint32, cond *bool, x, y *uint32, n int) {
	switch form {
	case 0:
		asmWhereVV512(z, cond, x, y, n)
	case 1:
		asmWhereVS512(z, cond, x, y, n)
	case 2:
		asmWhereSV512(z, cond, x, y, n)
	case 3:
		asmWhereSS512(z, cond, x, y, n)
	}
}

func compare2(how compareKind, form int, y *bool, a, b *float32, n int) {
	switch int(how)*3 + form {
	case int(isEqual) * 3:
		asmEqualVV2(y, a, b, n)
	case int(isEqual)*3 + 1:
		asmEqualVS2(y, a, b, n)
	case int(isEqual)*3 + 2:
		asmEqualSV2(y, a, b, n)
	case int(isLess) * 3:
		asmLessVV2(y, a, b, n)
	case int(isLess)*3 + 1:
		asmLessVS2(y, a, b, n)
	case int(isLess)*3 + 2:
		asmLessSV2(y, a, b, n)
	case int(isLessOrEqual) * 3:
		asmLessOrEqualVV2(y, a, b, n)
	case int(isLessOrEqual)*3 + 1:
		asmLessOrEqualVS2(y, a, b, n)
	case int(isLessOrEqual)*3 + 2:
		asmLessOrEqualSV2(y, a, b, n)
	}
}

func where2(form int, z *uint32, cond *bool, x, y *uint32, n int) {
	switch form {
	case 0:
		asmWhereVV2(z, cond, x, y, n)
	case 1:
		asmWhereVS2(z, cond, x, y, n)
	case 2:
		asmWhereSV2(z, cond, x, y, n)
	case 3:
		asmWhereSS2(z, cond, x, y, n)
	}
}
