"""Writes tests/golden/rope/frequencies.json: RoPE frequencies as transformers computes them.

Usage: python scripts/goldens/make_rope.py   (in the environment of scripts/setup.sh --oracle)

Each case holds the config.json keys, the document's length, the inverse frequencies (fp32 values
printed so that they read back exactly) and the factor on cos and sin.
"""
import json
import pathlib

import torch
import transformers
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/rope/frequencies.json"
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}

# (name, head_dim, max_position_embeddings, theta, rope_scaling, lengths)
CASES = [
    ("default", 64, 8192, 100000.0, None, [1]),
    ("default_128", 128, 40960, 1000000.0, None, [1]),
    ("linear", 64, 4096, 10000.0, {"rope_type": "linear", "factor": 2.5}, [1]),
    ("dynamic", 64, 2048, 10000.0, {"rope_type": "dynamic", "factor": 2.0}, [1, 2048, 2049, 4096, 10007]),
    ("dynamic_small", 8, 16, 10000.0, {"rope_type": "dynamic", "factor": 3.0}, [16, 17, 40]),
    ("llama3", 64, 131072, 500000.0, dict(LLAMA3, factor=32.0), [1]),
    ("llama3_128", 128, 131072, 500000.0, LLAMA3, [1]),
    ("yarn", 128, 131072, 1000000.0, YARN, [1]),
    ("yarn_unrounded", 64, 131072, 10000.0, dict(YARN, truncate=False, beta_fast=20.0, beta_slow=2.0), [1]),
    ("yarn_attention_factor", 16, 131072, 10000.0, dict(YARN, attention_factor=1.25), [1]),
    ("yarn_mscale", 16, 131072, 10000.0, dict(YARN, mscale=0.707, mscale_all_dim=1.5), [1]),
    ("yarn_narrow", 8, 64, 10000.0, dict(YARN, factor=2.0, original_max_position_embeddings=32), [1]),
]


def make_case(name, head_dim, max_position, theta, scaling, length):
    keys = {"model_type": "llama", "vocab_size": 32, "hidden_size": 2 * head_dim, "intermediate_size": 32,
            "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": head_dim,
            "max_position_embeddings": max_position, "rope_theta": theta, "rope_scaling": scaling}
    config = transformers.LlamaConfig.from_dict(json.loads(json.dumps(keys)))
    rotary = LlamaRotaryEmbedding(config)
    rotary(torch.zeros(1), torch.arange(length)[None])
    return {"name": f"{name}_at_{length}", "config": keys, "length": length,
            "inverse": rotary.inv_freq.tolist(), "attention_factor": float(rotary.attention_scaling)}


def main():
    cases = [make_case(*case, length) for *case, lengths in CASES for length in lengths]
    manifest = {"script": "scripts/goldens/make_rope.py", "torch": torch.__version__,
                "transformers": transformers.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUT.write_text(f'{{"manifest": {json.dumps(manifest)},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
