#!/usr/bin/env bash
# Checks the sources against .clang-format with clang-format 14, the version that decides. --fix rewrites them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local tool=clang-format-14 mode=(--dry-run --Werror) sources
  command -v "$tool" >/dev/null || fail "there is no $tool." "run scripts/setup.sh --dev"
  if [[ ${1-} == --fix ]]; then mode=(-i); fi
  cd "$ROOT"
  mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp' '*.cu' '*.cuh')
  "$tool" --style=file "${mode[@]}" "${sources[@]}"
  say "format: ${#sources[@]} files are as $tool wants them"
}

main "$@"
