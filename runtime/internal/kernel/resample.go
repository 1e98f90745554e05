package kernel

// Taps says how each output along an axis is made of inputs: output o is Σ_k Weight[o·N+k]·x[Index[o·N+k]], or a fill value where Index[o·N] is negative.
type Taps[T any] struct {
	N      int
	Index  []int32
	Weight []T
}

// ResampleAxis applies taps along the middle axis: outputs lo to hi-1 of y [outer, out, inner], counted over outer × out, from x [outer, in, inner].
// Taps of weight 0 are passed over, so that infinities under them do no harm.
func ResampleAxis[T float32 | float64](y, x []T, t *Taps[T], in, out, inner, lo, hi int, fill T) {
	if inner == 1 {
		resampleRow(y, x, t, in, out, lo, hi, fill)
		return
	}
	for i := lo; i < hi; i++ {
		o := i % out
		dst := y[i*inner:][:inner]
		index, weight := t.Index[o*t.N:][:t.N], t.Weight[o*t.N:][:t.N]
		if index[0] < 0 {
			for j := range dst {
				dst[j] = fill
			}
			continue
		}
		plane := x[i/out*in*inner:][:in*inner]
		if t.N == 2 && weight[0] != 0 && weight[1] != 0 {
			WeightedSum(dst, plane[int(index[0])*inner:], plane[int(index[1])*inner:], weight[0], weight[1])
			continue
		}
		clear(dst)
		for k, w := range weight {
			if w == 0 {
				continue
			}
			WeightedSum(dst, dst, plane[int(index[k])*inner:], 1, w)
		}
	}
}

func resampleRow[T float32 | float64](y, x []T, t *Taps[T], in, out, lo, hi int, fill T) {
	n := t.N
	for i := lo; i < hi; {
		row := i / out
		src := x[row*in:][:in]
		for end := min(hi, (row+1)*out); i < end; i++ {
			o := i - row*out
			index, weight := t.Index[o*n:][:n], t.Weight[o*n:][:n]
			if index[0] < 0 {
				y[i] = fill
				continue
			}
			var sum T
			for k, w := range weight {
				if w != 0 {
					sum += w * src[index[k]]
				}
			}
			y[i] = sum
		}
	}
}
