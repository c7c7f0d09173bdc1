#!/usr/bin/env bash
# Trains on several hosts with Open MPI's mpirun, and starts the run again when it fails.
#
#   scripts/cluster/mpirun.sh --hosts node-1:2,node-2:2 [--restart-on-failure K] [--port P] \
#       [--mpirun "OPTIONS"] -- llmtrain pretrain --config run.json
#
# HOST:N is N ranks on that host; the first host's first rank is rank 0. All hosts need the same
# program at the same place, the run directory on a shared file system, and a way in without a
# password (ssh, or --mpirun "--mca plm_rsh_agent PROGRAM").
#
# Threads: each rank takes its share of its host's cores, so ranks are not bound to one core.
# A run that fails goes on from its newest checkpoint, at most K times; one that was interrupted
# (130, 143) or refused (2 usage or config, 3 data) is not started again.
set -euo pipefail

usage() {
  sed -n '2,16s/^# \{0,1\}//p' "$0"
  exit 2
}

hosts="" restarts=0 port=29511 extra=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1 in
    --hosts) hosts=${2:?} ;;
    --restart-on-failure) restarts=${2:?} ;;
    --port) port=${2:?} ;;
    --mpirun) read -ra extra <<< "${2:?}" ;;
    *) usage ;;
  esac
  shift 2
done
if [ -z "$hosts" ] || [ "${1:-}" != -- ] || [ $# -lt 2 ]; then usage; fi
shift

ranks=0
for host in ${hosts//,/ }; do
  n=${host#*:}
  if [ "$n" = "$host" ]; then n=1; fi
  ranks=$((ranks + n))
done
first=${hosts%%,*}
# Without a bound, a rank's affinity mask has all cores of its host, of which it takes its share.
options=(-np "$ranks" --host "$hosts" --bind-to none --oversubscribe)
if [ "$(id -u)" = 0 ]; then options+=(--allow-run-as-root); fi

for ((attempt = 0; ; ++attempt)); do
  code=0
  # Another port for each attempt: the last one's may still be taken.
  mpirun "${options[@]}" "${extra[@]}" "$@" --rendezvous "${first%%:*}:$((port + attempt))" || code=$?
  case $code in
    0 | 2 | 3 | 130 | 143) exit "$code" ;;
  esac
  if [ "$attempt" -ge "$restarts" ]; then exit "$code"; fi
  echo "the run failed with $code; starting it again ($((attempt + 1)) of $restarts)" >&2
done
