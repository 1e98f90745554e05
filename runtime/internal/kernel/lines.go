package kernel

// ArgMax is the position of the largest of n elements, stride apart from at on: of several equal ones the first, or the last.
// NaN is larger than all numbers. n is at least 1.
func ArgMax[T Arith](x []T, at, n, stride int, last bool) int {
	best, k := x[at], 0
	for i := 1; i < n; i++ {
		at += stride
		if v := x[at]; v > best || v != v && best == best || last && (v == best || v != v) {
			best, k = v, i
		}
	}
	return k
}

// ArgMin is ArgMax with the smallest element; NaN is smaller than all numbers.
func ArgMin[T Arith](x []T, at, n, stride int, last bool) int {
	best, k := x[at], 0
	for i := 1; i < n; i++ {
		at += stride
		if v := x[at]; v < best || v != v && best == best || last && (v == best || v != v) {
			best, k = v, i
		}
	}
	return k
}

// CumSum writes the running sums of n elements, stride apart from at on; exclusive ones leave the element itself out, and
// reverse ones run from the end.
func CumSum[T Arith](y, x []T, at, n, stride int, exclusive, reverse bool) {
	if reverse {
		at += (n - 1) * stride
		stride = -stride
	}
	var sum T
	for range n {
		v := x[at]
		if exclusive {
			y[at] = sum
			sum += v
		} else {
			sum += v
			y[at] = sum
		}
		at += stride
	}
}
