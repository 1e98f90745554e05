package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Scan of version 8 does for every entry of a batch, the first axis of all inputs and outputs, what later versions do once, along the
// second axis. Sequences may be shorter than that axis: what is collected is then filled up with zeros, and reverse
// directions start at the end of the sequence.

func inferScan8(c *graph.Infer) error {
	s, err := newScanning(c.Node, 1)
	if err != nil {
		return err
	}
	var in []graph.Type
	batch, length := graph.Unknown(), graph.Unknown()
	for i := range s.states + s.scans {
		t, n, err := withoutAxis(c.Type(1+i), 0)
		if err != nil {
			return err
		}
		if batch, err = sameExtent(batch, n); err != nil {
			return err
		}
		if i >= s.states {
			if t, n, err = withoutAxis(t, 0); err != nil {
				return err
			}
			if length, err = sameExtent(length, n); err != nil {
				return err
			}
		}
		in = append(in, t)
	}
	carried, out, err := inferBody(c, s.body, in, 0, s.states, 0)
	if err != nil || out == nil {
		return err
	}
	for i := range c.Out {
		t := out[i].Type
		if i < s.states {
			t = carried[i]
		} else if t, err = stackedType(t, 0, length); err != nil {
			return err
		}
		if t, err = stackedType(t, 0, batch); err != nil {
			return err
		}
		c.Set(i, t)
	}
	return nil
}

func runScan8(c *graph.Ctx) error {
	s, err := newScanning(c.Node, 1)
	if err != nil {
		return err
	}
	batch, length := -1, -1
	for i, x := range c.In[1:] {
		scanned := i >= s.states
		if x.Rank() < 1 || scanned && x.Rank() < 2 || batch >= 0 && x.Dim(0) != batch || scanned && length >= 0 && x.Dim(1) != length {
			return graph.Shapef("%s beside inputs of a batch of %d and %d slices", x, batch, length)
		}
		if batch = x.Dim(0); scanned {
			length = x.Dim(1)
		}
	}
	lens, err := scan8Lens(c, batch, length)
	if err != nil {
		return err
	}
	finals := make([][]*tensor.Tensor, s.states)
	collect := s.collectors()
	for b := range batch {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		var in []*tensor.Tensor
		for _, x := range c.In[1:] {
			t, err := sliceAt(c, x, 0, b)
			if err != nil {
				return err
			}
			in = append(in, t)
		}
		n := length
		if lens != nil {
			n = int(lens[b])
		}
		var held carriedBytes
		part := s.collectors()
		states, err := s.run(c, in[:s.states], in[s.states:], n, part, &held)
		if err != nil {
			return err
		}
		for i, t := range states {
			if err := chargeElem(c, t); err != nil {
				return err
			}
			finals[i] = append(finals[i], t)
		}
		for i := range collect {
			collect[i].pieces = append(collect[i].pieces, part[i].pieces...)
			if err := c.Exec().Charge(8 * (length - n)); err != nil {
				return err
			}
			for range length - n {
				collect[i].pieces = append(collect[i].pieces, nil)
			}
		}
	}
	for i := range c.Out {
		if !c.Wants(i) {
			continue
		}
		if i < s.states {
			k := collected{pieces: finals[i]}
			err = k.write(c, i, s.body.Outputs[i])
		} else {
			err = writeScan8(c, i, collect[i-s.states].pieces, s.body.Outputs[i], batch, length)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scan8Lens are the lengths of the sequences, nil when all are as long as the axis.
func scan8Lens(c *graph.Ctx, batch, length int) ([]int64, error) {
	if !c.Has(0) {
		return nil, nil
	}
	lens := tensor.Data[int64](c.In[0])
	if len(lens) != batch {
		return nil, graph.Shapef("sequence_lens %s for a batch of %d", c.In[0], batch)
	}
	for _, n := range lens {
		if n < 0 || n > int64(length) {
			return nil, graph.Shapef("sequence of %d slices of %d", n, length)
		}
	}
	return lens, nil
}

// writeScan8 puts batch times length pieces in output i; those that are nil are zeros.
func writeScan8(c *graph.Ctx, i int, pieces []*tensor.Tensor, v *graph.Value, batch, length int) error {
	var first *tensor.Tensor
	for _, p := range pieces {
		if p != nil {
			first = p
			break
		}
	}
	if first == nil {
		k := collected{}
		if err := k.writeNone(c, i, v); err != nil {
			return err
		}
		first = c.Out[i]
		y, err := c.Alloc(i, first.DType(), slices.Concat([]int{batch, length}, first.Shape()[1:])...)
		if err != nil {
			return err
		}
		clear(y.Bytes())
		return nil
	}
	zero, err := c.Exec().Alloc(first.DType(), first.Shape())
	if err != nil {
		return err
	}
	clear(zero.Bytes())
	clear(zero.Strings())
	for k, p := range pieces {
		if p == nil {
			pieces[k] = zero
		}
	}
	shape, _, err := joinedShape(pieces, 0, true)
	if err != nil {
		return err
	}
	y, err := c.Alloc(i, first.DType(), slices.Concat([]int{batch, length}, shape[1:])...)
	if err != nil {
		return err
	}
	flat, err := y.Reshape(shape...)
	if err != nil {
		return err
	}
	return join(c, flat, pieces, 0, true)
}
