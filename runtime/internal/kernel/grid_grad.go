package kernel

// slopes are the derivatives of the weights of the taps by the distance f from the element on the left.
func slopes(taps int, f float64) (d [4]float64) {
	switch taps {
	case 2:
		return [4]float64{-1, 1}
	case 4:
		near := func(d float64) float64 { return (3.75*d - 4.5) * d }
		far := func(d float64) float64 { return (-2.25*d+7.5)*d - 6 }
		return [4]float64{far(1 + f), near(f), -near(1 - f), -far(2 - f)}
	}
	return d
}

// Slopes is Sample that also gives, for each element and axis, the derivative of its weight by the position along that axis. Elements of weight 0 are among them.
func (s *Sampler) Slopes(pos *[3]float64, index *[64]int64, weight *[64]float64, slope *[3][64]float64) int {
	n := 1
	index[0], weight[0] = 0, 1
	for a := 3 - s.Axes; a < 3; a++ {
		var at [4]int
		var w, d [4]float64
		k := s.axis(a, pos[a], &at, &w, &d)
		if k == 0 {
			return 0
		}
		for j := k - 1; j >= 0; j-- {
			for i := range n {
				to := j*n + i
				for b := 3 - s.Axes; b < a; b++ {
					slope[b][to] = slope[b][i] * w[j]
				}
				slope[a][to] = weight[i] * d[j]
				index[to] = index[i]*int64(s.In[a]) + int64(at[j])
				weight[to] = weight[i] * w[j]
			}
		}
		n *= k
	}
	return n
}
