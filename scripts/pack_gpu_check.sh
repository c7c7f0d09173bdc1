#!/usr/bin/env bash
# Packs build/gpu_check: one test-and-bench program for sm_90a and its libraries, to be carried to a machine that has an
# NVIDIA driver and Python with torch, but no build tools and no network. There, scripts/gpu_check.sh runs it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly PACK=$ROOT/build/gpu_check PROGRAM=$ROOT/build/gpu-check/bin/llm_gpu_check STAGE=$ROOT/build/gpu-check/pack
readonly LIMIT_MIB=40

# What the program needs beside LibTorch, CUDA and the C and C++ run time.
third_party_libraries() {
  ldd "$PROGRAM" | awk '$3 ~ /^\// { print $3 }' | grep -v "^$DEPS/" |
    grep -vE '/lib(c|m|dl|rt|pthread|util|stdc\+\+|gcc_s|cudart|torch.*|c10.*|gomp)\.so'
}

check_pack() {
  local size
  readelf -d "$STAGE/llm_gpu_check" | grep -E 'RPATH|RUNPATH' | grep -qF "[\$ORIGIN/lib]" ||
    fail "the program's RPATH is not \$ORIGIN/lib alone."
  size=$(du -s --block-size=1M --apparent-size "$PACK" | cut -f 1)
  ((size <= LIMIT_MIB)) || fail "the pack holds $size MiB; $LIMIT_MIB are allowed." "see what grew: ls -lR $STAGE"
  say "Packed $PACK: $size MiB (of $LIMIT_MIB allowed)"
}

main() {
  "$ROOT/scripts/setup.sh" --cuda
  step 'Building llm_gpu_check for sm_90a'
  build_preset gpu-check llm_gpu_check
  step 'Packing'
  rm -rf "$PACK" "$STAGE"
  mkdir -p "$PACK" "$STAGE/lib"
  strip -o "$STAGE/llm_gpu_check" "$PROGRAM"
  third_party_libraries | xargs -r -I{} cp -L {} "$STAGE/lib/"
  # Packed, because ICU's data alone take 30 MiB unpacked and a quarter of that packed.
  tar -C "$STAGE" -czf "$PACK/llm_gpu_check.tar.gz" .
  check_pack
  end_step
}

main "$@"
