"""The cases of contrib_goldens.py."""
import numpy as np

_rows = []


def row(op, name, inputs, out=1, tol=0, fails=False, domain="com.microsoft", **attrs):
    """One case: inputs are arrays, None where one is absent; out is how many outputs are wanted, or a list of flags; fails says that an error must come."""
    flags = [True] * out if isinstance(out, int) else out
    _rows.append({"op": op, "name": name, "in": inputs, "attrs": attrs, "out": flags, "tol": tol, "fails": fails, "domain": domain})


_rng = np.random.RandomState(7)


def f(*shape, lo=-1.0, hi=1.0, dtype=np.float32):
    return np.round(_rng.uniform(lo, hi, shape), 2).astype(dtype)


def ints(lo, hi, *shape, dtype=np.int32):
    return _rng.randint(lo, hi, shape).astype(dtype)


def gelu():
    row("Gelu", "matrix", [f(2, 3, lo=-3, hi=3)])
    row("Gelu", "extremes", [np.array([-np.inf, -1e30, -0.0, 0, 1e30, np.inf, np.nan], np.float32)])
    row("Gelu", "empty", [f(0, 3)])
    row("BiasGelu", "rows", [f(2, 3, lo=-3, hi=3), f(3)])
    row("BiasGelu", "empty", [f(0, 3), f(3)])
    row("BiasGelu", "bias too short", [f(2, 3), f(2)], fails=True)
    row("FastGelu", "no bias", [f(2, 3, lo=-3, hi=3)])
    row("FastGelu", "bias", [f(2, 3, lo=-3, hi=3), f(3)])
    row("FastGelu", "bias is a matrix", [f(2, 3), f(2, 3)], fails=True)
    row("QuickGelu", "default", [f(2, 3, lo=-3, hi=3)])
    row("QuickGelu", "alpha", [f(2, 3, lo=-3, hi=3)], alpha=-0.5)
    row("QuickGelu", "extremes", [np.array([-1e30, 0, 1e30, np.nan], np.float32)])


def norms():
    x, s, g, b, d = f(2, 3, 4), f(2, 3, 4), f(4), f(4), f(4)
    op = "SkipLayerNormalization"
    row(op, "plain", [x, s, g])
    row(op, "all", [x, s, g, b, d], out=[True, False, False, True], epsilon=0.01)
    row(op, "bias without beta", [x, s, g, None, d])
    row(op, "skip of batch one", [x, s[:1], g, b])
    row(op, "skip without batch", [x, s[0], g, b])
    row(op, "two axes", [x[0], s[0], g, b])
    row(op, "constant rows", [x * 0 + 3, s * 0, g, b])
    row(op, "skip of other size", [x, f(2, 3, 5), g], fails=True)
    row(op, "gamma of other size", [x, s, f(5)], fails=True)
    op = "SkipSimplifiedLayerNormalization"
    row(op, "plain", [x, s, g])
    row(op, "all", [x, s, g, d], out=[True, False, False, True], epsilon=0.01)
    row(op, "skip without batch", [x, s[0], g])
    row(op, "gamma of other size", [x, s, f(3)], fails=True)
    op = "SimplifiedLayerNormalization"
    row(op, "plain", [x, g], domain="")
    row(op, "axis", [x, f(3, 4)], domain="", axis=1, epsilon=0.1)
    row(op, "deviation", [x, g], out=2, domain="")
    row(op, "empty", [f(0, 4), g], domain="")
    row(op, "axis outside", [x, g], domain="", axis=3, fails=True)


def embed():
    op = "EmbedLayerNormalization"
    ids, seg = ints(0, 5, 2, 3), ints(0, 2, 2, 3)
    w, p, s, g, b = f(5, 4), f(6, 4), f(2, 4), f(4), f(4)
    mask = np.array([[1, 1, 0], [1, 0, 1]], np.int32)
    row(op, "mask", [ids, seg, w, p, s, g, b, mask], out=2)
    row(op, "sum", [ids, seg, w, p, s, g, b, mask], out=[True, True, True], epsilon=0.1)
    row(op, "no mask", [ids, seg, w, p, s, g, b], out=2)
    row(op, "no segments", [ids, None, w, p, None, g, b, mask], out=2)
    row(op, "positions", [ids, seg, w, p, s, g, b, mask, ints(0, 6, 2, 3)], out=2)
    row(op, "positions of one row", [ids, seg, w, p, s, g, b, None, ints(0, 6, 1, 3)], out=2)
    row(op, "mask of other numbers", [ids, seg, w, p, s, g, b, np.array([[2, 1, 0], [-1, 0, 1]], np.int32)], out=2)
    row(op, "mask index type", [ids, seg, w, p, s, g, b, mask], out=2, mask_index_type=0)
    row(op, "word outside", [ids + 9, seg, w, p, s, g, b], out=2, fails=True)
    row(op, "too many positions", [ints(0, 5, 1, 7), ints(0, 2, 1, 7), w, p, s, g, b], out=2, fails=True)


def products():
    op = "FusedMatMul"
    row(op, "alpha", [f(2, 3), f(3, 4)], alpha=0.5)
    row(op, "transposed", [f(3, 2), f(4, 3)], transA=1, transB=1)
    row(op, "stack", [f(2, 3, 2, 4), f(2, 3, 5, 4)], transB=1)
    row(op, "broadcast", [f(3, 2, 4), f(4, 5)], alpha=-1.0)
    row(op, "batch of A inside", [f(3, 2, 4), f(2, 4, 5)], transBatchA=1)
    row(op, "batch of A inside, transposed", [f(4, 2, 3), f(2, 4, 5)], transBatchA=1, transA=1)
    row(op, "batch of B inside", [f(2, 3, 4), f(4, 2, 5)], transBatchB=1)
    row(op, "batches inside", [f(3, 2, 2, 4), f(5, 2, 2, 4)], transBatchA=1, transBatchB=1, transB=1)
    row(op, "vector", [f(3), f(3, 2)], transA=1)
    row(op, "empty", [f(0, 3), f(3, 2)])
    row(op, "inner extents", [f(2, 3), f(2, 3)], fails=True)
    op = "FusedGemm"
    a, b, c = f(2, 3), f(3, 4), f(4)
    row(op, "relu", [a, b, c], activation="Relu")
    row(op, "leaky", [a, b, c], activation="LeakyRelu", activation_alpha=0.3)
    row(op, "factors", [a.T.copy(), b.T.copy(), c], activation="Tanh", transA=1, transB=1, alpha=0.5, beta=2.0)
    row(op, "sigmoid without C", [a, b], activation="Sigmoid")
    row(op, "hard sigmoid", [a, b, c], activation="HardSigmoid", activation_alpha=0.4, activation_beta=0.3)
    row(op, "elu", [a, b, c], activation="Elu", activation_alpha=0.7)
    row(op, "softplus", [a, b, c], activation="Softplus")
    row(op, "softsign", [a, b, c], activation="Softsign")
    row(op, "thresholded", [a, b, c], activation="ThresholdedRelu", activation_alpha=0.1)
    row(op, "unknown", [a, b, c], activation="Nothing", fails=True)
    op = "FusedConv"
    x, w, b = f(1, 2, 4, 4), f(3, 2, 3, 3), f(3)
    row(op, "relu", [x, w, b], activation="Relu")
    row(op, "leaky", [x, w, b], activation="LeakyRelu", activation_params=[0.2], pads=[1, 1, 1, 1])
    row(op, "clip", [x, w], activation="Clip", activation_params=[-0.5, 0.5], strides=[2, 2], auto_pad="SAME_UPPER")
    row(op, "hard sigmoid", [x, w, b], activation="HardSigmoid", activation_params=[0.2, 0.5])
    row(op, "sum", [x, w, b, f(1, 3, 2, 2)], activation="Relu")
    row(op, "no bias, sum", [x, f(2, 1, 3, 3), None, f(1, 2, 2, 2)], activation="Tanh", group=2)
    row(op, "inner extents", [x, f(3, 3, 3, 3)], activation="Relu", fails=True)
    row("NhwcMaxPool", "window", [ints(0, 255, 1, 4, 4, 2, dtype=np.uint8)], kernel_shape=[2, 2], strides=[2, 2])
    row("NhwcMaxPool", "padded", [ints(-128, 127, 1, 5, 4, 2, dtype=np.int8)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
    row("Inverse", "stack", [f(2, 3, 3)], tol=1e-5)
    row("Inverse", "one", [f(2, 1, 1)])
    row("Inverse", "float64", [f(3, 3, dtype=np.float64)])
    row("Inverse", "not square", [f(2, 3)], fails=True)


def attention():
    op = "Attention"
    B, S, D, N, P = 2, 3, 4, 2, 2
    x, w, b = f(B, S, D), f(D, 3 * D), f(3 * D)
    past = f(2, B, N, P, D // N)
    n = {"num_heads": N}
    row(op, "plain", [x, w, b], **n)
    row(op, "no bias", [x, w], **n)
    row(op, "lengths", [x, w, b, np.array([2, 3], np.int32)], **n)
    row(op, "nothing counts", [x, w, b, np.array([0, 3], np.int32)], tol=1e-3, **n)
    row(op, "starts and ends", [x, w, b, np.array([2, 3, 1, 0], np.int32)], **n)
    row(op, "mask of keys", [x, w, b, np.array([[1, 0, 1], [1, 1, 0]], np.int32)], **n)
    row(op, "mask of pairs", [x, w, b, ints(0, 2, B, S, S)], tol=1e-3, **n)
    row(op, "filter value", [x, w, b, np.array([[1, 0, 1], [1, 1, 0]], np.int32)], mask_filter_value=-1.0, **n)
    row(op, "causal", [x, w, b], unidirectional=1, **n)
    row(op, "causal and mask", [x, w, b, np.array([[0, 1, 1], [1, 1, 0]], np.int32)], unidirectional=1, tol=1e-3, **n)
    row(op, "scale", [x, w, b], scale=2.0, **n)
    row(op, "bias of scores", [x, w, b, None, None, f(B, N, S, S)], **n)
    row(op, "one bias of scores", [x, w, b, None, None, f(1, 1, S, S)], **n)
    row(op, "present", [x, w, b], out=2, **n)
    row(op, "past", [x, w, b, None, past], out=2, unidirectional=1, **n)
    row(op, "past and mask", [x, w, b, np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]], np.int32), past], out=2, unidirectional=1, tol=1e-3, **n)
    row(op, "past, mask, all keys", [x, w, b, np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]], np.int32), past], out=2, **n)
    row(op, "past and lengths", [x, w, b, np.array([4, 5], np.int32), past], out=2, **n)
    row(op, "sizes", [x, f(D, 4 + 4 + 6), f(14)], qkv_hidden_sizes=[4, 4, 6], **n)
    row(op, "weights of other size", [x, f(5, 12), b], fails=True, **n)
    row(op, "heads that do not divide", [x, w, b], fails=True, num_heads=3)


def multi_head():
    op = "MultiHeadAttention"
    B, S, L, D, N, P = 2, 3, 4, 4, 2, 2
    q, k, v, b = f(B, S, D), f(B, L, D), f(B, L, 6), f(D + D + 6)
    pk, pv = f(B, N, P, 2), f(B, N, P, 2)
    n = {"num_heads": N}
    row(op, "plain", [q, k, v], **n)
    row(op, "bias", [q, k, v, b], **n)
    row(op, "keys that count", [q, k, v, b, np.array([[1, 1, 0, 0], [1, 1, 1, 0]], np.int32)], **n)
    row(op, "lengths", [q, k, v, b, np.array([2, 4], np.int32)], **n)
    row(op, "mask of pairs", [q, k, v, None, ints(0, 2, B, S, L)], tol=1e-3, **n)
    row(op, "bias of scores", [q, k, v, b, None, f(1, N, S, L)], **n)
    row(op, "bias of scores of batches", [q, k, v, b, None, f(B, 1, S, L)], scale=0.3, **n)
    row(op, "causal", [q, q, q], unidirectional=1, **n)
    row(op, "present", [q, k, k, None, None, None], out=[True, True, True], **n)
    row(op, "past", [q, k, k, None, None, None, pk, pv], out=3, **n)
    row(op, "past, bias, mask", [q, k, k, f(12), np.array([[0, 1, 1, 1, 0, 1], [1] * 6], np.int32), None, pk, pv], out=3, **n)
    row(op, "past, causal", [q, q, q, None, None, None, pk, pv], out=3, unidirectional=1, **n)
    row(op, "keys of an encoder", [q, f(B, N, L, 2), f(B, N, L, 2)], **n)
    row(op, "keys of an encoder, bias", [q, f(B, N, L, 2), f(B, N, L, 2), f(12)], **n)
    row(op, "keys missing", [q], fails=True, **n)
    row(op, "heads that do not divide", [q, k, v], fails=True, num_heads=3)


def rotary():
    op = "RotaryEmbedding"
    cos, sin = f(8, 2), f(8, 2)
    pos = ints(0, 8, 2, 3, dtype=np.int64)
    row(op, "ids", [f(2, 3, 8), pos, cos, sin])
    row(op, "interleaved", [f(2, 3, 8), pos, cos, sin], interleaved=1)
    row(op, "offset", [f(2, 3, 8), np.array([4], np.int64), cos, sin])
    row(op, "heads apart", [f(2, 2, 3, 4), pos, cos, sin])
    row(op, "a part of each head", [f(2, 3, 12), pos, cos, sin], num_heads=2, rotary_embedding_dim=4)
    row(op, "scale", [f(2, 3, 8), pos, cos, sin], scale=3.0)
    row(op, "position outside", [f(2, 3, 8), pos + 8, cos, sin], fails=True)
    op = "GroupQueryAttention"
    B, S, N, K, H, P = 2, 3, 4, 2, 16, 5
    i32 = lambda *v: np.array(v, np.int32)
    n = {"num_heads": N, "kv_num_heads": K}
    q, k, v = f(B, S, N * H), f(B, S, K * H), f(B, S, K * H)
    none = [np.zeros((B, K, 0, H), np.float32)] * 2
    row(op, "begin", [q, k, v, None, None, i32(2, 2), i32(3)], out=3, **n)
    row(op, "begin with empty past", [q, k, v] + none + [i32(2, 2), i32(3)], out=3, **n)
    row(op, "begin, rotary", [q, k, v, None, None, i32(2, 2), i32(3), f(8, 8), f(8, 8)], out=3, do_rotary=1, **n)
    row(op, "begin, all in one", [f(B, S, (N + 2 * K) * H), None, None, None, None, i32(2, 2), i32(3), f(8, 8), f(8, 8)], out=3, do_rotary=1, rotary_interleaved=1, **n)
    q1, k1, v1 = f(B, 1, N * H), f(B, 1, K * H), f(B, 1, K * H)
    past = [f(B, K, P, H), f(B, K, P, H)]
    row(op, "one token", [q1, k1, v1] + past + [i32(5, 5), i32(6)], out=3, **n)
    row(op, "rotary", [q1, k1, v1] + past + [i32(5, 5), i32(6), f(8, 8), f(8, 8)], out=3, do_rotary=1, **n)
    row(op, "batches of other lengths", [q1, k1, v1] + past + [i32(3, 5), i32(6), f(8, 8), f(8, 8)], out=3, do_rotary=1, **n)
    one = lambda *a: [t[:1] for t in a]
    row(op, "several tokens", one(q, k, v, *past) + [i32(7), i32(8), f(9, 8), f(9, 8)], out=3, do_rotary=1, **n)
    row(op, "window", [q1, k1, v1] + past + [i32(5, 5), i32(6)], out=3, local_window_size=2, **n)
    row(op, "window at the beginning", [q, k, v, None, None, i32(2, 2), i32(3)], out=3, local_window_size=2, **n)
    row(op, "softcap and scale", [q1, k1, v1] + past + [i32(5, 5), i32(6)], out=3, softcap=0.5, scale=2.0, **n)
    row(op, "smooth", [q, k, v, None, None, i32(2, 2), i32(3)], out=3, smooth_softmax=1, **n)
    row(op, "sink", [q1, k1, v1] + past + [i32(5, 5), i32(6), None, None, None, None, f(N)], out=3, **n)
    row(op, "bias of scores", [q, k, v, None, None, i32(2, 2), i32(3), None, None, None, f(1, N, S, S)], out=3, **n)
    row(op, "bias of scores, softcap", [q, k, v, None, None, i32(2, 2), i32(3), None, None, None, f(B, 1, S, S, hi=3)], out=3, softcap=0.5, **n)
    row(op, "positions", [q, k, v, None, None, i32(2, 2), i32(3), f(8, 8), f(8, 8), np.array([[3, 4, 5]] * 2, np.int64)], out=3, do_rotary=1, **n)
    row(op, "position of one token", [q1, k1, v1] + past + [i32(5, 5), i32(6), f(8, 8), f(8, 8), np.array([[7], [2]], np.int64)], out=3, do_rotary=1, **n)
    row(op, "all keys", [q, k, v, None, None, i32(2, 2), i32(3)], out=3, causal=0, **n)
    row(op, "heads that do not divide", [q, k, v, None, None, i32(2, 2), i32(3)], out=3, num_heads=3, kv_num_heads=2, fails=True)


def cases():
    for make in (gelu, norms, embed, products, attention, multi_head, rotary):
        make()
    return _rows
