#!/usr/bin/env bash
# Kills training runs with kill -9 at random moments, carries each to its end, and compares weights and optimizer, bit for
# bit, with those of a run that nobody disturbed.
#
# Usage: scripts/chaos.sh [--kills K] [--seed S] [--ranks N] [--steps N] [--bin DIR] [--json]
#   --kills   in all (default 50); a trajectory, from an empty folder to the end of a run, has up to ten
#   --seed    of the random moments and victims (default 1)
#   --ranks   each kill hits one process: a rank or the launcher (default 1: no launcher)
#   --steps   of a run (default 300), with a checkpoint every third
#   --bin     where the programs are (default build/cpu-release/bin)
#   --json    one object on standard output in the place of the table
#
# A tiny model learns the text of this tree's documents. Exit code 1 when a run ends with other bytes, when a checkpoint was
# damaged, or when a process outlives its launcher by more than a minute.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KILLS=50 SEED=1 RANKS=1 STEPS=300 BIN=$ROOT/build/cpu-release/bin JSON=0
readonly KILLS_EACH=10

while (($#)); do
  case $1 in
    --kills) KILLS=$2 && shift ;;
    --seed) SEED=$2 && shift ;;
    --ranks) RANKS=$2 && shift ;;
    --steps) STEPS=$2 && shift ;;
    --bin) BIN=$(cd "$2" && pwd) && shift ;;
    --json) JSON=1 ;;
    *) fail "unknown option $1" "scripts/chaos.sh --kills 200 --seed 1 --ranks 2" ;;
  esac
  shift
done
[[ -x $BIN/llmtrain ]] || fail "$BIN has no llmtrain" 'build it: scripts/setup.sh, then ninja -C build/cpu-release'

WORK=$(mktemp -d)
trap 'kill_all; rm -rf "$WORK"' EXIT
cd "$WORK"
export OMP_WAIT_POLICY=passive
RANDOM=$SEED
PID=0

now_ms() { date +%s%3N; }
DRAWN=0
draw_below() { DRAWN=$(((RANDOM * 32768 + RANDOM) % $1)); } # not in a subshell, which would not move the sequence on
table() { # shellcheck disable=SC2059
  ((JSON)) || printf "$@"
}

# The processes of the run under way: it and its ranks.
processes() {
  ((PID)) || return 0
  printf '%s\n' "$PID" "${CHILDREN[@]}"
}
alive() {
  local pid
  for pid in $(processes); do [[ ! -d /proc/$pid ]] || grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || printf '%s\n' "$pid"; done
}
kill_all() {
  local pid
  for pid in $(alive); do kill -KILL "$pid" 2>/dev/null || true; done
}

prepare() {
  local flags=(--threads 1 --quiet)
  "$BIN/llmtok" train --input "$ROOT"/README.md "$ROOT"/docs/*.md --vocab-size 400 --out tok "${flags[@]}" >/dev/null
  "$BIN/llmdata" prepare --input "$ROOT"/README.md "$ROOT"/docs/*.md --format text --tokenizer tok --out data "${flags[@]}" >/dev/null
  cat >model.json <<'END'
{"model_type": "llama", "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
 "num_attention_heads": 2, "tie_word_embeddings": true}
END
  cat >run.json <<END
{"model": {"config": "model.json"}, "data": {"path": "data", "context_length": 64},
 "train": {"max_steps": $STEPS, "batch_tokens": 512, "micro_batch_rows": 2},
 "checkpoint": {"every_steps": 3}, "dist": {"zero": $((RANKS > 1)), "grace_seconds": 2},
 "optim": {"schedule": {"warmup_steps": 10}}, "log": {"every_steps": 10, "tensorboard": false}}
END
}

# start RUN_DIR: in the background, as PID.
start() {
  local ranks=()
  ((RANKS == 1)) || ranks=(--ranks "$RANKS")
  CHILDREN=()
  setsid "$BIN/llmtrain" pretrain --config run.json --run-dir "$1" --threads 1 --quiet "${ranks[@]}" >>"$1.out" 2>&1 &
  PID=$!
}

find_children() {
  read -r -a CHILDREN < <(cat "/proc/$PID/task/$PID/children" 2>/dev/null) || true
}

# finish RUN_DIR: to the end, undisturbed.
finish() {
  start "$1"
  wait "$PID" || {
    tail -n 20 "$1.out" >&2
    fail "the run in $1 could not be carried to its end"
  }
  PID=0
}

# The bytes that count of the newest checkpoint.
bytes_of() {
  local newest
  newest=$(find "$1/checkpoints" -maxdepth 1 -name 'step-????????' | sort | tail -n 1)
  (cd "$newest" && basename "$newest" && find . -name '*.safetensors' | sort | xargs sha256sum)
}

# Kills one process of the run after a while. Fails when the run was over before.
kill_once() {
  local run=$1 victims victim delay_ms
  draw_below "$spread_ms"
  delay_ms=$((shortest_ms + DRAWN))
  start "$run"
  sleep "$((delay_ms / 1000)).$(printf '%03d' $((delay_ms % 1000)))"
  find_children
  mapfile -t victims < <(alive)
  ((${#victims[@]})) || return 1
  draw_below ${#victims[@]}
  victim=${victims[DRAWN]}
  kill -KILL "$victim" 2>/dev/null || return 1
  ((victim != PID)) || ((RANKS == 1)) || LAUNCHERS=$((LAUNCHERS + 1))
  [[ -z $(find "$run/checkpoints" -maxdepth 1 -name '*.partial' 2>/dev/null) ]] || IN_SAVES=$((IN_SAVES + 1))
  await_end
}

# The ranks of a dead launcher, the launcher of a dead rank.
await_end() {
  local deadline=$((SECONDS + 90))
  while [[ -n $(alive) ]]; do
    if ((SECONDS > deadline)); then
      ORPHANS=$((ORPHANS + $(alive | wc -l)))
      kill_all
    fi
    sleep 0.05
  done
  wait "$PID" 2>/dev/null || true
  PID=0
}

prepare
CHILDREN=() LAUNCHERS=0 IN_SAVES=0 ORPHANS=0
begin=$(now_ms)
finish undisturbed
whole_ms=$(($(now_ms) - begin))
begin=$(now_ms)
"$BIN/llmtrain" pretrain --config run.json --run-dir dry --dry-run --quiet >/dev/null 2>&1
startup_ms=$(($(now_ms) - begin))
expected=$(bytes_of undisturbed)
# Half of the kills hit the start or the first saves after it, and ten kills fall into a run: each attempt trains a fifth
# of it at most.
shortest_ms=$((startup_ms / 2))
spread_ms=$((startup_ms / 2 + (whole_ms - startup_ms) / 5))

table '%10s  %5s  %6s  %s\n' trajectory kills 'ms' result
killed=0 trajectories=0 unequal=0 damaged=0
while ((killed < KILLS)); do
  run=trajectory-$((++trajectories))
  before=$killed
  begin=$(now_ms)
  while ((killed < KILLS && killed - before < KILLS_EACH)) && kill_once "$run" 2>/dev/null; do killed=$((killed + 1)); done
  await_end 2>/dev/null
  finish "$run"
  result=equal
  [[ $(bytes_of "$run") == "$expected" ]] || result=UNEQUAL
  [[ $result == equal ]] || unequal=$((unequal + 1))
  if grep -q DAMAGED "$run.out" "$run/log.txt" || [[ -n $(find "$run/checkpoints" -maxdepth 1 -name 'damaged-*') ]]; then
    damaged=$((damaged + 1)) result="$result, with a damaged checkpoint"
  fi
  table '%10d  %5d  %6d  %s\n' "$trajectories" $((killed - before)) $(($(now_ms) - begin)) "$result"
  rm -rf "$run" "$run.out"
  # A machine is busier at one time than at another.
  if ((killed - before < KILLS_EACH)); then spread_ms=$((spread_ms * 2 / 3 + 50)); else spread_ms=$((spread_ms * 5 / 4)); fi
done

if ((JSON)); then
  printf '{"kills": %d, "trajectories": %d, "seed": %d, "ranks": %d, "steps": %d, "run_ms": %d, "within_saves": %d, "launchers": %d, "unequal": %d, "damaged": %d, "orphans": %d}\n' \
    "$killed" "$trajectories" "$SEED" "$RANKS" "$STEPS" "$whole_ms" "$IN_SAVES" "$LAUNCHERS" "$unequal" "$damaged" "$ORPHANS"
else
  printf '%d kills in %d trajectories of %d steps on %d rank(s), seed %d: %d within a save, %d of a launcher\n' \
    "$killed" "$trajectories" "$STEPS" "$RANKS" "$SEED" "$IN_SAVES" "$LAUNCHERS"
  printf '%d ended with other bytes, %d had a damaged checkpoint, %d process(es) outlived their launcher\n' "$unequal" "$damaged" "$ORPHANS"
fi
((unequal + damaged + ORPHANS == 0))
