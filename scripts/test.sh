#!/usr/bin/env bash
# Sets up, builds, and runs every test: the whole project optimised, and the rooms without LibTorch under sanitizers.
#
# Usage: scripts/test.sh [PRESET...]     default: cpu-release asan
#   LLM_JOBS=N compiles N files at once; LLM_CMAKE_ARGS is given to cmake.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

test_preset() {
  local preset=$1 status=0
  step "Building $preset"
  build_preset "$preset"
  step "Testing $preset"
  rm -rf "$ROOT/build/$preset/tests/reports"
  ctest --test-dir "$ROOT/build/$preset" --output-on-failure --no-tests=error -j 2 || status=$?
  return "$status"
}

main() {
  local presets=("$@") preset failed=()
  ((${#presets[@]})) || presets=(cpu-release asan)
  if [[ ${1-} == -h || ${1-} == --help ]]; then
    sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    return
  fi
  "$ROOT/scripts/setup.sh"
  for preset in "${presets[@]}"; do
    if ! test_preset "$preset"; then failed+=("$preset"); fi
  done
  end_step
  say ''
  python3 "$ROOT/scripts/sum_tests.py" "${presets[@]/#/$ROOT/build/}" || failed+=(counts)
  ((${#failed[@]} == 0)) || fail "tests failed in: ${failed[*]}" "read the failures above, or run build/PRESET/bin/tests_* alone"
}

main "$@"
