package kernel

import "math"

// Det is the determinant of the n × n matrix m, which it overwrites: Gaussian elimination with the largest element of each column as pivot.
func Det(m []float64, n int) float64 {
	det := 1.0
	for k := range n {
		pivot := k
		for i := k + 1; i < n; i++ {
			if math.Abs(m[i*n+k]) > math.Abs(m[pivot*n+k]) {
				pivot = i
			}
		}
		p := m[pivot*n+k]
		if p == 0 {
			return 0
		}
		if pivot != k {
			det = -det
			for j := k; j < n; j++ {
				m[k*n+j], m[pivot*n+j] = m[pivot*n+j], m[k*n+j]
			}
		}
		det *= p
		for i := k + 1; i < n; i++ {
			f := m[i*n+k] / p
			if f == 0 {
				continue
			}
			for j := k + 1; j < n; j++ {
				m[i*n+j] -= f * m[k*n+j]
			}
		}
	}
	return det
}
