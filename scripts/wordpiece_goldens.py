#!/usr/bin/env python3
"""Writes finetune/data/testdata/wordpiece.json: what transformers' BertTokenizer makes of texts with the vocabulary beside it.

    pip install transformers
    python scripts/wordpiece_goldens.py
"""
import json
import pathlib

from transformers import BertTokenizer

TEXTS = ["The film is unaffable.", "Greatest caf\u00e9: na\u00efve?", "\u4eba\u5de5 intelligence", "Stra\u00dfe STRASSE \u00df", "\u0386\u03a3 \u03a3",
         "a\u200bb zero\u200dwidth", "tab\tnew\nline\r\n", "don't [stop] \u2014 \u201cquoted\u201d \u2026 \u20ac5", "", "   ", "x" * 100 + " " + "y" * 101,
         "a\u00a0b\u2028c\u3000d", "\ud55c \uae00", "\u0130stanbul \u0131", "\u0000\ufffd\u0007ok", "price: $3.50 (+20%) ^_^ ~`|<>=", "e\u0301 \u00e9 \u00c9",
         "\U0001f642 great", "q\u0301\u0302x", "\ud7ffa", "\u0378a", "\U000e0001a", "\ue000a", "\u180ea", "word" * 40]
folder = pathlib.Path(__file__).parent.parent / "finetune/data/testdata"
cases = []
for cased in False, True:
    tokenizer = BertTokenizer.from_pretrained(str(folder), do_lower_case=not cased)
    for text in TEXTS:
        for most in 0, 6:
            ids = tokenizer(text, truncation=most > 0, max_length=most or None)["input_ids"]
            cases.append({"text": text, "cased": cased, "most": most, "ids": ids})
(folder / "wordpiece.json").write_text(json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{") + "\n")
