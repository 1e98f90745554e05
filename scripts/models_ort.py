#!/usr/bin/env python3
"""Compare the models of package models with ONNX Runtime.

    pip install onnx onnxruntime numpy
    ONNXRUN_EXPORT=DIR go test ./models -run TestModels -count=1
    python scripts/models_ort.py DIR
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

failed = 0
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(str(file), full_check=True)
    arrays = np.load(file.with_suffix(".npz"))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    got = session.run(names, {i.name: arrays["in/" + i.name] for i in session.get_inputs()})
    worst = max(np.abs(a - arrays["out/" + n]).max() / np.abs(a).max() for n, a in zip(names, got))
    opset = onnx.load(str(file), load_external_data=False).opset_import[0].version
    print(f"{file.stem}: opset {opset}, largest difference {worst:.1e}")
    failed += not worst < 1e-5
sys.exit(failed > 0)
