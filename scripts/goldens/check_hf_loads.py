"""Checks that transformers loads a model directory of ours as it is and computes the same logits.

Usage: python scripts/goldens/check_hf_loads.py MODEL [LOGITS]   (in the environment of scripts/setup.sh --oracle)

MODEL   a directory that llmtrain or llmconvert wrote
LOGITS  the file of `llmeval logits --model MODEL --ids ... --out LOGITS`; compared in fp32
Exit code 1 when a weight is missing, unexpected or mis-shaped, or a logit differs by more than 1e-4.
"""
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

MAX_DIFFERENCE = 1e-4


def main():
    directory = pathlib.Path(sys.argv[1])
    model, info = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    problems = {key: sorted(map(str, value)) for key, value in info.items() if value}
    print(f"{type(model).__name__}: {model.num_parameters()} parameters, loading problems: {problems or 'none'}")
    if (directory / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(directory)
        print(f"{type(tokenizer).__name__}: {len(tokenizer)} ids, eos {tokenizer.eos_token!r}, "
              f"chat template: {'yes' if tokenizer.chat_template else 'no'}")
    if (directory / "generation_config.json").exists():
        print("generation config:", GenerationConfig.from_pretrained(directory).to_diff_dict())
    failed = bool(problems)
    if len(sys.argv) > 2:
        ours = load_file(sys.argv[2])
        with torch.no_grad():
            theirs = model(ours["ids"][None]).logits[0].float()
        difference = (theirs - ours["logits"]).abs().max().item()
        print(f"logits {list(theirs.shape)}: max difference {difference:.3g}")
        failed = failed or not difference <= MAX_DIFFERENCE
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
