"""Trains a model from random weights through transformers and prints its speed and memory as one JSON object.

Usage: python scripts/peers/hf_train.py [--config F] [--batch 4] [--length 256] [--steps 6] [--warmup 2] [--threads 2]
                                        [--compile]   (in the environment of scripts/setup.sh --oracle)

The peer of `llmtrain bench --config configs/bench/smollm2_135m_cpu.json`: fp32, AdamW, gradient norm clipped at 1,
random tokens, one batch per step.
tokens_per_second is over the median step after the warm-up; peak_rss_mib is the largest resident size of the process.
"""
import argparse
import json
import pathlib
import resource
import statistics
import time

MODELS = pathlib.Path(__file__).resolve().parents[2] / "configs/models"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=pathlib.Path, default=MODELS / "smollm2-135m.json")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6, help="measured steps")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    return parser.parse_args()


def make_model(args):
    import torch
    import transformers
    keys = json.loads(args.config.read_text())
    config = transformers.CONFIG_MAPPING[keys["model_type"]].from_dict(keys)
    config.use_cache = False
    torch.manual_seed(args.seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return torch.compile(model) if args.compile else model


def make_optimizer(model, lr):
    import torch
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=True)


def train(args, model):
    """Returns seconds and loss of every step, warm-up included."""
    import torch
    optimizer = make_optimizer(model, args.lr)
    vocabulary = json.loads(args.config.read_text())["vocab_size"]
    seconds, losses = [], []
    for _ in range(args.warmup + args.steps):
        ids = torch.randint(vocabulary, (args.batch, args.length))
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return seconds, losses


def main():
    args = parse_arguments()
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    model = make_model(args)
    seconds, losses = train(args, model)
    median = statistics.median(seconds[args.warmup:])
    print(json.dumps({
        "stack": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "mode": "compile" if args.compile else "eager",
        "config": args.config.name, "parameters": sum(p.numel() for p in model.parameters()),
        "batch": args.batch, "length": args.length, "threads": args.threads,
        "tokens_per_second": round(args.batch * args.length / median, 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "step_seconds": [round(s, 3) for s in seconds], "warmup": args.warmup,
        "loss": round(losses[-1], 4)}))


if __name__ == "__main__":
    main()
