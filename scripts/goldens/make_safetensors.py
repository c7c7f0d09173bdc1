#!/usr/bin/env python3
"""Writes tests/golden/io/mixed.safetensors with the safetensors package.

Needs: safetensors, numpy. The C++ test writes the same tensors and compares the bytes.
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "io"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    tensors = {
        "layers.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
        "layers.0.bias": np.array([-1.5, 0.0, 2.25], dtype=np.float32),
        "positions": np.array([1, -2, 2**40], dtype=np.int64),
        "half": np.array([1.0, -0.5], dtype=np.float16),
        "scalar": np.array(7, dtype=np.int32),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "mask \"é\"": np.array([True, False, True]),
        "bytes": np.arange(5, dtype=np.uint8),
    }
    save_file(tensors, OUT / "mixed.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
