"""Checks that peft loads an adapter directory of ours as it is and computes the same logits.

Usage: python scripts/goldens/check_peft_loads.py ADAPTER BASE [LOGITS]   (in the environment of scripts/setup.sh --oracle)

ADAPTER  a directory that llmconvert export --to peft wrote
BASE     the Hugging Face directory it is for
LOGITS   the file of `llmeval logits --model ADAPTER --ids ... --out LOGITS`; compared in fp32
Exit code 1 when a tensor is missing or unexpected, or a logit differs by more than 1e-4.
"""
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

MAX_DIFFERENCE = 1e-4


@torch.no_grad()
def main():
    adapter, base = sys.argv[1:3]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    stored = load_file(f"{adapter}/adapter_model.safetensors")
    for name in ("embed_tokens", "lm_head"):
        rows = [value.shape[0] for key, value in stored.items() if key.endswith(f"{name}.weight")]
        if rows and rows[0] != model.config.vocab_size:
            model.resize_token_embeddings(rows[0], mean_resizing=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapted = PeftModel.from_pretrained(model, adapter).eval()
    problems = [str(warning.message) for warning in caught if "keys" in str(warning.message)]
    config = adapted.peft_config["default"]
    print(f"{type(adapted).__name__}: r {config.r}, alpha {config.lora_alpha}, {len(stored)} tensors, problems: {problems or 'none'}")
    failed = bool(problems)
    if len(sys.argv) > 3:
        ours = load_file(sys.argv[3])
        difference = (adapted(ours["ids"][None]).logits[0] - ours["logits"]).abs().max().item()
        print(f"logits {list(ours['logits'].shape)}: max difference {difference:.3g}")
        failed = failed or not difference <= MAX_DIFFERENCE
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
