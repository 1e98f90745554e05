#!/usr/bin/env python3
"""Writes testdata/digits/digits.npz: the 1797 handwritten digits that ship with scikit-learn, x uint8 [1797,8,8] and y int64 [1797].

    pip install scikit-learn numpy
    python scripts/digits.py
"""
import pathlib

import numpy as np
from sklearn.datasets import load_digits

d = load_digits()
x = np.rint(d.images * (255 / 16)).astype(np.uint8)
np.savez_compressed(pathlib.Path(__file__).parent.parent / "testdata/digits/digits.npz", x=x, y=d.target.astype(np.int64))
