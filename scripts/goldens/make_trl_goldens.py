"""Writes tests/golden/trl/: tiny models, and what TRL logs while it trains them in fp32.

Usage: python scripts/goldens/make_trl_goldens.py   (in the environment of scripts/setup.sh --oracle)

untied/, tied/        Llama models with a byte-level tokenizer and a ChatML template: Hugging Face directories
NAME.json             a run: its settings, rows as TRL tokenised them, TRL's logs of every step, and in the end the
                      Euclidean norm of every trained parameter
NAME.adapter/         runs with LoRA: the adapter before the first step, as peft writes it
"""
import json
import pathlib
import random
import shutil
import tempfile
import warnings

import datasets
import peft
import torch
import transformers
import trl
from peft import LoraConfig, PeftModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/trl"
SEED, VOCAB = 20250601, 320
STEPS, BATCH = 6, 4
WARMED, WARM_BATCH, WARM_RATE = 200, 16, 3e-3  # steps that a random model learns the words in, so that it guesses some
SPECIALS = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ message['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
WORDS = ("the river cold stone light over under small bird sings every morning because nobody knows where it went "
         "하늘 바다 나무 구름 아침 저녁 우리는 천천히 걷는다 조용한 마을에 눈이 내린다 0 17 256 + = ? !").split()

# Written out, whatever the defaults of TRL are.
OPTIMISER = {"learning_rate": 1e-3, "lr_scheduler_type": "constant", "warmup_steps": 0, "optim": "adamw_torch",
             "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_epsilon": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0}
BATCHES = {"per_device_train_batch_size": BATCH, "gradient_accumulation_steps": 1, "max_steps": STEPS,
           "train_sampling_strategy": "sequential", "max_length": 256}
MACHINE = {"bf16": False, "fp16": False, "gradient_checkpointing": False, "use_cpu": True, "seed": SEED,
           "logging_steps": 1, "report_to": "none", "save_strategy": "no", "disable_tqdm": True,
           "dataloader_pin_memory": False}
PAIRS = {"remove_unused_columns": False}  # what ORPO's and CPO's collator needs
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "use_rslora": False, "target_modules": "all-linear"}

# name -> (trainer, its settings, model, kind of rows, LoRA)
RUNS = {
    "sft_text": (SFTTrainer, SFTConfig, {}, "untied", "text", None),
    "sft_completion": (SFTTrainer, SFTConfig, {"completion_only_loss": True}, "tied", "completion", None),
    "sft_assistant": (SFTTrainer, SFTConfig, {"assistant_only_loss": True}, "untied", "messages", None),
    "sft_lora": (SFTTrainer, SFTConfig, {"completion_only_loss": True}, "untied", "completion", LORA),
    "orpo": (ORPOTrainer, ORPOConfig, {**PAIRS, "beta": 0.25}, "untied", "preference", None),
    "orpo_tied": (ORPOTrainer, ORPOConfig, {**PAIRS, "beta": 0.1, "max_grad_norm": 0.5}, "tied", "preference", None),
    "orpo_lora": (ORPOTrainer, ORPOConfig, {**PAIRS, "beta": 0.25}, "untied", "preference", LORA),
    "dpo": (DPOTrainer, DPOConfig, {"beta": 0.1, "loss_type": ["sigmoid"]}, "untied", "preference", None),
    "simpo": (CPOTrainer, CPOConfig, {**PAIRS, "beta": 2.0, "loss_type": "simpo", "simpo_gamma": 0.5,
                                      "cpo_alpha": 0.0}, "untied", "preference", None),
}


def phrase(draw, shortest, longest):
    return " ".join(draw.choices(WORDS, k=draw.randint(shortest, longest)))


def make_rows(kind):
    """Lengths differ within every batch, and either answer of a pair may be the longer one."""
    draw = random.Random(f"{SEED} {kind}")
    rows = []
    for number in range(STEPS * BATCH):
        question, answer, other = phrase(draw, 2, 8), phrase(draw, 1, 14), phrase(draw, 1, 14)
        user, assistant = {"role": "user", "content": question}, {"role": "assistant", "content": answer}
        if kind == "text":
            rows.append({"text": f"{question} {answer}"})
        elif kind == "completion":
            rows.append({"prompt": [user], "completion": [assistant]})
        elif kind == "messages":
            again = [{"role": "user", "content": other}, {"role": "assistant", "content": phrase(draw, 1, 6)}]
            rows.append({"messages": [user, assistant] + again * (number % 2)})
        else:
            rejected = answer if number == 5 else other  # one pair prefers nothing
            rows.append({"prompt": [user], "chosen": [assistant], "rejected": [{"role": "assistant", "content": rejected}]})
    return rows


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=SPECIALS, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    draw = random.Random(SEED)
    tokenizer.train_from_iterator([phrase(draw, 4, 12) for _ in range(200)], trainer)
    assert tokenizer.get_vocab_size() == VOCAB
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=SPECIALS[0], eos_token=SPECIALS[2],
                                   chat_template=TEMPLATE)


@torch.enable_grad()
def learn_words(model, tokenizer):
    draw = random.Random(f"{SEED} words")
    optimizer = torch.optim.AdamW(model.parameters(), lr=WARM_RATE)
    for _ in range(WARMED):
        talks = [[{"role": role, "content": phrase(draw, 2, 10)} for role in ("user", "assistant")]
                 for _ in range(WARM_BATCH)]
        batch = tokenizer.apply_chat_template(talks, padding=True, return_dict=True, return_tensors="pt")
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"a model learned words: loss {loss.item():.3f}")


@torch.no_grad()
def make_model(name, tokenizer):
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=name == "tied",
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, use_cache=False))
    for key, parameter in model.named_parameters():  # attention and logits far from uniform
        if parameter.ndim == 2:
            parameter.normal_(0, (0.3 if name == "tied" else 0.5) if "embed" in key else 1.0 / parameter.shape[1] ** 0.5)
        else:
            parameter.normal_(1, 0.25)
    learn_words(model, tokenizer)
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def load_model(name):
    return AutoModelForCausalLM.from_pretrained(OUT / name, dtype=torch.float32, attn_implementation="eager")


def make_trainer(run, folder, settings):
    kind, configuration, _, base, rows, lora = RUNS[run]
    rest = {"ref_model": load_model(base)} if kind is DPOTrainer else {}
    trainer = kind(model=load_model(base), args=configuration(output_dir=folder, **settings), **rest,
                   train_dataset=datasets.Dataset.from_list(make_rows(rows)),
                   processing_class=AutoTokenizer.from_pretrained(OUT / base),
                   peft_config=LoraConfig(task_type="CAUSAL_LM", **lora) if lora else None)
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def tokenised_row(row):
    """A row of TRL's own data set, in the columns that DPO's lack too."""
    if "labels" in row:
        return {key: row[key] for key in ("input_ids", "labels")}
    if "prompt_ids" in row:
        prompt, untrained = row["prompt_ids"], [-100] * len(row["prompt_ids"])
        return {key: value for side in ("chosen", "rejected")
                for key, value in ((f"{side}_input_ids", prompt + row[f"{side}_ids"]),
                                   (f"{side}_labels", untrained + row[f"{side}_ids"]))}
    return {key: row[key] for key in ("chosen_input_ids", "chosen_labels", "rejected_input_ids", "rejected_labels")}


def save_adapter(model, folder, base):
    shutil.rmtree(folder, ignore_errors=True)
    config = model.peft_config["default"]
    config.base_model_name_or_path = f"../{base}"
    config.target_modules = sorted(config.target_modules)  # a set, in another order every time
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def write_run(run, golden):
    """One row, step or parameter a line."""
    lines = []
    for key, value in golden.items():
        if isinstance(value, list):
            items = ",\n".join(f"  {json.dumps(item, separators=(',', ':'))}" for item in value)
            lines.append(f'"{key}": [\n{items}\n ]')
        elif isinstance(value, dict):
            items = ",\n".join(f"  {json.dumps(name)}: {json.dumps(item)}" for name, item in value.items())
            lines.append(f'"{key}": {{\n{items}\n }}')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    text = "{\n " + ",\n ".join(lines) + "\n}\n"
    assert json.loads(text) == golden
    (OUT / f"{run}.json").write_text(text)


def make_run(run):
    kind, _, special, base, _, lora = RUNS[run]
    settings = {**OPTIMISER, **BATCHES, **MACHINE, **special}
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(run, folder, settings)
        rows = [tokenised_row(row) for row in trainer.train_dataset]
        if lora:
            save_adapter(trainer.model, OUT / f"{run}.adapter", base)
        trainer.train()
    steps = [log for log in trainer.state.log_history if "loss" in log]
    assert len(steps) == STEPS and len(rows) == STEPS * BATCH, run
    model = trainer.model
    assert isinstance(model, PeftModel) == bool(lora)
    norms = {name.replace(".default", ""): parameter.detach().double().norm().item()
             for name, parameter in model.named_parameters() if parameter.requires_grad}
    write_run(run, {
        "made_by": f"scripts/goldens/make_trl_goldens.py with trl {trl.__version__}, transformers "
                   f"{transformers.__version__}, peft {peft.__version__}, torch {torch.__version__}",
        "trainer": kind.__name__, "model": base, "adapter": f"{run}.adapter" if lora else None,
        "settings": settings | ({"lora": lora} if lora else {}), "rows": rows, "steps": steps, "final_norms": norms})
    print(f"{run}: loss {steps[0]['loss']:.4f} -> {steps[-1]['loss']:.4f}, grad_norm {steps[0]['grad_norm']:.3f}, "
          f"{(OUT / f'{run}.json').stat().st_size / 1024:.0f} KiB")


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    datasets.disable_caching()
    OUT.mkdir(exist_ok=True)
    tokenizer = make_tokenizer()
    for name in ("untied", "tied"):
        make_model(name, tokenizer)
    for run in RUNS:
        make_run(run)


if __name__ == "__main__":
    main()
