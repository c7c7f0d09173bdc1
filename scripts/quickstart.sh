#!/usr/bin/env bash
# Sets everything up, then goes from raw text to a model that answers: about six minutes on two CPU cores after set-up.
#
# Usage: scripts/quickstart.sh [--steps N]      default: 340 training steps
#        scripts/quickstart.sh --model smollm2  a real model instead: fetched (89 MiB), imported, checked, asked a question
#   1 real English and Korean text (LibreOffice's help, MPL-2.0)   2 llmtok train   3 llmdata prepare
#   4 llmtrain pretrain, interrupted and resumed once on purpose   5 llmchat        6 what was done, in a table
# Everything it makes lies in runs/quickstart (runs/smollm2); run it again to start over from step 1.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RUN=$ROOT/runs/quickstart
BIN=$ROOT/build/cpu-release/bin
CONFIG=$ROOT/configs/runs/quickstart.json
STEPS=340
MODEL=''
VOCABULARY=4096
PACKAGES=(libreoffice-help-en-us libreoffice-help-ko)
TEXTS=("$RUN/text/en-US" "$RUN/text/ko")
PROMPT='To insert a chart in a spreadsheet, choose'
PRETRAIN=()
declare -A TOOK=()

# timed NAME COMMAND...: runs it and keeps its seconds for the closing table.
timed() {
  local name=$1 started=$SECONDS
  shift
  "$@"
  TOOK[$name]=$((${TOOK[$name]-0} + SECONDS - started))
}

# The packages are unpacked here, not installed: their text is all that is wanted.
fetch_text() {
  local packages=$DEPS/text package language
  mkdir -p "$packages" "$RUN/text"
  for package in "${PACKAGES[@]}"; do
    if [[ ! -d $packages/$package ]]; then
      detail "fetching $package"
      (cd "$packages" && rm -f "$package"_*.deb && logged "fetch-$package" apt-get download "$package")
      rm -rf "$packages/$package.part"
      dpkg-deb -x "$packages/$package"_*.deb "$packages/$package.part"
      mv "$packages/$package.part" "$packages/$package"
    fi
    for language in "$packages/$package"/usr/share/libreoffice/help/*/text; do
      [[ -d $language ]] || continue
      ln -sfn "$language" "$RUN/text/$(basename "$(dirname "$language")")"
    done
  done
  detail "licence: MPL-2.0 (LibreOffice help, $(find -L "${TEXTS[@]}" -name '*.html' | wc -l) pages)"
}

train_tokenizer() {
  "$BIN/llmtok" train --input "${TEXTS[@]}" --format html --type byte-bpe --vocab-size "$VOCABULARY" --chat chatml \
    --out "$RUN/tokenizer"
}

prepare_data() {
  "$BIN/llmdata" prepare --input "${TEXTS[@]}" --format html --tokenizer "$RUN/tokenizer" --out "$RUN/data" --force
}

# Fills PRETRAIN with the training command: the same one before and after the interruption.
pretrain_command() {
  PRETRAIN=("$BIN/llmtrain" pretrain --config "$CONFIG" --run-dir "$RUN/model" --set "data.path=$RUN/data"
    --set "model.config=$ROOT/configs/models/llama-5m.json" --set "train.max_steps=$STEPS")
}

last_step() { sed -n 's/^{"step":\([0-9]*\),.*/\1/p' "$RUN/model/metrics.jsonl" 2>/dev/null | tail -n 1; }

# What Ctrl-C does, from outside: a shell without job control starts background programs deaf to SIGINT, so SIGTERM it is.
pretrain_interrupted() {
  local stop_at=$1 status=0 process
  "${PRETRAIN[@]}" &
  process=$!
  while kill -0 "$process" 2>/dev/null && (($(last_step || true) + 0 < stop_at)); do sleep 0.5; done
  kill -TERM "$process" 2>/dev/null || true
  wait "$process" || status=$?
  ((status == 130)) || fail "the interrupted run ended with status $status instead of 130" "read $RUN/model/log.txt"
  detail "interrupted after step $(last_step): the step was finished and saved (exit status 130)"
}

chat() {
  detail "llmchat --model $RUN/model -p \"$PROMPT\" --temp 0.7 --seed 1 --max-tokens 60"
  printf '\n%s' "$PROMPT"
  "$BIN/llmchat" --model "$RUN/model" -p "$PROMPT" --temp 0.7 --seed 1 --max-tokens 60 2>"$RUN/chat.log"
}

# value KEY: from the run's JSON summary.
value() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$RUN/summary.json"; }
first_metric() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p" "$RUN/model/metrics.jsonl" | head -n 1; }
row() { printf '%-20s %s\n' "$@"; }
rounded() { LC_ALL=C printf "%.$1f" "$2"; }
thousands() { rounded 0 "$1" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta'; }
fall() { printf '%s -> %s' "$(rounded 3 "$1")" "$(rounded 3 "$2")"; }

closing_table() {
  local total=0 stage last
  last=$(value checkpoint)
  row 'tokens seen' "$(thousands "$(value tokens)")" \
    'training loss' "$(fall "$(first_metric loss)" "$(value loss)")" \
    'validation loss' "$(fall "$(first_metric eval_loss)" "$(value eval_loss)")" \
    'tokens per second' "$(thousands "$(value tokens_per_second)")" \
    'peak memory' "$(value peak_memory_mib) MiB"
  for stage in text tokenizer data training chat; do
    row "time: $stage" "$(duration "${TOOK[$stage]}")"
    total=$((total + ${TOOK[$stage]}))
  done
  row 'time: text to chat' "$(duration "$total")" 'everything lies in' "$RUN" 'tokenizer, data' 'tokenizer/, data/' \
    'model' "${last#"$RUN/"}/, a Hugging Face directory" 'metrics' 'model/metrics.jsonl, model/events.out.tfevents.*'
  cat <<NEXT

What to try next, in $ROOT:
  export PATH=\$PWD/build/cpu-release/bin:\$PATH
  llmchat --model runs/quickstart/model                      # complete texts of your own
  llmeval ppl --model runs/quickstart/model --input FILE     # perplexity on a text of yours
  llmtrain plan --config configs/runs/quickstart.json --measure 3
                                                             # what a run costs before it starts
  llmtrain init-config pretrain > run.json                   # a run of your own: README, step by step
  tensorboard --logdir runs/quickstart/model                 # the curves, if you have it
NEXT
}

# A model of somebody else's: from its GGUF file to a Hugging Face directory that verify compared with it, and a reply.
try_model() {
  local name=$1 run=$ROOT/runs/$1 file question='What is the capital of France?'
  step "1 of 3: fetching $name"
  "$ROOT/scripts/get_model.sh" "$name"
  file=$("$ROOT/scripts/get_model.sh" "$name" | tail -n 1) # at once, now that it is there
  step '2 of 3: importing it into a Hugging Face directory, checked against the file'
  "$BIN/llmconvert" import --from "$file" --out "$run" --force
  step '3 of 3: asking it'
  detail "llmchat --model runs/$name -p \"$question\" --temp 0"
  printf '\n'
  "$BIN/llmchat" --model "$run" -p "$question" --temp 0
  end_step
  cat <<NEXT

What to try next, in $ROOT:
  export PATH=\$PWD/build/cpu-release/bin:\$PATH
  llmchat --model runs/$name                                 # a conversation in the terminal; /help lists the commands
  llmchat --model $file
                                                             # the GGUF file itself works the same
  llmeval ppl --model runs/$name --input FILE                # perplexity on a text of yours
  llmconvert export --model runs/$name --to gguf --dtype q8_0 --out runs/$name-q8_0.gguf
                                                             # for llama.cpp and Ollama
NEXT
}

main() {
  while (($#)); do
    case $1 in
      --steps)
        (($# > 1)) || fail '--steps needs a number'
        STEPS=$2
        shift 2
        ;;
      --model)
        (($# > 1)) || fail '--model needs a name' 'scripts/get_model.sh --help lists them'
        MODEL=$2
        shift 2
        ;;
      -h | --help)
        sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
        return
        ;;
      *) fail "unknown option: $1" "scripts/quickstart.sh --help" ;;
    esac
  done
  ((STEPS >= 40)) || fail "--steps $STEPS: at least 40 are needed to interrupt and resume"
  "$ROOT/scripts/setup.sh"
  step 'Building llmtrain'
  build_preset cpu-release llmtok llmdata llmtrain llmeval llmchat llmconvert
  if [[ -n $MODEL ]]; then
    try_model "$MODEL"
    return
  fi
  rm -rf "$RUN"
  mkdir -p "$RUN"

  step '1 of 5: text in English and Korean'
  timed text fetch_text
  step '2 of 5: tokenizer (byte-level BPE)'
  timed tokenizer train_tokenizer
  step '3 of 5: token shards'
  timed data prepare_data
  step "4 of 5: pretraining, $STEPS steps"
  pretrain_command
  detail "first part, to be interrupted at step $((STEPS / 10))"
  timed training pretrain_interrupted $((STEPS / 10))
  detail 'the same command again goes on from there'
  timed training "${PRETRAIN[@]}" --json >"$RUN/summary.json"
  step '5 of 5: the model completes a text'
  timed chat chat
  end_step
  printf '\n\n'
  closing_table
}

main "$@"
