#!/usr/bin/env bash
# Training speed and memory on the CPU, side by side: llmtrain and transformers (eager, torch.compile), same shape, in turns.
#
# Usage: scripts/bench_cpu.sh [--rounds N] [--steps N] [--threads N] [--no-compile]     defaults: 2 rounds, 5 steps, 2 threads
# The peer needs the oracle environment (scripts/setup.sh --oracle, several GB). The table's ratios are ours over the peer's.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CONFIG=$ROOT/configs/bench/smollm2_135m_cpu.json
BIN=$ROOT/build/cpu-release/bin
ROUNDS=2
STEPS=5
THREADS=2
PEERS=(eager compile)

bench_ours() {
  (cd "$ROOT" && "$BIN/llmtrain" bench --config "$CONFIG" --steps "$STEPS" --warmup-steps 2 --threads "$THREADS" --json --quiet)
}

bench_peer() {
  local flags=()
  [[ $1 != compile ]] || flags=(--compile)
  "$DEPS/oracle/bin/python" "$ROOT/scripts/peers/hf_train.py" --steps "$STEPS" --warmup 2 --threads "$THREADS" "${flags[@]}" 2>/dev/null
}

# field JSON KEY
field() { sed -n "s/.*\"$2\": \{0,1\}\([0-9.]*\).*/\1/p" <<<"$1" | head -n 1; }

main() {
  while (($#)); do
    case $1 in
      --rounds) ROUNDS=$2; shift 2 ;;
      --steps) STEPS=$2; shift 2 ;;
      --threads) THREADS=$2; shift 2 ;;
      --no-compile) PEERS=(eager); shift ;;
      *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
    esac
  done
  [[ -x $BIN/llmtrain ]] || fail 'llmtrain is not built' 'scripts/test.sh or scripts/quickstart.sh builds it'
  [[ -x $DEPS/oracle/bin/python ]] || fail 'the oracle environment is missing' 'scripts/setup.sh --oracle'
  local round peer ours theirs
  printf '%-6s %-10s %12s %12s %10s %12s\n' round peer 'ours tok/s' 'peer tok/s' ratio 'RSS MiB'
  for ((round = 1; round <= ROUNDS; ++round)); do
    for peer in "${PEERS[@]}"; do
      ours=$(bench_ours)
      theirs=$(bench_peer "$peer")
      awk -v r="$round" -v p="$peer" -v a="$(field "$ours" tokens_per_second)" -v b="$(field "$theirs" tokens_per_second)" \
        -v m="$(field "$ours" peak_memory_mib)" -v n="$(field "$theirs" peak_rss_mib)" \
        'BEGIN { printf "%-6d %-10s %12.1f %12.1f %10.2f %6d/%d\n", r, p, a, b, a / b, m, n }'
    done
  done
}

main "$@"
