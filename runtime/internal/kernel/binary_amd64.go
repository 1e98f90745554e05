//go:build !noasm

package kernel

// applyVec is Apply by vector instructions, where at least one operand is not the same along a row.
func applyVec(op Binary, dst []float32, a, b Operand, rows, n int) bool {
	form := 0
	if b.Step == 0 {
		form = 1
	} else if a.Step == 0 {
		form = 2
	}
	switch {
	case useAVX512:
		apply512(op, form, &dst[0], &a.Data[0], &b.Data[0], n, rows, a.Row, b.Row)
	case useAVX2:
		apply2(op, form, &dst[0], &a.Data[0], &b.Data[0], n, rows, a.Row, b.Row)
	default:
		return false
	}
	return true
}

func apply512(op Binary, form int, y, a, b *float32, n, rows, da, db int) {
	switch int(op)*3 + form {
	case int(BinAdd) * 3:
		asmAddVV512(y, a, b, n, rows, da, db)
	case int(BinAdd)*3 + 1:
		asmAddVS512(y, a, b, n, rows, da, db)
	case int(BinAdd)*3 + 2:
		asmAddSV512(y, a, b, n, rows, da, db)
	case int(BinSub) * 3:
		asmSubVV512(y, a, b, n, rows, da, db)
	case int(BinSub)*3 + 1:
		asmSubVS512(y, a, b, n, rows, da, db)
	case int(BinSub)*3 + 2:
		asmSubSV512(y, a, b, n, rows, da, db)
	case int(BinMul) * 3:
		asmMulVV512(y, a, b, n, rows, da, db)
	case int(BinMul)*3 + 1:
		asmMulVS512(y, a, b, n, rows, da, db)
	case int(BinMul)*3 + 2:
		asmMulSV512(y, a, b, n, rows, da, db)
	case int(BinDiv) * 3:
		asmDivVV512(y, a, b, n, rows, da, db)
	case int(BinDiv)*3 + 1:
		asmDivVS512(y, a, b, n, rows, da, db)
	case int(BinDiv)*3 + 2:
		asmDivSV512(y, a, b, n, rows, da, db)
	case int(BinMax) * 3:
		asmMaxVV512(y, a, b, n, rows, da, db)
	case int(BinMax)*3 + 1:
		asmMaxVS512(y, a, b, n, rows, da, db)
	case int(BinMax)*3 + 2:
		asmMaxSV512(y, a, b, n, rows, da, db)
	case int(BinMin) * 3:
		asmMinVV512(y, a, b, n, rows, da, db)
	case int(BinMin)*3 + 1:
		asmMinVS512(y, a, b, n, rows, da, db)
	case int(BinMin)*3 + 2:
		asmMinSV512(y, a, b, n, rows, da, db)
	case int(BinPRelu) * 3:
		asmPReluVV512(y, a, b, n, rows, da, db)
	case int(BinPRelu)*3 + 1:
		asmPReluVS512(y, a, b, n, rows, da, db)
	case int(BinPRelu)*3 + 2:
		asmPReluSV512(y, a, b, n, rows, da, db)
	}
}

func apply2(op Binary, form int, y, a, b *float32, n, rows, da, db int) {
	switch int(op)*3 + form {
	case int(BinAdd) * 3:
		asmAddVV2(y, a, b, n, rows, da, db)
	case int(BinAdd)*3 + 1:
		asmAddVS2(y, a, b, n, rows, da, db)
	case int(BinAdd)*3 + 2:
		asmAddSV2(y, a, b, n, rows, da, db)
	case int(BinSub) * 3:
		asmSubVV2(y, a, b, n, rows, da, db)
	case int(BinSub)*3 + 1:
		asmSubVS2(y, a, b, n, rows, da, db)
	case int(BinSub)*3 + 2:
		asmSubSV2(y, a, b, n, rows, da, db)
	case int(BinMul) * 3:
		asmMulVV2(y, a, b, n, rows, da, db)
	case int(BinMul)*3 + 1:
		asmMulVS2(y, a, b, n, rows, da, db)
	case int(BinMul)*3 + 2:
		asmMulSV2(y, a, b, n, rows, da, db)
	case int(BinDiv) * 3:
		asmDivVV2(y, a, b, n, rows, da, db)
	case int(BinDiv)*3 + 1:
		asmDivVS2(y, a, b, n, rows, da, db)
	case int(BinDiv)*3 + 2:
		asmDivSV2(y, a, b, n, rows, da, db)
	case int(BinMax) * 3:
		asmMaxVV2(y, a, b, n, rows, da, db)
	case int(BinMax)*3 + 1:
		asmMaxVS2(y, a, b, n, rows, da, db)
	case int(BinMax)*3 + 2:
		asmMaxSV2(y, a, b, n, rows, da, db)
	case int(BinMin) * 3:
		asmMinVV2(y, a, b, n, rows, da, db)
	case int(BinMin)*3 + 1:
		asmMinVS2(y, a, b, n, rows, da, db)
	case int(BinMin)*3 + 2:
		asmMinSV2(y, a, b, n, rows, da, db)
	case int(BinPRelu) * 3:
		asmPReluVV2(y, a, b, n, rows, da, db)
	case int(BinPRelu)*3 + 1:
		asmPReluVS2(y, a, b, n, rows, da, db)
	case int(BinPRelu)*3 + 2:
		asmPReluSV2(y, a, b, n, rows, da, db)
	}
}
