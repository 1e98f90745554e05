#!/usr/bin/env python3
"""Time training steps of PyTorch, and export the same nets and batches for our side.

    pip install torch onnx onnxscript numpy
    python scripts/train_bench.py --export bench                      # bench/NET/{model.onnx,x.npy,y.npy,case.json}
    python scripts/train_bench.py --json steps.json                   # all nets, 1 and 2 threads, eager and compiled
    python scripts/train_bench.py --net lstm --threads 1 --mode eager --json steps.json    # one of them, added to the file

A step is forward, backward and optimizer on the same batch; times are medians in milliseconds after a warm-up. The parts are timed
apart from the whole step. Dropout is 0. Nets are exported in evaluation mode with BatchNormalization as nodes of their own.
"""
import argparse
import json
import os
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class BasicBlock(nn.Module):
    def __init__(self, inside, out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or inside != out:
            self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def resnet18(classes):
    layers, inside = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, out in enumerate((64, 128, 256, 512)):
        layers += [BasicBlock(inside, out, 1 if stage == 0 else 2), BasicBlock(out, out, 1)]
        inside = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


class BertLayer(nn.Module):
    def __init__(self, hidden, heads, inner):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.dense = (nn.Linear(hidden, hidden) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(hidden, 1e-12), nn.LayerNorm(hidden, 1e-12)
        self.intermediate, self.output = nn.Linear(hidden, inner), nn.Linear(inner, hidden)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = (f(x).view(n, t, self.heads, c // self.heads).transpose(1, 2) for f in (self.query, self.key, self.value))
        a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)
        x = self.norm1(x + self.dense(a))
        return self.norm2(x + self.output(F.gelu(self.intermediate(x))))


class Forecaster(nn.Module):
    def __init__(self, inputs, hidden, layers):
        super().__init__()
        self.lstm, self.head = nn.LSTM(inputs, hidden, layers, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def mlp():
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def pixels(batch):
    return torch.rand(batch, 784), torch.randint(0, 10, (batch,))


# net → module, batch, loss, optimizer with its parameters
NETS = {
    "mlp64": (mlp, lambda: pixels(64), "cross_entropy", ("Adam", {"lr": 1e-3})),
    "mlp512": (mlp, lambda: pixels(512), "cross_entropy", ("Adam", {"lr": 1e-3})),
    "resnet18": (lambda: resnet18(10), lambda: (torch.randn(16, 3, 64, 64), torch.randint(0, 10, (16,))), "cross_entropy", ("SGD", {"lr": 0.01, "momentum": 0.9})),
    "bert": (lambda: nn.Sequential(BertLayer(768, 12, 3072), BertLayer(768, 12, 3072)), lambda: (torch.randn(8, 128, 768), torch.randn(8, 128, 768)), "mse", ("AdamW", {"lr": 1e-4, "weight_decay": 0.01})),
    "lstm": (lambda: Forecaster(8, 128, 2), lambda: (torch.randn(32, 64, 8), torch.randn(32, 1)), "mse", ("Adam", {"lr": 1e-3})),
}
LOSSES = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss}


def build(name):
    torch.manual_seed(0)
    make, batch, loss, (optimizer, options) = NETS[name]
    net = make()
    return net, *batch(), LOSSES[loss], lambda net: getattr(torch.optim, optimizer)(net.parameters(), **options)


def export(name, folder):
    folder = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    net, x, y, _, _ = build(name)
    file = os.path.join(folder, "model.onnx")
    torch.onnx.export(
        net.eval(), (x,), file, dynamo=False, opset_version=17, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        input_names=["x"], output_names=["output"], dynamic_axes={"x": {0: "batch"}, "output": {0: "batch"}})
    np.save(os.path.join(folder, "x.npy"), x.numpy())
    np.save(os.path.join(folder, "y.npy"), y.numpy())
    _, _, loss, (optimizer, options) = NETS[name]
    losses, tolerance = first_losses(name, 20)
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump({"loss": loss, "optimizer": optimizer, **options, "losses": losses, "tolerance": tolerance}, f, indent=1)


def first_losses(name, steps):
    """The losses of the first steps in float64, to see that the other side trains the same net, and how far float32 may be from them.

    Training amplifies rounding: a net that learns one batch by heart has a loss that a different order of sums moves by several
    thousandths (resnet18: 0.001 with oneDNN, 0.005 without). So the tolerance is twice what PyTorch's own float32 does, with oneDNN or
    without, relative to the larger of the loss and 1 % of the first; 1e-4 at least.
    """
    exact = losses_of(name, steps, torch.float64, True)
    rough = [losses_of(name, steps, torch.float32, onednn) for onednn in (True, False)]
    off = max(abs(r - e) / max(e, 0.01 * exact[0]) for run in rough for r, e in zip(run, exact))
    return exact, max(1e-4, 2 * off)


def losses_of(name, steps, dtype, onednn):
    net, x, y, loss, make = build(name)
    net.to(dtype).train()
    optimizer, x, y = make(net), x.to(dtype), y.to(dtype) if y.is_floating_point() else y
    losses = []
    with torch.backends.mkldnn.flags(enabled=onednn):
        for _ in range(steps):
            optimizer.zero_grad()
            value = loss(net(x), y)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    return losses


def measure(name, threads, mode, seconds):
    torch.set_num_threads(threads)
    net, x, y, loss, make = build(name)
    net.train()
    optimizer = make(net)
    run = torch.compile(net) if mode == "compile" else net
    times = {"forward": [], "backward": [], "optimizer": [], "step": []}

    def step(parts):
        start = time.perf_counter()
        optimizer.zero_grad()
        value = loss(run(x), y)
        forward = time.perf_counter()
        value.backward()
        backward = time.perf_counter()
        optimizer.step()
        end = time.perf_counter()
        if parts is not None:
            for part, t in zip(times, (forward - start, backward - forward, end - backward, end - start)):
                parts[part].append(1e3 * t)

    for _ in range(5):
        step(None)
    end = time.perf_counter() + 0.1 * seconds
    while time.perf_counter() < end:
        step(None)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["step"]) < 10:
        step(times)
    return {**{part: round(statistics.median(t), 4) for part, t in times.items()}, "steps": len(times["step"])}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--net", nargs="+", choices=NETS, default=list(NETS))
    ap.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    ap.add_argument("--mode", nargs="+", choices=["eager", "compile"], default=["eager", "compile"])
    ap.add_argument("--seconds", type=float, default=8, help="of each measurement")
    ap.add_argument("--json", help="file that the numbers are added to")
    ap.add_argument("--export", help="folder to export nets and batches to, instead of measuring")
    args = ap.parse_args()
    if args.export:
        for name in args.net:
            export(name, args.export)
        return
    result = {}
    if args.json and os.path.exists(args.json):
        with open(args.json) as f:
            result = json.load(f)
    result["torch"] = torch.__version__
    for name in args.net:
        for mode in args.mode:
            for threads in args.threads:
                try:
                    r = measure(name, threads, mode, args.seconds)
                except Exception as e:  # torch.compile needs a C++ compiler and does not know every net
                    r = {"error": str(e).splitlines()[0] if str(e) else type(e).__name__}
                result.setdefault(name, {}).setdefault(mode, {})[str(threads)] = r
                print(name, mode, threads, r, flush=True)
                if args.json:
                    with open(args.json, "w") as f:
                        json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
