"""Goldens of ONNX Runtime's own operators: each case is one node, run by ONNX Runtime with its optimizations off.

    python scripts/contrib_goldens.py       # writes runtime/ops/testdata/contrib/OPERATOR.json

Needs onnx, onnxruntime and numpy. A case that ONNX Runtime refuses is written without outputs: the test wants an error there, too.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

import contrib_cases

OUT = pathlib.Path(__file__).resolve().parent.parent / "runtime/ops/testdata/contrib"
SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "int8": "i8", "uint8": "u8", "int16": "i16", "uint16": "u16",
         "int32": "i32", "int64": "i64", "bool": "bool", "int4": "i4", "uint4": "u4"}


def number(v):
    v = float(f"{float(v):.7g}")
    if not np.isfinite(v):
        return "nan" if np.isnan(v) else "inf" if v > 0 else "-inf"
    return int(v) if v == int(v) else v


def tensor(a):
    if a is None:
        return None
    return {"type": SHORT[a.dtype.name], "shape": list(a.shape), "data": [number(v) for v in a.astype(np.float64).ravel()]}


def run(case):
    op, name, inputs, attrs, outputs = case["op"], case["name"], case["in"], case["attrs"], case["out"]
    domain = case["domain"]
    feeds, ins = {}, []
    for i, a in enumerate(inputs):
        if a is None:
            ins.append("")
            continue
        ins.append(f"x{i}")
        feeds[f"x{i}"] = a
    outs = [f"y{i}" if want else "" for i, want in enumerate(outputs)]
    node = helper.make_node(op, ins, outs, name=op, domain=domain, **attrs)
    types = {k: helper.np_dtype_to_tensor_dtype(v.dtype) for k, v in feeds.items()}
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(k, types[k], v.shape) for k, v in feeds.items()],
                              [onnx.ValueInfoProto(name=o) for o in outs if o])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        if any(v.dtype.name in ("int4", "uint4") for v in feeds.values()):
            feeds = {k: onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(pack4(v), types[k]) if v.dtype.name in ("int4", "uint4")
                     else onnxruntime.OrtValue.ortvalue_from_numpy(v) for k, v in feeds.items()}
            got = [v.numpy() for v in session.run_with_ort_values(None, feeds)]
        else:
            got = session.run(None, feeds)
    except Exception as e:  # noqa: BLE001
        print(f"{op} {name}: {str(e).splitlines()[0][:200]}", file=sys.stderr)
        return None
    got = iter(got)
    return [next(got) if want else None for want in outputs]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    names = sys.argv[1:]
    rows = {}
    for case in contrib_cases.cases():
        if names and case["op"] not in names:
            continue
        want = run(case)
        if want is None and not case["fails"]:
            print(f"  {case['op']} {case['name']} was to work", file=sys.stderr)
            continue
        if want is not None and case["fails"]:
            print(f"  {case['op']} {case['name']} was to fail", file=sys.stderr)
            continue
        row = {"name": case["name"], "attrs": case["attrs"], "in": [tensor(a) for a in case["in"]]}
        if case["domain"] == "":
            row["domain"] = "ai.onnx"
        if case["tol"]:
            row["tol"] = case["tol"]
        if want is not None:
            row["want"] = [tensor(a) for a in want]
        rows.setdefault(case["op"], []).append(row)
    for op, cases in rows.items():
        text = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
        (OUT / f"{op}.json").write_text("[\n" + text + "\n]\n")
    print({op: len(c) for op, c in rows.items()})


if __name__ == "__main__":
    main()
