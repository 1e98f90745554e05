package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// BoundGrad is the gradient of a function that bounds its argument, as Relu and Clip do, where it gave Y, whose gradient is dY: dY where lo < Y < hi, else 0. Without hi there is no bound
// above. Y may also be the argument. Where Y is NaN, the result is 0.
var boundGradient = family(&graph.Op{
	Domain: private, Name: "BoundGrad", Since: 1,
	Sig: `(Y:T, dY:T) -> (dX:T)
		T = f32
		lo float = 0; hi float`,
	Infer: func(c *graph.Infer) error {
		y, okY := c.Shape(0)
		g, okG := c.Shape(1)
		bad := okY && okG && len(y) != len(g)
		for i := 0; okY && okG && !bad && i < len(y); i++ {
			bad = y[i].IsInt() && g[i].IsInt() && !y[i].Equal(g[i])
		}
		if bad {
			return graph.Shapef("gradient %s of %s", c.Type(1), c.Type(0))
		}
		c.Set(0, c.Type(1))
		return nil
	},
	InPlace: true,
	Run: func(c *graph.Ctx) error {
		to, err := outOf(c, 0)
		if err != nil {
			return err
		}
		if !c.In[0].Shape().Equal(c.In[1].Shape()) {
			return graph.Shapef("gradient %s of %s", c.In[1], c.In[0])
		}
		gate := gateOf(c.Node, c.In[0])
		graph.Parallel(c, to.Len(), 1<<16, boundGradArgs{gate, tensor.Data[float32](to), tensor.Data[float32](c.In[1])})
		return nil
	},
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		return []*graph.Value{expandGate(b, n, n.In[0], n.In[1])}
	},
})

type boundGradArgs struct {
	gate  kernel.Gate
	to, g []float32
}

// Do takes elements.
func (a *boundGradArgs) Do(_, lo, hi int) {
	gate := a.gate
	gate.Y = gate.Y[lo:hi]
	gate.Pass(a.to[lo:hi], a.g[lo:hi])
}

// gateOf is what the attributes lo and hi say of y, nothing where that is nil.
func gateOf(n *graph.Node, y *tensor.Tensor) kernel.Gate {
	if y == nil {
		return kernel.Gate{}
	}
	gate := kernel.Gate{Y: tensor.Data[float32](y), Lo: n.Float("lo"), Hi: float32(math.NaN())}
	if n.HasAttr("hi") {
		gate.Hi = n.Float("hi")
	}
	return gate
}

// expandGate is g where the gate that n's attributes describe lets it through.
func expandGate(b *graph.Builder, n *graph.Node, y, g *graph.Value) *graph.Value {
	num := func(v float32) *graph.Value { return b.Scalar(tensor.Float32, float64(v)) }
	g = b.Op("Where", b.Op("Greater", y, num(n.Float("lo"))), g, num(0))
	if n.HasAttr("hi") {
		g = b.Op("Where", b.Op("Less", y, num(n.Float("hi"))), g, num(0))
	}
	return g
}
