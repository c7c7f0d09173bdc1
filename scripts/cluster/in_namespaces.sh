#!/usr/bin/env bash
# Runs a command on hosts that are network namespaces of this machine, each with an address and a
# name of its own (node-1, node-2, ...) on a common network, as the tests of several hosts do.
#
#   scripts/cluster/in_namespaces.sh COUNT COMMAND...
#
# COMMAND runs on node-1. There `$NODE_SHELL node-2 CMD` runs CMD on node-2, as ssh would: it is
# what mpirun takes as plm_rsh_agent. File systems are shared. Needs root, or user namespaces.
# Exit code: COMMAND's; 77 where the system allows no network namespaces.
set -euo pipefail

if [ "${IN_NAMESPACES:-}" != 1 ]; then
  if [ $# -lt 2 ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 2
  fi
  flags=(--net --mount --fork --kill-child)
  if [ "$(id -u)" != 0 ]; then flags+=(--user --map-root-user); fi
  if ! unshare "${flags[@]}" ip link set lo up 2> /dev/null; then
    echo "skipped: no network namespaces here (unshare ${flags[*]} fails)" >&2
    exit 77
  fi
  IN_NAMESPACES=1 exec unshare "${flags[@]}" "$0" "$@"
fi

count=$1
shift
work=$(mktemp -d)
holders=()
finish() {
  for pid in "${holders[@]}"; do kill "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

ip link set lo up
ip link add nodes type bridge
ip link set nodes up
echo "127.0.0.1 localhost" > "$work/hosts"
for ((i = 1; i <= count; ++i)); do
  unshare --net --uts sleep infinity &
  pid=$!
  holders+=("$pid")
  echo "$pid" > "$work/node-$i"
  echo "10.77.0.$i node-$i" >> "$work/hosts"
  # The child has its namespaces only a moment after it has its number.
  until [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
  until [ "$(readlink "/proc/$pid/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]; do sleep 0.01; done
  ip link add "port$i" type veth peer name eth0 netns "$pid"
  ip link set "port$i" master nodes up
  on_host=(nsenter --target "$pid" --net --uts)
  "${on_host[@]}" hostname "node-$i"
  "${on_host[@]}" ip link set lo up
  "${on_host[@]}" ip address add "10.77.0.$i/24" dev eth0
  "${on_host[@]}" ip link set eth0 up
done
mount --bind "$work/hosts" /etc/hosts

cat > "$work/shell" << EOF
#!/bin/sh
# node command...
pid=\$(cat "$work/\$1")
shift
exec nsenter --target "\$pid" --net --uts sh -c "\$*"
EOF
chmod +x "$work/shell"
export NODE_SHELL=$work/shell
nsenter --target "${holders[0]}" --net --uts "$@"
