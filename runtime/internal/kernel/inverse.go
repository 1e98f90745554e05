package kernel

import "math"

// Inverse writes the inverse of the n × n matrix m, which it overwrites, to dst: Gauss-Jordan elimination with the largest element of each
// column as pivot. Without a pivot other than zero, elements of dst become Inf or NaN.
func Inverse(dst, m []float64, n int) {
	clear(dst[:n*n])
	for i := range n {
		dst[i*n+i] = 1
	}
	for k := range n {
		pivot := k
		for i := k + 1; i < n; i++ {
			if math.Abs(m[i*n+k]) > math.Abs(m[pivot*n+k]) {
				pivot = i
			}
		}
		a, b := m[k*n:][:n], dst[k*n:][:n]
		if pivot != k {
			for j := range n {
				a[j], m[pivot*n+j] = m[pivot*n+j], a[j]
				b[j], dst[pivot*n+j] = dst[pivot*n+j], b[j]
			}
		}
		p := a[k]
		for j := range n {
			a[j] /= p
			b[j] /= p
		}
		for i := range n {
			f := m[i*n+k]
			if i == k || f == 0 {
				continue
			}
			for j := range n {
				m[i*n+j] -= f * a[j]
				dst[i*n+j] -= f * b[j]
			}
		}
	}
}
