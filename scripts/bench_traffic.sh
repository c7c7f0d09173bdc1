#!/usr/bin/env bash
# What ranks send, counted twice: by llmtrain's ProcessGroup, and by the kernel on the loopback device of a private network
# namespace, TCP and IP headers, acknowledgements and start-up included. A run of some steps is subtracted from a longer one,
# so that start-up cancels out. Exit code 1 when the two differ by more than 1 %; skipped, with the reason and exit code 0,
# where a namespace cannot be made.
# Usage: scripts/bench_traffic.sh [--ranks N] [--model CONFIG] [--micro-batches M] [--json]
# LLMTRAIN names the program, by default build/cpu-release/bin/llmtrain.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RANKS=2 MODEL=$ROOT/configs/models/llama-15m.json MICRO_BATCHES=4 JSON=false
LLMTRAIN=${LLMTRAIN:-$ROOT/build/cpu-release/bin/llmtrain}
CONTEXT=64 SHORT=2 LONG=8

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
  while (($# > 0)); do
    case $1 in
      --ranks) RANKS=$2 && shift ;;
      --model) MODEL=$2 && shift ;;
      --micro-batches) MICRO_BATCHES=$2 && shift ;;
      --json) JSON=true ;;
      -h | --help) usage && exit 0 ;;
      *) fail "unknown option $1" "run $0 --help" ;;
    esac
    shift
  done
}

skip() {
  say "skipped: $*"
  exit 0
}

# The namespace's command, for root and for others.
find_namespace() {
  command -v unshare >/dev/null || skip "there is no unshare"
  command -v ip >/dev/null || skip "there is no ip to bring the loopback device up (package iproute2)"
  local form
  for form in -n -rn; do
    if unshare "$form" ip link set lo up 2>/dev/null; then NAMESPACE=(unshare "$form") && return; fi
  done
  skip "this machine lets nobody make a network namespace"
}

# run STEPS SETTING...: "bytes on the loopback, bytes the ranks counted" of one run in a namespace of its own.
run() {
  local steps=$1 out=$WORK/out.json lo
  shift
  # shellcheck disable=SC2016  # the inner shell expands
  if ! lo=$("${NAMESPACE[@]}" bash -c '
    set -e
    ip link set lo up
    out=$1
    shift
    "$@" >"$out" 2>"$out.log"
    awk -F"[: ]+" "\$2 == \"lo\" {print \$3}" /proc/net/dev' _ "$out" \
    env OMP_WAIT_POLICY=passive "$LLMTRAIN" bench --config "$WORK/run.json" --ranks "$RANKS" --threads 1 \
    --warmup-steps 0 --steps "$steps" --json --quiet "$@"); then
    fail "the run failed: $(tail -n 5 "$out.log")"
  fi
  python3 -c '
import json, sys
sent = json.load(open(sys.argv[1]))["sent_by_all_ranks"]
print(sys.argv[2], sum(sent.values()))' "$out" "$lo"
}

# measure NAME FORMULA SETTING...
measure() {
  local name=$1 rounds=$2 short long
  shift 2
  read -ra short <<<"$(run $SHORT "$@")"
  read -ra long <<<"$(run $LONG "$@")"
  ((${#short[@]} == 2 && ${#long[@]} == 2)) || exit 1
  python3 - "$name" "$rounds" "${short[@]}" "${long[@]}" "$RANKS" $((LONG - SHORT)) "$PARAMETERS" "$JSON" <<'PYTHON'
import json, sys
name, rounds = sys.argv[1], float(sys.argv[2])
lo1, sent1, lo2, sent2, ranks, steps, parameters = map(int, sys.argv[3:10])
wire, counted = (lo2 - lo1) / steps, (sent2 - sent1) / steps
ideal = rounds * parameters * 4 * (ranks - 1)
row = {"name": name, "ranks": ranks, "parameters": parameters, "formula_bytes": ideal, "counted_bytes": counted,
       "loopback_bytes": wire, "loopback_over_counted": wire / counted, "counted_over_formula": counted / ideal}
if sys.argv[10] == "true":
    print(json.dumps(row))
else:
    print(f"{name:28} {ideal / 1e6:10.3f} {counted / 1e6:10.3f} {wire / 1e6:10.3f} {100 * (wire / counted - 1):+8.2f} %")
sys.exit(0 if abs(wire / counted - 1) <= 0.01 and abs(counted / ideal - 1) <= 0.01 else 1)
PYTHON
}

main() {
  parse "$@"
  [[ -x $LLMTRAIN ]] || fail "there is no program $LLMTRAIN" "build it, or name it with LLMTRAIN=..."
  find_namespace
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  printf '{"model": {"config": "%s"}, "data": {"context_length": %d}, "train": {"max_steps": 8, "micro_batch_rows": 1,
    "batch_tokens": %d}}\n' "$MODEL" $CONTEXT $((CONTEXT * MICRO_BATCHES)) >"$WORK/run.json"
  PARAMETERS=$("$LLMTRAIN" plan --config "$WORK/run.json" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["parameters"]["total"])')
  local rounds=$(((MICRO_BATCHES + RANKS - 1) / RANKS)) status=0
  $JSON || printf '%s ranks, %s parameters, %s micro-batches; MB of a step, all ranks together\n%-28s %10s %10s %10s\n' \
    "$RANKS" "$PARAMETERS" "$MICRO_BATCHES" "" formula counted loopback
  measure "dist.zero 0 (DDP)" 2 --set dist.zero=0 || status=1
  measure "dist.zero 1" 2 --set dist.zero=1 || status=1
  measure "dist.zero 2" $((rounds + 1)) --set dist.zero=2 || status=1
  measure "dist.zero 0, bf16" 1 --set dist.zero=0 --set dist.reduce_dtype=bf16 || status=1
  measure "dist.zero 2, bf16" "$(python3 -c "print($rounds / 2 + 1)")" --set dist.zero=2 --set dist.reduce_dtype=bf16 --set dist.bucket_mib=4 || status=1
  return $status
}

main "$@"
