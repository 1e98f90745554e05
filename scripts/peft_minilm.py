#!/usr/bin/env python3
"""Loads the adapter and head that onnxrun train left for MiniLM into PEFT, and compares PEFT's logits with the tuned .onnx file's and the merged one's.

    pip install torch transformers peft onnx onnxruntime numpy
    onnxrun train minilm.onnx … --head 2 --lora r=8,target_modules=[query,value] --out tuned
    python scripts/peft_minilm.py minilm.onnx tuned [merged.onnx]

Exits with 1 where outputs differ by more than 1e-4 of the largest. The base's weights are those of minilm.onnx, by their names; the head is on the mean over tokens.
"""
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from peft import PeftModel
from transformers import BertConfig, BertModel

base, folder = sys.argv[1:3]
weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(base).graph.initializer}


class Net(BertModel):
    def __init__(self, config):
        super().__init__(config, add_pooling_layer=False)
        self.head = torch.nn.Linear(config.hidden_size, 2)

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = super().forward(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        mask = attention_mask[..., None].float()
        return self.head((x * mask).sum(1) / mask.sum(1))


net = Net(BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, attn_implementation="eager")).eval()
for name, p in net.named_parameters():
    if name.startswith("head."):
        continue
    w = next(weights[n] for n in (name, name.replace("embeddings.", "", 1).removesuffix(".weight") if "_embeddings" in name else name) if n in weights)
    p.data = w.T.contiguous() if p.dim() == 2 and "embeddings" not in name else w
net = PeftModel.from_pretrained(net, folder + "/adapter").eval()

rng = np.random.default_rng(0)
ids = rng.integers(1000, 30000, (8, 24))
mask = (np.arange(24) < rng.integers(4, 25, (8, 1))).astype(np.int64)
feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
with torch.no_grad():
    want = net(**{k: torch.from_numpy(v) for k, v in feeds.items()}).numpy()
failed = False
for path in [folder + "/model.onnx"] + sys.argv[3:]:
    got = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["logits"], feeds)[0]
    worst = np.abs(got - want).max() / np.abs(want).max()
    print(f"{path}: largest difference from PEFT {worst:.1e}")
    failed |= not worst < 1e-4
sys.exit(failed)
