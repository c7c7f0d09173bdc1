#!/usr/bin/env bash
# Runs scripts/peers/gguf_against_llama_cpp.py in a Python environment with llama.cpp, which is made at the first call: 77 MB to fetch,
# then about eight minutes of compiling on two cores.
#
# Usage: scripts/peers/llama_cpp.sh --model M --texts F [...]     (--help says what there is)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=scripts/versions.sh
source "$ROOT/scripts/versions.sh"

readonly VENV=$DEPS/llama-cpp-$LLAMA_CPP_PYTHON_VERSION
if [[ ! -e $VENV/.installed ]]; then
  step "Building llama.cpp (llama-cpp-python $LLAMA_CPP_PYTHON_VERSION) in $VENV" >&2
  rm -rf "$VENV"
  logged llama-cpp-venv "python$ORACLE_PYTHON" -m venv "$VENV"
  logged llama-cpp-pip env CMAKE_ARGS="-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_CURL=OFF" \
    CMAKE_BUILD_PARALLEL_LEVEL="$(build_jobs)" "$VENV/bin/python" -m pip --disable-pip-version-check install \
    --no-cache-dir "llama-cpp-python==$LLAMA_CPP_PYTHON_VERSION" "${LLAMA_CPP_REQUIREMENTS[@]}"
  : >"$VENV/.installed"
fi
exec "$VENV/bin/python" "$ROOT/scripts/peers/gguf_against_llama_cpp.py" "$@"
