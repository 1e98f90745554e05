package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// The derivatives of activations, where they take more than a line. At a kink they are those of the left side, but for LeakyRelu's relatives, whose formula
// says x ≥ 0.

// geluGrad: with Φ and φ of the normal distribution, (x·Φ(x))′ = Φ(x) + x·φ(x). Of the approximation x/2·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³), it is
// (1 + t)/2 + x/2·(1 − t²)·u′ with t = tanh u.
func geluGrad(r rule) *graph.Value {
	x := r.x(0)
	if r.n.Str("approximate") == "tanh" {
		k := math.Sqrt(2 / math.Pi)
		x2 := r.square(x)
		u := r.mul(r.mul(x, r.num(k)), r.add(r.num(1), r.mul(r.num(0.044715), x2)))
		du := r.mul(r.num(k), r.add(r.num(1), r.mul(r.num(3*0.044715), x2)))
		t := r.Op("Tanh", u)
		d := r.add(r.add(r.num(1), t), r.mul(r.mul(x, du), r.sub(r.num(1), r.square(t))))
		return r.mul(r.g(0), r.mul(r.num(0.5), d))
	}
	cdf := r.mul(r.num(0.5), r.add(r.num(1), r.Op("Erf", r.mul(x, r.num(math.Sqrt2/2)))))
	pdf := r.mul(r.num(1/math.Sqrt(2*math.Pi)), r.Op("Exp", r.mul(r.num(-0.5), r.square(x))))
	return r.mul(r.g(0), r.add(cdf, r.mul(x, pdf)))
}

// hardSwishGrad: x·c(x)/6 with c(x) = x + 3 within 0 … 6 has the derivative 0, (2x + 3)/6 or 1.
func hardSwishGrad(r rule) *graph.Value {
	x := r.x(0)
	d := r.where(r.less(x, r.num(3)), r.add(r.mul(x, r.num(1./3)), r.num(0.5)), r.num(1))
	return r.mul(r.g(0), r.when(r.greater(x, r.num(-3)), d))
}

// mishGrad: with s = softplus(x) and t = tanh(s), (x·t)′ = t + x·(1 − t²)·sigmoid(x).
func mishGrad(r rule) *graph.Value {
	x := r.x(0)
	t := r.Op("Tanh", r.Op("Softplus", x))
	return r.mul(r.g(0), r.add(t, r.mul(x, r.mul(r.sub(r.num(1), r.square(t)), r.Op("Sigmoid", x)))))
}

// swishGrad: with s = sigmoid(alpha·x), (x·s)′ = s + alpha·x·s·(1 − s).
func swishGrad(r rule) *graph.Value {
	x := r.x(0)
	s := r.Op("Sigmoid", r.mul(x, r.attr("alpha")))
	return r.mul(r.g(0), r.add(s, r.mul(r.mul(r.mul(x, r.attr("alpha")), s), r.sub(r.num(1), s))))
}

// eluGrad: 1 where x > 0, else alpha·eˣ.
func eluGrad(r rule) *graph.Value {
	x := r.x(0)
	return r.mul(r.g(0), r.where(r.greater(x, r.num(0)), r.num(1), r.mul(r.attr("alpha"), r.Op("Exp", r.Op("Min", x, r.num(0))))))
}

// celuGrad: 1 where x > 0, else exp(x/alpha).
func celuGrad(r rule) *graph.Value {
	x := r.x(0)
	return r.mul(r.g(0), r.where(r.greater(x, r.num(0)), r.num(1), r.Op("Exp", r.div(r.Op("Min", x, r.num(0)), r.attr("alpha")))))
}

// seluGrad: gamma where x > 0, else gamma·alpha·eˣ.
func seluGrad(r rule) *graph.Value {
	x := r.x(0)
	left := r.mul(r.num(float64(r.n.Float("gamma"))*float64(r.n.Float("alpha"))), r.Op("Exp", r.Op("Min", x, r.num(0))))
	return r.mul(r.g(0), r.where(r.greater(x, r.num(0)), r.attr("gamma"), left))
}

// hardSigmoidGrad: alpha where alpha·x + beta is between 0 and 1.
func hardSigmoidGrad(r rule) *graph.Value {
	y := r.y(0)
	inside := r.Op("And", r.greater(y, r.num(0)), r.less(y, r.num(1)))
	return r.when(inside, r.mul(r.g(0), r.attr("alpha")))
}

// leakyReluGrad: 1 where x > 0, else alpha.
func leakyReluGrad(r rule) *graph.Value {
	return r.where(r.greater(r.x(0), r.num(0)), r.g(0), r.mul(r.g(0), r.attr("alpha")))
}

// thresholdedReluGrad: 1 where x > alpha.
func thresholdedReluGrad(r rule) *graph.Value {
	return r.when(r.greater(r.x(0), r.attr("alpha")), r.g(0))
}

// erfGrad: 2/√π·exp(−x²).
func erfGrad(r rule) *graph.Value {
	return r.mul(r.g(0), r.mul(r.num(2/math.Sqrt(math.Pi)), r.Op("Exp", r.neg(r.square(r.x(0))))))
}

// shrinkGrad: 1 where |x| > lambd.
func shrinkGrad(r rule) *graph.Value {
	return r.when(r.greater(r.Op("Abs", r.x(0)), r.attr("lambd")), r.g(0))
}
