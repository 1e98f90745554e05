//go:build !noasm

package kernel

// run reports whether there is assembly for it.
func (v *gemvFew) run() bool {
	if len(v.a) == 0 || !useAVX2 {
		return false
	}
	add := 0
	if v.add {
		add = 1
	}
	var bias, clamp *float32
	if v.bias != nil {
		bias = &v.bias[0]
	}
	if v.clamp != nil {
		clamp = &v.clamp[0]
	}
	stride := 4 * len(v.b) / v.panels
	switch { // called by their names, so that nothing escapes
	case useAVX512 && v.panels == 1:
		asmGemvOne512(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	case useAVX512:
		asmGemv512(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	case v.panels == 1:
		asmGemvOne2(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	default:
		asmGemv2(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	}
	return true
}
