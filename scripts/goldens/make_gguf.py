#!/usr/bin/env python3
"""Writes tests/golden/gguf with the package gguf, and checks files of ours with it.

Usage: make_gguf.py            writes the goldens
       make_gguf.py FILE...    reads each file with gguf and decodes what it can; fails where gguf does

Needs: gguf, numpy. mixed.gguf has every metadata type and tensors of 0 to 4 dimensions; the C++ test writes the same and
compares the bytes. blocks.gguf holds input `x`, and for every type the encoded `TYPE` and the decoded `TYPE.values`; for
types that gguf only decodes, random blocks. model-*.gguf is split in three.
"""
import logging
import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Value

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "gguf"


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_mixed():
    writer = gguf.GGUFWriter(OUT / "mixed.gguf", "test")
    writer.add_uint8("a.u8", 255)
    writer.add_int8("a.i8", -128)
    writer.add_uint16("a.u16", 65535)
    writer.add_int16("a.i16", -32768)
    writer.add_uint32("a.u32", 2**32 - 1)
    writer.add_int32("a.i32", -(2**31))
    writer.add_float32("a.f32", 0.1)
    writer.add_bool("a.true", True)
    writer.add_bool("a.false", False)
    writer.add_string("a.string", "한 \"é\"\n")
    writer.add_uint64("a.u64", 2**64 - 1)
    writer.add_int64("a.i64", -(2**63))
    writer.add_float64("a.f64", 0.1)
    writer.add_custom_alignment(64)
    writer.add_array("b.strings", ["", "a", "bc", "\u2581de"])
    writer.add_array("b.floats", [0.5, -1.25, 1e30])
    writer.add_array("b.ints", [1, -2, 3])
    writer.add_array("b.bools", [True, False, True])
    writer.add_array("b.bytes", bytes([0, 127, 255]))
    writer.add_key_value("b.u64s", [0, 2**63], Value.ARRAY, Value.UINT64)
    writer.add_key_value("b.i16s", [-1, 5], Value.ARRAY, Value.INT16)
    writer.add_key_value("b.f64s", [0.1], Value.ARRAY, Value.FLOAT64)
    writer.add_array("b.nested", [[1, 2], [3], [4, 5, 6]])
    writer.add_array("b.deep", [[["x"], ["y", "z"]], [["w"]]])
    writer.add_tensor("scalar", np.array(7.5, dtype=np.float32))
    writer.add_tensor("vector", np.arange(5, dtype=np.float32) / 4)
    writer.add_tensor("matrix", np.arange(6, dtype=np.float16).reshape(2, 3) / 2)
    writer.add_tensor("cube", np.arange(24, dtype=np.int32).reshape(2, 3, 4))
    writer.add_tensor("four", np.arange(16, dtype=np.int8).reshape(2, 1, 4, 2))
    writer.add_tensor("doubles", np.array([0.1, -2], dtype=np.float64))
    writer.add_tensor("shorts", np.array([[1], [-2]], dtype=np.int16))
    writer.add_tensor("longs", np.array([2**40], dtype=np.int64))
    rows = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    writer.add_tensor("blocks", gguf.quants.quantize(rows, Type.Q8_0), raw_dtype=Type.Q8_0)
    finish(writer)


def write_split():
    writer = gguf.GGUFWriter(OUT / "model.gguf", "test", split_max_tensors=2)
    writer.add_string("general.name", "split")
    for i in range(5):
        writer.add_tensor(f"tensor.{i}", np.full((2, i + 1), i, dtype=np.float32))
    finish(writer)


def inputs():
    """Rows of 96 values: ordinary ones and corners of the encoders. No value rounds to an infinite half."""
    random = np.random.default_rng(7)
    columns = 96
    rows = [
        random.normal(0, 0.02, columns),
        random.uniform(-1, 1, columns),
        random.standard_t(2, columns),
        np.zeros(columns),
        np.full(columns, 0.3),
        np.full(columns, -0.7),
        random.normal(0, 1, columns) * 12000,
        random.normal(0, 1e-6, columns),
        random.normal(0, 1e-8, columns),
        np.where(np.arange(columns) % 2, 3.0, -3.0),  # equal magnitudes: the first one counts
        np.where(np.arange(columns) % 2, -3.0, 3.0),
        -np.abs(random.normal(0, 1, columns)),
        np.abs(random.normal(0, 1, columns)) + 5,
        random.integers(-8, 9, columns) / 2,  # halfway between levels
        np.where(np.arange(columns) == 40, -60000.0, random.normal(0, 1, columns)),
        random.normal(0, 1, columns) * 2.0 ** -random.integers(10, 26, columns),  # subnormal halves
    ]
    return np.array(rows).astype(np.float32)


def random_blocks(random, kind, count):
    """Blocks of random bytes, with finite halves where scales lie."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    places = {
        Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
        Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
    }[kind]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for place in places:
        halves = random.normal(0, 1, count) * 10.0 ** random.integers(-7, 3, count)
        blocks[:, place : place + 2] = halves.astype(np.float16).reshape(-1, 1).view(np.uint8)
    return blocks


def write_blocks():
    writer = gguf.GGUFWriter(OUT / "blocks.gguf", "test")
    random = np.random.default_rng(8)

    def add(name, kind, data):
        if kind in (Type.F16,):
            writer.add_tensor(name, data)
        else:
            writer.add_tensor(name, data.reshape(data.shape[0], -1).view(np.uint8), raw_dtype=kind)
        writer.add_tensor(name + ".values", gguf.quants.dequantize(data, kind).astype(np.float32))

    x = inputs()
    writer.add_tensor("x", x)
    for kind in (Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0):
        add(kind.name, kind, gguf.quants.quantize(x, kind))
    for kind in (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0):
        add(kind.name + ".random", kind, random_blocks(random, kind, 8))
    for kind in (Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K):
        add(kind.name + ".random", kind, random_blocks(random, kind, 4))
    finish(writer)


def check(path):
    reader = gguf.GGUFReader(path)
    for tensor in reader.tensors:
        try:
            gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError:
            pass
    print(f"{path}: {len(reader.fields)} fields, {len(reader.tensors)} tensors")


def main():
    logging.disable(logging.INFO)
    for path in sys.argv[1:]:
        check(path)
    if sys.argv[1:]:
        return
    OUT.mkdir(parents=True, exist_ok=True)
    write_mixed()
    write_split()
    write_blocks()


if __name__ == "__main__":
    main()
