package kernel

import "math"

// LpPoolRow writes the row (o0, o1) of the outputs of a plane [In]: (Σ |x|^p)^(1/p) over the elements that each window sees, 0 for none. Sums are in float64.
func LpPoolRow[T float32 | float64](w *Window, o0, o1 int, x, y []T, p float64) {
	a0, lo0, hi0 := w.Taps(0, o0)
	a1, lo1, hi1 := w.Taps(1, o1)
	step := w.Dilation[2]
	for o2 := range y {
		a2, lo2, hi2 := w.Taps(2, o2)
		sum := 0.0
		for k0 := lo0; k0 < hi0; k0++ {
			for k1 := lo1; k1 < hi1; k1++ {
				i := ((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2] + a2 + lo2*step
				for range hi2 - lo2 {
					v := math.Abs(float64(x[i]))
					switch p {
					case 1:
						sum += v
					case 2:
						sum += v * v
					default:
						sum += math.Pow(v, p)
					}
					i += step
				}
			}
		}
		switch p {
		case 1:
		case 2:
			sum = math.Sqrt(sum)
		default:
			sum = math.Pow(sum, 1/p)
		}
		y[o2] = T(sum)
	}
}
