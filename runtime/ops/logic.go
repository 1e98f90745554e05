package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

func logical(name string, f loop[bool, bool]) []*graph.Op {
	run := func(c *graph.Ctx) error {
		if err := sameOperands(c); err != nil {
			return err
		}
		if c.In[0].DType() != tensor.Bool {
			return graph.Typef("operands are %s", c.In[0])
		}
		mapBinary(c, f)
		return nil
	}
	return family(
		&graph.Op{
			Name: name, Since: 7,
			Sig: `(A:T, B:T) -> (C:T1)
				T = bool; T1 = bool`,
			Infer: inferCompare, Run: run, InPlace: true,
		},
		&graph.Op{Since: 1, Sig: "axis int; broadcast int = 0", Expand: legacyBroadcast(name)},
	)
}

// And, Or and Xor combine truth values.
var (
	and = logical("And", kernel.And)
	or  = logical("Or", kernel.Or)
	xor = logical("Xor", kernel.Xor)
)

// Not is the opposite truth value.
var not = family(&graph.Op{
	Name: "Not", Since: 1,
	Sig: `(X:T) -> (Y:T)
		T = bool`,
	Infer: graph.Same, InPlace: true,
	Run: func(c *graph.Ctx) error {
		if c.In[0].DType() != tensor.Bool {
			return graph.Typef("not of %s", c.In[0])
		}
		mapUnary(c, func(y, x []bool) {
			for i, v := range x {
				y[i] = !v
			}
		})
		return nil
	},
})

func ordering(name string, k compare) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 13,
			Sig: `(A:T, B:T) -> (C:T1)
				T = num; T1 = bool`,
			Infer: inferCompare, Run: halves(comparison(k)),
		},
		&graph.Op{Since: 9, Sig: "T = int f16 f32 f64"},
		&graph.Op{Since: 7, Sig: "T = f16 f32 f64"},
		&graph.Op{Since: 1, Sig: "axis int; broadcast int = 0", Expand: legacyBroadcast(name)},
	)
}

func orderingOrEqual(name string, k compare) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 16,
			Sig: `(A:T, B:T) -> (C:T1)
				T = num; T1 = bool`,
			Infer: inferCompare, Run: halves(comparison(k)),
		},
		&graph.Op{Since: 12, Sig: "T = int f16 f32 f64"},
	)
}

// Less, LessOrEqual, Greater and GreaterOrEqual compare numbers; with NaN they are false.
var (
	less = ordering("Less", compare{
		kernel.LessFloats, kernel.Less[float64], kernel.Less[int8], kernel.Less[int16], kernel.Less[int32],
		kernel.Less[int64], kernel.Less[uint8], kernel.Less[uint16], kernel.Less[uint32], kernel.Less[uint64],
	})
	greater = ordering("Greater", compare{
		kernel.GreaterFloats, kernel.Greater[float64], kernel.Greater[int8], kernel.Greater[int16], kernel.Greater[int32],
		kernel.Greater[int64], kernel.Greater[uint8], kernel.Greater[uint16], kernel.Greater[uint32], kernel.Greater[uint64],
	})

	lessOrEqual = orderingOrEqual("LessOrEqual", compare{
		kernel.LessOrEqualFloats, kernel.LessOrEqual[float64], kernel.LessOrEqual[int8], kernel.LessOrEqual[int16], kernel.LessOrEqual[int32],
		kernel.LessOrEqual[int64], kernel.LessOrEqual[uint8], kernel.LessOrEqual[uint16], kernel.LessOrEqual[uint32], kernel.LessOrEqual[uint64],
	})
	greaterOrEqual = orderingOrEqual("GreaterOrEqual", compare{
		kernel.GreaterOrEqualFloats, kernel.GreaterOrEqual[float64], kernel.GreaterOrEqual[int8], kernel.GreaterOrEqual[int16], kernel.GreaterOrEqual[int32],
		kernel.GreaterOrEqual[int64], kernel.GreaterOrEqual[uint8], kernel.GreaterOrEqual[uint16], kernel.GreaterOrEqual[uint32], kernel.GreaterOrEqual[uint64],
	})
)

// Equal compares numbers, truth values and strings.
var equal = family(
	&graph.Op{
		Name: "Equal", Since: 19,
		Sig: `(A:T, B:T) -> (C:T1)
			T = num bool str; T1 = bool`,
		Infer: inferEqual, Run: halves(runEqual),
	},
	&graph.Op{Since: 13, Sig: "T = num bool"},
	&graph.Op{Since: 11, Sig: "T = int bool f16 f32 f64"},
	&graph.Op{Since: 7, Sig: "T = bool i32 i64"},
	&graph.Op{Since: 1, Sig: "axis int; broadcast int = 0", Expand: legacyBroadcast("Equal")},
)

var equalNumbers = comparison(compare{
	kernel.EqualFloats, kernel.Equal[float64], kernel.Equal[int8], kernel.Equal[int16], kernel.Equal[int32],
	kernel.Equal[int64], kernel.Equal[uint8], kernel.Equal[uint16], kernel.Equal[uint32], kernel.Equal[uint64],
})

// inferEqual also compares known integers, with 0 and 1 for the truth values: exporters ask with Equal and Where for the -1 in a shape.
func inferEqual(c *graph.Infer) error {
	if err := inferCompare(c); err != nil {
		return err
	}
	x, ok1 := vector(c, 0)
	y, ok2 := vector(c, 1)
	if !ok1 || !ok2 || len(x) == 0 || len(y) == 0 || len(x) != len(y) && min(len(x), len(y)) != 1 {
		return nil
	}
	out := unknowns(max(len(x), len(y)))
	for i := range out {
		a, b := x[i%len(x)], y[i%len(y)]
		switch {
		case a.Equal(b):
			out[i] = graph.Size(1)
		case a.IsInt() && b.IsInt(), nonNegative(a) && negative(b), negative(a) && nonNegative(b):
			out[i] = graph.Size(0)
		}
	}
	c.SetInts(0, out)
	return nil
}

func negative(d graph.Dim) bool {
	n, ok := d.Int()
	return ok && n < 0
}

func runEqual(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Bool:
		if err := sameOperands(c); err != nil {
			return err
		}
		mapBinary(c, kernel.Equal[bool])
	case tensor.String:
		if err := sameOperands(c); err != nil {
			return err
		}
		mapPairs(c, tensor.Data[bool](c.Out[0]), c.In[0].Strings(), c.In[1].Strings(), kernel.Equal[string])
	default:
		return equalNumbers(c)
	}
	return nil
}
