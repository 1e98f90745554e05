package adapter

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Merge folds the active adapters into the weights of the model, which computes what it did, in the time of the base: W becomes W + s·B·A. The set
// still holds the adapters; [Set.Unmerge] takes them out again.
func (s *Set) Merge() error {
	if s.merged != nil {
		return errMerged
	}
	for _, a := range s.active {
		if a.prompt != nil {
			return fmt.Errorf("adapter %q: %s is no change of weights and cannot be merged", a.Name, a.Config.Type)
		}
	}
	if len(s.active) == 0 {
		return fmt.Errorf("no adapter is active")
	}
	s.edit.takeBack()
	e := newEdit(s.Model)
	s.edit, s.merged = nil, e
	bases := map[*Layer][]float64{}
	for _, a := range s.active {
		for _, t := range a.targets {
			if bases[t.layer] == nil {
				bases[t.layer] = t.rows(t.layer.weight.Value.Const)
			}
			t.fold(e, bases[t.layer])
		}
		for _, m := range a.saved {
			e.setConst(m.base.Value, m.copy.Value.Const)
		}
	}
	return nil
}

// Merged reports whether the active adapters are merged.
func (s *Set) Merged() bool { return s.merged != nil }

// Unmerge gives the model back the weights that it had before [Set.Merge], bit for bit, and activates the adapters again.
func (s *Set) Unmerge() error {
	if s.merged == nil {
		return fmt.Errorf("no adapter is merged")
	}
	s.merged.takeBack()
	s.merged = nil
	return s.apply(s.active)
}

// fold changes the weight, which may hold other adapters already, as the target does to the layer with the base's weight, in rows of [out, in…].
func (t *target) fold(e *edit, base []float64) {
	l := t.layer
	w := e.private(l.weight, l.reads, l.Name+".weight")
	v := t.rows(w.Const)
	cols := len(v) / l.rowCount()
	switch {
	case t.l != nil:
		f := floatsOf(t.l.Value.Const)
		for i := range v {
			if t.feed {
				v[i] *= f[i%cols]
			} else {
				v[i] *= f[i/cols]
			}
		}
		if l.bias != nil && !t.feed {
			var reads []use
			for _, s := range l.sites {
				if s.bias != nil {
					reads = append(reads, *s.bias)
				}
			}
			b := e.private(l.bias, reads, l.Name+".bias")
			x := floatsOf(b.Const)
			for i := range x {
				x[i] *= f[i]
			}
			e.setConst(b, ofFloats(b.Const.DType(), x, b.Const.Shape()...))
		}
	case t.m != nil:
		// What it adds to the layer is (g − 1)·base + g·s·B·A, with g = m/‖base + s·B·A‖.
		whole := slices.Clone(base)
		t.addDelta(whole)
		norm, m := rowNorms(whole, l.Out), floatsOf(t.m.Value.Const)
		for i := range v {
			v[i] += m[i/cols]/norm[i/cols]*whole[i] - base[i]
		}
	default:
		t.addDelta(v)
	}
	e.setConst(w, t.unrows(v, w.Const))
}

// private is the constant of p for these reads alone: p's own, if nobody else reads it, or else a copy under another name.
func (e *edit) private(p *finetune.Param, reads []use, name string) *graph.Value {
	v := reads[0].node.In[reads[0].index]
	others := isOutput(e.m.Graph, v)
	for _, u := range usesOf(e.m.Graph)[v] {
		others = others || !slices.Contains(reads, u)
	}
	if !others {
		return v
	}
	taken := map[string]bool{}
	for _, q := range e.m.Params {
		taken[q.Name] = true
		taken[q.Value.Name] = true
	}
	for taken[name] {
		name += "_merged"
	}
	q := newParam(name, v.Const)
	q.Transform, q.Train = p.Transform, false
	e.param(q)
	for _, u := range reads {
		e.setIn(u.node, u.index, q.Value)
	}
	return q.Value
}

func (l *Layer) rowCount() int {
	if l.Kind == Embedding {
		return l.In
	}
	return l.Out
}

// rows are the elements of the layer's constant with the outputs first: [out, in…]; an embedding's stay [rows, columns].
func (t *target) rows(w *tensor.Tensor) []float64 {
	v := floatsOf(w)
	if t.layer.transposed {
		return transposed(v, w.Dim(0), w.Dim(1))
	}
	return v
}

// unrows is the inverse of rows, in the type and shape of like.
func (t *target) unrows(v []float64, like *tensor.Tensor) *tensor.Tensor {
	if t.layer.transposed {
		v = transposed(v, like.Dim(1), like.Dim(0))
	}
	return ofFloats(like.DType(), v, like.Shape()...)
}

// addDelta adds s·B·A to rows.
func (t *target) addDelta(v []float64) {
	a, b := floatsOf(t.a.Value.Const), floatsOf(t.b.Value.Const)
	r := t.a.Value.Const.Dim(0)
	if t.layer.Kind == Embedding { // the table is [rows, columns], A is [r, rows], B is [columns, r]
		a, b = transposed(b, t.layer.Out, r), transposed(a, r, t.layer.In)
	}
	rows := len(b) / r
	cols := len(a) / r
	for i := range rows {
		row := v[i*cols : (i+1)*cols]
		for k := range r {
			f := t.scale * b[i*r+k]
			for j, x := range a[k*cols : (k+1)*cols] {
				row[j] += f * x
			}
		}
	}
}

// rowNorms are the 2-norms of n rows.
func rowNorms(v []float64, n int) []float64 {
	out := make([]float64, n)
	cols := len(v) / n
	for i := range out {
		sum := 0.0
		for _, x := range v[i*cols : (i+1)*cols] {
			sum += x * x
		}
		out[i] = math.Sqrt(sum)
	}
	return out
}

// transposed exchanges the axes of r rows and c columns.
func transposed(v []float64, r, c int) []float64 {
	out := make([]float64, len(v))
	for i := range r {
		for j := range c {
			out[j*r+i] = v[i*c+j]
		}
	}
	return out
}

func floatsOf(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Float(i)
	}
	return out
}

func ofFloats(d tensor.DType, v []float64, shape ...int) *tensor.Tensor {
	if d == tensor.Float64 {
		return tensor.Must(tensor.Of(v, shape...))
	}
	x := make([]float32, len(v))
	for i := range x {
		x[i] = float32(v[i])
	}
	return tensor.Must(tensor.Of(x, shape...))
}

// filled is a tensor of the values that f gives, in order.
func filled(d tensor.DType, f func() float64, shape ...int) *tensor.Tensor {
	n := 1
	for _, k := range shape {
		n *= k
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = f()
	}
	return ofFloats(d, v, shape...)
}
