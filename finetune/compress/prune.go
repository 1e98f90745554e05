// Package compress makes models smaller, and keeps what they know: pruning, quantization-aware training, distillation, elastic weight consolidation and replay. Each
// changes a model, its loss or its data; steps and trainers know nothing of it.
package compress

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Magnitude prunes the fraction of the elements of the parameters that is smallest in magnitude: it sets their masks, so that a step sets those elements
// to zero and keeps them there. Global ranks the elements of all parameters together; otherwise the fraction goes from each. Among equal magnitudes
// at the bound, all go. An earlier mask stays in force.
func Magnitude(params []*finetune.Param, fraction float64, global bool) error {
	if !(fraction >= 0 && fraction <= 1) {
		return fmt.Errorf("the fraction to prune is %v", fraction)
	}
	groups := [][]*finetune.Param{params}
	if !global {
		groups = nil
		for _, p := range params {
			groups = append(groups, []*finetune.Param{p})
		}
	}
	for _, g := range groups {
		var all []float64
		for _, p := range g {
			for i := range p.Value.Const.Len() {
				all = append(all, math.Abs(p.Value.Const.Float(i)))
			}
		}
		k := int(math.RoundToEven(fraction * float64(len(all))))
		if k == 0 {
			continue
		}
		slices.Sort(all)
		for _, p := range g {
			mask(p, func(i int) bool { return math.Abs(p.Value.Const.Float(i)) > all[k-1] })
		}
	}
	return nil
}

// Structured prunes whole slices along an axis, those with the smallest 2-norm: output channels of a weight [out, in, …] along axis 0.
func Structured(p *finetune.Param, fraction float64, axis int) error {
	x := p.Value.Const
	if !(fraction >= 0 && fraction <= 1) || axis < 0 || axis >= x.Rank() {
		return fmt.Errorf("pruning %v of axis %d of %s", fraction, axis, x)
	}
	inner := 1
	for _, n := range x.Shape()[axis+1:] {
		inner *= n
	}
	slice := func(i int) int { return i / inner % x.Dim(axis) }
	norm := make([]float64, x.Dim(axis))
	for i := range x.Len() {
		norm[slice(i)] += x.Float(i) * x.Float(i)
	}
	order := make([]int, len(norm))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case norm[a] < norm[b]:
			return -1
		case norm[a] > norm[b]:
			return 1
		}
		return 0
	})
	gone := map[int]bool{}
	for _, i := range order[:int(math.RoundToEven(fraction*float64(len(norm))))] {
		gone[i] = true
	}
	mask(p, func(i int) bool { return !gone[slice(i)] })
	return nil
}

// mask lets the elements of p stay for which keep holds, and which an earlier mask kept.
func mask(p *finetune.Param, keep func(int) bool) {
	x := p.Value.Const
	m := tensor.Must(tensor.Full(x.DType(), 0, x.Shape()...))
	set := func(i int) {
		if x.DType() == tensor.Float64 {
			tensor.Data[float64](m)[i] = 1
		} else {
			tensor.Data[float32](m)[i] = 1
		}
	}
	for i := range x.Len() {
		if keep(i) && (p.Mask == nil || p.Mask.Float(i) != 0) {
			set(i)
		}
	}
	p.Mask = m
}

// Sparsity is the share of the elements of the parameters that are zero.
func Sparsity(params []*finetune.Param) float64 {
	zeros, all := 0, 0
	for _, p := range params {
		for i := range p.Value.Const.Len() {
			if p.Value.Const.Float(i) == 0 {
				zeros++
			}
		}
		all += p.Value.Const.Len()
	}
	return float64(zeros) / float64(max(all, 1))
}
