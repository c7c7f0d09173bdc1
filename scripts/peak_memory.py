#!/usr/bin/env python3
"""Runs a command and prints the most memory of its own that it held, mapped files left out, as one JSON line on stderr.

Usage: scripts/peak_memory.py COMMAND...      example: scripts/peak_memory.py llmconvert verify A B

anonymous_mib is the largest RssAnon seen (sampled every 10 ms), resident_mib the largest resident size, in which the
pages of mapped weight files count, too. The exit code is the command's.
"""
import json
import pathlib
import resource
import subprocess
import sys
import time


def anonymous_kib(status_file):
    try:
        for line in status_file.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    started = time.monotonic()
    process = subprocess.Popen(sys.argv[1:])
    status_file = pathlib.Path(f"/proc/{process.pid}/status")
    peak = 0
    while process.poll() is None:
        peak = max(peak, anonymous_kib(status_file))
        time.sleep(0.01)
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"anonymous_mib": round(peak / 1024), "resident_mib": round(resident / 1024),
                      "seconds": round(time.monotonic() - started, 1)}), file=sys.stderr)
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
