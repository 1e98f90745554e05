#!/usr/bin/env python3
"""Write models/nn/testdata: what PyTorch's layers compute from small weights and inputs.

    pip install torch numpy
    python scripts/nn_goldens.py models/nn/testdata

One file for each case: param/NAME, in/NAME and out/NAME; computed in float64, stored in float32. Made with torch 2.15.
"""
import sys

import numpy as np
import torch
from torch import nn


def randomize(layer):
    """Other values than the initial ones, of which many are zeros and ones."""
    for name, t in layer.state_dict().items():
        if t.is_floating_point():
            t.copy_(torch.rand_like(t) + 0.5 if name.endswith("running_var") else torch.randn_like(t) * 0.4)
    return layer


def save(name, layer, inputs, run):
    layer = layer.float()
    params = {k: v.numpy() for k, v in layer.state_dict().items() if v.is_floating_point()}
    given = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    out = run(layer.double().eval(), *given.values())
    arrays = {f"param/{k}": v for k, v in params.items()} | {f"in/{k}": v.numpy() for k, v in inputs.items()} | {f"out/{k}": v.float().numpy() for k, v in out.items()}
    np.savez(f"{sys.argv[1]}/{name}.npz", **arrays)


def recurrent(name, layer, lengths=None):
    layer = randomize(layer)
    x = torch.randn(3, 5, layer.input_size)
    inputs = {"x": x}
    if lengths is not None:
        inputs["lengths"] = torch.tensor(lengths, dtype=torch.int32)

    def run(layer, x, lengths=None):
        if lengths is None:
            y, h = layer(x)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.long(), batch_first=True, enforce_sorted=False)
            y, h = layer(packed)
            y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return {"y": y, "h": h[0], "c": h[1]} if isinstance(h, tuple) else {"y": y, "h": h}

    save(name, layer, inputs, run)


def one(name, layer, x):
    save(name, randomize(layer), {"x": x}, lambda layer, x: {"y": layer(x)})


@torch.no_grad()
def main():
    torch.manual_seed(1)
    recurrent("lstm_bidirectional", nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True))
    recurrent("lstm_lengths", nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), [2, 5, 3])
    recurrent("gru_bidirectional", nn.GRU(3, 4, 2, bidirectional=True, batch_first=True))
    recurrent("gru_no_bias", nn.GRU(3, 4, bias=False, batch_first=True))
    recurrent("rnn_relu", nn.RNN(3, 4, 2, nonlinearity="relu", bidirectional=True, batch_first=True))

    x, padding = torch.randn(2, 5, 8), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
    save("attention_masked", randomize(nn.MultiheadAttention(8, 2, batch_first=True)), {"x": x, "ignore": padding},
         lambda layer, x, ignore: {"y": layer(x, x, x, key_padding_mask=ignore, attn_mask=causal, need_weights=False)[0]})
    save("attention_cross", randomize(nn.MultiheadAttention(8, 2, batch_first=True)), {"q": x, "k": torch.randn(2, 3, 8), "v": torch.randn(2, 3, 8)},
         lambda layer, q, k, v: {"y": layer(q, k, v, need_weights=False)[0]})
    save("attention_channels", randomize(nn.MultiheadAttention(8, 2, bias=False, kdim=5, vdim=6, batch_first=True)), {"q": x, "k": torch.randn(2, 3, 5), "v": torch.randn(2, 3, 6)},
         lambda layer, q, k, v: {"y": layer(q, k, v, need_weights=False)[0]})
    one("encoder_post", nn.TransformerEncoderLayer(8, 2, 12, activation="relu", batch_first=True), x)
    one("encoder_pre", nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", norm_first=True, batch_first=True), x)

    image = torch.randn(2, 4, 6, 7)
    one("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), torch.randn(2, 4, 9))
    one("conv2d", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), image)
    one("conv_transpose1d", nn.ConvTranspose1d(4, 6, 4, stride=2, padding=1), torch.randn(2, 4, 5))
    one("conv_transpose2d", nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=(1, 2)), image)
    one("batch_norm", nn.BatchNorm2d(4), image)
    one("layer_norm", nn.LayerNorm((6, 7)), image)
    one("rms_norm", nn.RMSNorm(7), image)
    one("group_norm", nn.GroupNorm(2, 4), image)
    one("prelu", nn.PReLU(4), image)
    one("linear", nn.Linear(7, 3), image)
    one("avg_pool", nn.AvgPool2d(3, 2, 1), image)
    one("max_pool", nn.MaxPool2d((3, 2), (2, 1), (1, 0), ceil_mode=True), image)
    save("embedding", randomize(nn.Embedding(10, 3)), {"x": torch.tensor([[1, 0], [9, 4]])}, lambda layer, x: {"y": layer(x)})
    functions = {"gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"), "silu": nn.SiLU(), "mish": nn.Mish(), "elu": nn.ELU(), "selu": nn.SELU(), "celu": nn.CELU(), "relu6": nn.ReLU6(), "hardswish": nn.Hardswish(),
                 "hardsigmoid": nn.Hardsigmoid(), "leaky_relu": nn.LeakyReLU(), "softplus": nn.Softplus(), "softsign": nn.Softsign(), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(),
                 "softmax": nn.Softmax(-1), "log_softmax": nn.LogSoftmax(-1), "relu": nn.ReLU(), "identity": nn.Identity()}
    save("activations", nn.ModuleDict(functions), {"x": torch.randn(3, 9) * 4}, lambda layer, x: {k: f(x) for k, f in layer.items()})


main()
