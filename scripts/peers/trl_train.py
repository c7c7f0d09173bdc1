"""Fine-tunes all weights of a model with TRL in fp32 on the CPU and prints its speed and memory as one JSON object.

Usage: python scripts/peers/trl_train.py --model M --trainer sft|orpo [--micro-batch 4] [--steps 3] [--threads 2]
           [--data ../shared/data] [--write-rows F] [--rows-only]   (in the environment of scripts/setup.sh --oracle)

The rows, in this order, once and again until the steps are done:
  sft   the first 48 of sft/ko_chatbot.alpaca.jsonl, as prompt and completion in the model's template; 16 rows a step
  orpo  the first 4 pairs of preference/en_dpo.sharegpt.jsonl of which each answer with its prompt has at most 512 tokens;
        all of them in every step
A step is split into micro-batches (of at most the step) by gradient accumulation. --write-rows keeps the rows as they stand
in the data, for another program to train on; with --rows-only nothing is trained.
tokens_per_second counts tokens of rows, not padding, over all steps but the first; peak_rss_mib is the largest resident
size of the process.
"""
import argparse
import json
import pathlib
import resource
import tempfile
import time

import trl_rows

MAX_LENGTH = 512
ROWS = {"sft": ("sft/ko_chatbot.alpaca.jsonl", 48, 16), "orpo": ("preference/en_dpo.sharegpt.jsonl", 4, 4)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--trainer", choices=list(ROWS), required=True)
    parser.add_argument("--micro-batch", type=int, choices=[1, 2, 4, 8, 16], default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--write-rows", type=pathlib.Path)
    parser.add_argument("--rows-only", action="store_true")
    return parser.parse_args()


def fits(row, tokenizer):
    pair = trl_rows.sharegpt_pair_as_messages(row)
    rendered = [tokenizer.apply_chat_template(pair["prompt"] + pair[side], tokenize=False) for side in ("chosen", "rejected")]
    longest = max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in rendered)
    return longest + 1 <= MAX_LENGTH  # TRL adds an end-of-turn


def select_rows(args, tokenizer):
    file, count, _ = ROWS[args.trainer]
    rows = trl_rows.read_lines(args.data / file, trl_rows.UNLIMITED)
    if args.trainer == "orpo":
        rows = [row for row in rows if fits(row, tokenizer)]
    return rows[:count]


def make_clock():
    import transformers

    class Clock(transformers.TrainerCallback):
        """Seconds of every optimizer step."""

        def __init__(self):
            self.seconds, self.started = [], 0.0

        def on_step_begin(self, args, state, control, **rest):
            self.started = time.perf_counter()

        def on_step_end(self, args, state, control, **rest):
            self.seconds.append(time.perf_counter() - self.started)

    return Clock()


def make_trainer(args, rows, tokenizer, folder, clock):
    import datasets
    import torch
    import transformers
    from trl import SFTConfig, SFTTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
    batch = ROWS[args.trainer][2]
    micro = min(args.micro_batch, batch)
    settings = {"output_dir": folder, "per_device_train_batch_size": micro, "gradient_accumulation_steps": batch // micro,
                "max_steps": args.steps, "learning_rate": args.lr, "lr_scheduler_type": "constant", "warmup_steps": 0,
                "max_length": MAX_LENGTH, "bf16": False, "fp16": False, "gradient_checkpointing": False, "use_cpu": True,
                "train_sampling_strategy": "sequential", "logging_steps": 1, "report_to": "none", "save_strategy": "no",
                "disable_tqdm": True, "dataloader_pin_memory": False}
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    convert = trl_rows.alpaca_as_messages if args.trainer == "sft" else trl_rows.sharegpt_pair_as_messages
    data = datasets.Dataset.from_list([convert(row) for row in rows])
    if args.trainer == "sft":
        kind, config = SFTTrainer, SFTConfig(**settings)
    else:
        kind, config = ORPOTrainer, ORPOConfig(**settings, remove_unused_columns=False)
    trainer = kind(model=model, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[clock])
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def tokens_of(row):
    return sum(len(value) for key, value in row.items() if key in ("input_ids", "chosen_input_ids", "rejected_input_ids"))


def tokens_of_steps(trainer, batch, steps):
    lengths = [tokens_of(row) for row in trainer.train_dataset]
    return [sum(lengths[(step * batch + i) % len(lengths)] for i in range(batch)) for step in range(steps)]


def main():
    args = parse_arguments()
    import datasets
    import torch
    import transformers
    import trl
    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    tokenizer = trl_rows.open_tokenizer(args.model)
    rows = select_rows(args, tokenizer)
    if args.write_rows:
        trl_rows.write_lines(args.write_rows, rows)
    if args.rows_only:
        return
    clock = make_clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(args, rows, tokenizer, folder, clock)
        trainer.train()
    tokens = tokens_of_steps(trainer, ROWS[args.trainer][2], args.steps)
    steady = slice(1 if args.steps > 1 else 0, None)
    print(json.dumps({
        "stack": f"trl {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
        "trainer": args.trainer, "micro_batch": trainer.args.per_device_train_batch_size, "rows": len(rows),
        "rows_per_step": ROWS[args.trainer][2], "threads": args.threads,
        "tokens_per_second": round(sum(tokens[steady]) / sum(clock.seconds[steady]), 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "step_tokens": tokens, "step_seconds": [round(seconds, 2) for seconds in clock.seconds],
        "losses": [log["loss"] for log in trainer.state.log_history if "loss" in log]}))


if __name__ == "__main__":
    main()
