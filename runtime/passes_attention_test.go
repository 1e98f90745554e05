package runtime_test

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

var fuseAttention = append(slices.Clone(pass.Inference), pass.Pass{Name: "fuse_attention", Run: pass.FuseAttention}, pass.Pass{Name: "prune", Run: pass.Prune})

var mergeQKV = append(slices.Clone(fuseAttention), pass.Pass{Name: "merge_qkv", Run: pass.MergeQKV}, pass.Pass{Name: "prune", Run: pass.Prune})

var lowerAttention = append(slices.Clone(pass.Inference), pass.Pass{Name: "lower_attention", Run: pass.LowerAttention})

var attentionPasses = []passCase{
	{"fuse_attention", fuseAttention, func(b *graph.Builder) { // three products, a mask, heads beside the position
		batch, seq := graph.Sym("batch"), graph.Sym("seq")
		x := b.Input("x", matrix(batch, seq, graph.Size(6)))
		mask := b.Input("mask", matrix(batch, graph.Size(1), graph.Size(1), seq))
		head := func(v *graph.Value, perm ...int64) *graph.Value {
			return b.Op("Transpose", b.Op("Reshape", v, b.Ints(0, 0, 2, 3)), graph.Ints("perm", perm...))
		}
		q, k, v := head(b.Op("Relu", x), 0, 2, 1, 3), head(b.Op("Neg", x), 0, 2, 3, 1), head(b.Op("Abs", x), 0, 2, 1, 3)
		s := b.Op("Add", b.Op("Div", b.Op("MatMul", q, k), b.Scalar(tensor.Float32, 2)), mask)
		y := b.Op("MatMul", b.Op("Softmax", s, graph.Int("axis", -1)), v)
		b.Output(b.Op("Reshape", b.Op("Transpose", y, graph.Ints("perm", 0, 2, 1, 3)), b.Ints(0, 0, 6)))
	}},
	{"fuse_attention_split", fuseAttention, func(b *graph.Builder) { // parts of one product, heads and batch in one axis, scales before it
		x := b.Input("x", matrix(graph.Size(4), graph.Size(5), graph.Size(18)))
		parts := b.OpN(3, "Split", x, graph.Int("axis", 2), graph.Int("num_outputs", 3))
		for i, v := range parts {
			v = b.Op("Transpose", b.Op("Reshape", v, b.Ints(4, 5, 2, 3)), graph.Ints("perm", 0, 2, 1, 3))
			parts[i] = b.Op("Reshape", v, b.Ints(8, 5, 3))
		}
		q := b.Op("Mul", parts[0], b.Scalar(tensor.Float32, 0.5))
		k := b.Op("Mul", b.Op("Transpose", parts[1], graph.Ints("perm", 0, 2, 1)), b.Scalar(tensor.Float32, 0.5))
		y := b.Op("MatMul", b.Op("Softmax", b.Op("MatMul", q, k)), parts[2])
		b.Output(b.Op("Transpose", b.Op("Reshape", y, b.Ints(4, 2, 5, 3)), graph.Ints("perm", 0, 2, 1, 3)))
	}},
	{"fuse_attention_out_cut", fuseAttention, func(b *graph.Builder) { // the result's positions are cut in two before they are transposed
		x := b.Input("x", matrix(graph.Dims(2, 2, 6, 3)...))
		s := b.Op("MatMul", b.Op("Relu", x), b.Op("Transpose", b.Op("Neg", x), graph.Ints("perm", 0, 1, 3, 2)))
		y := b.Op("MatMul", b.Op("Softmax", s), b.Op("Abs", x))
		b.Output(b.Op("Transpose", b.Op("Reshape", y, b.Ints(2, 2, 2, 3, 3)), graph.Ints("perm", 0, 2, 3, 1, 4)))
	}},
	{"fuse_attention_cache", fuseAttention, func(b *graph.Builder) { // a cache of which each head serves two, rows without a key are zero
		past := graph.Sym("past")
		q := b.Input("q", matrix(graph.Dims(1, 4, 1, 3)...))
		pk, pv := b.Input("past_key", matrix(graph.Size(1), graph.Size(2), past, graph.Size(3))), b.Input("past_value", matrix(graph.Size(1), graph.Size(2), past, graph.Size(3)))
		now := b.Input("now", matrix(graph.Dims(1, 2, 1, 3)...))
		see := b.Op("Cast", b.Input("see", matrix(graph.Size(1))), graph.Int("to", int(tensor.Bool)))
		low := b.Scalar(tensor.Float32, math.Inf(-1))
		mask := b.Op("Where", see, b.Scalar(tensor.Float32, 0), low)
		twice := func(v *graph.Value) *graph.Value {
			b.Output(v)
			v = b.Op("Expand", b.Op("Unsqueeze", v, b.Ints(2)), b.Ints(1, 1, 2, 1, 1))
			return b.Op("Reshape", v, b.Ints(1, 4, -1, 3))
		}
		k, v := twice(b.Op("Concat", pk, now, graph.Int("axis", 2))), twice(b.Op("Concat", pv, now, graph.Int("axis", 2)))
		s := b.Op("MatMul", q, b.Op("Transpose", k, graph.Ints("perm", 0, 1, 3, 2)))
		p := b.Op("Softmax", b.Op("Add", s, mask))
		p = b.Op("Where", b.Op("IsNaN", p), b.Scalar(tensor.Float32, 0), p)
		b.Output(b.Op("MatMul", p, v))
	}},
	{"fuse_attention_windows", fuseAttention, func(b *graph.Builder) { // shifted windows: a bias of heads, then a mask of windows, and one that fills
		x := b.Input("x", matrix(graph.Dims(6, 2, 4, 3)...))
		s := b.Op("Mul", b.Scalar(tensor.Float32, 0.25), b.Op("MatMul", x, b.Op("Transpose", x, graph.Ints("perm", 0, 1, 3, 2))))
		s = b.Op("Reshape", b.Op("Add", s, b.Input("bias", matrix(graph.Dims(1, 2, 4, 4)...))), b.Ints(2, 3, 2, 4, 4))
		s = b.Op("Reshape", b.Op("Add", s, b.Input("mask", matrix(graph.Dims(1, 3, 1, 4, 4)...))), b.Ints(6, 2, 4, 4))
		b.Output(b.Op("MatMul", b.Op("Softmax", s), x))
		low := b.Scalar(tensor.Float32, -math.MaxFloat32)
		f := b.Op("MatMul", x, b.Op("Transpose", b.Op("Abs", x), graph.Ints("perm", 0, 1, 3, 2)))
		f = b.Op("Where", b.Op("Cast", b.Input("fill", matrix(graph.Dims(4, 4)...)), graph.Int("to", int(tensor.Bool))), low, f)
		b.Output(b.Op("MatMul", b.Op("Softmax", f), x))
	}},
	{"fuse_attention_not", fuseAttention, func(b *graph.Builder) { // weights that are read, another axis, keys of a batch that may be another one, a value that is no mask
		x := b.Input("x", matrix(graph.Dims(2, 3, 4, 4)...))
		s := func(x, y *graph.Value) *graph.Value {
			return b.Op("MatMul", x, b.Op("Transpose", y, graph.Ints("perm", 0, 1, 3, 2)))
		}
		p := b.Op("Softmax", s(x, x))
		b.Output(p)
		b.Output(b.Op("MatMul", p, x))
		b.Output(b.Op("MatMul", b.Op("Softmax", s(b.Op("Abs", x), x), graph.Int("axis", 2)), x))
		other := b.Input("other", matrix(graph.Sym("n"), graph.Size(3), graph.Size(4), graph.Size(4)))
		b.Output(b.Op("MatMul", b.Op("Softmax", s(b.Op("Neg", x), other)), x))
		b.Output(b.Op("MatMul", b.Op("Softmax", b.Op("Mul", s(b.Op("Exp", x), x), b.Input("temperature", matrix(graph.Dims(3, 1, 1)...)))), x))
	}},
	{"merge_qkv", mergeQKV, func(b *graph.Builder) { // K has no bias; the second attention shares x for K and V alone
		x, z := b.Input("x", matrix(graph.Sym("batch"), graph.Sym("seq"), graph.Size(4))), b.Input("z", matrix(graph.Sym("batch"), graph.Size(3), graph.Size(4)))
		part := func(x *graph.Value, w float32, bias bool) *graph.Value {
			y := b.Op("MatMul", x, fill(b, w, 4, 6))
			if bias {
				y = b.Op("Add", fill(b, w, 6), y)
			}
			return b.Op("Transpose", b.Op("Reshape", y, b.Ints(0, 0, 2, 3)), graph.Ints("perm", 0, 2, 1, 3))
		}
		attend := func(q, k, v *graph.Value) {
			s := b.Op("MatMul", q, b.Op("Transpose", k, graph.Ints("perm", 0, 1, 3, 2)))
			b.Output(b.Op("MatMul", b.Op("Softmax", s), v))
		}
		attend(part(x, 0.1, true), part(x, 0.2, false), part(x, 0.3, true))
		attend(part(z, 0.1, true), part(x, 0.2, false), part(x, 0.3, false))
	}},
	{"merge_qkv_not", mergeQKV, func(b *graph.Builder) { // two values, widths that differ, a product that others read
		x, z := b.Input("x", matrix(graph.Dims(1, 3, 4)...)), b.Input("z", matrix(graph.Dims(1, 3, 4)...))
		part := func(x *graph.Value, w float32, heads int, read bool) *graph.Value {
			y := b.Op("MatMul", x, fill(b, w, 4, 3*heads))
			if read {
				b.Output(y)
			}
			return b.Op("Transpose", b.Op("Reshape", y, b.Ints(1, 3, heads, 3)), graph.Ints("perm", 0, 2, 1, 3))
		}
		attend := func(q, k, v *graph.Value) {
			s := b.Op("MatMul", q, b.Op("Transpose", k, graph.Ints("perm", 0, 1, 3, 2)))
			b.Output(b.Op("MatMul", b.Op("Softmax", s), v))
		}
		attend(part(x, 0.1, 2, false), part(x, 0.2, 2, false), part(z, 0.3, 2, false))
		attend(part(x, 0.1, 2, false), part(x, 0.2, 2, true), part(x, 0.3, 2, false))
		attend(b.Op("Expand", part(x, 0.1, 2, false), b.Ints(1, 2, 3, 3)), part(z, 0.2, 1, true), part(z, 0.3, 1, false))
	}},
	{"lower_attention", lowerAttention, func(b *graph.Builder) { // heads of tokens, a cache, groups; then heads first, as exporters write it
		batch := graph.Sym("batch")
		q, kv := b.Input("q", matrix(batch, graph.Sym("seq"), graph.Size(12))), b.Input("kv", matrix(batch, graph.Sym("seq"), graph.Size(6)))
		past := b.Input("past", matrix(batch, graph.Size(2), graph.Sym("past"), graph.Size(3)))
		out := b.OpN(3, "Attention", q, kv, kv, (*graph.Value)(nil), past, past, graph.Int("q_num_heads", 4), graph.Int("kv_num_heads", 2), graph.Int("is_causal", 1))
		for _, v := range out {
			b.Output(v)
		}
		x := b.Op("Transpose", b.Op("Reshape", q, b.Ints(0, 0, 4, 3)), graph.Ints("perm", 0, 2, 1, 3))
		see := b.Op("Cast", b.Input("see", matrix(batch, graph.Size(1), graph.Size(1), graph.Sym("seq"))), graph.Int("to", int(tensor.Bool)))
		y := b.Op("Attention", x, x, x, see, graph.Float("scale", 0.5))
		b.Output(b.Op("Reshape", b.Op("Transpose", y, graph.Ints("perm", 0, 2, 1, 3)), b.Ints(0, 0, 12)))
	}},
	{"lower_attention_not", lowerAttention, func(b *graph.Builder) { // the scores, a window, fewer keys in the mask, other lengths under a causal mask
		x, y := b.Input("x", matrix(graph.Dims(1, 2, 4, 3)...)), b.Input("y", matrix(graph.Dims(1, 2, 5, 3)...))
		out := b.OpN(4, "Attention", x, x, x)
		b.Output(out[0])
		b.Output(out[3])
		b.Output(b.Op("Attention", x, x, x, graph.Int("left_window_size", 1)))
		b.Output(b.Op("Attention", x, x, x, b.Input("mask", matrix(graph.Dims(4, 3)...))))
		b.Output(b.Op("Attention", x, y, y, graph.Int("is_causal", 1)))
	}},
}
