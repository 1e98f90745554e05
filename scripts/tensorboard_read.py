#!/usr/bin/env python3
"""Write event files with finetune/record and read them with TensorBoard (pip install tensorboard).

A training of 6 steps is stopped after step 4 and goes on after step 2, so that TensorBoard must forget steps 3 and 4 of the first file.
"""
import math, os, subprocess, sys, tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

GO = """package main

import (
	"os"

	"github.com/onnxrun/onnxrun/finetune/record"
)

func main() {
	for _, part := range [][2]int{{0, 4}, {2, 6}} {
		e, err := record.TensorBoard(os.Args[1], part[0])
		if err != nil {
			panic(err)
		}
		for step := part[0] + 1; step <= part[1]; step++ {
			x := 1/float64(step) + float64(part[0])
			if err := e.Log(step, record.Value{Name: "train/loss", X: x}, record.Value{Name: "größe", X: -x}); err != nil {
				panic(err)
			}
		}
		if err := e.Close(); err != nil {
			panic(err)
		}
	}
}
"""

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with tempfile.TemporaryDirectory(dir=root, prefix=".tensorboard") as work:
    main = os.path.join(work, "main.go")
    with open(main, "w") as f:
        f.write(GO)
    logs = os.path.join(work, "logs")
    subprocess.run(["go", "run", main, logs], cwd=root, check=True)
    acc = EventAccumulator(logs)
    acc.Reload()
    want = [(s, 1 / s + (2 if s > 2 else 0)) for s in range(1, 7)]
    for tag, sign in (("train/loss", 1), ("größe", -1)):
        got = [(e.step, e.value) for e in acc.Scalars(tag)]
        if len(got) != len(want) or any(a[0] != b[0] or not math.isclose(a[1], sign * b[1], rel_tol=1e-6) for a, b in zip(got, want)):
            sys.exit(f"{tag}: {got}, want {want}")
print("TensorBoard reads what was written")
