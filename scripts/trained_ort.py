#!/usr/bin/env python3
"""Fine-tune models in every way, and hold what is saved against ONNX Runtime.

    pip install onnx onnxruntime numpy
    python scripts/trained_ort.py [--zoo FOLDER ...] [--models PATTERN] [--ways PATTERN]

The models are those of package models, the layers of models/nn, and those of each FOLDER: folders with model.onnx and test_data_set_0. Each is saved as it is, and trained
for three steps in each of these ways, as far as it is a model for them: as a whole (with the batch's statistics in BatchNormalization, where there is some), with a new
head, by LoRA, DoRA and IA3, merged and not, by prompt and prefix tuning, pruned, for int8. Of every file that comes out

  * onnx.checker approves, with inference of shapes;
  * `onnxrun run` gives the bits of the session that trained it;
  * ONNX Runtime gives the same up to 1e-5 of the largest element of each output, integers exactly. Single elements are not held against themselves: near zero they are what
    rounding leaves of large sums.

Where ONNX Runtime differs by more, both are held against the same model in float64 (the file with other types, run by onnxrun, whose float64 kernels share nothing with
those of float32), for twenty inputs: a single one tells little, as a handful of rounding errors early in a deep net decides. The judgement is then

  rounding  both compute the model up to rounding, onnxrun with at most twice the errors of ONNX Runtime; or onnxrun chooses as float64 does (boxes in the order of their
            scores), and ONNX Runtime does not;
  unstable  the model rounds (to int8, to an order of scores), and what is near a boundary falls to one side or the other: ONNX Runtime differs from itself by at least half
            as much when weights and inputs move by the last bit of float32;
  refused   ONNX Runtime does not run the model before it was trained either; onnx.reference, which does, agrees to 1e-5.

Everything else is BAD.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = 1e-5


def collect(folder, into):
    """A model with its inputs as NAME.onnx and NAME.npz."""
    data = folder / "test_data_set_0"
    model = onnx.load(str(folder / "model.onnx"))
    weights = {w.name for w in model.graph.initializer}
    if any(w.data_type == TensorProto.BFLOAT16 for w in model.graph.initializer):
        raise ValueError("ONNX Runtime has hardly any kernels of bfloat16")
    inputs = [i.name for i in model.graph.input if i.name not in weights]
    arrays = {}
    for k, name in enumerate(inputs):
        t = onnx.TensorProto()
        t.ParseFromString((data / f"input_{k}.pb").read_bytes())
        a = numpy_helper.to_array(t)
        arrays["in/" + name] = a.astype(str) if a.dtype == object else a
    onnx.save(model, str(into / (folder.name + ".onnx")))
    np.savez(into / (folder.name + ".npz"), **arrays)


def exports(package, test, into):
    """What a Go test leaves in the folder ONNXRUN_EXPORT."""
    subprocess.run(["go", "test", package, "-run", test, "-count=1"], cwd=ROOT, env={**os.environ, "ONNXRUN_EXPORT": str(into)}, check=True, stdout=sys.stderr)


def ort(file, feeds, optimize=True):
    """Outputs by name. Products with int4 weights are computed in float32, as the model says: ONNX Runtime would round what they multiply to int8."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


class Run:
    """The command onnxrun run."""

    def __init__(self, folder):
        self.folder, self.program = folder, folder / "onnxrun"
        subprocess.run(["go", "build", "-o", str(self.program), "./cmd/onnxrun"], cwd=ROOT, check=True)

    def __call__(self, file, feeds):
        given, out = self.folder / "given.npz", self.folder / "out.npz"
        np.savez(given, **feeds)
        p = subprocess.run([str(self.program), "run", str(file), *([str(given)] if feeds else []), "--save", str(out)], capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(p.stderr.strip())
        with np.load(out) as arrays:
            return dict(arrays)


def differ(want, got):
    """The largest difference of any output, relative to its largest element; infinite where types, sizes or integers differ."""
    worst = 0.0
    for name, a in want.items():
        b = got[name]
        if a.shape != b.shape or a.dtype.kind != b.dtype.kind and not {a.dtype.kind, b.dtype.kind} <= set("OUS"):
            return np.inf
        if a.dtype.kind != "f":
            if a.dtype.kind in "OUS":
                a, b = a.astype(str), b.astype(str)
            if (a != b).any():
                return np.inf
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)) or not np.array_equal(a[~np.isfinite(a)], b[~np.isfinite(a)], equal_nan=True):
            return np.inf
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        if a.size:
            worst = max(worst, np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))
    return worst


# Inputs that are float32 in every model.
NARROW = {"Resize": [2], "Upsample": [1], "NonMaxSuppression": [0, 1, 3, 4]}


FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def widen(graph):
    """Float32 and float16 become float64."""

    def tensor(t):
        if t.data_type in FLOATS:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float64), t.name))

    for t in graph.initializer:
        tensor(t)
    for v in [*graph.input, *graph.output]:
        if v.type.tensor_type.elem_type in FLOATS:
            v.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    nodes = []
    for n in graph.node:
        for a in n.attribute:
            if a.type == onnx.AttributeProto.TENSOR:
                tensor(a.t)
            elif a.type == onnx.AttributeProto.GRAPH:
                widen(a.g)
            elif n.op_type == "Cast" and a.name == "to" and a.i in FLOATS:
                a.i = TensorProto.DOUBLE
        for i in NARROW.get(n.op_type, []):
            if i < len(n.input) and n.input[i]:
                narrow = f"{n.output[0]}/{i}"
                nodes.append(onnx.helper.make_node("Cast", [n.input[i]], [narrow], to=TensorProto.FLOAT))
                n.input[i] = narrow
        nodes.append(n)
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(nodes)


def exactly(file, run):
    """What the model computes in float64, as a function."""
    model = onnx.load(str(file))
    widen(model.graph)
    wide = run.folder / "wide.onnx"
    onnx.save(model, str(wide))
    return lambda feeds: run(wide, {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in feeds.items()})


def rounding(file, feeds, run):
    """The errors of onnxrun and ONNX Runtime against float64 for each of twenty inputs, the given one and others of its elements in another order: the mean over all elements
    of all outputs, relative to the largest of each; of those the geometric mean. Inputs for which one of them takes another decision than float64, as to the order of boxes,
    do not count, if onnxrun has at most twice as many of those as ONNX Runtime."""
    wide = exactly(file, run)
    rng = np.random.default_rng(0)
    logs, other = [], np.zeros(2)
    half = any(t.data_type == TensorProto.FLOAT16 for t in onnx.load(str(file), load_external_data=False).graph.initializer)
    otherwise = 0.1 if half else 1e-3
    for k in range(20):
        if k > 0:
            feeds = {n: rng.permutation(v.ravel()).reshape(v.shape) if v.dtype.kind == "f" else v for n, v in feeds.items()}
        exact, ours, theirs = wide(feeds), run(file, feeds), ort(file, feeds)
        decides = np.array([differ(exact, got) > otherwise for got in (ours, theirs)])
        other += decides
        if decides.any():
            continue
        exact = {n: a for n, a in exact.items() if a.dtype.kind == "f" and a.size}
        logs.append([np.log(np.mean([np.abs(got[n] - a).mean() / max(np.abs(a).max(), 1e-30) for n, a in exact.items()]) + 1e-30) for got in (ours, theirs)])
    if not logs or other[0] > 2 * other[1]:
        raise RuntimeError(f"other decisions than float64 for {other[0]:.0f} of 20 inputs, ONNX Runtime for {other[1]:.0f}")
    return np.exp(np.mean(logs, axis=0))


def unrest(file, feeds, want, optimize):
    """How much ONNX Runtime differs from want, what it gives for feeds, when weights and inputs move up or down to the next number of float32, or stay."""
    rng = np.random.default_rng(0)

    def nudge(a):
        if a.dtype != np.float32 or a.ndim < 2:  # numbers and lists may be settings
            return a
        return np.choose(rng.integers(3, size=a.shape), [a, np.nextafter(a, np.float32(-np.inf)), np.nextafter(a, np.float32(np.inf))])

    worst = 0.0
    for _ in range(5):
        model = onnx.load(str(file))
        for t in model.graph.initializer:
            t.CopyFrom(numpy_helper.from_array(nudge(numpy_helper.to_array(t)), t.name))
        worst = max(worst, differ(want, ort(model.SerializeToString(), {n: nudge(a) for n, a in feeds.items()}, optimize)))
    return worst


def judge(file, original, run):
    """A word and what there is to say of it."""
    with np.load(file.with_suffix(".npz")) as arrays:
        feeds = {n[3:]: arrays[n] for n in arrays if n.startswith("in/")}
        ours = {n[4:]: arrays[n] for n in arrays if n.startswith("out/")}
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except Exception as e:
        try:
            onnx.checker.check_model(str(original), full_check=True)
        except Exception:
            pass  # the checker knows no better before the training
        else:
            return "BAD", "the checker: " + str(e).strip().splitlines()[0]
    quantized = any(n.op_type == "QuantizeLinear" for n in onnx.load(str(file), load_external_data=False).graph.node)
    optimize = not quantized  # ONNX Runtime's optimizations of quantized models round elsewhere, and biases, too
    again = run(file, feeds)
    for name, a in ours.items():
        if a.tobytes() != again[name].tobytes():
            return "BAD", f"onnxrun run computes another {name}"
    try:
        want = ort(file, feeds, optimize)
    except Exception as e:
        try:
            ort(original, feeds)
        except Exception:
            names = list(ours)
            d = differ(dict(zip(names, ReferenceEvaluator(str(file)).run(names, feeds))), ours)
            return ("refused" if d <= TOLERANCE else "BAD"), f"by ONNX Runtime, trained or not; onnx.reference differs by {d:.1e}"
        return "BAD", str(e).splitlines()[0]
    d = differ(want, ours)
    if d <= TOLERANCE:
        return "agrees", f"{d:.1e}"
    if not quantized and not np.isfinite(d) and (e := differ(exactly(file, run)(feeds), ours)) <= TOLERANCE:
        return "rounding", f"onnxrun differs from float64 by {e:.1e}, and ONNX Runtime takes another decision"
    if quantized or not np.isfinite(d):
        u = unrest(file, feeds, want, optimize)
        return ("unstable" if d <= 2 * u else "BAD"), f"{d:.1e}; ONNX Runtime from itself, when the last bits change: {u:.1e}"
    try:
        ours, theirs = rounding(file, feeds, run)
    except Exception as e:
        return "BAD", f"{d:.1e}; {e}"
    return ("rounding" if ours <= 2 * theirs else "BAD"), f"{d:.1e}; mean errors against float64: onnxrun {ours:.1e}, ONNX Runtime {theirs:.1e}"


def tune(test, name, way, models, trained):
    """Fine-tunes one model in the ways that match, and returns the ways it is no model for with the reasons."""
    env = {**os.environ, "ONNXRUN_MODELS": str(models), "ONNXRUN_EXPORT": str(trained)}
    p = subprocess.run([str(test), "-test.run", f"^TestTrainedExports$/^{re.escape(name)}$/{way}", "-test.v"], cwd=ROOT / "finetune", env=env, capture_output=True, text=True)
    left = re.findall(r"=== RUN +TestTrainedExports/\S+/(\S+)\n\s+exported_test.go:\d+: (.*)", p.stdout)
    if p.returncode:
        raise RuntimeError(p.stdout[-2000:] + p.stderr[-2000:])
    return left


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--zoo", nargs="*", default=[], help="folders of folders with model.onnx and test_data_set_0")
    ap.add_argument("--models", default="", help="a regular expression for names of models")
    ap.add_argument("--ways", default="", help="a regular expression for ways: ^lora")
    ap.add_argument("--skipped", action="store_true", help="list the ways that a model is not for, too")
    args = ap.parse_args()
    words = ["agrees", "rounding", "unstable", "refused", "BAD"]
    table = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        models, trained, test = tmp / "models", tmp / "trained", tmp / "finetune.test"
        models.mkdir()
        run = Run(tmp)
        subprocess.run(["go", "test", "-c", "-o", str(test), "./finetune"], cwd=ROOT, check=True)
        exports("./models", "TestModels", models)
        exports("./models/nn", "TestGoldens", models)
        for zoo in args.zoo:
            for folder in sorted(pathlib.Path(zoo).iterdir()):
                if (folder / "model.onnx").exists() and (folder / "test_data_set_0").exists() and re.search(args.models, folder.name):
                    try:
                        collect(folder, models)
                    except Exception as e:
                        print(f"{folder.name}: left out: {e}")
        for model in sorted(models.glob("*.onnx")):
            if not re.search(args.models, model.stem):
                continue
            trained.mkdir()
            try:
                left = tune(test, model.stem, args.ways, models, trained)
            except Exception as e:
                left = []
                table["training"]["BAD"] += 1
                print(f"{model.stem}: BAD: {e}", flush=True)
            for way, reason in left:
                if args.skipped or way == "whole":
                    print(f"{model.stem}, {way}: {reason[:160]}", flush=True)
            for file in sorted(trained.glob("*.npz")):
                way = file.stem.rsplit("+", 1)[1]
                try:
                    word, said = judge(file.with_suffix(".onnx"), model, run)
                except Exception as e:
                    word, said = "BAD", str(e)
                table[way][word] += 1
                if word != "agrees":
                    print(f"{model.stem}, {way}: {word}: {said}", flush=True)
            shutil.rmtree(trained)
    print(f"{'':24}" + "".join(f"{w:>10}" for w in words))
    for way, counts in sorted(table.items()):
        print(f"{way:24}" + "".join(f"{counts[w]:10}" for w in words))
    sys.exit(not table or any(c["BAD"] for c in table.values()))


if __name__ == "__main__":
    main()
