#!/usr/bin/env python3
"""Write graph/tensor/imaging/testdata/pillow.npz: a picture, and what Pillow makes of it in several sizes with each filter.

    pip install pillow numpy
    scripts/pillow.py

Keys are FILTER_MODE_WIDTHxHEIGHT; "source" is the RGBA picture that all of them come from.
"""
import os

import numpy as np
from PIL import Image

y, x = np.mgrid[0:23, 0:37]
source = np.stack([(x * 7 + y * 13) % 256, (x * x + 3 * y) % 256, 255 * ((x // 3 + y // 2) % 2), np.clip(x * 11 - y * 3, 0, 255)], axis=2).astype(np.uint8)
out = {"source": source}
filters = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "hamming": Image.HAMMING, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
for name, f in filters.items():
    for mode in ("L", "RGB", "RGBA"):
        for size in ((12, 9), (50, 7), (1, 1), (37, 31)):
            picture = Image.fromarray(source, "RGBA")
            if mode != "RGBA":
                picture = Image.fromarray(source[:, :, :3], "RGB").convert(mode)
            out[f"{name}_{mode}_{size[0]}x{size[1]}"] = np.asarray(picture.resize(size, f))
folder = os.path.join(os.path.dirname(__file__), "..", "graph", "tensor", "imaging", "testdata")
os.makedirs(folder, exist_ok=True)
np.savez_compressed(os.path.join(folder, "pillow.npz"), **out)
