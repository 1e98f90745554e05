package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Sequences never change: an operator that adds or removes elements makes a new list of the same tensors.

// SequenceEmpty is a sequence of no tensors of an element type.
var sequenceEmpty = family(&graph.Op{
	Name: "SequenceEmpty", Since: 11,
	Sig: `() -> (output:S)
		S = seq(` + oldTensors + `)
		dtype int`,
	Infer: func(c *graph.Infer) error {
		d := tensor.Float32
		if c.Node.HasAttr("dtype") {
			v := c.Node.Int("dtype")
			if d = tensor.DType(v); v <= 0 || v > 127 || !d.Valid() || d.IsContainer() {
				return graph.Typef("dtype %d", v)
			}
		}
		c.Set(0, graph.SeqOf(graph.Unranked(d)))
		return nil
	},
	Run: func(c *graph.Ctx) error { return setElems(c, tensor.Sequence, nil) },
})

// SequenceConstruct is the sequence of its inputs.
var sequenceConstruct = family(&graph.Op{
	Name: "SequenceConstruct", Since: 11,
	Sig: `(inputs*:T) -> (output_sequence:S)
		T = ` + oldTensors + `; S = seq(` + oldTensors + `)`,
	Infer: func(c *graph.Infer) error {
		if len(c.In) == 0 {
			return graph.Invalidf("sequence of no inputs")
		}
		elem := c.Type(0)
		for i := range c.In {
			if err := needTensor(c, i); err != nil {
				return err
			}
			if t := c.Type(i); t.DType != elem.DType && t.DType != tensor.Invalid && elem.DType != tensor.Invalid {
				return graph.Typef("sequence of %s and %s", elem, t)
			}
			elem = elem.Unify(c.Type(i))
		}
		c.Set(0, graph.SeqOf(elem))
		return nil
	},
	Run: func(c *graph.Ctx) error {
		for _, t := range c.In {
			if err := chargeElem(c, t); err != nil {
				return err
			}
		}
		return setElems(c, tensor.Sequence, slices.Clone(c.In))
	},
})

// SequenceInsert is a sequence with one tensor more, before the given position or at the end.
var sequenceInsert = family(&graph.Op{
	Name: "SequenceInsert", Since: 11,
	Sig: `(input_sequence:S, tensor:T, position?:I) -> (output_sequence:S)
		T = ` + oldTensors + `; S = seq(` + oldTensors + `); I = i32 i64`,
	Infer: func(c *graph.Infer) error {
		s, err := elemType(c, 0)
		if err != nil {
			return err
		}
		if err := needTensor(c, 1); err != nil {
			return err
		}
		x := c.Type(1)
		if s.IsZero() {
			c.Set(0, graph.Type{DType: tensor.Sequence})
			return nil
		}
		if x.DType != tensor.Invalid && s.DType != tensor.Invalid && x.DType != s.DType {
			return graph.Typef("%s into a sequence of %s", x, s)
		}
		c.Set(0, graph.SeqOf(s.Unify(x)))
		return nil
	},
	Run: runSequenceInsert,
})

func runSequenceInsert(c *graph.Ctx) error {
	s, x := c.In[0].Elems(), c.In[1]
	if c.In[0].DType() != tensor.Sequence {
		return graph.Typef("%s is no sequence", c.In[0])
	}
	if len(s) > 0 && s[0].DType() != x.DType() {
		return graph.Typef("%s into a sequence of %s", x, s[0].DType())
	}
	at := len(s)
	if c.Has(2) {
		var err error
		if at, err = oneInt(c.In[2], "position"); err != nil {
			return err
		}
		if at < -len(s) || at > len(s) {
			return graph.Shapef("position %d in a sequence of %d", at, len(s))
		}
		if at < 0 {
			at += len(s)
		}
	}
	if err := chargeElem(c, x); err != nil {
		return err
	}
	if err := c.Exec().Charge(8 * len(s)); err != nil {
		return err
	}
	out := make([]*tensor.Tensor, 0, len(s)+1)
	out = append(append(append(out, s[:at]...), x), s[at:]...)
	return setElems(c, tensor.Sequence, out)
}

// SequenceErase is a sequence without the tensor at a position, or without the last one.
var sequenceErase = family(&graph.Op{
	Name: "SequenceErase", Since: 11,
	Sig: `(input_sequence:S, position?:I) -> (output_sequence:S)
		S = seq(` + oldTensors + `); I = i32 i64`,
	Infer: func(c *graph.Infer) error {
		s, err := elemType(c, 0)
		if s.IsZero() {
			c.Set(0, graph.Type{DType: tensor.Sequence})
		} else {
			c.Set(0, graph.SeqOf(s))
		}
		return err
	},
	Run: func(c *graph.Ctx) error {
		s := c.In[0].Elems()
		at := len(s) - 1
		if c.Has(1) {
			var err error
			if at, err = elemAt(s, c.In[1]); err != nil {
				return err
			}
		}
		if at < 0 {
			return graph.Shapef("the sequence has no element to erase")
		}
		if err := c.Exec().Charge(8 * len(s)); err != nil {
			return err
		}
		return setElems(c, tensor.Sequence, slices.Concat(s[:at], s[at+1:]))
	},
})

// SequenceAt is the tensor at a position of a sequence.
var sequenceAt = family(&graph.Op{
	Name: "SequenceAt", Since: 11,
	Sig: `(input_sequence:S, position:I) -> (tensor:T)
		S = seq(` + oldTensors + `); T = ` + oldTensors + `; I = i32 i64`,
	Infer: func(c *graph.Infer) error {
		s, err := elemType(c, 0)
		if c.Const(0) == nil { // else it is handed out as it is: no memory is needed
			c.Set(0, s)
		}
		return err
	},
	Run: func(c *graph.Ctx) error {
		at, err := elemAt(c.In[0].Elems(), c.In[1])
		if err == nil {
			c.Out[0] = c.In[0].Elems()[at]
		}
		return err
	},
})

// SequenceLength is the number of tensors in a sequence.
var sequenceLength = family(&graph.Op{
	Name: "SequenceLength", Since: 11,
	Sig: `(input_sequence:S) -> (length:I)
		S = seq(` + oldTensors + `); I = i64`,
	Infer: func(c *graph.Infer) error {
		c.SetTensor(0, tensor.Int64)
		_, err := elemType(c, 0)
		return err
	},
	Run: func(c *graph.Ctx) error {
		tensor.Data[int64](c.Out[0])[0] = int64(len(c.In[0].Elems()))
		return nil
	},
})

// elemType is the type of what the sequence or optional in input i holds, zero when it is not known. It fails when input i is a tensor.
func elemType(c *graph.Infer, i int) (graph.Type, error) {
	t := c.Type(i)
	if t.DType != tensor.Invalid && t.DType != tensor.Sequence {
		return graph.Type{}, graph.Typef("input %d is %s, want a sequence", i, t)
	}
	if t.Elem == nil {
		return graph.Type{}, nil
	}
	return *t.Elem, nil
}

// elemAt is the position in a sequence that may count from the end.
func elemAt(s []*tensor.Tensor, position *tensor.Tensor) (int, error) {
	at, err := oneInt(position, "position")
	if err != nil {
		return 0, err
	}
	if at < -len(s) || at >= len(s) {
		return 0, graph.Shapef("position %d in a sequence of %d", at, len(s))
	}
	if at < 0 {
		at += len(s)
	}
	return at, nil
}

// elemBytes is about what a tensor in a container takes beside its elements.
const elemBytes = 160

// chargeElem takes from the budget what an element of a container may take that lives longer than the value it comes from.
func chargeElem(c *graph.Ctx, t *tensor.Tensor) error {
	return c.Exec().Charge(elemBytes + t.MemBytes())
}

// setElems makes output 0 a container.
func setElems(c *graph.Ctx, d tensor.DType, elems []*tensor.Tensor) error {
	t, err := tensor.OfElems(d, elems...)
	c.Out[0] = t
	return err
}
