package kernel

// ResampleAxisGrad is the transpose of ResampleAxis: it writes the blocks lo to hi-1 of dx [outer, in, inner], to which the gradients g [outer, out, inner] are dealt
// by the weights that the elements had. Where the output was a fill value nothing is.
func ResampleAxisGrad[T float32 | float64](dx, g []T, t *Taps[T], in, out, inner, lo, hi int) {
	for b := lo; b < hi; b++ {
		plane := dx[b*in*inner:][:in*inner]
		clear(plane)
		for o := range out {
			index, weight := t.Index[o*t.N:][:t.N], t.Weight[o*t.N:][:t.N]
			if index[0] < 0 {
				continue
			}
			src := g[(b*out+o)*inner:][:inner]
			for k, w := range weight {
				if w == 0 {
					continue
				}
				dst := plane[int(index[k])*inner:][:len(src)]
				for j, v := range src {
					dst[j] += w * v
				}
			}
		}
	}
}
