package nn

import (
	"github.com/onnxrun/onnxrun/graph"
)

// Norm are the settings of a normalization.
type Norm struct {
	Epsilon  float64 // added to the variance; 1e-5 by default, of RMSNorm 2⁻²³
	Momentum float64 // of BatchNorm: how much of the running statistics a batch replaces; 0.1 by default
	Axes     int     // of LayerNorm and RMSNorm: how many of the last axes are normalized together; 1 by default
}

func (o Norm) epsilon(usual float64) graph.Attr {
	if o.Epsilon != 0 {
		usual = o.Epsilon
	}
	return graph.Float("epsilon", float32(usual))
}

// BatchNorm normalizes each channel of [N, C, ...] over the batch. Parameters: weight (ones), bias (zeros) and the running statistics running_mean and running_var, all [C].
// Settings are given for all or left to the defaults.
func (n *Net) BatchNorm(name string, x *graph.Value, o ...Norm) *graph.Value {
	s := n.layer(name)
	c := s.extent(x, 1)
	of := first(o)
	momentum := of.Momentum
	if momentum == 0 {
		momentum = 0.1
	}
	in := []*graph.Value{x, s.Param("weight", Ones(), c), s.Param("bias", Zeros(), c), s.Param("running_mean", Zeros(), c), s.Param("running_var", Ones(), c)}
	// ONNX's momentum is what is kept.
	return s.op("BatchNormalization", in, of.epsilon(1e-5), graph.Float("momentum", float32(1-momentum)))
}

// LayerNorm normalizes over the last axes. Parameters: weight (ones) and bias (zeros) of the shape of those axes.
func (n *Net) LayerNorm(name string, x *graph.Value, o ...Norm) *graph.Value {
	s := n.layer(name)
	of := first(o)
	shape := s.lastAxes(x, of.Axes)
	in := []*graph.Value{x, s.Param("weight", Ones(), shape...), s.Param("bias", Zeros(), shape...)}
	return s.op("LayerNormalization", in, graph.Int("axis", -len(shape)), of.epsilon(1e-5))
}

// RMSNorm divides by the root of the mean square over the last axes. Parameter: weight (ones) of the shape of those axes.
func (n *Net) RMSNorm(name string, x *graph.Value, o ...Norm) *graph.Value {
	s := n.layer(name)
	of := first(o)
	shape := s.lastAxes(x, of.Axes)
	in := []*graph.Value{x, s.Param("weight", Ones(), shape...)}
	return s.op("RMSNormalization", in, graph.Int("axis", -len(shape)), of.epsilon(1.0/(1<<23)))
}

// GroupNorm normalizes groups of neighbouring channels of [N, C, ...] for each sample. Parameters: weight (ones) and bias (zeros), [C].
func (n *Net) GroupNorm(name string, x *graph.Value, groups int, o ...Norm) *graph.Value {
	s := n.layer(name)
	c := s.extent(x, 1)
	if groups < 1 || c%groups != 0 {
		s.B.Fail(graph.Shapef("%d groups of %d channels", groups, c))
		return nil
	}
	in := []*graph.Value{x, s.Param("weight", Ones(), c), s.Param("bias", Zeros(), c)}
	return s.op("GroupNormalization", in, graph.Int("num_groups", groups), first(o).epsilon(1e-5))
}

// InstanceNorm normalizes each channel of each sample of [N, C, spatial…]. Parameters: weight (ones) and bias (zeros), [C].
func (n *Net) InstanceNorm(name string, x *graph.Value, o ...Norm) *graph.Value {
	s := n.layer(name)
	c := s.extent(x, 1)
	in := []*graph.Value{x, s.Param("weight", Ones(), c), s.Param("bias", Zeros(), c)}
	return s.op("InstanceNormalization", in, first(o).epsilon(1e-5))
}

func (n *Net) lastAxes(x *graph.Value, axes int) []int {
	axes = max(axes, 1)
	shape := make([]int, axes)
	for i := range shape {
		shape[i] = n.extent(x, i-axes)
	}
	return shape
}

func first(o []Norm) Norm {
	if len(o) == 0 {
		return Norm{}
	}
	return o[0]
}
