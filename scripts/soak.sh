#!/usr/bin/env bash
# A long run of a tiny model on several ranks with checkpoints, validations and log files that move on: does memory, do open
# files, does the time of a step grow?
#
# Usage: scripts/soak.sh [--steps N] [--ranks N] [--bin DIR] [--work DIR] [--json FILE]
#        defaults: 20000 steps, 2 ranks, build/cpu-release/bin, build/soak
#
# Samples every rank's memory, file descriptors, threads and processor time while it runs, compares the first third of the
# samples with the last, and fails when memory, descriptors or threads grew (scripts/watch_growth.py says by how much).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BIN=$ROOT/build/cpu-release/bin
WORK=$ROOT/build/soak
STEPS=20000
RANKS=2
JSON=''

# Lines of this project's own documents, as text to train on.
write_corpus() {
  python3 - "$ROOT" >"$WORK/corpus.jsonl" <<'PY'
import json, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("docs/*.md")):
    for part in path.read_text(encoding="utf-8").split("\n\n"):
        print(json.dumps({"text": part}))
PY
}

write_config() {
  cat >"$WORK/model.json" <<'JSON'
{"model_type": "llama", "vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
 "num_attention_heads": 2}
JSON
  cat >"$WORK/run.json" <<JSON
{"model": {"config": "$WORK/model.json"}, "data": {"path": "$WORK/data", "context_length": 32},
 "train": {"max_steps": $STEPS, "batch_tokens": 256, "micro_batch_rows": 2},
 "optim": {"lr": 1e-3, "schedule": {"warmup_steps": 100}},
 "checkpoint": {"every_steps": 250, "keep_last": 2}, "eval": {"every_steps": 500, "max_rows": 8},
 "log": {"every_steps": 2, "max_mib": 1, "keep_files": 2, "heartbeat_seconds": 1}, "dist": {"zero": 1}}
JSON
}

parse_arguments() {
  while (($#)); do
    case $1 in
      --steps) STEPS=$2; shift 2 ;;
      --ranks) RANKS=$2; shift 2 ;;
      --bin) BIN=$2; shift 2 ;;
      --work) WORK=$2; shift 2 ;;
      --json) JSON=$2; shift 2 ;;
      *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
    esac
  done
  [[ -x $BIN/llmtrain ]] || fail "llmtrain is not in $BIN" 'scripts/test.sh or scripts/quickstart.sh builds it'
}

main() {
  parse_arguments "$@"
  export OMP_WAIT_POLICY=passive
  rm -rf "$WORK"
  mkdir -p "$WORK"
  write_corpus
  write_config
  "$BIN/llmtok" train --input "$WORK/corpus.jsonl" --vocab-size 512 --out "$WORK/tokenizer" --quiet
  "$BIN/llmdata" prepare --input "$WORK/corpus.jsonl" --tokenizer "$WORK/tokenizer" --out "$WORK/data" \
    --validation-fraction 0.1 --quiet
  local watch=("$ROOT/scripts/watch_growth.py" --run-dir "$WORK/run" --program llmtrain)
  [[ -z $JSON ]] || watch+=(--json "$JSON")
  python3 "${watch[@]}" -- "$BIN/llmtrain" pretrain --config "$WORK/run.json" --run-dir "$WORK/run" \
    --ranks "$RANKS" --threads 1 --quiet
}

main "$@"
