#!/usr/bin/env bash
# Installs what llmtrain needs to be built: Debian packages, and LibTorch from its PyPI wheel in a per-user cache.
#
# Usage: scripts/setup.sh [--cuda] [--dev] [--oracle] [--no-apt] [--dry-run]
#   --cuda     also LibTorch's CUDA libraries (chosen by itself where an NVIDIA GPU is seen); 2 GiB more to download
#   --dev      also clang, clang-format 14, clang-tidy and shellcheck
#   --oracle   also the Python environment of scripts/goldens and scripts/peers (implies --cuda)
#   --no-apt   leave the system's packages alone
#   --dry-run  only say what would be done
#
# LLMTRAIN_DEPS names the cache (default ~/.cache/llmtrain); several checkouts share it. Running this again is quick and
# goes on where an interrupted run stopped.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/versions.sh
source "$ROOT/scripts/versions.sh"

readonly SITE=$DEPS/torch-$TORCH_VERSION STAMPS=$DEPS/torch-$TORCH_VERSION/.installed
readonly ORACLE=$DEPS/oracle
cuda=0 dev=0 oracle=0 apt=1 dry_run=0
packages=() wheels=()

parse_arguments() {
  local argument
  for argument in "$@"; do
    case $argument in
      --cuda) cuda=1 ;;
      --dev) dev=1 ;;
      --oracle) oracle=1 cuda=1 ;;
      --no-apt) apt=0 ;;
      --dry-run) dry_run=1 ;;
      -h | --help) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
      *) fail "unknown option $argument" "see scripts/setup.sh --help" ;;
    esac
  done
  if [[ -e /proc/driver/nvidia/version || -e /dev/nvidiactl ]]; then cuda=1; fi
}

check_system() {
  [[ $(uname -s)/$(uname -m) == Linux/x86_64 ]] ||
    fail "LibTorch is fetched for Linux on x86_64; this is $(uname -s) on $(uname -m)."
  ((apt)) || return 0
  local ID='' VERSION_ID=''
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || source /etc/os-release
  case $ID-$VERSION_ID in
    debian-12) ;;
    ubuntu-24.04) say "note: written for Ubuntu 24.04 too, but tested on Debian 12 only" ;;
    *) say "note: this system is ${ID:-unknown} ${VERSION_ID}; the scripts are written for Debian 12 and Ubuntu 24.04" ;;
  esac
  command -v apt-get >/dev/null || fail "there is no apt-get here." \
    "install what scripts/versions.sh lists under PACKAGES your own way, then run this with --no-apt"
}

# Fills packages and wheels with what is missing.
find_missing() {
  local wanted=("${PACKAGES[@]}") wheel name version
  if ((dev)); then wanted+=("${PACKAGES_DEV[@]}"); fi
  if ((oracle)); then wanted+=("${PACKAGES_ORACLE[@]}"); fi
  if ((apt)); then
    mapfile -t packages < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort) <(installed_packages | sort))
  fi
  local wanted_wheels=("${WHEELS_CPU[@]}")
  if ((cuda)); then wanted_wheels+=("${WHEELS_CUDA[@]}"); fi
  for wheel in "${wanted_wheels[@]}"; do
    read -r name version _ <<<"$wheel"
    [[ -e $STAMPS/$name-$version ]] || wheels+=("$wheel")
  done
}

# Names of installed packages, and of what they provide (pkgconf provides pkg-config).
installed_packages() {
  # shellcheck disable=SC2016 # dpkg fills these in
  dpkg-query -W -f '${db:Status-Status} ${Package}\n${db:Status-Status} ${Provides}\n' |
    awk '$1 == "installed" { for (i = 2; i <= NF; ++i) { sub(/,$/, "", $i); if ($i !~ /^\(|\)$/) print $i } }'
}

wheel_mib() { # FIELD: 4 to download, 5 unpacked
  printf '%s\n' "${wheels[@]}" | awk -v field="$1" '{ sum += $field } END { print sum + 0 }'
}

show_plan() {
  ((${#packages[@]} == 0)) || say "Debian packages to install: ${packages[*]}"
  if ((${#wheels[@]})); then
    say "Wheels to fetch from PyPI: $(wheel_mib 4) MiB to download, $(wheel_mib 5) MiB unpacked into $SITE"
    printf '%s\n' "${wheels[@]}" | awk '{ printf "    %s %s (%d MiB)\n", $1, $2, $4 }'
  fi
  if oracle_is_missing; then say "Python environment of the oracles: $ORACLE"; fi
}

as_root() {
  if ((EUID == 0)); then env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; else
    sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
  fi
}

apt_progress() {
  local line total=0 ready=0 summary='^([0-9]+) upgraded, ([0-9]+) newly installed'
  while IFS= read -r line; do
    if [[ $line =~ $summary ]]; then
      total=$((BASH_REMATCH[1] + BASH_REMATCH[2]))
    elif [[ $line =~ ^(Need to get|After this operation) ]]; then
      detail "$line"
    elif [[ $line == 'Setting up '* ]]; then
      ready=$((ready + 1))
      if [[ -t 1 ]]; then
        printf '\r    %d of %d packages ready' "$ready" "$total"
      elif ((ready % 25 == 0 || ready == total)); then
        detail "$ready of $total packages ready"
      fi
    fi
  done
  if [[ -t 1 ]] && ((ready)); then say ''; fi
}

install_packages() {
  ((${#packages[@]})) || return 0
  step "Installing ${#packages[@]} Debian packages"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "installing packages needs root, and there is no sudo here." \
      "run this as root, or have these installed: ${packages[*]}" "or run this with --no-apt where they are there under other names"
  fi
  need_free_mib /usr 1200 "installing the packages"
  logged apt-update as_root apt-get update
  logged_through apt-install apt_progress as_root apt-get install -y --no-install-recommends "${packages[@]}"
}

install_wheels() {
  ((${#wheels[@]})) || return 0
  step "Fetching ${#wheels[@]} wheels"
  # A wheel lies here packed and unpacked at once; the largest decides the margin.
  need_free_mib "$DEPS" $(($(wheel_mib 5) + 600)) "LibTorch"
  local python wheel name version hash size number=0 started
  local folder=$DEPS/downloads
  python=$(find_python)
  rm -rf "$folder"
  mkdir -p "$folder" "$STAMPS"
  for wheel in "${wheels[@]}"; do
    read -r name version hash size _ <<<"$wheel"
    started=$SECONDS
    detail "$((++number)) of ${#wheels[@]}: $name $version ($size MiB)"
    fetch_wheel "$python" "$name" "$version" "$size" "$folder"
    logged "unpack-$name" "$python" "$ROOT/scripts/unpack_wheel.py" \
      "$(ls "$folder/${name//-/_}"-*.whl)" "$hash" "$SITE"
    printf '%s\n' "$hash" >"$STAMPS/$name-$version"
    rm -rf "${folder:?}"/*
    detail "  done in $(duration $((SECONDS - started)))"
  done
  rm -rf "$folder"
}

oracle_stamp() {
  printf '%s\n' "$TORCH_VERSION" "${ORACLE_REQUIREMENTS[@]}" "${ORACLE_REQUIREMENTS_ALONE[@]}" |
    sha256sum | cut -c 1-16
}

oracle_is_missing() { ((oracle)) && [[ ! -e $ORACLE/.installed-$(oracle_stamp) ]]; }

install_oracle() {
  oracle_is_missing || return 0
  step "Making the Python environment of the oracles"
  local python=python$ORACLE_PYTHON
  command -v "$python" >/dev/null ||
    fail "the oracles need Python $ORACLE_PYTHON, the version that the LibTorch wheel is for." "install it and run this again"
  need_free_mib "$DEPS" 1000 "the Python environment"
  rm -rf "$ORACLE"
  logged oracle-venv "$python" -m venv "$ORACLE"
  logged oracle-pip "$ORACLE/bin/python" -m pip --disable-pip-version-check install --no-cache-dir "${ORACLE_REQUIREMENTS[@]}"
  logged oracle-pip-alone "$ORACLE/bin/python" -m pip --disable-pip-version-check install --no-cache-dir --no-deps "${ORACLE_REQUIREMENTS_ALONE[@]}"
  printf '%s\n' "$SITE" >"$ORACLE/lib/python$ORACLE_PYTHON/site-packages/libtorch.pth"
  logged oracle-check "$ORACLE/bin/python" -c \
    'import torch, transformers, trl; print(torch.__version__, transformers.__version__, trl.SFTTrainer, trl.__version__)'
  : >"$ORACLE/.installed-$(oracle_stamp)"
}

check_compiler() {
  local compiler=${CXX:-c++}
  command -v "$compiler" >/dev/null || fail "there is no C++ compiler ($compiler)." \
    "install g++ 12 or newer, or set CXX"
}

main() {
  parse_arguments "$@"
  check_system
  find_missing
  if ((${#packages[@]} == 0 && ${#wheels[@]} == 0)) && ! oracle_is_missing; then
    check_compiler
    say "Set-up: everything is in place (LibTorch $TORCH_VERSION at $SITE)."
    return
  fi
  show_plan
  if ((dry_run)); then return; fi
  mkdir -p "$DEPS" || fail "cannot write to $DEPS" "set LLMTRAIN_DEPS to a folder that you may write to"
  exec {lock}>"$DEPS/.lock"
  flock --nonblock "$lock" || { say "Waiting for another set-up that is running..."; flock "$lock"; }
  packages=() wheels=()
  find_missing # another set-up may have done the work meanwhile
  install_packages
  check_compiler
  install_wheels
  install_oracle
  end_step
  say "Set-up is done: LibTorch $TORCH_VERSION at $SITE."
}

main "$@"
