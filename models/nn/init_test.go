package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/models/nn"
)

func draw(init nn.Init, seed uint64, shape ...int) []float32 {
	n := 1
	for _, s := range shape {
		n *= s
	}
	w := make([]float32, n)
	init(rand.New(rand.NewPCG(seed, 1)), w, shape)
	return w
}

// TestInitMoments looks at mean, deviation and bounds of 64·32·9 weights, whose sampling errors are below the tolerances by a factor of three.
func TestInitMoments(t *testing.T) {
	shape := []int{64, 32, 3, 3} // 288 connections into a unit, 576 out of it
	in, out := 288.0, 576.0
	// The standard normal distribution between −1 and 2, by its density φ: mean (φ(−1) − φ(2))/Z, variance 1 + (−φ(−1) − 2φ(2))/Z − mean².
	phi := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	z := math.Erfc(-2/math.Sqrt2)/2 - math.Erfc(1/math.Sqrt2)/2
	cutMean := (phi(-1) - phi(2)) / z
	cutDev := math.Sqrt(1 + (-phi(-1)-2*phi(2))/z - cutMean*cutMean)
	infinite := math.Inf(1)
	for name, c := range map[string]struct {
		init           nn.Init
		mean, dev      float64
		lowest, bounds float64
	}{
		"zeros":            {nn.Zeros(), 0, 0, 0, 0},
		"ones":             {nn.Ones(), 1, 0, 1, 1},
		"constant":         {nn.Constant(-0.3), -0.3, 0, -0.3, -0.3},
		"uniform":          {nn.Uniform(-1, 3), 1, 4 / math.Sqrt(12), -1, 3},
		"normal":           {nn.Normal(2, 0.5), 2, 0.5, -infinite, infinite},
		"truncated normal": {nn.TruncatedNormal(5, 3, 2, 11), 5 + 3*cutMean, 3 * cutDev, 2, 11},
		"xavier uniform":   {nn.XavierUniform(2), 0, 2 * math.Sqrt(2/(in+out)), -2 * math.Sqrt(6/(in+out)), 2 * math.Sqrt(6/(in+out))},
		"xavier normal":    {nn.XavierNormal(1), 0, math.Sqrt(2 / (in + out)), -infinite, infinite},
		"kaiming uniform":  {nn.KaimingUniform(nn.FanIn, math.Sqrt2), 0, math.Sqrt(2 / in), -math.Sqrt(6 / in), math.Sqrt(6 / in)},
		"kaiming normal":   {nn.KaimingNormal(nn.FanOut, math.Sqrt2), 0, math.Sqrt(2 / out), -infinite, infinite},
	} {
		w := draw(c.init, 7, shape...)
		mean, square, low, high := 0.0, 0.0, infinite, -infinite
		for _, v := range w {
			mean += float64(v) / float64(len(w))
			low, high = min(low, float64(v)), max(high, float64(v))
		}
		for _, v := range w {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(len(w))
		}
		if dev := math.Sqrt(square); math.Abs(mean-c.mean) > 0.025*c.dev+1e-7 || math.Abs(dev-c.dev) > 0.015*c.dev+1e-7 {
			t.Errorf("%s: mean %.5g, deviation %.5g, want %.5g, %.5g", name, mean, dev, c.mean, c.dev)
		}
		if slack := 1e-6 * math.Abs(c.bounds); low < c.lowest-slack || high > c.bounds+slack {
			t.Errorf("%s: from %g to %g, want within %g and %g", name, low, high, c.lowest, c.bounds)
		}
		if c.dev > 0 && !math.IsInf(c.bounds, 0) && (low > c.lowest+0.01*c.dev || high < c.bounds-0.01*c.dev) {
			t.Errorf("%s: from %g to %g, which does not fill %g to %g", name, low, high, c.lowest, c.bounds)
		}
	}
}

func TestOrthogonal(t *testing.T) {
	for _, shape := range [][]int{{5, 5}, {3, 8}, {8, 3}, {4, 2, 3}, {1, 6}, {6, 1}, {1, 1}, {0, 3}} {
		w := draw(nn.Orthogonal(2), 3, shape...)
		if len(w) == 0 {
			continue
		}
		rows, cols := shape[0], len(w)/shape[0]
		at := func(i, j int) float64 {
			if rows > cols {
				return float64(w[j*cols+i])
			}
			return float64(w[i*cols+j])
		}
		for a := range min(rows, cols) {
			for b := range a + 1 {
				product, want := 0.0, 0.0
				for j := range max(rows, cols) {
					product += at(a, j) * at(b, j)
				}
				if a == b {
					want = 4
				}
				if math.Abs(product-want) > 1e-5 {
					t.Errorf("%v: product of %d and %d is %g, want %g", shape, a, b, product, want)
				}
			}
		}
	}
}

func TestGain(t *testing.T) {
	for name, want := range map[string]float64{"linear": 1, "sigmoid": 1, "tanh": 5.0 / 3, "relu": math.Sqrt2, "leaky_relu": math.Sqrt(2 / 1.04), "selu": 0.75} {
		if got, err := nn.Gain(name, 0.2); err != nil || math.Abs(got-want) > 1e-15 {
			t.Errorf("%s: %g, %v, want %g", name, got, err, want)
		}
	}
	if _, err := nn.Gain("cosine", 0); err == nil {
		t.Error("an activation that nobody knows has a gain")
	}
}
