#!/usr/bin/env python3
"""tiers.py PROGRAM FOLDER [NAME…]: the speed of models with AVX2 as a share of that with AVX-512, on a processor that has both.

    go build -o onnxrun ./cmd/onnxrun
    python scripts/tiers.py ./onnxrun models/ --rounds 3 --duration 0.5s

FOLDER has a folder for each model, with model.onnx and test_data_set_N. The tiers alternate, and the medians of their rounds are compared. A ratio of 1: AVX2 is as fast.
"""
import argparse
import json
import math
import os
import pathlib
import shlex
import statistics
import subprocess

TIERS = {"avx512": "", "avx2": "avx2"}


def median_ms(args, model, data, threads, isa):
    command = [*shlex.split(args.prefix), args.program, "bench", model, "--data", data, "--threads", str(threads), "--duration", args.duration, "--json"]
    return json.loads(subprocess.check_output(command, env={**os.environ, "ONNXRUN_ISA": isa}))["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="of models; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="0.5s", help="of a measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--prefix", default="", help="command that runs the program, as taskset or nice")
    args = parser.parse_args()

    ratios = []
    print("| model | threads | avx512 ms | avx2 ms | ratio |\n|---|---|---|---|---|")
    for data in sorted(args.folder.glob("*/test_data_set_*")):
        name, model = data.parent.name, data.parent / "model.onnx"
        if args.names and name not in args.names:
            continue
        for threads in args.threads:
            times = {tier: [] for tier in TIERS}
            for _ in range(args.rounds):
                for tier, isa in TIERS.items():
                    times[tier].append(median_ms(args, model, data, threads, isa))
            wide, narrow = (statistics.median(times[tier]) for tier in TIERS)
            ratios.append(wide / narrow)
            print(f"| {name}, {data.name.removeprefix('test_data_set_')} | {threads} | {wide:.3f} | {narrow:.3f} | {wide / narrow:.2f} |", flush=True)
    print(f"\ngeometric mean {math.exp(statistics.fmean(map(math.log, ratios))):.3f}")


if __name__ == "__main__":
    main()
