package kernel

import (
	"math"
	"strings"
)

// CellKind names a function that a recurrent cell applies to its gates.
type CellKind uint8

// The activations of the standard's recurrent operators.
const (
	CellAffine CellKind = iota
	CellRelu
	CellLeakyRelu
	CellThresholdedRelu
	CellTanh
	CellScaledTanh
	CellSigmoid
	CellHardSigmoid
	CellElu
	CellSoftsign
	CellSoftplus
)

// CellActivation is one of the functions with its parameters. Clip bounds what goes into it to −Clip … Clip; +Inf bounds nothing.
type CellActivation struct {
	Kind        CellKind
	Alpha, Beta float64
	Clip        float64
}

// activations are the functions by name in small letters, with their default parameters and how many of them an attribute may set.
var activations = map[string]struct {
	kind        CellKind
	alpha, beta float64
	params      int
}{
	"affine":          {CellAffine, 1, 0, 2},
	"relu":            {CellRelu, 0, 0, 0},
	"leakyrelu":       {CellLeakyRelu, 0.01, 0, 1},
	"thresholdedrelu": {CellThresholdedRelu, 1, 0, 1},
	"tanh":            {CellTanh, 0, 0, 0},
	"scaledtanh":      {CellScaledTanh, 1, 1, 2},
	"sigmoid":         {CellSigmoid, 0, 0, 0},
	"hardsigmoid":     {CellHardSigmoid, 0.2, 0.5, 2},
	"elu":             {CellElu, 1, 0, 1},
	"softsign":        {CellSoftsign, 0, 0, 0},
	"softplus":        {CellSoftplus, 0, 0, 0},
}

// FindActivation is the function of that name, in any case, without a bound. It takes its parameters from the front of alpha
// and beta, as far as it has any, and returns what is left.
func FindActivation(name string, alpha, beta []float32) (a CellActivation, restAlpha, restBeta []float32, ok bool) {
	def, ok := activations[strings.ToLower(name)]
	a = CellActivation{Kind: def.kind, Alpha: def.alpha, Beta: def.beta, Clip: math.Inf(1)}
	if def.params > 0 && len(alpha) > 0 {
		a.Alpha, alpha = float64(alpha[0]), alpha[1:]
	}
	if def.params > 1 && len(beta) > 0 {
		a.Beta, beta = float64(beta[0]), beta[1:]
	}
	return a, alpha, beta, ok
}

// ActivateCell replaces every x by a(x).
func ActivateCell[T float32 | float64](a CellActivation, x []T) {
	if limit := T(a.Clip); a.Clip < math.Inf(1) {
		for i, v := range x {
			x[i] = min(max(v, -limit), limit)
		}
	}
	alpha, beta := T(a.Alpha), T(a.Beta)
	switch a.Kind {
	case CellAffine:
		for i, v := range x {
			x[i] = T(alpha*v) + beta
		}
	case CellRelu:
		for i, v := range x {
			x[i] = max(v, 0)
		}
	case CellLeakyRelu:
		for i, v := range x {
			if v < 0 {
				x[i] = alpha * v
			}
		}
	case CellThresholdedRelu:
		for i, v := range x {
			if v <= alpha {
				x[i] = 0
			}
		}
	case CellTanh:
		for i, v := range x {
			x[i] = T(math.Tanh(float64(v)))
		}
	case CellScaledTanh:
		for i, v := range x {
			x[i] = T(a.Alpha * math.Tanh(a.Beta*float64(v)))
		}
	case CellSigmoid:
		for i, v := range x {
			x[i] = T(1 / (1 + math.Exp(-float64(v))))
		}
	case CellHardSigmoid:
		for i, v := range x {
			x[i] = min(max(T(alpha*v)+beta, 0), 1)
		}
	case CellElu:
		for i, v := range x {
			if v < 0 {
				x[i] = T(a.Alpha * math.Expm1(float64(v)))
			}
		}
	case CellSoftsign:
		for i, v := range x {
			x[i] = v / (1 + T(math.Abs(float64(v))))
		}
	case CellSoftplus:
		for i, v := range x {
			x[i] = T(Softplus(float64(v)))
		}
	}
}

// AddProduct is y[i] += a[i] * b[i].
func AddProduct[T float32 | float64](y, a, b []T) {
	for i, v := range a {
		y[i] += T(v * b[i])
	}
}

// Product is y[i] = a[i] * b[i]; y may be a or b.
func Product[T float32 | float64](y, a, b []T) {
	for i, v := range a {
		y[i] = v * b[i]
	}
}

// Blend is y[i] = (1 − z[i]) * a[i] + z[i] * b[i]; y may be any of them.
func Blend[T float32 | float64](y, z, a, b []T) {
	for i, v := range z {
		y[i] = T((1-v)*a[i]) + T(v*b[i])
	}
}
