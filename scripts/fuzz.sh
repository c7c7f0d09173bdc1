#!/usr/bin/env bash
# Feeds every parser damaged and invented input under AddressSanitizer and UBSan, with clang's libFuzzer.
#
# Usage: scripts/fuzz.sh [--seconds N] [--seed N] [--keep] [TARGET...]     default: 60 seconds for each target of fuzz/
#   --seed   of the random numbers: the same inputs again, in the same order; default: others every time
#   --keep   afterwards add to fuzz/corpus/TARGET the inputs that reach code which the kept ones do not
#
# What a target finds lies in build/fuzz/found; give it to build/fuzz/bin/TARGET to see it again. The kept corpora are the
# starting points, and run with the ordinary tests too. LLM_JOBS=N runs N targets at once.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly CORPUS=$ROOT/fuzz/corpus WORK=$ROOT/build/fuzz
# Larger inputs are slower and find nothing more in formats whose every rule fits a small file.
readonly MAX_BYTES=16384
SECONDS_EACH=60
SEED=0
KEEP=0

all_targets() { for source in "$ROOT"/fuzz/*_fuzz.cpp; do basename "$source" .cpp; done; }

run_target() { # NAME
  local name=$1 status=0 log=$WORK/log/$1.log seeds=$CORPUS/$1
  mkdir -p "$WORK/corpus/$name" "$WORK/found" "$seeds"
  "$WORK/bin/$name" "$WORK/corpus/$name" "$seeds" "-max_total_time=$SECONDS_EACH" "-seed=$SEED" "-max_len=$MAX_BYTES" -timeout=10 \
    -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 "-artifact_prefix=$WORK/found/$name-" \
    >"$log" 2>&1 || status=$?
  if ((status)); then
    printf '    %-22s FAILED, input in %s\n' "$name" "build/fuzz/found/$name-*"
    grep -E 'ERROR|SUMMARY|what\(\)' "$log" | head -n 4 | sed 's/^/        /'
    return 1
  fi
  printf '    %-22s %9s inputs, %4s in the corpus\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(find "$seeds" -type f | wc -l)"
}

keep_new() { # NAME
  local file name
  "$WORK/bin/$1" -merge=1 "-max_len=$MAX_BYTES" "$CORPUS/$1" "$WORK/corpus/$1" >>"$WORK/log/$1.log" 2>&1
  for file in "$CORPUS/$1"/*; do # libFuzzer names them by their SHA-1
    name=$(basename "$file")
    [[ ! $name =~ ^[0-9a-f]{40}$ ]] || mv "$file" "$CORPUS/$1/${name:0:12}"
  done
}

# Fills failed with the targets that found something; as many run at once as there are cores.
declare -A running=()
failed=()
await_one() {
  local pid status=0
  wait -n -p pid || status=$?
  ((status == 0)) || failed+=("${running[$pid]}")
  unset "running[$pid]"
}

run_targets() {
  local name jobs
  jobs=$(build_jobs)
  rm -rf "$WORK/log" "$WORK/found"
  mkdir -p "$WORK/log"
  for name in "$@"; do
    while ((${#running[@]} >= jobs)); do await_one; done
    run_target "$name" &
    running[$!]=$name
  done
  while ((${#running[@]})); do await_one; done
}

TARGETS=()
parse_arguments() {
  while (($#)); do
    case $1 in
      --seconds)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || fail '--seconds needs a whole number' 'scripts/fuzz.sh --help'
        SECONDS_EACH=$2
        shift
        ;;
      --seed)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || fail '--seed needs a whole number above 0' 'scripts/fuzz.sh --help'
        SEED=$2
        shift
        ;;
      --keep) KEEP=1 ;;
      -h | --help)
        sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
      -*) fail "unknown option: $1" 'scripts/fuzz.sh --help' ;;
      *)
        [[ -e $ROOT/fuzz/$1.cpp ]] || fail "no fuzz target is called $1" "take of: $(all_targets | paste -s -d ' ')"
        TARGETS+=("$1")
        ;;
    esac
    shift
  done
  ((${#TARGETS[@]})) || mapfile -t TARGETS < <(all_targets)
}

main() {
  parse_arguments "$@"
  if ! command -v clang++ >/dev/null; then "$ROOT/scripts/setup.sh" --dev; fi
  step 'Building fuzz'
  build_preset fuzz "${TARGETS[@]}"
  step "Fuzzing ${#TARGETS[@]} targets, $SECONDS_EACH s each"
  run_targets "${TARGETS[@]}"
  if ((KEEP)); then for name in "${TARGETS[@]}"; do keep_new "$name"; done; fi
  end_step
  ((${#failed[@]} == 0)) || fail "fuzzing found something in: ${failed[*]}" "read $WORK/log, then mend the parser and keep the input"
}

main "$@"
