package ops

import "github.com/onnxrun/onnxrun/graph"

// Gelu, and the same of a product's result plus its bias.
var (
	contribGelu = contribOp("Gelu", `(X:T) -> (Y:T)
		T = float`, single(func(c contrib) *graph.Value { return c.Op("Gelu", c.in(0)) }))
	biasGelu = contribOp("BiasGelu", `(A:T, B:T) -> (C:T)
		T = float`, single(func(c contrib) *graph.Value { return c.Op("Gelu", c.biased()) }))
)

// FastGelu is Gelu by tanh, of X and a bias that may be absent.
var fastGelu = contribOp("FastGelu", `(X:T, bias?:T) -> (Y:T)
	T = float`, single(func(c contrib) *graph.Value { return c.Op("Gelu", c.biased(), graph.Str("approximate", "tanh")) }))

// QuickGelu is X·sigmoid(alpha·X).
var quickGelu = contribOp("QuickGelu", `(X:T) -> (Y:T)
	T = float
	alpha float = 1.702`, single(func(c contrib) *graph.Value { return c.Op("Swish", c.in(0), graph.Float("alpha", c.n.Float("alpha"))) }))

// biased is input 0 plus the vector in input 1.
func (c contrib) biased() *graph.Value {
	c.vector(c.in(1), c.in(0))
	return c.add(c.in(0), c.in(1))
}
