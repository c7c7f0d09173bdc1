"""Compares llama.cpp with us on GGUF files that we write: token ids, perplexity, greedy tokens. One JSON object.

Usage: scripts/peers/llama_cpp.sh --model M --texts F [--types f32,f16,q8_0,q4_k_m] [--bin build/cpu-release/bin]
                                  [--work runs/llama_cpp] [--documents 24] [--threads 2]

M is anything llmconvert exports: a model directory, a run, a GGUF file. F holds JSON lines with "text", or plain text whose
paragraphs are the documents; long ones are cut into pieces, of which an even sample is taken. llama.cpp computes with an fp32 KV cache and without flash attention; of quantised files its
products also round the activations, so there only likelihoods are compared, and greedy tokens on the F32 file.
Exit code 1 when token ids or greedy tokens differ, or a perplexity by more than 0.5 %.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

CONTEXT = 1024
MAX_BYTES = 1000  # no text can have more tokens than bytes
GREEDY_TOKENS = 64
MAX_DRIFT = 0.005
PROMPT_CHARACTERS = 60
# What tokenizers stumble over, beside the texts.
STRANGE = ["", " ", "  7", "a\tb\r\n\n c", "Hello  World 12345", "\u1112\u1161\u11ab\uae00 \u4f60\u597d", "\U0001f468\u200d\U0001f469\u200d\U0001f467 ok",
           "<|im_start|>user", "e\u0301 \u00e9 it's DON'T", "x" * 200, "\u00a0\u3000\u200b."]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    parser.add_argument("--types", default="f32,f16,q8_0,q4_k_m")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/cpu-release/bin"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/llama_cpp"))
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def ours(args, program, *arguments, text=None):
    command = [str(args.bin / program), *map(str, arguments), "--json", "--threads", str(args.threads)]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def read_texts(args):
    content = args.texts.read_text(encoding="utf-8")
    if args.texts.suffix == ".jsonl":
        texts = [json.loads(line)["text"] for line in content.splitlines() if line]
    else:
        texts = content.split("\n\n")
    raw = [text.encode()[i : i + MAX_BYTES] for text in texts
           for i in range(0, len(text.encode()), MAX_BYTES)]
    pieces = [piece.decode(errors="ignore").strip() for piece in raw]
    pieces = [piece for piece in pieces if len(piece) > 200]
    return pieces[:: max(1, len(pieces) // args.documents)][: args.documents]


def open_llama(path, args):
    import llama_cpp
    return llama_cpp.Llama(str(path), n_ctx=CONTEXT, n_batch=CONTEXT, n_threads=args.threads, logits_all=True,
                           flash_attn=False, type_k=0, type_v=0, verbose=False)


def log_softmax(rows):
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=-1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))


def their_perplexity(llama, documents):
    nll, count = 0.0, 0
    for ids in documents:
        llama.reset()
        llama.eval(ids)
        scores = log_softmax(llama.scores[: len(ids) - 1])
        nll -= scores[np.arange(len(ids) - 1), ids[1:]].sum()
        count += len(ids) - 1
    return float(np.exp(nll / count)), count


def their_greedy(llama, ids):
    llama.reset()
    llama.eval(ids)
    reply = []
    while len(reply) < GREEDY_TOKENS:
        reply.append(int(llama.scores[llama.n_tokens - 1].argmax()))
        llama.eval(reply[-1:])
    return reply


def our_greedy(args, model, ids):
    """One forward pass of ours says for every position of prompt + reply what we would draw there."""
    from safetensors.numpy import load_file
    out = args.work / "logits.safetensors"
    ours(args, "llmeval", "logits", "--model", model, "--ids", ",".join(map(str, ids)), "--out", out,
         "--force")
    return load_file(out)["logits"]


def same_greedy(args, llama, model, prompts):
    same, largest = 0, 0.0
    for ids in prompts:
        reply = their_greedy(llama, ids)
        scores = np.array(llama.scores[: len(ids) + GREEDY_TOKENS - 1])
        logits = our_greedy(args, model, (ids + reply)[:-1])
        same += [int(i) for i in logits[len(ids) - 1 :].argmax(-1)] == reply
        largest = max(largest, float(np.abs(logits - scores).max()))
    return same, largest


def main():
    args = parse_arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    texts = read_texts(args)
    (args.work / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    report = {"model": args.model, "documents": len(texts), "types": {}}
    failed = False
    for type_name in args.types.split(","):
        path = args.work / f"{type_name}.gguf"
        ours(args, "llmconvert", "export", "--model", args.model, "--to", "gguf", "--dtype", type_name, "--out", path,
             "--force")
        llama = open_llama(path, args)
        documents = [llama.tokenize(text.encode(), add_bos=False, special=False) for text in texts]
        theirs, tokens = their_perplexity(llama, documents)
        result = json.loads(ours(args, "llmeval", "ppl", "--model", path, "--input", args.work / "texts.jsonl", "--prefix",
                                 "none", "--context", CONTEXT))
        row = {"mib": round(path.stat().st_size / 2**20, 1), "tokens": tokens, "perplexity": result["perplexity"],
               "llama_cpp_perplexity": theirs, "drift": theirs / result["perplexity"] - 1}
        failed |= abs(row["drift"]) > MAX_DRIFT
        if type_name == args.types.split(",")[0]:
            samples = texts + STRANGE
            lines = [ours(args, "llmtok", "encode", "--tokenizer", path, "--input", "-", "--whole", text=text)
                     for text in samples]
            wrong = [text for text, line in zip(samples, lines)
                     if json.loads(line)["ids"] != llama.tokenize(text.encode(), add_bos=False, special=False)]
            report["texts_tokenized"], report["different_ids"] = len(samples), wrong
            failed |= bool(wrong)
        if type_name == "f32":
            prompts = [llama.tokenize(text[:PROMPT_CHARACTERS].encode(), add_bos=False, special=False)
                       for text in texts[:8]]
            same, largest = same_greedy(args, llama, path, prompts)
            report["greedy"] = {"prompts": len(prompts), "tokens_each": GREEDY_TOKENS, "same": same,
                                "max_logit_difference": largest}
            failed |= same != len(prompts)
        report["types"][type_name] = row
        del llama
    report["passed"] = not failed
    print(json.dumps(report, indent=2, ensure_ascii=False))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
