package kernel

// Block16 brings n pixels of c ≤ 16 channels together: dst[16·i+k] = src[k·plane+i] for k < c, and 0 for the lanes from c on.
// plane ≥ n is how many elements of src lie between channels.
func Block16(dst, src []float32, c, plane, n int) {
	dst = dst[:16*n]
	if c < 16 {
		clear(dst)
	}
	for k := range c {
		row := src[k*plane:][:n]
		for i, v := range row {
			dst[16*i+k] = v
		}
	}
}

// Unblock16 is the inverse of [Block16]: dst[k·plane+i] = src[16·i+k] for k < c ≤ 16 and i < n.
func Unblock16(dst, src []float32, c, plane, n int) {
	src = src[:16*n]
	for k := range c {
		row := dst[k*plane:][:n]
		for i := range row {
			row[i] = src[16*i+k]
		}
	}
}
