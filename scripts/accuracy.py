#!/usr/bin/env python3
"""Errors of onnxrun and of ONNX Runtime against float64, over many inputs.

    pip install onnx onnxruntime numpy
    accuracy.py PROG FOLDER NAME… [--inputs 20] [--exact] [--noise REL]

Each FOLDER/NAME has model.onnx and test_data_set_0/input_0.pb …  The reference is the model with all its float32 in float64, run by PROG. One input says
little where rounding decides, as in deep networks without trained weights: the first input is the one that the folder has, the others are drawn
with its mean and deviation; with --noise, it is multiplied by 1 ± REL instead. An error is the largest, or the root of the mean square, of an output's deviations, as a share
of its largest value; printed are medians over the inputs and the quartiles of the ratio onnxrun / ONNX Runtime.
"""
import argparse
import os
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, numpy_helper


def widen(graph):
    """Turns float32 into float64, everywhere in graph but where the standard wants float32: the extents of a Resize."""
    narrow = {x for n in graph.node if n.op_type == "Resize" for x in n.input[1:]}

    def tensor(t):
        if t.data_type == TensorProto.FLOAT:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float64), t.name))

    for t in graph.initializer:
        if t.name not in narrow:
            tensor(t)
    for v in [*graph.input, *graph.output]:
        if v.type.tensor_type.elem_type == TensorProto.FLOAT:
            v.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    for node in graph.node:
        if narrow.intersection(node.output):
            continue
        for a in node.attribute:
            if a.type == onnx.AttributeProto.TENSOR:
                tensor(a.t)
            elif a.type == onnx.AttributeProto.GRAPH:
                widen(a.g)
            elif node.op_type == "Cast" and a.name == "to" and a.i == TensorProto.FLOAT:
                a.i = TensorProto.DOUBLE


def run(prog, model, feeds, flags=()):
    with tempfile.TemporaryDirectory() as tmp:
        for i, x in enumerate(feeds.values()):
            with open(f"{tmp}/input_{i}.pb", "wb") as f:
                f.write(numpy_helper.from_array(x).SerializeToString())
        p = subprocess.run([prog, "run", model, "--data", tmp, "--save", f"{tmp}/out.npz", *flags], capture_output=True, text=True)
        if p.returncode:
            raise SystemExit(p.stderr)
        return dict(np.load(f"{tmp}/out.npz"))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("prog")
    p.add_argument("root")
    p.add_argument("names", nargs="+")
    p.add_argument("--inputs", type=int, default=20)
    p.add_argument("--exact", action="store_true", help="convolutions without Winograd's algorithm")
    p.add_argument("--noise", type=float)
    a = p.parse_args()
    ort.set_default_logger_severity(3)
    for name in a.names:
        model = f"{a.root}/{name}/model.onnx"
        m = onnx.load(model)
        weights = {t.name for t in m.graph.initializer}
        first = {}
        for i, v in enumerate(v for v in m.graph.input if v.name not in weights):
            with open(f"{a.root}/{name}/test_data_set_0/input_{i}.pb", "rb") as f:
                first[v.name] = numpy_helper.to_array(TensorProto.FromString(f.read()))
        widen(m.graph)
        with tempfile.TemporaryDirectory() as tmp:
            wide = f"{tmp}/model.onnx"
            onnx.save(m, wide)
            judge(a, name, model, wide, first)


def judge(a, name, model, wide, first):
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    errors = []  # (ours, ORT's), each (largest, rms)
    for k in range(a.inputs):
        feeds = dict(first)
        for n, x in first.items():
            if k and x.dtype == np.float32:
                y = x * (1 + a.noise * rng.choice([-1, 1], x.shape)) if a.noise else rng.normal(x.mean(), x.std(), x.shape)
                feeds[n] = y.astype(np.float32)
        want = run(a.prog, wide, {n: x.astype(np.float64) if x.dtype == np.float32 else x for n, x in feeds.items()})
        ours = run(a.prog, model, feeds, ["--exact"] if a.exact else [])
        theirs = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
        out = next(iter(want))
        top = np.abs(want[out]).max()
        errors.append([(np.abs(d).max() / top, np.sqrt(np.mean(d * d)) / top) for d in (x[out] - want[out] for x in (ours, theirs))])
    e = np.array(errors)
    for i, kind in enumerate(("largest", "rms")):
        ratio = np.quantile(e[:, 0, i] / e[:, 1, i], (0, .25, .5, .75, 1))
        print(f"{name:22} {kind:8} onnxrun {np.median(e[:, 0, i]):.2e}  ORT {np.median(e[:, 1, i]):.2e}  "
              f"ratio of medians {np.median(e[:, 0, i]) / np.median(e[:, 1, i]):.2f}  ratios {' '.join(f'{r:.2f}' for r in ratio)}  first {e[0, 0, i] / e[0, 1, i]:.2f}", flush=True)


if __name__ == "__main__":
    main()
