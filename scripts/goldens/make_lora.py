"""Writes tests/golden/lora/: adapters as peft writes them, with what peft computes with them in fp32.

Usage: python scripts/goldens/make_lora.py   (in the environment of scripts/setup.sh --oracle)

NAME/adapter_config.json, adapter_model.safetensors   the adapter, on a model of tests/golden/models
NAME/golden.safetensors   ids [T], logits [T, V] of the model with the adapter at run time, and where peft can merge it
                          merged_logits [T, V] and the merged weights merged.PARAMETER of the last block
"""
import json
import pathlib
import shutil
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
OUT = GOLDEN / "lora"
SEED, LENGTH, GROWN = 20250117, 16, 101

# name -> (base, settings of LoraConfig, what else)
ADAPTERS = {
    "plain": ("llama", {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}, {}),
    "rslora": ("qwen2", {"r": 4, "lora_alpha": 4, "target_modules": "all-linear", "use_rslora": True}, {}),
    "patterns": ("llama", {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "k_proj", "o_proj", "down_proj"],
                           "rank_pattern": {"layers.1.self_attn.q_proj": 2, "down_proj": 6, "q_proj": 3},
                           "alpha_pattern": {"down_proj": 12, r"layers\.0\..*k_proj": 3}}, {"dtype": torch.bfloat16}),
    "regex": ("qwen3", {"r": 2, "lora_alpha": 5, "exclude_modules": ["model.layers.1.mlp.up_proj"],
                        "target_modules": r"model\.layers\.\d+\.(self_attn\.(q|o)_proj|mlp\.up_proj)"}, {}),
    "grown": ("llama", {"r": 4, "lora_alpha": 4, "target_modules": ["gate_proj"], "layers_to_transform": [1],
                        "modules_to_save": ["embed_tokens", "lm_head"]}, {"rows": GROWN}),
    "grown_tied": ("qwen2", {"r": 4, "lora_alpha": 4, "target_modules": ["v_proj"]}, {"rows": GROWN, "tables": True}),
    "untied": ("qwen2", {"r": 4, "lora_alpha": 4, "target_modules": ["v_proj"], "modules_to_save": ["embed_tokens"]}, {}),
    "head": ("qwen2", {"r": 4, "lora_alpha": 4, "target_modules": ["lm_head", "o_proj"]}, {"merge": False}),
    "norms": ("qwen3", {"r": 3, "lora_alpha": 3, "target_modules": ["k_proj"], "modules_to_save": ["norm"]}, {}),
}


@torch.no_grad()
def randomise(model):
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.normal_(0, 0.3)


@torch.no_grad()
def make_adapter(name, base, settings, rest):
    torch.manual_seed(SEED)
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / "models" / base, dtype=torch.float32, attn_implementation="eager")
    if "rows" in rest:
        model.resize_token_embeddings(rest["rows"], mean_resizing=False)
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    randomise(adapted)
    if "dtype" in rest:  # numbers of that dtype, so that nothing is rounded when the file is written
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.copy_(parameter.to(rest["dtype"]))
    config = adapted.peft_config["default"]
    config.base_model_name_or_path = f"../../models/{base}"
    state = {key: value.to(rest["dtype"]) for key, value in adapted.state_dict().items()} if "dtype" in rest else None
    adapted.save_pretrained(folder, state_dict=state, save_embedding_layers=rest.get("tables", False))
    (folder / "README.md").unlink(missing_ok=True)
    ids = torch.randint(rest.get("rows", model.config.vocab_size), (1, LENGTH))
    out = {"ids": ids[0], "logits": adapted(input_ids=ids, use_cache=False).logits[0]}
    if rest.get("merge", True):
        merged = adapted.merge_and_unload()
        out["merged_logits"] = merged(input_ids=ids, use_cache=False).logits[0]
        last = f"layers.{model.config.num_hidden_layers - 1}."
        out |= {f"merged.{key}": value.clone() for key, value in merged.named_parameters() if last in key}
        assert (out["merged_logits"] - out["logits"]).abs().max() < 1e-4, name
    save_file({key: value.contiguous() for key, value in out.items()}, folder / "golden.safetensors")
    print(f"{name}: {sum(file.stat().st_size for file in folder.iterdir()) / 1024:.0f} KiB")


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name, (base, settings, rest) in ADAPTERS.items():
        make_adapter(name, base, settings, rest)
    manifest = {"script": "scripts/goldens/make_lora.py", "torch": torch.__version__, "peft": peft.__version__,
                "transformers": transformers.__version__, "seed": SEED,
                "adapters": {name: base for name, (base, _, _) in ADAPTERS.items()}}
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
