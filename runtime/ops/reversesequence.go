package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ReverseSequence turns around the first sequence_lens[b] steps of each sequence b. Time and batch are the first two axes, in any order.
var reverseSequence = family(
	&graph.Op{
		Name: "ReverseSequence", Since: 28,
		Sig: `(input:T, sequence_lens:i64) -> (Y:T)
			T = tensor
			batch_axis int = 1
			time_axis int = 0`,
		Infer: inferReverseSequence, Run: runReverseSequence,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 10, Sig: "T = " + movable(10)},
)

func inferReverseSequence(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	batch, time := c.Node.Int("batch_axis"), c.Node.Int("time_axis")
	if batch|time != 1 || batch&time != 0 {
		return graph.Shapef("batch axis %d and time axis %d, want 0 and 1", batch, time)
	}
	if d := c.DType(1); d != tensor.Int64 && d != tensor.Invalid {
		return graph.Typef("lengths of type %s", d)
	}
	if s, ok := c.Shape(0); ok {
		if len(s) < 2 {
			return graph.Shapef("sequences %s, want two axes or more", c.Type(0))
		}
		if l, ok := c.Shape(1); ok && (len(l) != 1 || l[0].IsInt() && s[batch].IsInt() && !l[0].Equal(s[batch])) {
			return graph.Shapef("lengths %s for a batch of %s", c.Type(1), s[batch])
		}
	}
	return graph.Same(c)
}

func runReverseSequence(c *graph.Ctx) error {
	x, y, lens := c.In[0], c.Out[0], tensor.Data[int64](c.In[1])
	batchFirst := c.Node.Int("batch_axis") == 0
	rows, cols := x.Dim(0), x.Dim(1)
	steps, batch := rows, cols
	if batchFirst {
		steps, batch = cols, rows
	}
	if len(lens) != batch {
		return graph.Shapef("%d lengths for a batch of %d", len(lens), batch)
	}
	for i, n := range lens {
		if n < 0 || n > int64(steps) {
			return graph.Shapef("length %d of sequence %d, which has %d steps", n, i, steps)
		}
	}
	if x.Len() == 0 {
		return nil
	}
	index, err := graph.Scratch[int64](c, rows*cols)
	if err != nil {
		return err
	}
	for i := range index {
		r, k := i/cols, i%cols
		if batchFirst {
			if n := int(lens[r]); k < n {
				k = n - 1 - k
			}
		} else if n := int(lens[k]); r < n {
			r = n - 1 - r
		}
		index[i] = int64(r*cols + k)
	}
	inner := x.Len() / len(index)
	return gatherBodies.run(c, x.DType(), len(index), 1+32768/inner, gatherArgs{y, x, index, len(index), inner})
}
