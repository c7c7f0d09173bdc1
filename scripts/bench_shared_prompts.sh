#!/usr/bin/env bash
# What computing a shared prompt once saves: steps of ORPO with data.share_prompts on and off, side by side.
#
# Usage: scripts/bench_shared_prompts.sh [--steps N] [--threads N] [--length TOKENS] [--shares LIST]
#        defaults: 4 steps, 2 threads, documents of 400 tokens, prompts of 20, 50 and 80 % of them
#
# Full fine-tuning of SmolLM2-135M-Instruct, 4 pairs a step, one a micro-batch. Rows are real English text
# (this project's README, cut to length): a prompt and two answers. Seconds are medians over all steps but the first.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BIN=$ROOT/build/cpu-release/bin
WORK=$ROOT/build/bench_shared_prompts
STEPS=4
THREADS=2
LENGTH=400
SHARES=20,50,80

# 4 pairs whose documents have LENGTH tokens, PERCENT of them in the prompt. A word is a token, nearly.
write_rows() { # PERCENT
  python3 - "$LENGTH" "$1" "$ROOT/README.md" >"$WORK/rows-$1.jsonl" <<'PY'
import json, re, sys
length, percent = int(sys.argv[1]), int(sys.argv[2])
words = re.findall(r"[a-z]+", open(sys.argv[3], encoding="utf-8").read().lower()) * 20
prompt = length * percent // 100
answer = length - prompt
at = 0
for _ in range(4):
    row = {"prompt": " ".join(words[at:at + prompt])}
    row["chosen"] = " " + " ".join(words[at + prompt:at + prompt + answer])
    row["rejected"] = " " + " ".join(words[at + prompt + answer:at + prompt + 2 * answer])
    at += length + answer
    print(json.dumps(row))
PY
}

write_config() { # PERCENT
  cat >"$WORK/run-$1.json" <<JSON
{"model": {"path": "$WORK/model"},
 "data": {"train": [{"paths": ["$WORK/rows-$1.jsonl"]}], "max_length": 0, "template": "none", "packing": "off", "shuffle": false},
 "optim": {"lr": 1e-6, "schedule": {"type": "constant", "warmup_steps": 0}},
 "train": {"max_steps": $STEPS, "batch_rows": 4, "micro_batch_rows": 1},
 "eval": {"at_start": false, "every_steps": 0}, "checkpoint": {"every_steps": 0},
 "log": {"every_steps": 1, "tensorboard": false}}
JSON
}

seconds_per_step() { # PERCENT SHARED
  rm -rf "$WORK/run"
  "$BIN/llmtrain" orpo --config "$WORK/run-$1.json" --run-dir "$WORK/run" --threads "$THREADS" --quiet \
    --set "data.share_prompts=$2" --json >/dev/null 2>"$WORK/log"
  python3 - "$WORK/run/metrics.jsonl" <<'PY'
import json, statistics, sys
seconds = [json.loads(line)["seconds"] for line in open(sys.argv[1])]
print(statistics.median(b - a for a, b in zip(seconds, seconds[1:])))
PY
}

main() {
  while (($#)); do
    case $1 in
      --steps) STEPS=$2; shift 2 ;;
      --threads) THREADS=$2; shift 2 ;;
      --length) LENGTH=$2; shift 2 ;;
      --shares) SHARES=$2; shift 2 ;;
      *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
    esac
  done
  [[ -x $BIN/llmtrain ]] || fail 'llmtrain is not built' 'scripts/test.sh or scripts/quickstart.sh builds it'
  mkdir -p "$WORK"
  import_smollm2 "$WORK/model" >/dev/null
  local share together apart
  for share in ${SHARES//,/ }; do
    write_rows "$share"
    write_config "$share"
    apart=$(seconds_per_step "$share" false)
    together=$(seconds_per_step "$share" true)
    awk -v s="$share" -v a="$apart" -v b="$together" \
      'BEGIN { printf "prompt %d %%  apart %.2f s  shared %.2f s  ratio %.2f\n", s, a, b, a / b }'
  done
}

main "$@"
