package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// What the reductions share. Axes are an input since opset 18 (ReduceSum: 13) and an attribute before.
const (
	reduceInput = `(data:T, axes?:i64) -> (reduced:T)
		keepdims int = 1; noop_with_empty_axes int = 0
		`
	reduceAttr = `(data:T) -> (reduced:T)
		-noop_with_empty_axes
		axes ints
		`
	reduceTypes   = "T = float i32 i64 u32 u64"
	reduceTypes11 = "T = f16 f32 f64 i32 i64 u32 u64"
)

// Reductions of the elements along axes: Σx, Σx/n, Πx, Σ|x|, √Σx², Σx², log Σx, log Σ exp x, largest and smallest x.
var reduceSum = family(
	&graph.Op{Name: "ReduceSum", Since: 13, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceSum), Grad: by1(func(r rule) *graph.Value { return r.spread(r.g(0)) })},
	&graph.Op{Since: 11, Sig: reduceAttr + reduceTypes11, Expand: expandReduce("ReduceSum")},
	&graph.Op{Since: 1},
)

var reduceMean = family(
	&graph.Op{Name: "ReduceMean", Since: 18, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceMean), Grad: by1(func(r rule) *graph.Value { return r.spread(r.div(r.g(0), r.count())) })},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceMean")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceProd = family(
	&graph.Op{Name: "ReduceProd", Since: 18, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceProd), Grad: by1(reduceProdGrad)},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceProd")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceMax = family(
	&graph.Op{Name: "ReduceMax", Since: 20, Sig: reduceInput + "T = float i8 i32 i64 u8 u32 u64 bool", Infer: inferReduce, Run: runReduce(kernel.ReduceMax), Grad: by1(extremeGrad)},
	&graph.Op{Since: 18, Sig: "T = float i8 i32 i64 u8 u32 u64"},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceMax")},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64 i8 i32 i64 u8 u32 u64"},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceMin = family(
	&graph.Op{Name: "ReduceMin", Since: 20, Sig: reduceInput + "T = float i8 i32 i64 u8 u32 u64 bool", Infer: inferReduce, Run: runReduce(kernel.ReduceMin), Grad: by1(extremeGrad)},
	&graph.Op{Since: 18, Sig: "T = float i8 i32 i64 u8 u32 u64"},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceMin")},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64 i8 i32 i64 u8 u32 u64"},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceL1 = family(
	&graph.Op{Name: "ReduceL1", Since: 18, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceL1), Grad: by1(func(r rule) *graph.Value { return r.mul(r.unreduced(r.g(0)), r.Op("Sign", r.x(0))) })},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceL1")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceL2 = family(
	&graph.Op{Name: "ReduceL2", Since: 18, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceL2), Grad: by1(reduceL2Grad)},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceL2")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceSumSquare = family(
	&graph.Op{Name: "ReduceSumSquare", Since: 18, Sig: reduceInput + reduceTypes, Infer: inferReduce, Run: runReduce(kernel.ReduceSumSquare), Grad: by1(func(r rule) *graph.Value { return r.mul(r.unreduced(r.g(0)), r.mul(r.num(2), r.x(0))) })},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceSumSquare")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceLogSum = family(
	&graph.Op{Name: "ReduceLogSum", Since: 28, Sig: reduceInput + "T = float", Infer: inferReduce, Run: runReduce(kernel.ReduceLogSum), Grad: by1(func(r rule) *graph.Value { return r.spread(r.div(r.g(0), r.Op("Exp", r.y(0)))) })},
	&graph.Op{Since: 18, Sig: reduceTypes},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceLogSum")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

var reduceLogSumExp = family(
	&graph.Op{Name: "ReduceLogSumExp", Since: 28, Sig: reduceInput + "T = float", Infer: inferReduce, Run: runReduce(kernel.ReduceLogSumExp), Grad: by1(func(r rule) *graph.Value {
		return r.mul(r.unreduced(r.g(0)), r.Op("Exp", r.sub(r.x(0), r.unreduced(r.y(0)))))
	})},
	&graph.Op{Since: 18, Sig: reduceTypes},
	&graph.Op{Since: 13, Sig: reduceAttr, Expand: expandReduce("ReduceLogSumExp")},
	&graph.Op{Since: 11, Sig: reduceTypes11},
	&graph.Op{Since: 1},
)

// reducedAxes says for each of rank axes whether it is reduced. No axes at all mean every one, unless noop is set.
func reducedAxes(axes []int64, rank int, noop bool) ([]bool, error) {
	out := make([]bool, rank)
	for i := range out {
		out[i] = len(axes) == 0 && !noop
	}
	for _, a := range axes {
		k, err := graph.Axis(int(a), rank)
		if err != nil {
			return nil, err
		}
		out[k] = true
	}
	return out, nil
}

func inferReduce(c *graph.Infer) error {
	s, ok := c.Shape(0)
	keep, noop := c.Node.Bool("keepdims"), c.Node.Bool("noop_with_empty_axes")
	axes := c.Node.Ints("axes")
	if c.Has(1) {
		known, sure := c.ConstInts(1)
		if !sure {
			return inferReduceRank(c, s, ok)
		}
		axes = nil
		for _, a := range known {
			axes = append(axes, int64(a))
		}
	}
	if !ok {
		if len(axes) == 0 && !noop && !keep {
			c.SetTensor(0, c.DType(0))
			return nil
		}
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	reduced, err := reducedAxes(axes, len(s), noop)
	if err != nil {
		return err
	}
	out := []graph.Dim{}
	for i, d := range s {
		switch {
		case !reduced[i]:
			out = append(out, d)
		case keep:
			out = append(out, graph.Size(1))
		}
	}
	c.SetTensor(0, c.DType(0), out...)
	if v, ok := c.Ints(0); ok && len(s) == 1 && reduced[0] && len(v) > 0 {
		inferReduceInts(c, v)
	}
	return nil
}

// inferReduceRank is inferReduce for axes whose values are not known yet: of the shape, keepdims or the number of axes may tell the rank.
func inferReduceRank(c *graph.Infer, s []graph.Dim, ranked bool) error {
	rank := len(s)
	if !c.Node.Bool("keepdims") && ranked {
		a, ok := c.Shape(1)
		if ranked = ok && len(a) == 1; ranked {
			n, known := a[0].Int()
			ranked = known && n > 0 && n <= rank
			rank -= n
		}
	}
	if !ranked {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	out := make([]graph.Dim, rank)
	for i := range out {
		out[i] = graph.Unknown()
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

// inferReduceInts follows the products, sums and bounds of shapes.
func inferReduceInts(c *graph.Infer, v []graph.Dim) {
	acc := v[0]
	for _, d := range v[1:] {
		switch c.Node.Op.Name {
		case "ReduceProd":
			acc = acc.Mul(d)
		case "ReduceSum":
			acc = acc.Add(d)
		case "ReduceMax":
			acc = acc.Max(d)
		default:
			return
		}
	}
	if name := c.Node.Op.Name; acc.Known() && (name == "ReduceProd" || name == "ReduceSum" || name == "ReduceMax") && c.DType(0) == tensor.Int64 {
		c.SetInts(0, []graph.Dim{acc})
	}
}

// expandReduce turns the attribute axes of older versions into an input.
func expandReduce(name string) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		var axes *graph.Value
		if n.HasAttr("axes") {
			v := n.Ints("axes")
			ints := make([]int, len(v))
			for i, a := range v {
				ints[i] = int(a)
			}
			axes = b.Ints(ints...)
		}
		return []*graph.Value{b.Op(name, n.In[0], axes, graph.Int("keepdims", n.Int("keepdims")))}
	}
}
