"""Writes tests/golden/models/: tiny random models and what transformers computes with them in fp32.

Usage: python scripts/goldens/make_models.py   (in the environment of scripts/setup.sh --oracle)

tests/golden/models/README.md describes the files.
"""
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/models"
SEED = 20240501
VOCAB, TRAINED = 97, 16  # TRAINED: the length before scaling, between the lengths of the two documents
SHORT, LONG = 12, 40
PROMPT, TOTAL = 12, 24  # continuation
STEPS, GROUPS, ROWS, TRAIN_LENGTH = 50, 4, 2, 24
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8}
WEIGHT_DECAY = 0.1

SCALED = {"max_position_embeddings": 4 * TRAINED}
ORIGINAL = {"original_max_position_embeddings": TRAINED}


def rope(kind, **parameters):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **parameters}}


# name -> (model type, what differs from the base)
MODELS = {
    "llama": ("llama", {}),
    "llama_mha_tied": ("llama", {"num_key_value_heads": 4, "tie_word_embeddings": True}),
    "llama_mqa_bias": ("llama", {"num_key_value_heads": 1, "head_dim": 12, "attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {"sliding_window": None, "head_dim": 12, "num_attention_heads": 3, "num_key_value_heads": 3}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"head_dim": 12}),
    "qwen3_bias_tied": ("qwen3", {"head_dim": 8, "attention_bias": True, "tie_word_embeddings": True}),
    "llama_linear": ("llama", {**SCALED, **rope("linear", factor=4.0), "tie_word_embeddings": True}),
    "llama_dynamic": ("llama", {"max_position_embeddings": TRAINED, **rope("dynamic", factor=2.0),
                                "tie_word_embeddings": True}),
    "llama_llama3": ("llama", {**SCALED, "tie_word_embeddings": True,
                               **rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, **ORIGINAL)}),
    "qwen2_yarn": ("qwen2", {**SCALED, "tie_word_embeddings": True,
                             **rope("yarn", factor=4.0, beta_fast=4.0, **ORIGINAL)}),
}


def make_config(kind, changes):
    keys = {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
            "rms_norm_eps": 1e-5, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
            "use_cache": False, **rope("default"), **changes}
    return transformers.CONFIG_MAPPING[kind](**keys)


def randomise(model):
    """Large weights, so that attention and logits are far from uniform; all of them bf16 numbers, so that the file is
    half as large and reads back exactly."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            parameter.normal_(0, 0.5 if "embed" in name else 1.0 / parameter.shape[1] ** 0.5)
        else:
            parameter.normal_(0, 0.25).add_(0.0 if name.endswith("bias") else 1.0)
    return model.to(torch.bfloat16)


def forward(model, ids):  # [B, T] -> [B, T, V]
    """The frequencies of dynamic NTK depend on the rows' length alone: forget those of earlier calls."""
    rotary = model.model.rotary_emb
    rotary.max_seq_len_cached = rotary.original_max_seq_len
    rotary.inv_freq = rotary.original_inv_freq
    return model(input_ids=ids, use_cache=False).logits


def summed_loss(logits, targets):
    return torch.nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="sum")


def forward_and_gradients(model, out):
    total, count = 0, 0
    for name, length in (("short", SHORT), ("long", LONG)):
        ids = torch.randint(VOCAB, (1, length))
        targets = torch.randint(VOCAB, (1, length))
        targets[0, ::5] = -100
        logits = forward(model, ids)
        total = total + summed_loss(logits, targets)
        count += int((targets != -100).sum())
        out |= {f"{name}.ids": ids[0], f"{name}.targets": targets[0], f"{name}.logits": logits[0].detach()}
    loss = total / count
    loss.backward()
    out["loss"] = loss.detach().reshape(1)
    for name, parameter in model.named_parameters():
        out[f"gradient.{name}"] = parameter.grad.clone()
    model.zero_grad(set_to_none=True)


@torch.no_grad()
def continuation(model, out):
    ids = torch.randint(VOCAB, (1, TOTAL))
    rows = [forward(model, ids[:, :length])[0, -1] for length in range(PROMPT + 1, TOTAL + 1)]
    out |= {"continuation.ids": ids[0], "continuation.logits": torch.stack(rows)}
    if model.config.rope_parameters["rope_type"] != "dynamic":
        check_cache(model, ids, out["continuation.logits"])


def check_cache(model, ids, expected):
    """transformers' own cache gives the same rows (not for dynamic NTK: it keeps keys rotated for older lengths)."""
    cache = transformers.DynamicCache(config=model.config)
    model(input_ids=ids[:, :PROMPT], past_key_values=cache, use_cache=True)
    for row, position in enumerate(range(PROMPT, TOTAL)):
        logits = model(input_ids=ids[:, position:position + 1], past_key_values=cache, use_cache=True).logits
        difference = (logits[0, -1] - expected[row]).abs().max().item()
        assert difference < 2e-5, (row, difference)


def train(model, out):
    data = torch.randint(VOCAB, (GROUPS, ROWS, TRAIN_LENGTH + 1))
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in parameters if p.ndim == 2], "weight_decay": WEIGHT_DECAY},
         {"params": [p for p in parameters if p.ndim != 2], "weight_decay": 0.0}], foreach=False, **ADAMW)
    losses = []
    for step in range(STEPS):
        rows = data[step % GROUPS]
        targets = rows[:, 1:]
        loss = summed_loss(forward(model, rows[:, :-1]), targets) / targets.numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    out |= {"train.ids": data, "train.losses": torch.stack(losses)}


def make_model(name, kind, changes):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(SEED)
    with torch.no_grad():
        made = randomise(AutoModelForCausalLM.from_config(make_config(kind, changes)))
    made.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    out = {}
    forward_and_gradients(model, out)
    continuation(model, out)
    train(model, out)
    save_file({key: value.contiguous() for key, value in out.items()}, folder / "golden.safetensors")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name}: {size / 1024:.0f} KiB, loss {out['loss'].item():.4f}, "
          f"trained {out['train.losses'][0]:.4f} -> {out['train.losses'][-1]:.4f}")


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name, (kind, changes) in MODELS.items():
        make_model(name, kind, changes)
    manifest = {"script": "scripts/goldens/make_models.py", "torch": torch.__version__,
                "transformers": transformers.__version__, "seed": SEED, "prompt_length": PROMPT,
                "models": list(MODELS)}
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
