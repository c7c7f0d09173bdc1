#!/usr/bin/env bash
# Full fine-tuning of SmolLM2-135M-Instruct on the CPU, side by side: llmtrain and TRL on the same rows in the same order.
#
# Usage: scripts/bench_post.sh [--task sft|orpo] [--steps N] [--threads N] [--micro-batches LIST]
#        defaults: both tasks, 4 steps, 2 threads, TRL at each micro-batch of 1,2,4,8,16
#
#   sft    the first 48 rows of sft/ko_chatbot, 16 a step          orpo   4 pairs of at most 512 tokens of preference/en_dpo
# Tokens per second are of real tokens, over all steps but the first; the ratio is ours over TRL at its best micro-batch.
# The peer needs the oracle environment (scripts/setup.sh --oracle, several GB), both the data beside this project.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BIN=$ROOT/build/cpu-release/bin
WORK=$ROOT/build/bench_post
DATA=$ROOT/../shared/data
PYTHON=$DEPS/oracle/bin/python
TASKS=(sft orpo)
STEPS=4
THREADS=2
MICRO_BATCHES=1,2,4,8,16

peer() { # TASK FLAG...
  local task=$1
  shift
  "$PYTHON" "$ROOT/scripts/peers/trl_train.py" --model "$WORK/model" --trainer "$task" --threads "$THREADS" --steps "$STEPS" \
    --data "$DATA" "$@" 2>"$WORK/peer.log"
}

# Rows of a step lie end to end, so a step is one pass; micro-batches only bound memory.
ours() { # TASK ROWS_A_STEP ROWS_A_MICRO_BATCH
  rm -rf "$WORK/run"
  (cd "$WORK" && "$BIN/llmtrain" "$1" --config "$WORK/$1.json" --run-dir "$WORK/run" --threads "$THREADS" --quiet \
    --set "train.max_steps=$STEPS" --set "train.batch_rows=$2" --set "train.micro_batch_rows=$3" --json 2>"$WORK/ours.log")
}

write_config() { # TASK
  cat >"$WORK/$1.json" <<JSON
{"model": {"path": "$WORK/model"},
 "data": {"train": [{"paths": ["$WORK/$1.jsonl"]}], "max_length": 512, "packing": "off", "shuffle": false},
 "optim": {"lr": 1e-5, "schedule": {"type": "constant", "warmup_steps": 0}},
 "eval": {"at_start": false, "every_steps": 0}, "checkpoint": {"every_steps": 0},
 "log": {"every_steps": 1, "tensorboard": false}}
JSON
}

# Real tokens per second of all steps but the first: those the peer counted for the same rows, which takes a prompt that
# two answers share twice, over the seconds in our metrics.jsonl; and the peak memory in MiB.
our_rate() { # RESULT-OF-THE-PEER RESULT
  python3 - "$WORK/run/metrics.jsonl" "$1" "$2" <<'PY'
import json, sys
steps = [json.loads(line) for line in open(sys.argv[1])]
seconds = [step["seconds"] for step in steps if "loss" in step]
tokens = json.loads(sys.argv[2])["step_tokens"]
print(sum(tokens[1:len(seconds)]) / (seconds[-1] - seconds[0]), json.loads(sys.argv[3])["peak_memory_mib"])
PY
}

# field JSON KEY
field() { sed -n "s/.*\"$2\": \{0,1\}\([0-9.]*\).*/\1/p" <<<"$1" | head -n 1; }

is_more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

# After each of the peer's runs one of ours, because a shared machine is faster at one time than at another; the best of
# either counts.
bench_task() { # TASK ROWS_A_STEP ROWS_A_MICRO_BATCH
  local task=$1 result rate micro_batch peer_best=0 peer_memory=0 our_best=0
  peer "$task" --rows-only --write-rows "$WORK/$task.jsonl" >/dev/null
  write_config "$task"
  for micro_batch in ${MICRO_BATCHES//,/ }; do
    if ! result=$(peer "$task" --micro-batch "$micro_batch"); then
      printf '%-5s %-20s %s\n' "$task" "TRL, micro-batch $micro_batch" "failed: $(tail -n 1 "$WORK/peer.log")"
      continue
    fi
    rate=$(field "$result" tokens_per_second)
    print_run "$task" "TRL, micro-batch $micro_batch" "$rate" "$(field "$result" peak_rss_mib)"
    if is_more "$rate" "$peer_best"; then
      peer_best=$rate
      peer_memory=$(field "$result" peak_rss_mib)
    fi
    rate=$(our_rate "$result" "$(ours "$@")")
    print_run "$task" llmtrain "${rate% *}" "${rate#* }"
    if is_more "${rate% *}" "$our_best"; then our_best=${rate% *}; fi
  done
  is_more "$peer_best" 0 || fail "TRL ran at no micro-batch of $MICRO_BATCHES" "see $WORK/peer.log"
  awk -v t="$task" -v a="$our_best" -v b="$peer_best" -v m="$peer_memory" \
    'BEGIN { printf "%-5s ratio %.2f over TRL at its best (%.1f tokens/s, %d MiB)\n", t, a / b, b, m }'
}

print_run() { # TASK WHO TOKENS_PER_SECOND MIB
  printf '%-5s %-20s %10.1f tokens/s %8.0f MiB\n' "$@"
}

main() {
  while (($#)); do
    case $1 in
      --task) TASKS=("$2"); shift 2 ;;
      --steps) STEPS=$2; shift 2 ;;
      --threads) THREADS=$2; shift 2 ;;
      --micro-batches) MICRO_BATCHES=$2; shift 2 ;;
      *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
    esac
  done
  [[ -x $BIN/llmtrain ]] || fail 'llmtrain is not built' 'scripts/test.sh or scripts/quickstart.sh builds it'
  [[ -x $PYTHON ]] || fail 'the oracle environment is missing' 'scripts/setup.sh --oracle'
  [[ -d $DATA ]] || fail "the data are missing: $DATA" 'this benchmark reads ../shared/data'
  mkdir -p "$WORK"
  import_smollm2 "$WORK/model"
  local task
  for task in "${TASKS[@]}"; do
    case $task in
      sft) bench_task sft 16 16 ;;
      orpo) bench_task orpo 4 1 ;;
      *) fail "no task is called $task" 'sft or orpo' ;;
    esac
  done
}

main "$@"
