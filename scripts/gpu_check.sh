#!/usr/bin/env bash
# Runs the carried tests and benches (build/gpu_check, made by scripts/pack_gpu_check.sh) on a machine with an NVIDIA GPU.
# The machine needs its driver and a python3 with torch 2.11.0+cu130; no build tools and no network.
#
# Usage: scripts/gpu_check.sh [--tests FILTER] [--benches REGEX] [--no-tests] [--no-benches] [--without-gpu]
#   FILTER is GoogleTest's, REGEX Google Benchmark's. --without-gpu also runs where there is none: the GPU tests skip.
#   tests.json, benches.json and machine.json go to $OUT, or to build/gpu_check/out.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/versions.sh
source "$ROOT/scripts/versions.sh"

readonly PACK=$ROOT/build/gpu_check
program='' # unpacked for this run
readonly RESULTS=${OUT:-$PACK/out}
tests='*' benches=. run_tests=1 run_benches=1 gpu=1

parse_arguments() {
  while (($#)); do
    case $1 in
      --tests) tests=${2:?--tests needs a filter}; shift ;;
      --benches) benches=${2:?--benches needs a regular expression}; shift ;;
      --no-tests) run_tests=0 ;;
      --no-benches) run_benches=0 ;;
      --without-gpu) gpu=0 ;;
      -h | --help) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
      *) fail "unknown option $1" "see scripts/gpu_check.sh --help" ;;
    esac
    shift
  done
}

# Writes machine.json and prints the folders of LibTorch's libraries, joined by colons.
ask_python() {
  python3 - "$RESULTS/machine.json" <<'PYTHON'
import json, pathlib, platform, sys
import nvidia, torch

gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
machine = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
           "python": platform.python_version(), "kernel": platform.release(), "gpu": gpu and gpu.name,
           "gpu_memory_mib": gpu and gpu.total_memory >> 20, "capability": gpu and [gpu.major, gpu.minor]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(machine, indent=2) + "\n")
folders = [pathlib.Path(torch.__file__).parent / "lib"]
folders += [pathlib.Path(base) / "cu13" / "lib" for base in nvidia.__path__]
print(":".join(str(folder) for folder in folders if folder.is_dir()))
PYTHON
}

check_machine() {
  [[ -f $PACK/llm_gpu_check.tar.gz ]] || fail "there is no $PACK/llm_gpu_check.tar.gz." \
    "run scripts/pack_gpu_check.sh on a machine that builds, and carry build/gpu_check here"
  mkdir -p "$RESULTS"
  LD_LIBRARY_PATH=$(ask_python) || fail "python3 here has no torch that works." "install torch==$TORCH_VERSION (CUDA 13.0)"
  export LD_LIBRARY_PATH
  cat "$RESULTS/machine.json"
  grep -q "\"torch\": \"${TORCH_VERSION}[+\"]" "$RESULTS/machine.json" ||
    fail "the program is built for torch $TORCH_VERSION; another one is here."
  ((!gpu)) || ! grep -q '"gpu": null' "$RESULTS/machine.json" ||
    fail "torch sees no GPU here." "check nvidia-smi, or give --without-gpu"
}

unpack() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$folder'" EXIT
  tar -C "$folder" -xzf "$PACK/llm_gpu_check.tar.gz"
  program=$folder/llm_gpu_check
}

main() {
  local status=0
  parse_arguments "$@"
  step 'Looking at the machine'
  check_machine
  unpack
  cd "$ROOT" # the tests look for their files from here
  if ((run_tests)); then
    step 'Tests'
    "$program" test "--gtest_filter=$tests" --gtest_brief=1 "--gtest_output=json:$RESULTS/tests.json" || status=1
  fi
  if ((run_benches)); then
    step 'Benches'
    "$program" bench "--benchmark_filter=$benches" "--benchmark_out=$RESULTS/benches.json" \
      --benchmark_out_format=json || status=1
  fi
  end_step
  say "Results: $RESULTS"
  return "$status"
}

main "$@"
