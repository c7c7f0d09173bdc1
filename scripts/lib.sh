# What the scripts share: messages, timed steps, and advice when a command fails. Sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DEPS=${LLMTRAIN_DEPS:-$HOME/.cache/llmtrain}
LOGS=$DEPS/log
STEP_NAME=''
STEP_STARTED=0

say() { printf '%s\n' "$*"; }
detail() { printf '    %s\n' "$*"; }

# fail WHAT [ADVICE...]: one line for what happened, one for each thing to do.
fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  what to do: %s\n' "$@" >&2
  exit 1
}

# step NAME ends the step before it and says how long that took.
step() {
  end_step
  STEP_NAME=$1
  STEP_STARTED=$SECONDS
  printf '\n==> %s\n' "$1"
}

end_step() {
  [[ -z $STEP_NAME ]] || detail "$(duration $((SECONDS - STEP_STARTED)))"
  STEP_NAME=''
}

duration() {
  if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# Free space in MiB where PATH is or will be.
free_mib() {
  local path=$1
  while [[ ! -e $path ]]; do path=$(dirname "$path"); done
  df --output=avail -m "$path" | tail -n 1 | tr -d ' '
}

need_free_mib() {
  local path=$1 needed=$2 why=$3 free
  free=$(free_mib "$path")
  ((free >= needed)) || fail "$why needs $needed MiB at $path, and $free MiB are free there." \
    "free some space, or set LLMTRAIN_DEPS to a folder on a larger disk and run this again"
}

# Says what to do about the failure that a log ends with.
advise_on_log() {
  local log=$1 recent
  recent=$(tail -n 80 "$log")
  if grep -qiE 'no space left on device|not have enough free space' <<<"$recent"; then
    printf '  what to do: free disk space (df -h), then run this again: it goes on where it stopped\n' >&2
  elif grep -qiE 'killed (signal|by)|cannot allocate memory|out of memory|fatal error: killed' <<<"$recent"; then
    printf '  what to do: memory ran out; set LLM_JOBS=1 to compile one file at a time\n' >&2
  elif grep -qE 'Could not get lock|Unable to (acquire|lock)' <<<"$recent"; then
    printf '  what to do: another package manager is at work; wait for it, then run this again\n' >&2
  elif grep -q 'dpkg was interrupted' <<<"$recent"; then
    printf '  what to do: run "dpkg --configure -a" as root, then run this again\n' >&2
  elif grep -qiE 'could not (resolve|connect)|temporary failure|network is unreachable|connection (timed out|refused|error|broken|reset)|failed to fetch|max retries|newconnectionerror|read timed out|no matching distribution|no address associated|proxyerror|sslerror' <<<"$recent"; then
    printf '  what to do: check the network, and the proxy or mirror settings of apt and pip; then run this again:\n' >&2
    printf '              it goes on where it stopped\n' >&2
  elif grep -qiE 'no CMAKE_CXX_COMPILER|unable to find (program|.*compiler)|c\+\+: (command )?not found' <<<"$recent"; then
    printf '  what to do: there is no C++ compiler; scripts/setup.sh installs g++ (as root or with sudo)\n' >&2
  else
    printf '  what to do: read the whole log, %s\n' "$log" >&2
  fi
}

# logged NAME COMMAND...: runs it with its output in a log; on failure shows the log's end and advises.
logged() {
  local log=$LOGS/$1.log status=0
  shift
  mkdir -p "$LOGS"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) || explain_failure "$status" "$log" "$@"
}

# The same, with the output passed through the filter function $2 for progress.
logged_through() {
  local log=$LOGS/$1.log filter=$2 status=0
  shift 2
  mkdir -p "$LOGS"
  "$@" </dev/null 2>&1 | tee "$log" | "$filter" || status=$?
  ((status == 0)) || explain_failure "$status" "$log" "$@"
}

explain_failure() {
  local status=$1 log=$2
  shift 2
  printf '\nThe end of %s:\n' "$log" >&2
  tail -n 25 "$log" >&2
  printf '\nerror: this failed with status %d: %s\n' "$status" "$*" >&2
  advise_on_log "$log"
  exit 1
}

# Jobs to compile with: the cores, but no more than memory allows (a source file with LibTorch takes up to 1.5 GiB).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ { print int($2 / 1024 / 1536) }' /proc/meminfo)
  ((memory >= 1)) || memory=1
  printf '%d' "${LLM_JOBS:-$((cores < memory ? cores : memory))}"
}

# Ninja's own status lines, rewritten in place on a terminal and every tenth percent elsewhere.
ninja_progress() {
  local line tenth last='' shown=0 counter='^\[([0-9]+)/([0-9]+)\]'
  while IFS= read -r line; do # mawk would hold lines back until it has a block of them
    if [[ $line =~ $counter ]]; then
      tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
      if [[ -t 1 ]]; then
        printf '\r    %d of %d built' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
      elif [[ $tenth != "$last" ]]; then
        printf '    %d of %d built\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
      fi
      last=$tenth shown=1
    elif [[ $line =~ (warning:|error:|FAILED) ]]; then
      if [[ -t 1 ]] && ((shown)); then say ''; fi
      say "$line"
    fi
  done
  if [[ -t 1 ]] && ((shown)); then say ''; fi
}

# Compiles a preset: build_preset NAME [TARGET...].
build_preset() {
  local preset=$1 arguments
  shift
  read -ra arguments <<<"${LLM_CMAKE_ARGS-}"
  cd "$ROOT" || exit 1
  logged "configure-$preset" cmake --preset "$preset" "${arguments[@]}"
  logged_through "build-$preset" ninja_progress ninja -C "build/$preset" -j "$(build_jobs)" "$@"
}

find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -m pip --version >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return
    fi
  done
  fail "no python3 with pip was found; it is needed to download wheels." "install python3 and python3-pip"
}

# fetch_wheel PYTHON NAME VERSION MIB FOLDER: downloads a wheel from PyPI, saying how far it is. Needs scripts/versions.sh.
fetch_wheel() {
  local python=$1 name=$2 version=$3 size=$4 folder=$5 platform platforms=()
  for platform in "${WHEEL_PLATFORMS[@]}"; do platforms+=(--platform "${platform}_x86_64"); done
  logged "pip-$name" env TMPDIR="$folder" "$python" -m pip --disable-pip-version-check download --no-cache-dir \
    --no-deps --only-binary=:all: --python-version "$WHEEL_PYTHON" --implementation cp \
    --abi "cp${WHEEL_PYTHON/./}" --abi none "${platforms[@]}" --dest "$folder" "$name==$version" &
  watch_download $! "$folder" "$size"
  wait $!
}

watch_download() {
  local pid=$1 folder=$2 size=$3 seconds=0 line
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    line="    $(du -sm "$folder" 2>/dev/null | cut -f 1) of $size MiB"
    if [[ -t 1 ]]; then printf '\r%s ' "$line"; elif ((++seconds % 15 == 0)); then printf '%s\n' "$line"; fi
  done
  [[ ! -t 1 ]] || printf '\r%40s\r' ''
}

# import_smollm2 DIR: SmolLM2-135M-Instruct as a model directory, unless it is there. The programs must be built.
import_smollm2() {
  [[ ! -d $1 ]] || return 0
  "$ROOT/build/cpu-release/bin/llmconvert" import --quiet --out "$1" \
    --from "$("$ROOT/scripts/get_model.sh" smollm2 | tail -n 1)"
}
