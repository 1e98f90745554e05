package kernel

// GemvPanels is how many panels PackedGemv likes to take at once.
const GemvPanels = 4

// PackedGemv is the product of one row a, k long, and panels lo to hi-1 of a packed k × n matrix, where all panels are whole: the elements of
// c that belong to these panels are what [PackedGemm] computes, bit for bit.
func PackedGemv(c, a, b []float32, k, n, lo, hi int) {
	count, width := Panels(n)
	blocks, depth := gemmBlocks(k)
	if k == 0 {
		clear(c[lo*width : hi*width])
	}
	for kb := range blocks {
		k0, kc := kb*depth, min(depth, k-kb*depth)
		j := lo
		for ; hi-j >= GemvPanels; j += GemvPanels {
			at := (k0*count + kc*j) * width
			if !gemvFour(c[j*width:][:GemvPanels*width], a[k0:][:kc], b[at:][:GemvPanels*kc*width], kb > 0) {
				break
			}
		}
		t := gemmTile{a: a[k0:], k: kc, n: width}
		if kb > 0 {
			t.add = 1
		}
		for ; j < hi; j++ {
			t.b, t.c = b[(k0*count+kc*j)*width:], c[j*width:][:width]
			t.run(1, false)
		}
	}
}
