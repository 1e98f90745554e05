#!/usr/bin/env python3
"""Training steps of onnxrun beside PyTorch's: same nets, batches and threads, one after the other in turns.

    pip install torch onnx onnxscript numpy
    python scripts/train_versus.py                            # all nets, 1 and 2 threads, eager and compiled
    python scripts/train_versus.py --net lstm --threads 1 --mode eager --rounds 5 --seconds 2

Every measurement is a process of its own: train_bench.py for PyTorch, the command trainbench for us, which first checks that 20 losses are
PyTorch's. Each number is the least median of all rounds, in milliseconds; a ratio above 1 says that we are faster. --wrap runs each process through
another command, as one that waits for a quiet machine.
"""
import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, "train_bench.py")
NETS = ["mlp64", "mlp512", "resnet18", "bert", "lstm"]


def torch_step(args, net, mode, threads):
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "steps.json")
        run(args, [sys.executable, BENCH, "--net", net, "--mode", mode, "--threads", str(threads), "--seconds", str(args.seconds), "--json", out])
        with open(out) as f:
            return json.load(f)[net][mode][str(threads)].get("step", math.inf)


def our_step(args, net, threads):
    out = run(args, [args.prog, "-threads", str(threads), "-seconds", str(args.seconds), os.path.join(args.nets, net)])
    return json.loads(out)["step"]


def run(args, command):
    p = subprocess.run(shlex.split(args.wrap) + command, capture_output=True, text=True)
    if p.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{p.stderr}")
    return p.stdout


def geomean(xs):
    return math.exp(sum(map(math.log, xs)) / len(xs))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--net", nargs="+", choices=NETS, default=NETS)
    ap.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    ap.add_argument("--mode", nargs="+", choices=["eager", "compile"], default=["eager", "compile"])
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--seconds", type=float, default=4, help="of each measurement")
    ap.add_argument("--nets", help="folder of exported nets (default: export them now)")
    ap.add_argument("--prog", help="the command trainbench (default: build it)")
    ap.add_argument("--wrap", default="", help="command before each process")
    ap.add_argument("--json", help="file for the numbers")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        if not args.nets:
            args.nets = os.path.join(tmp, "nets")
            subprocess.run([sys.executable, BENCH, "--net", *args.net, "--export", args.nets], check=True)
        if not args.prog:
            args.prog = os.path.join(tmp, "trainbench")
            subprocess.run(["go", "build", "-o", args.prog, "./scripts/trainbench"], cwd=os.path.dirname(HERE), check=True)
        measure(args)


def measure(args):
    rows, ratios = [], {m: [] for m in args.mode}
    print(f"{'net':10}{'threads':>8}{'onnxrun':>10}" + "".join(f"{m:>10}{'ratio':>7}" for m in args.mode), flush=True)
    for net in args.net:
        for threads in args.threads:
            ours, theirs = [], {m: [] for m in args.mode}
            for _ in range(args.rounds):
                ours.append(our_step(args, net, threads))
                for mode in args.mode:
                    theirs[mode].append(torch_step(args, net, mode, threads))
            row = {"net": net, "threads": threads, "onnxrun": min(ours), **{m: min(t) for m, t in theirs.items()}}
            rows.append(row)
            line = f"{net:10}{threads:8}{row['onnxrun']:10.3f}"
            for mode in args.mode:
                ratio = row[mode] / row["onnxrun"]
                line += f"{row[mode]:10.3f}{ratio:7.2f}"
                if math.isfinite(ratio):  # torch.compile does not know every net
                    ratios[mode].append(ratio)
            print(line, flush=True)
            if args.json:
                with open(args.json, "w") as f:
                    json.dump(rows, f, indent=1)
    print(f"{'geometric mean':28}" + "".join(f"{geomean(r) if r else math.nan:17.2f}" for r in ratios.values()))


if __name__ == "__main__":
    main()
