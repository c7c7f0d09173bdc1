"""Writes tests/golden/stories/greedy.json: greedy ids of stories260K, by NumPy alone.

Usage: python scripts/goldens/make_stories.py [MODEL.bin]     (needs NumPy only)

A second, independent reading of llama2.c's version 0 format: interleaved rotary pairs, no cache, everything computed in
float64 from the fp32 weights.
"""
import json
import pathlib
import struct
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT.parent / "shared/data/models/stories260K/stories260K.bin"
OUT = ROOT / "tests/golden/stories/greedy.json"
NUM_IDS = 200
BOS = 1


class Model:
    def __init__(self, path):
        raw = pathlib.Path(path).read_bytes()
        self.dim, self.ffn, self.layers, self.heads, self.kv_heads, vocab, self.context = struct.unpack("7i", raw[:28])
        self.flat = np.frombuffer(raw, dtype="<f4", offset=28)
        self.place = 0
        kv = self.kv_heads * self.dim // self.heads
        L, D, F = self.layers, self.dim, self.ffn
        self.embedding = self.take(abs(vocab), D)
        self.attention_norm = self.take(L, D)
        self.wq, self.wk, self.wv, self.wo = self.take(L, D, D), self.take(L, kv, D), self.take(L, kv, D), self.take(L, D, D)
        self.ffn_norm = self.take(L, D)
        self.gate, self.down, self.up = self.take(L, F, D), self.take(L, D, F), self.take(L, F, D)
        self.final_norm = self.take(D)
        self.take(self.context, D // self.heads)
        self.head = self.embedding if vocab > 0 else self.take(-vocab, D)
        assert self.place == self.flat.size, "not llama2.c version 0"

    def take(self, *shape):
        count = int(np.prod(shape))
        part = self.flat[self.place:self.place + count].reshape(shape).astype(np.float64)
        self.place += count
        return part

    def rotate(self, x, positions):  # [T, H, K], neighbours are pairs
        half = x.shape[-1] // 2
        angle = positions[:, None] * 10000.0 ** (-np.arange(half) / half)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        out = np.empty_like(x)
        out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return out

    def attention(self, x, layer):
        tokens, size = x.shape[0], self.dim // self.heads
        positions = np.arange(tokens)
        q = self.rotate((x @ self.wq[layer].T).reshape(tokens, self.heads, size), positions)
        k = self.rotate((x @ self.wk[layer].T).reshape(tokens, self.kv_heads, size), positions)
        v = (x @ self.wv[layer].T).reshape(tokens, self.kv_heads, size)
        k, v = (np.repeat(t, self.heads // self.kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhk,shk->hqs", q, k) / np.sqrt(size)
        scores = np.where(np.tril(np.ones((tokens, tokens), bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("hqs,shk->qhk", weights, v).reshape(tokens, self.dim) @ self.wo[layer].T

    def logits(self, ids):
        x = self.embedding[ids]
        for layer in range(self.layers):
            x = x + self.attention(rms_norm(x, self.attention_norm[layer]), layer)
            h = rms_norm(x, self.ffn_norm[layer])
            gate = h @ self.gate[layer].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ self.up[layer].T)) @ self.down[layer].T
        return rms_norm(x[-1:], self.final_norm) @ self.head.T


def rms_norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def main():
    model = Model(sys.argv[1] if len(sys.argv) > 1 else MODEL)
    ids, gap = [BOS], np.inf
    while len(ids) <= NUM_IDS:
        logits = model.logits(np.array(ids))[0]
        best = np.sort(logits)[-2:]
        gap = min(gap, float(best[1] - best[0]))
        ids.append(int(logits.argmax()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"script": "scripts/goldens/make_stories.py", "smallest_gap": gap, "ids": ids}) + "\n")
    print(f"{len(ids)} ids, smallest gap between the two likeliest {gap:.4g}")


if __name__ == "__main__":
    main()
