package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// combineOf is the attribute reduction.
func combineOf(n *graph.Node) (kernel.Combine, error) {
	switch r := n.Str("reduction"); r {
	case "", "none":
		return kernel.CombineNone, nil
	case "add":
		return kernel.CombineAdd, nil
	case "mul":
		return kernel.CombineMul, nil
	case "max":
		return kernel.CombineMax, nil
	case "min":
		return kernel.CombineMin, nil
	default:
		return 0, graph.Invalidf("reduction %q", r)
	}
}

// scattering widens half types for those runs that compute; those that only move elements see their bits.
func scattering(run func(*graph.Ctx) error) func(*graph.Ctx) error {
	wide := halves(run)
	return func(c *graph.Ctx) error {
		if op, err := combineOf(c.Node); err != nil || op == kernel.CombineNone {
			return run(c)
		}
		return wide(c)
	}
}

// scatterArgs are the updates x of an output y: single elements by s, or else rows of inner elements.
type scatterArgs struct {
	y, x  *tensor.Tensor
	index []int64
	s     *indexed
	inner int
	op    kernel.Combine
}

// scatterInto applies the updates. The items are blocks of rows by s, or else the elements of a row: in both cases
// what several items write never meets.
func scatterInto(c *graph.Ctx, items, grain int, args scatterArgs) error {
	var err error
	if args.op, err = combineOf(c.Node); err != nil {
		return err
	}
	d := args.y.DType()
	if args.op == kernel.CombineNone {
		return scatterBodies.run(c, d, items, grain, args)
	}
	body := combineBody(d, args.op)
	if body == nil {
		return graph.Typef("reduction %s of %s", c.Node.Str("reduction"), args.x)
	}
	graph.For(c, items, grain, args, body)
	return nil
}

var scatterBodies = widths[scatterArgs]{scatterBody[uint8], scatterBody[uint16], scatterBody[uint32], scatterBody[uint64],
	scatterBody[complex128], scatterBody[string]}

func scatterBody[T kernel.Cell](a *scatterArgs, _, lo, hi int) {
	if a.s == nil {
		kernel.ScatterRows(cells[T](a.y), cells[T](a.x), a.index, a.inner, lo, hi)
		return
	}
	kernel.ScatterElements(cells[T](a.y), cells[T](a.x), a.index, &a.s.Indexed, lo*a.s.block, hi*a.s.block)
}

func scatterArith[T kernel.Arith](a *scatterArgs, _, lo, hi int) {
	y, x := tensor.Data[T](a.y), tensor.Data[T](a.x)
	if a.s == nil {
		kernel.CombineRows(y, x, a.index, a.inner, a.op, lo, hi)
		return
	}
	kernel.ScatterCombine(y, x, a.index, &a.s.Indexed, a.op, lo*a.s.block, hi*a.s.block)
}

func scatterComplex[T complex64 | complex128](a *scatterArgs, _, lo, hi int) {
	y, x := tensor.Data[T](a.y), tensor.Data[T](a.x)
	if a.s == nil {
		kernel.CombineComplexRows(y, x, a.index, a.inner, a.op, lo, hi)
		return
	}
	kernel.ScatterComplex(y, x, a.index, &a.s.Indexed, a.op, lo*a.s.block, hi*a.s.block)
}

// scatterBool treats truth values as numbers: sums and maxima are disjunctions, products and minima conjunctions.
func scatterBool(a *scatterArgs, w, lo, hi int) {
	b := *a
	switch b.op {
	case kernel.CombineAdd:
		b.op = kernel.CombineMax
	case kernel.CombineMul:
		b.op = kernel.CombineMin
	}
	scatterArith[uint8](&b, w, lo, hi)
}

// combineBody is the kernel for an element type, nil when there is none.
func combineBody(d tensor.DType, op kernel.Combine) func(*scatterArgs, int, int, int) {
	switch d {
	case tensor.Float32:
		return scatterArith[float32]
	case tensor.Float64:
		return scatterArith[float64]
	case tensor.Int8:
		return scatterArith[int8]
	case tensor.Int16:
		return scatterArith[int16]
	case tensor.Int32:
		return scatterArith[int32]
	case tensor.Int64:
		return scatterArith[int64]
	case tensor.Uint8:
		return scatterArith[uint8]
	case tensor.Uint16:
		return scatterArith[uint16]
	case tensor.Uint32:
		return scatterArith[uint32]
	case tensor.Uint64:
		return scatterArith[uint64]
	case tensor.Bool:
		return scatterBool
	case tensor.Complex64:
		if op == kernel.CombineAdd || op == kernel.CombineMul {
			return scatterComplex[complex64]
		}
	case tensor.Complex128:
		if op == kernel.CombineAdd || op == kernel.CombineMul {
			return scatterComplex[complex128]
		}
	}
	return nil
}
