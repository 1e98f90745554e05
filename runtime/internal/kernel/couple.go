package kernel

import "math"

// Couple finds the probabilities p of classes from those of pairs: pairs[…] is the probability of i against j, for i < j in the order (0,1), (0,2) … (1,2) ….
// It is the second method of Wu, Lin and Weng (https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf), which minimizes Σ (r_ji·p_i − r_ij·p_j)²
// by iteration; work has room for 2·len(p)² + len(p) numbers.
func Couple(p, pairs, work []float64) {
	k := len(p)
	r, q, qp := work[:k*k], work[k*k:2*k*k], work[2*k*k:2*k*k+k]
	clear(q)
	at := 0
	for i := range k {
		r[i*k+i] = 0
		for j := i + 1; j < k; j++ {
			r[i*k+j], r[j*k+i] = pairs[at], 1-pairs[at]
			at++
		}
	}
	for i := range k {
		p[i] = 1 / float64(k)
		for j := range k {
			if j != i {
				q[i*k+i] += r[j*k+i] * r[j*k+i]
				q[i*k+j] = -r[j*k+i] * r[i*k+j]
			}
		}
	}
	for range max(100, k) {
		total := 0.0
		for i := range k {
			qp[i] = 0
			for j := range k {
				qp[i] += q[i*k+j] * p[j]
			}
			total += p[i] * qp[i]
		}
		worst := 0.0
		for _, v := range qp {
			worst = max(worst, math.Abs(v-total))
		}
		if worst < 0.005/float64(k) {
			return
		}
		for i := range k {
			diff := (total - qp[i]) / q[i*k+i]
			p[i] += diff
			total = (total + diff*(diff*q[i*k+i]+2*qp[i])) / (1 + diff) / (1 + diff)
			for j := range k {
				qp[j] = (qp[j] + diff*q[i*k+j]) / (1 + diff)
				p[j] /= 1 + diff
			}
		}
	}
}
