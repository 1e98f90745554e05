package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// FusedMatMul is alpha·A'·B'. transA exchanges the last two axes of A; transBatchA says that its rows come before the batch, [M, batch…, K],
// or [K, batch…, M] with both.
var contribMatMul = contribOp("FusedMatMul", `(A:T, B:T) -> (Y:T)
	T = float
	alpha float = 1; transA int = 0; transB int = 0; transBatchA int = 0; transBatchB int = 0`, single(func(c contrib) *graph.Value {
	y := c.Op("MatMul", c.matrices(0, "transA", "transBatchA"), c.matrices(1, "transB", "transBatchB"))
	return c.times(y, float64(c.n.Float("alpha")))
}))

// matrices is a side of a FusedMatMul as a stack of matrices.
func (c contrib) matrices(i int, flip, batch string) *graph.Value {
	rank := int64(c.rank(c.in(i)))
	if rank < 2 {
		return c.in(i)
	}
	var perm []int64
	if c.n.Bool(batch) {
		for k := range rank - 2 {
			perm = append(perm, k+1)
		}
		perm = append(perm, 0, rank-1)
	} else {
		for k := range rank {
			perm = append(perm, k)
		}
	}
	if c.n.Bool(flip) {
		perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	}
	return c.permuted(c.in(i), perm...)
}

// FusedGemm is Gemm with an activation after it.
var fusedGemm = contribOp("FusedGemm", `(A:T, B:T, C?:T) -> (Y:T)
	T = f16 f32 f64 u32 u64 i32 i64
	activation string; activation_alpha float; activation_beta float; activation_gamma float
	alpha float = 1; beta float = 1; transA int = 0; transB int = 0`, single(func(c contrib) *graph.Value {
	y := c.Op("Gemm", with(c.attrs("alpha", "beta", "transA", "transB"), c.in(0), c.in(1), c.in(2))...)
	var params []graph.Arg
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if c.n.HasAttr("activation_" + name) {
			params = append(params, graph.Float(name, c.n.Float("activation_"+name)))
		}
	}
	return c.activation(y, params)
}))

// FusedConv is Conv, to which Z is added, with an activation after it.
var fusedConv = contribOp("FusedConv", `(X:T, W:T, B?:T, Z?:T) -> (Y:T)
	T = f16 f32 f64
	activation string; activation_params floats
	auto_pad string = NOTSET; dilations ints; group int = 1; kernel_shape ints; pads ints; strides ints`, single(func(c contrib) *graph.Value {
	y := c.Op("Conv", with(c.attrs("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"), c.in(0), c.in(1), c.in(2))...)
	y = c.add(y, c.in(3))
	var params []graph.Arg
	for i, v := range c.n.Floats("activation_params") {
		if i < 3 {
			params = append(params, graph.Float([]string{"alpha", "beta", "gamma"}[i], v))
		}
	}
	return c.activation(y, params)
}))

// contribActivations are the operators of the standard that files name as activations, beside Clip.
var contribActivations = []string{"Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu"}

// activation applies the operator that the attribute of that name names, with its parameters; the bounds of Clip are inputs.
func (c contrib) activation(y *graph.Value, params []graph.Arg) *graph.Value {
	name := c.n.Str("activation")
	if c.Err() != nil || name == "" {
		return y
	}
	if name == "Clip" {
		bounds := [2]*graph.Value{}
		for i := range min(2, len(params)) {
			bounds[i] = c.Scalar(y.Type.DType, float64(params[i].(graph.Attr).Value.(float32)))
		}
		return c.Op("Clip", y, bounds[0], bounds[1])
	}
	op := c.Registry().Lookup("", name, 0)
	if op == nil || !slices.Contains(contribActivations, name) {
		c.Fail(graph.Unsupportedf("activation %q", name))
		return nil
	}
	known := params[:0:0]
	for _, p := range params { // files give all three numbers to functions of less
		if op.Has(p.(graph.Attr).Name) {
			known = append(known, p)
		}
	}
	return c.Op(name, with(known, y)...)
}

// BiasSoftmax is Softmax of data + bias over all axes from axis on at once. is_inner_broadcast says which axes of the bias are 1, as its shape does.
var biasSoftmax = contribOp("BiasSoftmax", `(data:T, bias:T) -> (output:T)
	T = f16 f32 f64
	axis int = 1; is_inner_broadcast int!`, single(func(c contrib) *graph.Value {
	return c.flatSoftmax(c.Op("Add", c.in(0), c.in(1)), c.n.Int("axis"))
}))

// flatSoftmax is Softmax over all axes from axis on at once, as it was before opset 13.
func (c contrib) flatSoftmax(x *graph.Value, axis int) *graph.Value {
	rank := c.rank(x)
	if c.Err() != nil {
		return nil
	}
	axis, err := graph.Axis(axis, max(1, rank))
	if err != nil {
		c.Fail(err)
		return nil
	}
	if axis >= rank-1 {
		return c.Op("Softmax", x, graph.Int("axis", -1))
	}
	y := c.Op("Softmax", c.Op("Flatten", x, graph.Int("axis", axis)), graph.Int("axis", -1))
	return c.reshape(y, c.Op("Shape", x))
}

// NhwcMaxPool is MaxPool of bytes whose channels come last.
var nhwcMaxPool = contribOp("NhwcMaxPool", `(x:T) -> (y:T)
	T = i8 u8
	auto_pad string = NOTSET; ceil_mode int = 0; dilations ints; kernel_shape ints!; pads ints; strides ints`, single(func(c contrib) *graph.Value {
	x := c.channelsFirst(c.in(0), true)
	return c.channelsLast(c.Op("MaxPool", with(c.attrs("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"), x)...), true)
}))
