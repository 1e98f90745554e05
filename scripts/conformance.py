#!/usr/bin/env python3
"""conformance.py OUTDIR: write the ONNX backend tests of the installed onnx package as the archive that TestConformance reads.

    pip install onnx zstandard
    python scripts/conformance.py conformance/
    ONNXRUN_CONFORMANCE=$PWD/conformance go test ./runtime -run Conformance
"""
import io
import os
import sys
import tarfile

import onnx
import zstandard
from onnx.backend.test.loader import load_model_tests


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, f"onnx-{onnx.__version__}-backend.tar.zst")
    with open(path, "wb") as f, zstandard.ZstdCompressor(level=19).stream_writer(f) as z, tarfile.open(fileobj=z, mode="w|") as tar:
        for kind in ("node", "simple", "pytorch-converted", "pytorch-operator"):
            for case in sorted(load_model_tests(kind=kind), key=lambda c: c.name):
                for folder, _, files in sorted(os.walk(case.model_dir)):
                    for name in sorted(files):
                        data = open(os.path.join(folder, name), "rb").read()
                        info = tarfile.TarInfo(os.path.join(kind, case.name, os.path.relpath(os.path.join(folder, name), case.model_dir)))
                        info.size = len(data)
                        tar.addfile(info, io.BytesIO(data))
    print(path)


if __name__ == "__main__":
    main()
