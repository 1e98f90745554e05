"""Writes finetune/testdata/bodies: models with weights inside of Scan, Loop and If, and what PyTorch makes of the same network in training.

The network is h' = tanh(x·W + h·R + b) along the first axis of x, followed by one of two heads, a linear layer or a small perceptron. The files hold the
weights as exporters do: as initializers of the bodies and as Constant nodes, in both branches of the If under the same names.

    python scripts/bodies.py
"""

import os

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

T, B, I, H, O = 4, 3, 2, 5, 2
rng = np.random.default_rng(5)
draw = lambda *shape: rng.normal(size=shape) * 0.6
weights = {"W": draw(I, H), "R": draw(H, H), "b": draw(H), "then.W": draw(O, H), "then.B": draw(O), "else.W": draw(H, H), "else.B": draw(H), "else.V": draw(H, O)}
x, target = draw(T, B, I), draw(B, O)
taken = [True, False, True]  # the branch of each step
RATE = 0.2
kind = np.float64  # of the model that is written


def tensor(name, key):
    return numpy_helper.from_array(weights[key].astype(kind), name)


def constant(name, key):
    return helper.make_node("Constant", [], [name], value=tensor("", key))


def info(name, shape=None, of=None):
    return helper.make_tensor_value_info(name, of or helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)


def cell(state, step):
    return [
        helper.make_node("MatMul", [step, "W"], ["xw"], "input"),
        constant("R", "R"),
        helper.make_node("MatMul", [state, "R"], ["hr"], "recurrence"),
        helper.make_node("Add", ["xw", "hr"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["z"]),
        helper.make_node("Tanh", ["z"], ["next"]),
    ]


def scan():
    nodes = cell("h", "step") + [helper.make_node("Identity", ["next"], ["each"])]
    body = helper.make_graph(nodes, "body", [info("h", [B, H]), info("step", [B, I])], [info("next", [B, H]), info("each", [B, H])], [tensor("W", "W"), tensor("b", "b")])
    return [helper.make_node("Scan", ["h0", "x"], ["h", "all"], "rnn", body=body, num_scan_inputs=1)], []


def loop():
    nodes = [helper.make_node("Gather", ["x", "k"], ["step"], axis=0)] + cell("h", "step") + [helper.make_node("Identity", ["more"], ["again"]), helper.make_node("Identity", ["next"], ["each"])]
    body = helper.make_graph(nodes, "body", [info("k", [], TensorProto.INT64), info("more", [], TensorProto.BOOL), info("h", [B, H])],
                             [info("again", [], TensorProto.BOOL), info("next", [B, H]), info("each", [B, H])], [tensor("W", "W"), tensor("b", "b")])
    steps = numpy_helper.from_array(np.array(T), "steps")
    return [helper.make_node("Loop", ["steps", "", "h0"], ["h", "all"], "rnn", body=body)], [steps]


def heads():
    yes = helper.make_graph([helper.make_node("Gemm", ["h", "W", "B"], ["y"], transB=1)], "linear", [], [info("y", [B, O])], [tensor("W", "then.W"), tensor("B", "then.B")])
    no = helper.make_graph([
        constant("V", "else.V"),
        helper.make_node("MatMul", ["h", "W"], ["p"]),
        helper.make_node("Add", ["p", "B"], ["q"]),
        helper.make_node("Relu", ["q"], ["r"]),
        helper.make_node("MatMul", ["r", "V"], ["y"]),
    ], "perceptron", [], [info("y", [B, O])], [tensor("W", "else.W"), tensor("B", "else.B")])
    return [helper.make_node("If", ["first"], ["out"], "heads", then_branch=yes, else_branch=no)]


folder = os.path.join(os.path.dirname(__file__), "..", "finetune", "testdata", "bodies")
os.makedirs(folder, exist_ok=True)
for name, layer, kind in ("scan", scan, np.float64), ("loop", loop, np.float64), ("loop32", loop, np.float32):
    nodes, constants = layer()
    h0 = numpy_helper.from_array(np.zeros((B, H), kind), "h0")
    g = helper.make_graph(nodes + heads(), name, [info("x", [T, B, I]), info("first", [], TensorProto.BOOL)], [info("out", [B, O]), info("all", [T, B, H])], [h0] + constants)
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(m, full_check=True)
    onnx.save(m, os.path.join(folder, name + ".onnx"))

p = {k: torch.tensor(v, requires_grad=True) for k, v in weights.items()}
sgd = torch.optim.SGD(p.values(), lr=RATE)
out = {"x": x, "target": target, "taken": np.array(taken), "losses": []}
for i, first in enumerate(taken):
    h = torch.zeros(B, H, dtype=torch.float64)
    for step in torch.tensor(x):
        h = torch.tanh(step @ p["W"] + h @ p["R"] + p["b"])
    y = torch.nn.functional.linear(h, p["then.W"], p["then.B"]) if first else torch.relu(h @ p["else.W"] + p["else.B"]) @ p["else.V"]
    loss = torch.nn.functional.mse_loss(y, torch.tensor(target))
    sgd.zero_grad()
    loss.backward()
    for k, v in p.items():
        out[f"grad{i}/{k}"] = (v.grad if v.grad is not None else torch.zeros_like(v)).numpy().copy()
    sgd.step()
    out["losses"].append(loss.item())
out.update({f"end/{k}": v.detach().numpy() for k, v in p.items()})
np.savez(os.path.join(folder, "torch.npz"), **{k: np.asarray(v) for k, v in out.items()})
