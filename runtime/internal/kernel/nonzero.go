package kernel

// CountNonZero is how many elements differ from zero (from the empty string); NaN does, -0 does not.
func CountNonZero[T comparable](x []T) int {
	var zero T
	n := 0
	for _, v := range x {
		if v != zero {
			n++
		}
	}
	return n
}

// NonZero writes the coordinates of the count elements that differ from zero, in the order of the elements: y[a·count+k] is the
// coordinate on axis a of the k-th. at is scratch for one coordinate per axis.
func NonZero[T comparable](y []int64, x []T, dims []int, at []int64, count int) {
	var zero T
	clear(at)
	k := 0
	for _, v := range x {
		if v != zero {
			for a, i := range at {
				y[a*count+k] = i
			}
			k++
		}
		for a := len(at) - 1; a >= 0; a-- {
			if at[a]++; at[a] < int64(dims[a]) {
				break
			}
			at[a] = 0
		}
	}
}
