package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Range is start, start+delta, start+2·delta … as long as limit is not reached.
// Half types are computed in float32, or float64 when stash_type asks for it, and rounded at the end.
var rangeOp = family(
	&graph.Op{
		Name: "Range", Since: 27,
		Sig: `(start:T, limit:T, delta:T) -> (output:T)
			T = float i16 i32 i64
			stash_type int = 1`,
		Infer: inferRange, Run: runRange,
	},
	&graph.Op{Since: 11, Sig: "T = f32 f64 i16 i32 i64; -stash_type"},
)

// rangeInts is the number of elements of a range of integers.
func rangeInts(start, limit, delta int64) (int, error) {
	var distance, step uint64
	switch {
	case delta == 0:
		return 0, graph.Shapef("range in steps of 0")
	case delta > 0 && limit > start:
		distance, step = uint64(limit)-uint64(start), uint64(delta)
	case delta < 0 && limit < start:
		distance, step = uint64(start)-uint64(limit), -uint64(delta)
	default:
		return 0, nil
	}
	n := (distance-1)/step + 1
	if n > uint64(maxInt) {
		return 0, graph.Limitf("range of %d elements", n)
	}
	return int(n), nil
}

// rangeFloats is the number of elements of a range of floating-point numbers. The distance is computed in the type itself (float32 for
// halves) and divided in float64, as ONNX Runtime does: from 0 to 0.3 in float32 steps of 0.1 these are 4 elements.
func rangeFloats(d tensor.DType, start, limit, delta float64) (int, error) {
	distance := limit - start
	if d != tensor.Float64 {
		distance = float64(float32(limit) - float32(start))
	}
	n := math.Ceil(distance / delta)
	if delta == 0 || math.IsNaN(n) || n >= 1<<62 {
		return 0, graph.Limitf("range from %v to %v in steps of %v", start, limit, delta)
	}
	return int(max(n, 0)), nil
}

func inferRange(c *graph.Infer) error {
	d := c.DType(0)
	for i := range 3 {
		if t := c.Type(i); t.DType != d && t.DType != tensor.Invalid && d != tensor.Invalid {
			return graph.Typef("range of %s and %s", d, t.DType)
		}
		if s, ok := c.Type(i).Static(); ok && s.Elems() != 1 {
			return graph.Shapef("input %d is %s, want one element", i, c.Type(i))
		}
	}
	if d.IsHalf() {
		if _, err := stashDouble(c.Node); err != nil {
			return err
		}
	}
	a, b, s := c.Const(0), c.Const(1), c.Const(2)
	if a != nil && b != nil && s != nil && !followsInts(d) {
		var n int
		var err error
		if d == tensor.Int16 {
			n, err = rangeInts(int64(a.Float(0)), int64(b.Float(0)), int64(s.Float(0)))
		} else {
			n, err = rangeFloats(d, a.Float(0), b.Float(0), s.Float(0))
		}
		c.SetTensor(0, d, graph.Size(n))
		return err
	}
	start, ok1 := vector(c, 0)
	limit, ok2 := vector(c, 1)
	delta, ok3 := vector(c, 2)
	if !ok1 || !ok2 || !ok3 || len(start) != 1 || len(limit) != 1 || len(delta) != 1 {
		c.SetTensor(0, d, graph.Unknown())
		return nil
	}
	x, ok1 := start[0].Int()
	y, ok2 := limit[0].Int()
	step, ok3 := delta[0].Int()
	if !ok1 || !ok2 || !ok3 {
		n := graph.Unknown()
		if ok3 && step > 0 {
			n = atLeast0(limit[0].Sub(start[0]))
			if step > 1 {
				n = n.Add(graph.Size(step - 1)).Div(graph.Size(step))
			}
		}
		c.SetTensor(0, d, n)
		return nil
	}
	n, err := rangeInts(int64(x), int64(y), int64(step))
	if err != nil {
		return err
	}
	c.SetTensor(0, d, graph.Size(n))
	if n <= 64 {
		ints := make([]graph.Dim, n)
		for i := range ints {
			ints[i] = graph.Size(x + i*step)
		}
		setVector(c, 1, d, ints)
	}
	return nil
}

// stashDouble reports whether halves are computed in float64.
func stashDouble(n *graph.Node) (bool, error) {
	switch t := n.Int("stash_type"); t {
	case int(tensor.Float32), 0: // there is no such attribute before version 27
		return false, nil
	case int(tensor.Float64):
		return true, nil
	default:
		return false, graph.Invalidf("stash_type %d, want 1 or 11", t)
	}
}

var runRangeHalves = halves(runRangeOf)

func runRange(c *graph.Ctx) error {
	if !c.In[0].DType().IsHalf() {
		return runRangeOf(c)
	}
	double, err := stashDouble(c.Node)
	if err != nil || !double {
		if err == nil {
			err = runRangeHalves(c)
		}
		return err
	}
	y := tensor.Data[uint16](c.Out[0])
	wide, err := graph.Scratch[float32](c, len(y))
	if err != nil {
		return err
	}
	start, delta := c.In[0].Float(0), c.In[2].Float(0)
	for i := range wide {
		wide[i] = float32(start + float64(float64(i)*delta))
	}
	kernel.Narrow(y, wide, c.In[0].DType() == tensor.BFloat16)
	return nil
}

func runRangeOf(c *graph.Ctx) error {
	switch d := c.In[0].DType(); d {
	case tensor.Float32:
		rangeOf(c, rangeBody[float32])
	case tensor.Float64:
		rangeOf(c, rangeBody[float64])
	case tensor.Int16:
		rangeOf(c, rangeBody[int16])
	case tensor.Int32:
		rangeOf(c, rangeBody[int32])
	case tensor.Int64:
		rangeOf(c, rangeBody[int64])
	default:
		return graph.Typef("range of %s", d)
	}
	return nil
}

type rangeArgs[T any] struct {
	y            []T
	start, delta T
}

type rangeable interface {
	float32 | float64 | int16 | int32 | int64
}

func rangeBody[T rangeable](a *rangeArgs[T], _, lo, hi int) {
	for i := lo; i < hi; i++ {
		a.y[i] = a.start + T(T(i)*a.delta) // the conversion forbids a fused multiplication, which some machines lack
	}
}

// rangeOf takes its body as an argument because a generic function that makes a function of its own type allocates it.
func rangeOf[T rangeable](c *graph.Ctx, body func(*rangeArgs[T], int, int, int)) {
	args := rangeArgs[T]{tensor.Data[T](c.Out[0]), tensor.Data[T](c.In[0])[0], tensor.Data[T](c.In[2])[0]}
	graph.For(c, len(args.y), 32768, args, body)
}
