#!/usr/bin/env python3
"""Train models with onnxrun, and compare what is saved with ONNX Runtime.

    pip install onnx onnxruntime numpy
    python scripts/trained_ort.py [--zoo FOLDER ...]

The models are those of package models, and of each FOLDER: folders with model.onnx and test_data_set_0. Each is trained for a few steps as a whole, and by adapters
that are merged. A difference is relative to the largest element of an output. Models that do not train are listed with the reason.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent


def collect(folder, into):
    """A model with its inputs as NAME.onnx and NAME.npz; models of other inputs than arrays are left out."""
    data = folder / "test_data_set_0"
    model = onnx.load(str(folder / "model.onnx"))
    weights = {w.name for w in model.graph.initializer}
    inputs = [i.name for i in model.graph.input if i.name not in weights]
    arrays = {}
    for k, name in enumerate(inputs):
        t = onnx.TensorProto()
        t.ParseFromString((data / f"input_{k}.pb").read_bytes())
        arrays["in/" + name] = numpy_helper.to_array(t)
    onnx.save(model, str(into / (folder.name + ".onnx")))
    np.savez(into / (folder.name + ".npz"), **arrays)


def go_test(package, run, **env):
    p = subprocess.run(["go", "test", package, "-run", run, "-count=1", "-v", "-timeout=60m"], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True)
    if p.returncode != 0:
        print(p.stdout[-4000:], p.stderr[-2000:])
    return p.stdout, p.returncode != 0


def compare(file):
    """The largest difference, or why there is none."""
    try:
        onnx.checker.check_model(str(file))
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        arrays = np.load(file.with_suffix(".npz"))
        names = [o.name for o in session.get_outputs()]
        want = session.run(names, {i.name: arrays["in/" + i.name] for i in session.get_inputs()})
    except Exception as e:
        return str(e).splitlines()[0]
    worst = 0.0
    for name, a in zip(names, want):
        b = arrays["out/" + name]
        if a.size == 0:
            continue
        if a.dtype.kind != "f":
            worst = max(worst, float((a != b).any()))
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        worst = max(worst, np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))
    return worst


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--zoo", nargs="*", default=[], help="folders of folders with model.onnx and test_data_set_0")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        models, trained = pathlib.Path(tmp, "models"), pathlib.Path(tmp, "trained")
        models.mkdir()
        trained.mkdir()
        _, failed = go_test("./models", "TestModels", ONNXRUN_EXPORT=str(models))
        for zoo in args.zoo:
            for folder in sorted(pathlib.Path(zoo).iterdir()):
                if (folder / "model.onnx").exists() and (folder / "test_data_set_0").exists():
                    try:
                        collect(folder, models)
                    except Exception as e:
                        print(f"{folder.name}: left out: {e}")
        out, bad = go_test("./finetune", "TestTrainedExports", ONNXRUN_MODELS=str(models), ONNXRUN_EXPORT=str(trained))
        for reason in re.findall(r"exported_test.go:\d+: (.*)\n\s*--- SKIP: TestTrainedExports/(\S+)", out):
            print(f"{reason[1]}: {reason[0]}")
        for name, reason in re.findall(r"--- SKIP: TestTrainedExports/(\S+).*\n\s+exported_test.go:\d+: (.*)", out):
            print(f"{name}: {reason[:160]}")
        wrong = count = 0
        for file in sorted(trained.glob("*.onnx")):
            if not file.with_suffix(".npz").exists():
                continue
            worst = compare(file)
            count += 1
            ok = isinstance(worst, float) and worst < 1e-5
            wrong += not ok
            print(f"{'   ' if ok else 'BAD'} {file.stem}: {worst if isinstance(worst, str) else format(worst, '.1e')}")
        print(f"{count} trained models, {wrong} differ")
        sys.exit(bool(failed or bad or wrong or not count))


if __name__ == "__main__":
    main()
