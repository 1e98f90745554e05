//go:build !noasm

package kernel

// run reports whether there is assembly for it.
func (v *gemvFour) run() bool {
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
	stride := 4 * len(v.b) / GemvPanels
	if useAVX512 {
		asmGemv512(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	} else {
		asmGemv2(len(v.a), &v.a[0], &v.b[0], stride, &v.c[0], add, bias, clamp)
	}
	return true
}
