#!/usr/bin/env python3
"""Exchange adapters with PEFT, both ways, and compare what the models compute.

    pip install torch onnx onnxscript transformers peft numpy
    python scripts/peft_roundtrip.py [CASE …]

For each case a small model with random weights is exported to ONNX, and an adapter with random weights is made twice: by PEFT, which finetune/adapter
then loads on the exported file, and by finetune/adapter, which PEFT then loads on the module. Either way the outputs must agree to 1e-4 of the largest.
Made with torch 2.15, transformers 5.24, peft 0.21.2.
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")
import peft  # noqa: E402
from transformers import (BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM)  # noqa: E402


def bert():
    c = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=16, num_labels=3,
                   attn_implementation="eager", initializer_range=0.15)
    ids = torch.randint(0, 60, (3, 10))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    return BertForSequenceClassification(c), {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.randint(0, 2, (3, 10))}


def gpt2():
    c = GPT2Config(vocab_size=48, n_positions=16, n_embd=24, n_layer=2, n_head=3, attn_implementation="eager", use_cache=False, initializer_range=0.15,
                   bos_token_id=None, eos_token_id=None)
    return GPT2LMHeadModel(c), {"input_ids": torch.randint(0, 48, (3, 10))}


def llama():
    c = LlamaConfig(vocab_size=48, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32,
                    attn_implementation="eager", use_cache=False, initializer_range=0.15)
    return LlamaForCausalLM(c), {"input_ids": torch.randint(0, 48, (3, 10))}


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.point = nn.Conv2d(8, 12, 1, bias=False)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        return self.fc(torch.relu(self.point(torch.relu(self.stem(x)))).mean((2, 3)))


def vision():
    return Vision(), {"x": torch.randn(2, 3, 9, 9)}


LORA = dict(r=4, lora_alpha=8, init_lora_weights=False)
QV = dict(LORA, target_modules=["query", "value"])
# name: model, PEFT's class, its arguments, exporter, sequence length free
CASES = {
    "qv": (bert, "LoraConfig", QV, "dynamo", False),
    "qv_folded": (bert, "LoraConfig", QV, "folded", False),
    "qv_torchscript": (bert, "LoraConfig", QV, "torchscript", False),
    "dropout": (bert, "LoraConfig", dict(QV, lora_dropout=0.3), "dynamo", False),
    "rslora_patterns": (bert, "LoraConfig", dict(QV, use_rslora=True, rank_pattern={"layer.1.attention.self.query": 2, r".*\.0\..*value": 3}, alpha_pattern={"value": 5}), "folded", False),
    "regex": (bert, "LoraConfig", dict(LORA, target_modules=r".*\.1\..*(key|dense)"), "torchscript", False),
    "layers": (bert, "LoraConfig", dict(QV, layers_to_transform=[1], layers_pattern=["layer"]), "dynamo", False),
    "all_linear": (bert, "LoraConfig", dict(LORA, target_modules="all-linear", task_type="SEQ_CLS"), "dynamo", False),
    "dora": (bert, "LoraConfig", dict(LORA, target_modules=["query", "dense"], use_dora=True), "folded", False),
    "saved": (bert, "LoraConfig", dict(QV, modules_to_save=["classifier", "pooler"]), "folded", False),
    "embedding": (bert, "LoraConfig", dict(LORA, target_modules=["word_embeddings", "query"]), "dynamo", False),
    "ia3": (bert, "IA3Config", dict(target_modules=["key", "value", "output.dense"], feedforward_modules=["output.dense"], init_ia3_weights=False), "dynamo", False),
    "convolutions": (vision, "LoraConfig", dict(LORA, target_modules=["stem", "point", "fc"]), "dynamo", False),
    "conv1d": (gpt2, "LoraConfig", dict(LORA, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True), "dynamo", False),
    "conv1d_ia3": (gpt2, "IA3Config", dict(target_modules=["c_attn", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"], fan_in_fan_out=True, init_ia3_weights=False), "folded", False),
    "llama": (llama, "LoraConfig", dict(LORA, target_modules="all-linear", task_type="CAUSAL_LM"), "folded", False),
    "prompt": (gpt2, "PromptTuningConfig", dict(num_virtual_tokens=3, task_type="CAUSAL_LM"), "dynamo", True),
    "prompt_llama": (llama, "PromptTuningConfig", dict(num_virtual_tokens=3, task_type="CAUSAL_LM"), "folded", True),
    "prefix": (gpt2, "PrefixTuningConfig", dict(num_virtual_tokens=3, task_type="CAUSAL_LM"), "folded", True),
    "prefix_llama": (llama, "PrefixTuningConfig", dict(num_virtual_tokens=3, task_type="CAUSAL_LM"), "dynamo", True),
}


def export(module, inputs, path, how, free):
    if how == "torchscript":
        torch.onnx.export(module, (), path, kwargs=inputs, dynamo=False, opset_version=17, input_names=list(inputs), output_names=["out"],
                          dynamic_axes={n: {0: "batch"} for n in inputs})
        return
    dim = {0: torch.export.Dim("batch", min=2, max=64)}
    if free:
        dim[1] = torch.export.Dim("sequence", min=2, max=16)
    torch.onnx.export(module, (), path, kwargs=inputs, dynamo=True, optimize=how == "folded", opset_version=18, input_names=list(inputs), output_names=["out"],
                      dynamic_shapes={n: dim for n in inputs}, external_data=False, verbose=False)


def run(module, inputs):
    with torch.no_grad():
        out = module.eval()(**inputs)
    return (out if torch.is_tensor(out) else out.logits).numpy()


def make(folder, seed, build, kind, args, how, free):
    """Everything that the Go side needs: model, inputs, PEFT's adapter and what PEFT computes with it."""
    torch.manual_seed(seed)
    base, inputs = build()
    base.eval()
    with torch.no_grad():
        for p in base.parameters():  # as trained models are: exporters drop biases that are zero
            p.add_(torch.randn_like(p) * 0.05)
    os.makedirs(folder)
    torch.save(base.state_dict(), f"{folder}/base.pt")
    export(base, inputs, f"{folder}/model.onnx", how, free)
    np.savez(f"{folder}/inputs.npz", **{k: v.numpy() for k, v in inputs.items()})
    tuned = peft.get_peft_model(base, getattr(peft, kind)(**args))
    with torch.no_grad():
        for n, p in tuned.named_parameters():
            if p.requires_grad and ("modules_to_save" in n or "ia3" in n or "magnitude" in n):
                p.add_(torch.randn_like(p) * 0.2)
    tuned.save_pretrained(f"{folder}/theirs")
    np.savez(f"{folder}/theirs.npz", out=run(tuned, inputs))
    asked = {k: v for k, v in args.items() if k in ("target_modules", "layers_to_transform", "layers_pattern")}
    with open(f"{folder}/asked.json", "w") as f:
        json.dump(asked, f)


def check(folder, build, seed):
    """PEFT loads what the Go side made, and computes what it computed."""
    torch.manual_seed(seed)
    base, inputs = build()
    base.load_state_dict(torch.load(f"{folder}/base.pt"))
    plain = run(base, inputs)
    tuned = peft.PeftModel.from_pretrained(base, f"{folder}/ours")
    got, want = run(tuned, inputs), np.load(f"{folder}/ours.npz")["out"]
    if got.shape == plain.shape and np.abs(got - plain).max() < 1e-3:
        return "the adapter changes nothing"
    error = np.abs(got - want).max() / np.abs(want).max()
    return f"{error:.1e}", error <= 1e-4


def main():
    names = sys.argv[1:] or list(CASES)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    with tempfile.TemporaryDirectory() as tmp:
        for k, name in enumerate(names):
            build, kind, args, how, free = CASES[name]
            make(f"{tmp}/{name}", k, build, kind, args, how, free)
        go = subprocess.run(["go", "test", "./finetune/adapter", "-run", "^TestPEFT$", "-count=1", "-v"], cwd=root, env={**os.environ, "ONNXRUN_PEFT": tmp}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print("\n".join(x for x in go.stdout.splitlines() if not x.startswith("=== ")))
        bad = go.returncode != 0
        for k, name in enumerate(names):
            if not os.path.exists(f"{tmp}/{name}/ours.npz"):
                continue
            result = check(f"{tmp}/{name}", CASES[name][0], k)
            fine = isinstance(result, tuple) and result[1]
            bad = bad or not fine
            print(f"PEFT loads {name:18s} {result[0] if isinstance(result, tuple) else result} {'' if fine else 'WRONG'}")
    sys.exit(bad)


if __name__ == "__main__":
    main()
