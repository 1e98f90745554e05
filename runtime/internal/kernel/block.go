package kernel

// Block16 brings n pixels of c ≤ 16 channels together: dst[16·i+k] = src[k·plane+i] for k < c, and 0 for the lanes from c on.
// plane ≥ n is how many elements of src lie between channels.
func Block16(dst, src []float32, c, plane, n int) {
	if n < 1 || c < 1 {
		return
	}
	dst, src = dst[:16*n], src[:(c-1)*plane+n]
	block16(dst, src, c, plane, n)
}

// Unblock16 is the inverse of [Block16]: dst[k·plane+i] = src[16·i+k] for k < c ≤ 16 and i < n.
func Unblock16(dst, src []float32, c, plane, n int) {
	if n < 1 || c < 1 {
		return
	}
	dst, src = dst[:(c-1)*plane+n], src[:16*n]
	unblock16(dst, src, c, plane, n)
}

func block16Go(dst, src []float32, c, plane, n int) {
	for k := range 16 {
		if k >= c {
			for i := range n {
				dst[16*i+k] = 0
			}
			continue
		}
		for i, v := range src[k*plane:][:n] {
			dst[16*i+k] = v
		}
	}
}

func unblock16Go(dst, src []float32, c, plane, n int) {
	for k := range c {
		row := dst[k*plane:][:n]
		for i := range row {
			row[i] = src[16*i+k]
		}
	}
}

// Spread16 writes the pixels of src, 16 lanes each, step pixels apart to dst.
func Spread16(dst, src []float32, step int) {
	for len(src) >= 16 {
		*(*[16]float32)(dst) = *(*[16]float32)(src)
		if src = src[16:]; len(src) > 0 {
			dst = dst[16*step:]
		}
	}
}
