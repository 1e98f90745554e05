package schedule

import "math"

// Sweep is the rate of a step of a search for a good one: exponentially from low to high in so many steps.
func Sweep(low, high float64, steps int) Func {
	return func(step int, _ float64) float64 {
		return low * math.Pow(high/low, part(step, steps-1))
	}
}

// Diverged reports whether the last loss of a search is not finite, or more than four times the smallest, so that the search should end.
func Diverged(losses []float64) bool {
	if len(losses) == 0 {
		return false
	}
	least := math.Inf(1)
	for _, l := range losses {
		least = math.Min(least, l)
	}
	last := losses[len(losses)-1]
	return math.IsNaN(last) || math.IsInf(last, 0) || last > 4*least && last > 0
}

// Suggest is the rate at which the loss fell fastest in a search with the given rates, ascending: where the smoothed loss, as a function of the rate's logarithm, is steepest
// before its minimum. It returns false when the loss never fell.
func Suggest(rates, losses []float64) (lr float64, ok bool) {
	n := min(len(rates), len(losses))
	smooth := make([]float64, 0, n)
	mean, weight := 0.0, 0.0 // exponential average, with its bias taken out
	const keep = 0.9
	for _, l := range losses[:n] {
		if math.IsNaN(l) || math.IsInf(l, 0) {
			break
		}
		mean, weight = keep*mean+(1-keep)*l, keep*weight+1-keep
		smooth = append(smooth, mean/weight)
	}
	least := 0
	for i, l := range smooth {
		if l < smooth[least] {
			least = i
		}
	}
	steepest := 0.0
	for i := 1; i < least; i++ {
		slope := (smooth[i+1] - smooth[i-1]) / math.Log(rates[i+1]/rates[i-1])
		if slope < steepest {
			steepest, lr, ok = slope, rates[i], true
		}
	}
	return lr, ok
}
