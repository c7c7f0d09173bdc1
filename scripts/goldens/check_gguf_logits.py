"""Checks our logits of a GGUF model against transformers: the file through gguf_file=, and a directory of ours.

Usage: python scripts/goldens/check_gguf_logits.py MODEL.gguf DIRECTORY [BIN]   (in the environment of setup.sh --oracle)

DIRECTORY  what `llmconvert import --from MODEL.gguf --out DIRECTORY` wrote
BIN        folder of our programs (default build/cpu-release/bin)
Exit code 1 when a logit differs by more than 2e-4 from either.
"""
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

MAX_DIFFERENCE = 2e-4
# "The capital of France is Paris, and the capital of Germany is Berlin." and a chat prompt, as SmolLM2's tokenizer has them;
# any ids would do.
PROMPTS = [[504, 3575, 282, 4649, 314, 7042, 28, 284, 260, 3575, 282, 4521, 314, 11452, 30],
           [1, 4093, 198, 26843, 2, 198, 1, 520, 9531, 198] * 12]


def our_logits(program, model, ids, folder):
    out = pathlib.Path(folder) / "logits.safetensors"
    subprocess.run([program, "logits", "--model", model, "--ids", ",".join(map(str, ids)), "--out", out, "--force",
                    "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    return load_file(out)["logits"]


def main():
    gguf, directory = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    program = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else "build/cpu-release/bin") / "llmeval"
    failed = False
    peers = {"gguf_file": AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32),
             "from_pretrained": AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)}
    with tempfile.TemporaryDirectory() as folder:
        for ids in PROMPTS:
            ours = {"gguf": our_logits(program, gguf, ids, folder), "directory": our_logits(program, directory, ids, folder)}
            for name, peer in peers.items():
                with torch.no_grad():
                    theirs = peer(torch.tensor([ids])).logits[0].float()
                for kind, logits in ours.items():
                    difference = (theirs - logits).abs().max().item()
                    print(f"{len(ids):4} ids, ours from the {kind}, transformers by {name}: max difference {difference:.3g}")
                    failed = failed or not difference <= MAX_DIFFERENCE
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
