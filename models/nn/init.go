package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Init fills the weights w of a parameter of the given shape from the generator r.
type Init func(r *rand.Rand, w []float32, shape []int)

// Fan is which connections a variance is scaled by.
type Fan int

const (
	FanIn  Fan = iota // those into a unit, which keeps the variance of activations
	FanOut            // those out of it, which keeps the variance of gradients
)

// fans are the connections into and out of a unit, for weights [out, in, kernel…], as PyTorch counts them.
func fans(shape []int) (in, out int) {
	if len(shape) < 2 {
		n := 1
		for _, s := range shape {
			n *= s
		}
		return n, n
	}
	in, out = shape[1], shape[0]
	for _, s := range shape[2:] {
		in, out = in*s, out*s
	}
	return in, out
}

// Constant is v everywhere.
func Constant(v float64) Init {
	return func(_ *rand.Rand, w []float32, _ []int) {
		for i := range w {
			w[i] = float32(v)
		}
	}
}

// Zeros and Ones are constants.
func Zeros() Init { return Constant(0) }
func Ones() Init  { return Constant(1) }

// Uniform draws from [lo, hi).
func Uniform(lo, hi float64) Init {
	return func(r *rand.Rand, w []float32, _ []int) {
		for i := range w {
			w[i] = float32(lo + (hi-lo)*r.Float64())
		}
	}
}

// Normal draws from the normal distribution.
func Normal(mean, deviation float64) Init {
	return func(r *rand.Rand, w []float32, _ []int) {
		for i := range w {
			w[i] = float32(mean + deviation*r.NormFloat64())
		}
	}
}

// TruncatedNormal draws from the part of the normal distribution between lo and hi, by its inverse.
func TruncatedNormal(mean, deviation, lo, hi float64) Init {
	below := func(x float64) float64 { return math.Erfc((mean-x)/(deviation*math.Sqrt2)) / 2 }
	return func(r *rand.Rand, w []float32, _ []int) {
		a, b := below(lo), below(hi)
		for i := range w {
			p := a + (b-a)*r.Float64()
			w[i] = float32(min(max(mean-deviation*math.Sqrt2*math.Erfcinv(2*p), lo), hi))
		}
	}
}

// XavierUniform draws from ±gain·√(6/(in + out)) (Glorot and Bengio, https://proceedings.mlr.press/v9/glorot10a.html).
func XavierUniform(gain float64) Init {
	return func(r *rand.Rand, w []float32, shape []int) {
		in, out := fans(shape)
		bound := gain * math.Sqrt(6/float64(max(in+out, 1)))
		Uniform(-bound, bound)(r, w, shape)
	}
}

// XavierNormal draws with the deviation gain·√(2/(in + out)).
func XavierNormal(gain float64) Init {
	return func(r *rand.Rand, w []float32, shape []int) {
		in, out := fans(shape)
		Normal(0, gain*math.Sqrt(2/float64(max(in+out, 1))))(r, w, shape)
	}
}

// KaimingUniform draws from ±gain·√(3/fan) (He et al., https://arxiv.org/abs/1502.01852).
func KaimingUniform(fan Fan, gain float64) Init {
	return func(r *rand.Rand, w []float32, shape []int) {
		bound := gain * math.Sqrt(3/float64(fan.of(shape)))
		Uniform(-bound, bound)(r, w, shape)
	}
}

// KaimingNormal draws with the deviation gain/√fan.
func KaimingNormal(fan Fan, gain float64) Init {
	return func(r *rand.Rand, w []float32, shape []int) {
		Normal(0, gain/math.Sqrt(float64(fan.of(shape))))(r, w, shape)
	}
}

func (f Fan) of(shape []int) int {
	in, out := fans(shape)
	if f == FanOut {
		return max(out, 1)
	}
	return max(in, 1)
}

// Gain is the factor of deviations that goes with an activation: linear, sigmoid, tanh, relu, leaky_relu (with its slope) or selu.
func Gain(activation string, slope float64) (float64, error) {
	switch activation {
	case "linear", "sigmoid":
		return 1, nil
	case "tanh":
		return 5.0 / 3, nil
	case "relu":
		return math.Sqrt2, nil
	case "leaky_relu":
		return math.Sqrt(2 / (1 + slope*slope)), nil
	case "selu":
		return 0.75, nil
	}
	return 0, fmt.Errorf("no gain for activation %q: there are linear, sigmoid, tanh, relu, leaky_relu, selu", activation)
}

// usual is what PyTorch's linear and convolutional layers draw: Kaiming for a leaky ReLU of slope √5, which is ±1/√in.
var usual = KaimingUniform(FanIn, math.Sqrt(1.0/3))

// usualBias goes with weights of that shape: ±1/√in.
func usualBias(shape ...int) Init {
	bound := 1 / math.Sqrt(float64(FanIn.of(shape)))
	return Uniform(-bound, bound)
}

// Orthogonal draws a matrix [rows, the rest] with orthogonal rows or columns, whichever are fewer, of length gain (Saxe et al., https://arxiv.org/abs/1312.6120).
func Orthogonal(gain float64) Init {
	return func(r *rand.Rand, w []float32, shape []int) {
		if len(w) == 0 {
			return
		}
		rows := 1
		if len(shape) > 0 {
			rows = shape[0]
		}
		cols := len(w) / rows
		few, many := min(rows, cols), max(rows, cols)
		q := orthonormal(r, few, many)
		for i := range rows {
			for j := range cols {
				a, b := i, j
				if rows > cols {
					a, b = j, i
				}
				w[i*cols+j] = float32(gain * q[a][b])
			}
		}
	}
}

// orthonormal are rows of length 1, orthogonal to each other, of a random direction: Gram-Schmidt, made twice for the rounding.
func orthonormal(r *rand.Rand, rows, cols int) [][]float64 {
	q := make([][]float64, rows)
	for i := range q {
		v := make([]float64, cols)
		for norm := 0.0; norm < 1e-6; { // a row within the others' span, which chance does not bring
			for j := range v {
				v[j] = r.NormFloat64()
			}
			for range 2 {
				for _, u := range q[:i] {
					along := dot(u, v)
					for j := range v {
						v[j] -= along * u[j]
					}
				}
			}
			norm = math.Sqrt(dot(v, v))
			for j := range v {
				v[j] /= norm
			}
		}
		q[i] = v
	}
	return q
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
