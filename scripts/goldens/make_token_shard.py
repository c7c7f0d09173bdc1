#!/usr/bin/env python3
"""Writes tests/golden/io/{u16_masked,u32}.tokens from the byte table in llm/io/token_shard.h.

Needs: numpy, xxhash. Knows the table only, none of the C++ code.
"""
import pathlib
import struct

import numpy as np
import xxhash

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "io"


def padded(data, multiple=8):
    return data + b"\0" * (-len(data) % multiple)


def shard(documents, dtype, fingerprint, vocab_size, masks=None):
    ids = np.concatenate([np.array(d, dtype=dtype) for _, d in documents])
    starts = np.cumsum([0] + [len(d) for _, d in documents]).astype("<u8")
    document_ids = np.array([i for i, _ in documents], dtype="<u8")
    body = padded(ids.tobytes())  # the header is a multiple of 8 as well
    index_offset = 128 + len(body)
    body += starts.tobytes() + document_ids.tobytes()
    mask_offset = 0
    if masks is not None:
        mask_offset = 128 + len(body)
        body += np.packbits(np.concatenate(masks), bitorder="little").tobytes()
    header = struct.pack(
        "<8sIIQQQQQQQ", b"LLMTOKS\0", 1, ids.itemsize, len(ids), len(documents), fingerprint,
        vocab_size, index_offset, mask_offset, xxhash.xxh3_64_intdigest(body))
    return header.ljust(128, b"\0") + body


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    documents = [(0x1122334455667788, [1, 2, 3]), (0xFFFFFFFFFFFFFFFF, [65535]),
                 (5, [0, 40000, 7, 9, 10, 11, 12])]
    masks = [[0, 1, 1], [1], [0, 0, 1, 0, 1, 1, 1]]
    (OUT / "u16_masked.tokens").write_bytes(
        shard(documents, "<u2", 0xABCDEF0123456789, 65536, masks))
    documents[1] = (0xFFFFFFFFFFFFFFFF, [151935])
    (OUT / "u32.tokens").write_bytes(shard(documents, "<u4", 42, 151936))


if __name__ == "__main__":
    main()
