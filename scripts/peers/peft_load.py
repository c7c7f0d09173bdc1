"""Trains adapters with llmtrain, loads them with PEFT, and compares the logits.

Usage, in the environment of scripts/setup.sh --oracle:
  python scripts/peers/peft_load.py [--bin build/cpu-release/bin] [--work runs/peft_load] [--steps 6]

Bases are the tiny models of tests/golden/trl, tied and untied. Each case is one `llmtrain sft` with another adapter; its
logits as `llmeval logits` gives them stand against transformers' base with PEFT's PeftModel, in fp32. Where tokens were
added, the base's vocabulary is resized first, as PEFT asks for. Prints a JSON line for each case; exit code 1 when the
logits of one differ by more than 1e-4, or when training did not move them by more than that.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4
CASES = {
    "plain": {"lora.r": 4, "lora.alpha": 8},
    "rslora": {"lora.r": 4, "lora.alpha": 8, "lora.rslora": True},
    "rank_pattern": {"lora.r": 4, "lora.rank_pattern": [{"modules": "layers.0.*q_proj", "r": 2}, {"modules": "down_proj", "r": 7}]},
    "targets": {"lora.r": 3, "lora.targets": ["q_proj", "v_proj"]},
    "saved": {"lora.r": 4, "lora.modules_to_save": ["embed_tokens"]},
    "saved_norm": {"lora.r": 4, "lora.modules_to_save": ["model.norm"]},
    "extended": {"lora.r": 4, "model.tokenizer": "tokenizer"},
}


def rows(path):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(40):
            messages = [{"role": "user", "content": f"What is {i} and one?"},
                        {"role": "assistant", "content": f"<|mark|> It is {i + 1}."}]
            file.write(json.dumps({"messages": messages}) + "\n")


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def train(args, base, case, work):
    """The run directory of one case."""
    config = {"model": {"path": str(base)}, "data": {"train": [{"paths": [str(args.work / "rows.jsonl")]}], "max_length": 128},
              "optim": {"lr": 2e-2}, "train": {"max_steps": args.steps, "batch_rows": 4}}
    for key, value in CASES[case].items():
        section, name = key.split(".")
        config.setdefault(section, {})[name] = value
    if "tokenizer" in config["model"]:
        config["model"]["tokenizer"] = str(work / "tokenizer")
        run(args.bin / "llmtok", "extend", "--tokenizer", base, "--add", "<|mark|>", "--add-special", "<|call|>", "<|done|>",
            "--out", work / "tokenizer")
    (work / "config.json").write_text(json.dumps(config))
    run(args.bin / "llmtrain", "sft", "--config", work / "config.json", "--run-dir", work / "run", "--quiet", "--threads", 1)
    return work / "run"


def our_logits(args, model, ids, out):
    run(args.bin / "llmeval", "logits", "--model", model, "--ids", ",".join(map(str, ids)), "--out", out, "--quiet")
    return load_file(out)["logits"]


def peft_logits(base, adapter, ids):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def compare(args, head, case):
    base = ROOT / "tests/golden/trl" / head
    work = args.work / f"{head}_{case}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    adapter = max((train(args, base, case, work) / "checkpoints").glob("step-*"))
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    ids = tokenizer.encode("What is 7 and one? <|mark|> It is 8.") + [len(tokenizer) - 1]
    ours = our_logits(args, adapter, ids, work / "ours.safetensors")
    theirs = peft_logits(base, adapter, ids)
    known = [i for i in ids if i < 320]
    moved = (our_logits(args, base, known, work / "base.safetensors")[-1] - ours[-1][:320]).abs().max().item()
    return {"base": head, "case": case, "rows": list(ours.shape), "max_difference": (ours - theirs).abs().max().item(),
            "moved_by_training": moved}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/cpu-release/bin")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "runs/peft_load")
    parser.add_argument("--steps", type=int, default=6)
    args = parser.parse_args()
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    rows(args.work / "rows.jsonl")
    failed = False
    for head in ("tied", "untied"):
        for case in CASES:
            report = compare(args, head, case)
            failed |= report["max_difference"] > TOLERANCE or report["moved_by_training"] < TOLERANCE
            print(json.dumps(report), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
