package kernel

// ArgMax is the position of the largest element of a row: of several equal ones the first, or the last. NaN is larger than all numbers.
// The row is not empty.
func ArgMax[T Arith](x []T, last bool) int {
	if x, ok := any(x).([]float32); ok {
		return position(x, Max32(x), last)
	}
	best, k := x[0], 0
	for i, v := range x {
		if v > best || v != v && best == best || last && (v == best || v != v) {
			best, k = v, i
		}
	}
	return k
}

// ArgMin is ArgMax with the smallest element; NaN is smaller than all numbers.
func ArgMin[T Arith](x []T, last bool) int {
	if x, ok := any(x).([]float32); ok {
		return position(x, Min32(x), last)
	}
	best, k := x[0], 0
	for i, v := range x {
		if v < best || v != v && best == best || last && (v == best || v != v) {
			best, k = v, i
		}
	}
	return k
}

// position is where v stands in x, the first or the last time. NaN stands where any NaN does.
func position(x []float32, v float32, last bool) int {
	if last {
		for i := len(x) - 1; i > 0; i-- {
			if x[i] == v || v != v && x[i] != x[i] {
				return i
			}
		}
		return 0
	}
	for i, w := range x {
		if w == v || v != v && w != w {
			return i
		}
	}
	return 0
}

// ArgMaxCols is ArgMax for len(y) columns side by side: element i of column j is x[i·stride+j], for n rows. best is scratch of the length of y.
func ArgMaxCols[T Arith](y []int64, best, x []T, n, stride int, last bool) {
	clear(y)
	copy(best, x)
	for i := 1; i < n; i++ {
		for j, v := range x[i*stride:][:len(y)] {
			if b := best[j]; v > b || v != v && b == b || last && (v == b || v != v) {
				best[j], y[j] = v, int64(i)
			}
		}
	}
}

// ArgMinCols is ArgMaxCols with the smallest elements.
func ArgMinCols[T Arith](y []int64, best, x []T, n, stride int, last bool) {
	clear(y)
	copy(best, x)
	for i := 1; i < n; i++ {
		for j, v := range x[i*stride:][:len(y)] {
			if b := best[j]; v < b || v != v && b == b || last && (v == b || v != v) {
				best[j], y[j] = v, int64(i)
			}
		}
	}
}

// CumSum writes the running sums of a row; exclusive ones leave the element itself out, and reverse ones run from the end.
func CumSum[T Arith](y, x []T, exclusive, reverse bool) {
	var sum T
	for i := range x {
		if reverse {
			i = len(x) - 1 - i
		}
		v := x[i]
		if exclusive {
			y[i] = sum
			sum += v
		} else {
			sum += v
			y[i] = sum
		}
	}
}

// CumSumCols is CumSum for w columns side by side: element i of column j is x[i·stride+j], for n rows.
func CumSumCols[T Arith](y, x []T, n, stride, w int, exclusive, reverse bool) {
	at, step := 0, stride
	if reverse {
		at, step = (n-1)*stride, -stride
	}
	for i := range n {
		d, from := y[at:at+w], x[at:at+w]
		switch {
		case i == 0 && exclusive:
			clear(d)
		case i == 0:
			copy(d, from)
		default:
			if exclusive {
				from = x[at-step : at-step+w]
			}
			prev := y[at-step : at-step+w]
			for j, v := range from {
				d[j] = prev[j] + v
			}
		}
		at += step
	}
}
