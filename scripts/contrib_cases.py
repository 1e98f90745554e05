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


def cases():
    for make in (gelu, norms, embed, products):
        make()
    return _rows
